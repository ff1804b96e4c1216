"""The polling sensor: a thin shell around ``report_finished``."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import dagster as dg

from dagster_spcs import events
from dagster_spcs.client import SpcsClient
from dagster_spcs.cursor import Cursor, one_is_missing, open_jobs, report_finished
from dagster_spcs.dropped import asset_events, find_dropped
from dagster_spcs.errors import StatementError
from dagster_spcs.identity import JobIdentity
from dagster_spcs.names import JobName
from dagster_spcs.records import JobRecord
from dagster_spcs.reports import JobReport, MetadataSource, gather, note, ran_out_of_time
from dagster_spcs.resource import SpcsJobResource

_BATCH = 50
_CLOCK_SLACK = timedelta(minutes=5)
"""Between the clocks of the hosts that Dagster's own processes run on."""

_RETENTION = timedelta(days=30)
"""Of finished jobs (page "EXECUTE JOB SERVICE")."""

Found = tuple[JobRecord, JobIdentity]


def build_spcs_polling_sensor(
    *,
    name: str = "spcs_polling_sensor",
    minimum_interval_seconds: int = 30,
    metadata: MetadataSource = "warehouse",
    max_completions: int = 200,
    max_seconds: float = 40.0,
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
            reads exit codes and logs with statements that need none.
        max_completions: at most so many jobs a tick; the rest is for the next one.
        max_seconds: a tick starts no further batch after this long (a sensor's call is cut off
            after 60 seconds by default).
        default_status: whether the sensor runs without being switched on.
        resource_key: under which the ``SpcsJobResource`` is bound.
    """

    @dg.sensor(
        name=name,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        required_resource_keys={resource_key},
        description="Records the jobs that ended on Snowpark Container Services.",
    )
    def _tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        resource: SpcsJobResource = getattr(context.resources, resource_key)
        # A cursor that cannot be read fails the tick: starting over in silence would be wrong.
        cursor = Cursor.model_validate_json(context.cursor) if context.cursor else Cursor()
        with resource.get_client() as client:
            tick = _Tick(context, client, resource, metadata)
            return tick.run(cursor, max_completions, max_seconds)

    return _tick


class _Tick:
    """One evaluation."""

    def __init__(
        self,
        context: dg.SensorEvaluationContext,
        client: SpcsClient,
        resource: SpcsJobResource,
        source: MetadataSource,
    ) -> None:
        self._context = context
        self._client = client
        self._resource = resource
        self._source = source

    def run(self, cursor: Cursor, max_completions: int, max_seconds: float) -> dg.SensorResult:
        database, schema = self._resource.place()
        listed = self._client.list(
            database=database, schema=schema, prefix=self._resource.prefix() + "_"
        )
        found = self._of_this_location(listed)
        jobs = [job for job, _ in found.values()]
        held = self._waited_for(found, cursor)
        overdue = self._overdue(found, cursor) - held
        begun = time.monotonic()
        made: list[events.Event] = []
        reported = 0
        if one_is_missing(jobs, cursor):
            dropped = self._dropped(listed, cursor)
            reported += len(dropped)
            made += self._events(dropped, overdue)
        while reported < max_completions and time.monotonic() - begun < max_seconds:
            limit = min(_BATCH, max_completions - reported)
            fresh, cursor = report_finished(jobs, cursor, limit=limit, held=held, overdue=overdue)
            if not fresh:
                break
            reported += len(fresh)
            made += self._events([found[job.name] for job in fresh], overdue)
        in_flight = sum(not job.status.is_final for job in jobs)
        # The page shows a tick without run requests as skipped; the reason tells what it did.
        what = f"{reported} jobs ended since the last tick" if reported else "no job ended"
        return dg.SensorResult(
            asset_events=made,
            skip_reason=f"{what}; {in_flight} in flight.",
            cursor=cursor.model_dump_json(),
        )

    def _of_this_location(self, jobs: Sequence[JobRecord]) -> dict[JobName, Found]:
        graph = self._repository().asset_graph
        known = {tuple(key.path) for key in graph.get_all_asset_keys()}
        found = {}
        strangers = 0
        for job in jobs:
            identity = JobIdentity.from_comment(job.comment)
            if identity is not None and identity.asset in known:
                found[job.name] = (job, identity)
            else:
                strangers += not job.status.is_final
        if strangers:
            self._context.log.info(
                f"{strangers} jobs in flight begin with {self._resource.prefix()}_ and belong to"
                " no asset of this code location."
            )
        return found

    def _waited_for(self, found: Mapping[JobName, Found], cursor: Cursor) -> set[JobName]:
        """Unreported jobs whose run waits for them and is still there to record them."""
        held = set()
        for job in open_jobs([job for job, _ in found.values()], cursor):
            identity = found[job.name][1]
            if identity.blocking:
                run = self._context.instance.get_run_by_id(identity.run_id)
                if run is not None and not run.is_finished:
                    held.add(job.name)
        return held

    def _overdue(self, found: Mapping[JobName, Found], cursor: Cursor) -> set[JobName]:
        """Unreported jobs that are past their deadline and still at work."""
        now = datetime.now(timezone.utc)
        return {
            job.name
            for job in open_jobs([job for job, _ in found.values()], cursor)
            for deadline in [found[job.name][1].deadline]
            if deadline is not None and deadline < now and not job.status.is_final
        }

    def _dropped(self, listed: Sequence[JobRecord], cursor: Cursor) -> list[Found]:
        since = (cursor.through or datetime.now(timezone.utc) - _RETENTION) - _CLOCK_SLACK
        return find_dropped(
            self._context.instance,
            self._client,
            self._job_assets(),
            listed={job.name for job in listed},
            since=since,
            source=self._source,
        )

    def _job_assets(self) -> list[dg.AssetKey]:
        graph = self._repository().asset_graph
        keys = graph.get_all_asset_keys()
        return [key for key in sorted(keys) if graph.get(key).metadata.get(events.JOB_ASSET)]

    def _events(self, fresh: Sequence[Found], overdue: Collection[JobName]) -> list[events.Event]:
        recorded = self._recorded_ends(fresh)
        unreported = [
            (job, identity)
            for job, identity in fresh
            if not any(events.is_event_of(job, tags) for tags in recorded)
        ]
        reports = gather(
            self._client,
            [job for job, _ in unreported],
            source=self._source,
            last_lines=self._resource.log_lines,
            tables=self._result_tables(unreported),
        )
        account = self._resource.account()
        made: list[events.Event] = []
        for report, (job, identity) in zip(reports, unreported, strict=True):
            if job.name in overdue:  # its log is read by now
                report = self._cancel(report)
            elif ran_out_of_time(job, identity):
                report = replace(report, timed_out=True)
            metadata = events.job_metadata(report, identity, account=account)
            made += events.finished_events(report, identity, metadata)
        return made

    def _cancel(self, report: JobReport) -> JobReport:
        try:
            self._client.cancel(report.job.name)
        except StatementError as error:
            self._context.log.error(f"{report.job.name} timed out and goes on: {error}")
            report = note(report, "cancel", error)
        return replace(report, timed_out=True)

    def _result_tables(self, found: Sequence[Found]) -> dict[JobName, str]:
        graph = self._repository().asset_graph
        tables = {}
        for job, identity in found:
            table = graph.get(dg.AssetKey(list(identity.asset))).metadata.get(events.RELATION)
            if table is not None:
                tables[job.name] = str(getattr(table, "value", table))
        return tables

    def _repository(self) -> dg.RepositoryDefinition:
        repository = self._context.repository_def
        assert repository is not None, "a sensor is evaluated within its code location"
        return repository

    def _recorded_ends(self, fresh: Sequence[Found]) -> list[Mapping[str, str]]:
        """Tags of the events that tell an end, of the assets and the time in question.

        Events are searched from the time of submission on, by the clock of Dagster's own hosts,
        so the account's clock does not matter.
        """
        since: dict[tuple[str, ...], float] = {}
        for _, identity in fresh:
            at = (identity.submitted - _CLOCK_SLACK).timestamp()
            since[identity.asset] = min(at, since.get(identity.asset, at))
        return [
            event.tags or {}
            for path, after in since.items()
            for _, event in asset_events(self._context.instance, dg.AssetKey(list(path)), after)
            if events.tells_an_end(event.tags)
        ]
