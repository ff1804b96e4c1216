"""The polling sensor's definition."""

from collections.abc import Mapping
from datetime import timedelta
from typing import get_args

import dagster as dg

from dagster_spcs.event_log import keys
from dagster_spcs.jobs.gather import MetadataSource
from dagster_spcs.option_checks import (
    refuse_unknown_word,
    refuse_unless_flag,
    refuse_unless_seconds,
    refuse_unless_whole,
)
from dagster_spcs.resource import bound_resource
from dagster_spcs.sensor.cursor import read_cursor
from dagster_spcs.sensor.observed import ObservedJobs
from dagster_spcs.sensor.run_requests import FAILURE_JOB, RETRY_JOB
from dagster_spcs.sensor.tick import Tick, TickOptions
from dagster_spcs.spcs.collector import paused_collector


def build_spcs_polling_sensor(
    *,
    name: str = "spcs_polling_sensor",
    minimum_interval_seconds: int = 30,
    metadata: MetadataSource | None = None,
    max_completions: int = 200,
    max_seconds: float = 40.0,
    failure_runs: bool = False,
    observe: Mapping[str, str] | None = None,
    drop_after: timedelta | None = None,
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
        failure_runs: for each failed job that is not tried again, launch a small run that fails
            with the same text, so that alerts on failed runs fire. Dagster allows
            it only where the partitioned job assets share one partitions definition.
        observe: assets that jobs of others make, by a pattern of the jobs' names (``*`` and
            ``?``): what a task or a person starts in the same schema is recorded like the jobs of
            job assets.
        drop_after: drop jobs of job assets so long after their end, once their events are stored:
            finished jobs count towards the account's limit until they are dropped. Jobs that did
            not end DONE are kept seven times as long. None drops nothing.
        default_status: whether the sensor runs without being switched on.
        resource_key: under which the ``SpcsJobResource`` is bound.

    Raises:
        dagster.DagsterInvalidDefinitionError: if an option cannot be meant; it says what to write.
    """
    refuse_unless_whole(
        "minimum_interval_seconds",
        minimum_interval_seconds,
        least=1,
        what="seconds between two ticks, 1 or more",
    )
    if metadata is not None:
        refuse_unknown_word("metadata", metadata, get_args(MetadataSource))
    refuse_unless_whole(
        "max_completions",
        max_completions,
        least=1,
        what="how many jobs a tick may record, 1 or more",
    )
    refuse_unless_seconds("max_seconds", max_seconds, positive=True)
    refuse_unless_flag("failure_runs", failure_runs)
    if observe is not None and not isinstance(observe, Mapping):
        raise dg.DagsterInvalidDefinitionError(
            f'observe={observe!r}: write asset keys by job names, like {{"NIGHTLY_*": "scores"}}'
        )
    if drop_after is not None and not (
        isinstance(drop_after, timedelta) and drop_after >= timedelta(0)
    ):
        raise dg.DagsterInvalidDefinitionError(
            f"drop_after={drop_after!r}: write a span of time, like timedelta(days=3)"
        )
    observed = ObservedJobs(observe or {})

    @dg.sensor(
        name=name,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        required_resource_keys={resource_key},
        # A job for retries wants assets of one partitions definition; a selection takes any, but
        # then the sensor can start nothing else.
        jobs=[RETRY_JOB, FAILURE_JOB] if failure_runs else None,
        asset_selection=None if failure_runs else dg.AssetSelection.tag(keys.JOB_ASSET, "true"),
        description="Records the jobs that ended on Snowpark Container Services.",
        metadata={keys.RESOURCE_KEY: resource_key},
    )
    def _tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        resource = bound_resource(context.resources, resource_key)
        cursor = read_cursor(context.cursor)
        options = TickOptions(
            resource_key=resource_key,
            source=metadata or resource.metadata_source(),
            max_completions=max_completions,
            max_seconds=max_seconds,
            failure_runs=failure_runs,
            observed=observed,
            drop_after=drop_after,
        )
        # One attempt: a tick has little time, and the next one is the repetition.
        with paused_collector(), resource.get_client(retry_timeout_seconds=0) as client:
            return Tick(context, client, resource, cursor, options).run()

    return _tick
