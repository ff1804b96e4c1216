"""The context of one asset and partition of a step, as Dagster Pipes tells it."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_pipes import PipesContextData

from dagster_spcs.run.partition_context import PartitionContext


def context_data(
    context: Any, key: dg.AssetKey, partition: str | None, extras: Mapping[str, Any]
) -> PipesContextData:
    """Return the context of one asset and partition of a step."""
    name = key.to_escaped_user_string()
    window = None
    if isinstance(context, PartitionContext) and context.has_time_window:
        own = context.partition_time_window
        window = {"start": own.start.isoformat(), "end": own.end.isoformat()}
    return PipesContextData(
        asset_keys=[name],
        code_version_by_asset_key={name: context.assets_def.code_versions_by_key.get(key)},
        provenance_by_asset_key={name: None},
        partition_key=partition,
        partition_key_range=None if partition is None else {"start": partition, "end": partition},
        partition_time_window=window,  # type: ignore[typeddict-item]
        run_id=context.run.run_id,
        job_name=context.run.job_name,
        retry_number=context.op_execution_context.retry_number,
        extras=dict(extras),
    )
