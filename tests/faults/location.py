"""A code location of twenty-five partitions a run, over the emulator its environment names."""

import json
import os
from pathlib import Path

import dagster as dg

from dagster_spcs import JobRequest, SpcsJobResource, build_spcs_polling_sensor, spcs_job_asset
from tests.faults.connection import read_settings, request_of, snowflake_of

RANGES = 4
SIZE = 25
ASSETS = ("deferred", "waited_for")
KEYS = [f"r{group}_{number:02}" for group in range(RANGES) for number in range(SIZE)]
PARTITIONS = dg.StaticPartitionsDefinition(KEYS)
START_TAG = "dagster/asset_partition_range_start"
END_TAG = "dagster/asset_partition_range_end"

settings = read_settings(os.environ["FAULTS_SETTINGS"])


def range_tags(first: int, last: int) -> dict[str, str]:
    """Return the tags of a run over some ranges of partitions."""
    return {START_TAG: f"r{first}_00", END_TAG: f"r{last}_{SIZE - 1:02}"}


def request_for(key: str, before_the_end: str = "") -> JobRequest:
    """Return a short job; each seventh one fails."""
    number = int(key[-2:])
    return request_of(
        settings, f"echo {key}; sleep 0.{number % 10}; {before_the_end}exit {int(number % 7 == 3)}"
    )


def said(method: str, **params: object) -> str:
    """Return the shell command that says something through Dagster Pipes."""
    message = {"__dagster_pipes_version": "0.1", "method": method, "params": params}
    return f"echo '{json.dumps(message)}'; "


SPEAK = (
    said("opened")
    + said("report_asset_materialization", asset_key=None, metadata={}, data_version="7")
    + said("closed")
)
IN_BATCH = (
    'echo "$SNOWFLAKE_JOB_INDEX"; sleep 0.$((SNOWFLAKE_JOB_INDEX % 10));'
    " exit $((SNOWFLAKE_JOB_INDEX % 7 == 3))"
)


@spcs_job_asset(
    name="batched",
    mode="deferred",
    batch=True,
    partitions_def=PARTITIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def batched() -> JobRequest:
    """A range of partitions in one job."""
    return request_of(settings, IN_BATCH)


@spcs_job_asset(
    name="spoken",
    mode="deferred",
    pipes=True,
    partitions_def=PARTITIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def spoken(context: dg.AssetExecutionContext) -> JobRequest:
    """Jobs that speak Dagster Pipes."""
    return request_for(context.partition_key, SPEAK)


def job_asset(name: str, mode: str) -> dg.AssetsDefinition:
    """Return a job asset over all partitions, a range of them in one run."""

    @spcs_job_asset(
        name=name,
        mode=mode,
        partitions_def=PARTITIONS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def job(context: dg.AssetExecutionContext) -> JobRequest:
        """A job of the test."""
        return request_for(context.partition_key)

    return job


snowflake = snowflake_of(settings, login_timeout=2, network_timeout=2)
sensor = build_spcs_polling_sensor(minimum_interval_seconds=1, max_completions=40)


@dg.sensor(
    jobs=[dg.define_asset_job(f"make_{asset}", selection=[asset]) for asset in ASSETS],
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def starter(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Start the runs that the test has asked for, each once."""
    asked = json.loads(Path(settings["asked"]).read_text())
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=each["key"],
                job_name=f"make_{each['asset']}",
                tags=range_tags(*each["ranges"]),
            )
            for each in asked
        ]
    )


defs = dg.Definitions(
    assets=[
        job_asset("deferred", "deferred"),
        job_asset("waited_for", "blocking"),
        batched,
        spoken,
    ],
    sensors=[sensor, starter],
    resources={
        "spcs": SpcsJobResource(
            snowflake=snowflake, compute_pool=settings["pool"], poll_seconds=0.3, log_lines=5
        )
    },
)
