"""A code location as a user would write it, for Dagster's own processes to load."""

import time

import dagster as dg

from benchmarks.account import script, spcs_resource
from benchmarks.location_settings import PARTITIONS, LocationSettings
from dagster_spcs import build_spcs_job_asset, build_spcs_polling_sensor

_settings = LocationSettings.of_environment()


@dg.asset
def empty() -> None:
    """Nothing; a run of it lasts long enough to be looked at."""
    time.sleep(2)


parted = build_spcs_job_asset(
    key="parted",
    request=script("echo one line"),
    partitions_def=dg.StaticPartitionsDefinition(PARTITIONS),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
timed = build_spcs_job_asset(key="timed", request=script("true"))

defs = dg.Definitions(
    assets=[empty, parted, timed],
    jobs=[
        dg.define_asset_job("run_empty", selection=["empty"]),
        dg.define_asset_job("run_parted", selection=["parted"]),
    ],
    sensors=[build_spcs_polling_sensor(minimum_interval_seconds=_settings.sensor_seconds)],
    executor=dg.multiprocess_executor
    if _settings.executor == "multiprocess"
    else dg.in_process_executor,
    resources={
        "spcs": spcs_resource(_settings.connection, compute_pool=_settings.compute_pool),
    },
)


def run_empty() -> dg.JobDefinition:
    """Return the job with nothing in it."""
    return defs.resolve_job_def("run_empty")


def run_parted() -> dg.JobDefinition:
    """Return the job over partitions."""
    return defs.resolve_job_def("run_parted")
