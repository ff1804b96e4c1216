"""A container's partition as environment variables."""

import re
from typing import Any

import dagster as dg

from dagster_spcs.run.partition_context import PartitionContext
from dagster_spcs.spcs.request import JobRequest, SpecTemplate
from dagster_spcs.spec import ServiceSpec


def partition_values(context: PartitionContext) -> dict[str, str]:
    """Return what is told of a partition, by name.

    That is ``PARTITION_KEY``, and of a time window ``PARTITION_START`` and ``PARTITION_END`` (ISO
    8601). Of a multi-partition the window is the one of its time dimension, and
    ``PARTITION_KEY_<DIMENSION>`` is the key in each dimension.
    """
    told = {"PARTITION_KEY": str(context.partition_key)}
    if context.has_time_window:
        window = context.partition_time_window
        told["PARTITION_START"] = window.start.isoformat()
        told["PARTITION_END"] = window.end.isoformat()
    if isinstance(context.partitions_def, dg.MultiPartitionsDefinition):
        for dimension, key in context.multi_partition_key.keys_by_dimension.items():
            name = re.sub(r"\W", "_", dimension, flags=re.ASCII).upper()
            told[f"PARTITION_KEY_{name}"] = key
    return told


def with_partition_variables(request: JobRequest, context: PartitionContext) -> JobRequest:
    """Return the request with what its containers have to know of their partition.

    Variables begin with ``DAGSTER_``; those that the request has itself stay as they are. A
    template gets the same values by names in lower case, without that beginning. To a specification
    on a stage nothing can be added.
    """
    told = partition_values(context)
    spec: Any = request.spec
    if isinstance(spec, ServiceSpec):
        variables = {f"DAGSTER_{name}": text for name, text in told.items()}
        spec = spec.with_environment(variables, replacing=False)
    elif isinstance(spec, SpecTemplate):
        values = {**{name.lower(): text for name, text in told.items()}, **spec.values}
        spec = spec.model_copy(update={"values": values})
    return request.model_copy(update={"spec": spec})
