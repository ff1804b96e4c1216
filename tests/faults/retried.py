"""A job that waits for what it starts, over an emulator.

The container goes on until the gate, a file, is there.
"""

import sys
from typing import Any

import dagster as dg

from dagster_spcs import JobRequest, PipesSpcsClient, SpcsJobResource, spcs_job_asset
from tests.faults.connection import Settings, read_settings, request_of, snowflake_of

RANGE = {"dagster/asset_partition_range_start": "p1", "dagster/asset_partition_range_end": "p2"}


def resource_of(settings: Settings) -> SpcsJobResource:
    """Return the resource that is connected to the emulator of the settings."""
    return SpcsJobResource(
        snowflake=snowflake_of(settings),
        compute_pool=settings["pool"],
        poll_seconds=0.1,
        retry_timeout_seconds=5,
    )


def make_job(path: str, parts: str) -> dg.JobDefinition:
    """Return a job of ``waited_for`` and ``downstream``, or of ``piped``.

    Args:
        path: of the settings.
        parts: ``whole``, ``each`` for a job a partition, ``batch``, or ``piped``.
    """
    settings = read_settings(path)
    script = f"while [ ! -e {settings['gate']} ]; do sleep 0.05; done; echo done"
    request = request_of(settings, script)
    over_two = parts in ("each", "batch")
    partitions = dg.StaticPartitionsDefinition(["p1", "p2"]) if over_two else None
    policy = dg.BackfillPolicy.single_run() if over_two else None

    @spcs_job_asset(batch=parts == "batch", partitions_def=partitions, backfill_policy=policy)
    def waited_for() -> JobRequest:
        """Is waited for."""
        return request

    @dg.multi_asset(
        specs=[dg.AssetSpec("downstream", deps=[waited_for], partitions_def=partitions)],
        backfill_policy=policy,
    )
    def downstream() -> dg.MaterializeResult:
        """Is built from it."""
        return dg.MaterializeResult()

    @dg.asset
    def piped(context: dg.AssetExecutionContext, pipes: PipesSpcsClient) -> dg.MaterializeResult:
        """Runs the same request twice."""
        pipes.run(context=context, request=request)
        return pipes.run(context=context, request=request).get_materialize_result()

    spcs = resource_of(settings)
    return dg.Definitions(
        assets=[waited_for, downstream, piped],
        jobs=[
            dg.define_asset_job("make", ["piped"] if parts == "piped" else [waited_for, downstream])
        ],
        resources={"spcs": spcs, "pipes": PipesSpcsClient(spcs=spcs)},
        executor=dg.in_process_executor,
    ).resolve_job_def("make")


def execute(instance: dg.DagsterInstance, path: str, parts: str, **options: Any) -> bool:
    """Execute a run of the job; return whether it succeeded."""
    job = dg.build_reconstructable_job(
        "tests.faults.retried", "make_job", reconstructable_args=(path, parts)
    )
    tags = RANGE if parts in ("each", "batch") else {}
    with dg.execute_job(job, instance, tags=tags, **options) as result:
        return result.success


if __name__ == "__main__":
    execute(dg.DagsterInstance.get(), *sys.argv[1:])
