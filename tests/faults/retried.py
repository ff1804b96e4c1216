"""A job that waits for what it starts, over an emulator.

The container goes on until the gate, a file, is there.
"""

import json
import sys
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_snowflake import SnowflakeResource

from dagster_spcs import (
    Container,
    JobRequest,
    PipesSpcsClient,
    ServiceSpec,
    SpcsJobResource,
    spcs_job_asset,
)

RANGE = {"dagster/asset_partition_range_start": "p1", "dagster/asset_partition_range_end": "p2"}


Settings = dict[str, Any]


def request_of(settings: Settings, script: str) -> JobRequest:
    """Return a request whose one container runs a shell script."""
    container = Container(name="main", image=settings["image"], args=[script])
    return JobRequest(spec=ServiceSpec(containers=[container]))


def resource_of(settings: Settings) -> SpcsJobResource:
    """Return the resource that is connected to the emulator of the settings."""
    return SpcsJobResource(
        snowflake=SnowflakeResource(
            account=settings["account"],
            user=settings["user"],
            password=settings["password"],
            database="LAB",
            schema="PUBLIC",
            autocommit=True,
            additional_snowflake_connection_args={
                "host": settings["host"],
                "port": settings["port"],
                "protocol": "http",
                "platform_detection_timeout_seconds": 0.0,
            },
        ),
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
    settings = json.loads(Path(path).read_text())
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
