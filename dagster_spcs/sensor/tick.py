"""One evaluation of the polling sensor: a thin shell around ``report_finished``."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import dagster as dg

from dagster_spcs.errors import StatementError
from dagster_spcs.jobs.gather import JobReport, MetadataSource, is_overdue, ran_out_of_time
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.run.waiting import LOG_ARRIVES_WITHIN_SECONDS, cancel_rest
from dagster_spcs.sensor.code_location import CodeLocation
from dagster_spcs.sensor.cursor import Cursor, one_is_missing, open_jobs, report_finished, settle
from dagster_spcs.sensor.dropped import DroppedJobs, find_dropped
from dagster_spcs.sensor.follow_ups import FollowUps
from dagster_spcs.sensor.holds import Holds
from dagster_spcs.sensor.observed import ObservedJobs
from dagster_spcs.sensor.recorder import BATCH, Found, Recorder
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.clocks import ACCOUNT_DIFFERS_BY, HOSTS_DIFFER_BY
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.status import JobStatus

_OVERDUE_TOGETHER = 10
"""Overdue jobs read and cancelled together; no more are begun when so many are cancelled."""
_MOST_TRIED = 50
"""Overdue jobs a tick tries to cancel; each takes some statements, and may be refused."""
_LATE = timedelta(seconds=LOG_ARRIVES_WITHIN_SECONDS)
_ROW_ARRIVES_WITHIN = timedelta(minutes=2)
"""The history of a dropped job. ml-python's tests expect it at once."""
_RETENTION = timedelta(days=30)
"""Of finished jobs (page "EXECUTE JOB SERVICE")."""


class Tick:
    """One evaluation.

    Args:
        context: the sensor's.
        client: runs the statements.
        resource: whose jobs are looked at.
        source: how metadata is read.
        cursor: what the last tick knew.
        resource_key: under which the resource is bound.
        hold: how long a job that is over is left to the run that waits for it.
        failure_runs: whether a failure launches a run that fails.
        observed: the jobs of others.
    """

    def __init__(
        self,
        context: dg.SensorEvaluationContext,
        client: SpcsClient,
        resource: SpcsJobResource,
        source: MetadataSource,
        cursor: Cursor,
        *,
        resource_key: str,
        hold: timedelta,
        failure_runs: bool,
        observed: ObservedJobs,
    ) -> None:
        self._context = context
        self._client = client
        self._resource = resource
        self._source = source
        self._cursor = cursor
        self._observed = observed
        self._now = datetime.now(timezone.utc)
        instance = context.instance
        assert context.repository_def is not None, "a sensor is evaluated in its code location"
        self._location = CodeLocation(context.repository_def, instance, resource_key)
        self._follow_ups = FollowUps(
            instance, self._location, context.log, failure_runs=failure_runs, now=self._now
        )
        self._holds = Holds(instance, client, cursor, hold=hold, now=self._now)
        self._recorder = Recorder(
            instance, self._location, client, resource, source, self._follow_ups, cursor
        )

    def run(self, max_completions: int, max_seconds: float) -> dg.SensorResult:
        """Look once at all jobs, record those that ended, and return where to go on.

        Raises:
            dagster.DagsterInvalidDefinitionError: if jobs of others are mapped to an asset that
                the code location does not have.
        """
        unknown = self._location.without(self._observed.keys())
        if unknown:
            names = ", ".join(sorted(key.to_user_string() for key in unknown))
            raise dg.DagsterInvalidDefinitionError(
                f"The sensor is to observe jobs for {names}, which this code location does not"
                " have. Nothing was recorded in this tick; correct `observe`, or define the asset"
                " (an AssetSpec will do)."
            )
        database, schema = self._resource.place()
        # With jobs of others all of the schema is listed, so that it stays one statement.
        prefix = "" if self._observed else f"{self._resource.prefix()}_"
        listed = self._client.list(database=database, schema=schema, prefix=prefix)
        found = self._of_this_location(listed)
        away = self._of_missing_assets(listed, found)
        jobs = [job for job, _ in [*found.values(), *away.values()]]
        begun = time.monotonic()
        opened = [found[job.name] for job in open_jobs(jobs, self._cursor) if job.name in found]
        held = self._holds.waited_for(opened) | away.keys()
        late = self._end_overdue([each for each in opened if each[0].name not in held])
        dropped = self._dropped(listed, jobs, max_completions)
        finished, _ = report_finished(jobs, self._cursor, limit=len(jobs), held=held, overdue=late)
        over = [found[job.name] for job in finished]
        self._recorder.search(dropped.jobs, over)
        settled = self._record_dropped(dropped) | self._follow_up_recorded(over)
        cursor = settle(jobs, self._cursor, settled)
        self._recorder.read_history(
            [job for job, _ in over if job not in settled][:max_completions]
        )
        while self._recorder.count < max_completions and time.monotonic() - begun < max_seconds:
            limit = min(BATCH[self._source], max_completions - self._recorder.count)
            fresh, moved = report_finished(jobs, cursor, limit=limit, held=held, overdue=late)
            if not fresh:
                cursor = moved
                break
            postponed = self._record([found[job.name] for job in fresh], late)
            held |= postponed
            cursor = settle(jobs, cursor, [job for job in fresh if job.name not in postponed])
        requests, waiting = self._follow_ups.take(cursor.retries, self._recorder.made)
        cursor = cursor.model_copy(
            update={
                "begun": cursor.begun or self._now,
                "looked": self._now,
                "dropped_since": dropped.left_since,
                "assets": tuple(sorted(_assets_of(open_jobs(jobs, cursor), {**found, **away}))),
                "retries": tuple(waiting),
                **self._holds.saved(),
            }
        )
        # The page shows a tick without run requests as skipped; the reason tells what it did.
        count = self._recorder.count
        what = f"{count} jobs ended since the last tick" if count else "no job ended"
        in_flight = sum(not job.status.is_final for job in jobs)
        return dg.SensorResult(
            asset_events=[*self._holds.takeovers, *self._recorder.made],
            run_requests=requests or None,
            skip_reason=None if requests else f"{what}; {in_flight} in flight.",
            cursor=cursor.model_dump_json(),
        )

    def _is_ours(self, name: JobName) -> bool:
        """Whether a job of this name is one that the sensor's resource starts."""
        place = (name.database, name.schema)
        return place == self._resource.place() and name.name.startswith(
            f"{self._resource.prefix()}_"
        )

    def _of_this_location(self, jobs: Sequence[JobRecord]) -> dict[JobName, Found]:
        known = {tuple(key.path) for key in self._location.job_assets()}
        found = {}
        strangers = 0
        for job in jobs:
            identity = JobIdentity.from_comment(job.comment)
            is_ours = self._is_ours(job.name)
            if identity is None:
                identity = self._observed.identity_of(job)
                if identity is not None:
                    found[job.name] = (job, identity)
            elif (
                is_ours
                and identity.asset in known
                and identity.deployment in (None, self._resource.prefix())
            ):
                found[job.name] = (job, identity)
            if is_ours and job.name not in found:
                strangers += not job.status.is_final
        if strangers:
            self._context.log.info(
                f"{strangers} jobs in flight begin with {self._resource.prefix()}_ and belong to"
                " no job asset of this code location and deployment."
            )
        unknown = sorted(
            {job.status_text for job, _ in found.values() if job.status is JobStatus.UNKNOWN}
        )
        if unknown:
            self._context.log.warning(
                f"Jobs are in a status this version does not know: {', '.join(unknown)}. They are"
                " neither success nor failure, and are looked at again."
            )
        return found

    def _of_missing_assets(
        self, listed: Sequence[JobRecord], found: Mapping[JobName, Found]
    ) -> dict[JobName, Found]:
        """Return the unsettled jobs of assets that were in the code location, and are not now."""
        if not self._cursor.assets:
            return {}
        away = {}
        for job in open_jobs([job for job in listed if job.name not in found], self._cursor):
            identity = JobIdentity.from_comment(job.comment)
            if identity is not None and _text(identity.asset) in self._cursor.assets:
                away[job.name] = (job, identity)
        if away:
            names = ", ".join(sorted({_text(identity.asset) for _, identity in away.values()}))
            self._context.log.warning(
                f"{len(away)} jobs are for assets that this code location does not have any more:"
                f" {names}. They are recorded when it has them again."
            )
        return away

    def _end_overdue(self, opened: Sequence[Found]) -> dict[JobName, JobReport]:
        """Read, then cancel, jobs past their deadline; return the reports of those cancelled."""
        overdue = [each for each in opened if is_overdue(*each, self._now)]
        # Those whose cancellation is refused hold up the others neither now nor in later ticks.
        first = int(self._now.timestamp()) % len(overdue) if len(overdue) > _MOST_TRIED else 0
        tried = [*overdue[first:], *overdue[:first]][:_MOST_TRIED]
        ended: dict[JobName, JobReport] = {}
        for start in range(0, len(tried), _OVERDUE_TOGETHER):
            if len(ended) >= _OVERDUE_TOGETHER:
                break
            for report in self._recorder.read(tried[start : start + _OVERDUE_TOGETHER]):
                try:
                    self._client.cancel(report.job.name)
                except StatementError as error:
                    # It goes on, so its end is still to be recorded: the next tick tries again.
                    self._context.log.error(f"{report.job.name} timed out and goes on: {error}")
                else:
                    ended[report.job.name] = replace(report, timed_out=True)
        return ended

    def _dropped(
        self, listed: Sequence[JobRecord], jobs: Sequence[JobRecord], limit: int
    ) -> DroppedJobs:
        """Look for jobs that are gone, if there can be any."""
        cursor = self._cursor
        since = []
        if one_is_missing(jobs, cursor):
            since.append((cursor.through or self._now - _RETENTION) - ACCOUNT_DIFFERS_BY)
        elif cursor.looked is not None:
            # One that was started and dropped since then was never listed.
            looked = cursor.looked - HOSTS_DIFFER_BY
            ran = dg.RunsFilter(updated_after=looked)
            at_work = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
            if any(
                self._context.instance.get_run_records(each, limit=1) for each in (ran, at_work)
            ):
                since.append(looked)
        if cursor.dropped_since is not None:
            since.append(cursor.dropped_since - timedelta(milliseconds=1))
        if not since:
            return DroppedJobs()

        def is_row_late(job: JobRecord, identity: JobIdentity) -> bool:
            return self._now - self._holds.since(job, identity) < _ROW_ARRIVES_WITHIN

        return find_dropped(
            self._context.instance,
            self._client,
            self._location.job_assets(),
            is_ours=self._is_ours,
            listed=listed,
            since=min(since),
            listed_at=self._now,
            source=self._source,
            limit=limit,
            is_left=self._holds.is_left,
            is_row_late=is_row_late,
        )

    def _record_dropped(self, dropped: DroppedJobs) -> set[JobRecord]:
        """Record the jobs that are gone; return those that are settled with that."""
        settled = set(self._recorder.record_dropped(dropped.jobs))
        for report, identity in dropped.recorded_failures:
            if open_jobs([report.job], self._cursor):
                self._recorder.follow_up(report, identity, report.job.updated_on)
            settled.add(report.job)
        return settled

    def _follow_up_recorded(self, over: Sequence[Found]) -> set[JobRecord]:
        """Request again what follows the ends that are recorded; return the jobs."""
        recorded = {
            job: (identity, at)
            for job, identity in over
            if (at := self._recorder.recorded_at(job, identity)) is not None
        }
        for job, (identity, at) in recorded.items():
            report = JobReport(job, timed_out=ran_out_of_time(job, identity))
            self._recorder.follow_up(report, identity, at)
        self._recorder.repeat_verdict(recorded)
        return set(recorded)

    def _record(self, fresh: Sequence[Found], late: Mapping[JobName, JobReport]) -> set[JobName]:
        """Record jobs that ended.

        Returns the jobs that are left for a later tick, because the rest of what their containers
        said is still on its way.
        """
        read = self._recorder.read([each for each in fresh if each[0].name not in late])
        reports = {report.job.name: report for report in read} | dict(late)
        postponed = set()
        for job, identity in fresh:
            report = reports[job.name]
            if report.goes_on and identity.deadline is not None and identity.deadline < self._now:
                report = cancel_rest(self._client, report, self._context.log.error)
            if report.goes_on or (not report.is_whole and self._is_log_late(job, identity)):
                postponed.add(job.name)
                continue
            if ran_out_of_time(job, identity):
                report = replace(report, timed_out=True)
            if not self._recorder.record(report, identity):
                postponed.add(job.name)
        return postponed

    def _is_log_late(self, job: JobRecord, identity: JobIdentity) -> bool:
        return self._now - self._holds.since(job, identity) < _LATE


def _text(asset: Sequence[str]) -> str:
    return dg.AssetKey(list(asset)).to_user_string()


def _assets_of(jobs: Sequence[JobRecord], found: Mapping[JobName, Found]) -> set[str]:
    return {_text(found[job.name][1].asset) for job in jobs}
