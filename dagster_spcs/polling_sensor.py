"""The polling sensor's definition."""

from collections.abc import Mapping
from datetime import timedelta

import dagster as dg

from dagster_spcs.event_log import events
from dagster_spcs.jobs.gather import MetadataSource
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.sensor.cursor import Cursor
from dagster_spcs.sensor.failures import FAILURE_JOB, RETRY_JOB
from dagster_spcs.sensor.observed import ObservedJobs
from dagster_spcs.sensor.tick import Tick


def build_spcs_polling_sensor(
    *,
    name: str = "spcs_polling_sensor",
    minimum_interval_seconds: int = 30,
    metadata: MetadataSource | None = None,
    max_completions: int = 200,
    max_seconds: float = 40.0,
    hold_seconds: float = 900.0,
    failure_runs: bool = False,
    observe: Mapping[str, str] | None = None,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.RUNNING,
    resource_key: str = "spcs",
) -> dg.SensorDefinition:
    """Build the sensor that records the end of every job of this code location.

    A tick lists all jobs with one metadata statement; only for those that ended since does it ask
    for more. A success becomes a materialization, any other end an observation; both evaluate the
    asset's check ``spcs_job``. What was recorded already, by a tick that died or by a run that
    waited, is not recorded again.

    Args:
        name: the sensor's name.
        minimum_interval_seconds: at least this long between two ticks.
        metadata: ``"warehouse"`` reads history and logs with table functions, ``"no-warehouse"``
            reads exit codes and logs with statements that need none. The resource's if left out.
        max_completions: at most so many jobs a tick; the rest is for the next one.
        max_seconds: a tick starts no further batch after this long (a sensor's call is cut off
            after 60 seconds by default).
        hold_seconds: how long a finished job is left to the run that waits for it. A run whose
            process was killed looks as if it were still there; after this long the sensor tells
            on the asset's page that it takes the job over, and records it with the next tick.
        failure_runs: for each failed job that is not tried again, launch a small run that fails
            with the same text, so that alerts on failed runs fire. Dagster allows
            it only where the partitioned job assets share one partitions definition.
        observe: assets that jobs of others make, by a pattern of the jobs' names (``*`` and
            ``?``): what a task or a person starts in the same schema is recorded like the jobs of
            job assets.
        default_status: whether the sensor runs without being switched on.
        resource_key: under which the ``SpcsJobResource`` is bound.
    """
    observed = ObservedJobs(observe or {})

    @dg.sensor(
        name=name,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        required_resource_keys={resource_key},
        # A job for retries wants assets of one partitions definition; a selection takes any, but
        # then the sensor can start nothing else.
        jobs=[RETRY_JOB, FAILURE_JOB] if failure_runs else None,
        asset_selection=None if failure_runs else dg.AssetSelection.tag(events.JOB_ASSET, "true"),
        description="Records the jobs that ended on Snowpark Container Services.",
    )
    def _tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        resource: SpcsJobResource = getattr(context.resources, resource_key)
        # A cursor that cannot be read fails the tick: starting over in silence would be wrong.
        cursor = Cursor.model_validate_json(context.cursor) if context.cursor else Cursor()
        # One attempt: a tick has little time, and the next one is the repetition.
        with resource.get_client(patience_seconds=0) as client:
            source = metadata or resource.metadata_source()
            tick = Tick(
                context,
                client,
                resource,
                source,
                cursor,
                resource_key=resource_key,
                hold=timedelta(seconds=hold_seconds),
                failure_runs=failure_runs,
                observed=observed,
            )
            return tick.run(max_completions, max_seconds)

    return _tick
