"""A container's partition as environment variables, for requests written without a function."""

from typing import Any

import dagster as dg

from dagster_spcs.pipes.context import with_environment
from dagster_spcs.spcs.request import JobRequest, SpecTemplate
from dagster_spcs.spec import ServiceSpec


def with_partition_variables(request: JobRequest, context: Any) -> JobRequest:
    """Return the request with what its containers have to know of their partition.

    A template gets the same values under the names ``partition_key``, ``partition_start`` and
    ``partition_end``; to a specification on a stage nothing can be added.
    """
    if not context.has_partition_key:
        return request
    told = {"PARTITION_KEY": str(context.partition_key)}
    if isinstance(context.assets_def.partitions_def, dg.TimeWindowPartitionsDefinition):
        window = context.partition_time_window
        told["PARTITION_START"] = window.start.isoformat()
        told["PARTITION_END"] = window.end.isoformat()
    if isinstance(request.spec, ServiceSpec):
        return with_environment(request, {f"DAGSTER_{name}": text for name, text in told.items()})
    if isinstance(request.spec, SpecTemplate):
        values = {**{name.lower(): text for name, text in told.items()}, **request.spec.values}
        spec = request.spec.model_copy(update={"values": values})
        return request.model_copy(update={"spec": spec})
    return request
