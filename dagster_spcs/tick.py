"""One evaluation of the polling sensor: a thin shell around ``report_finished``."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import dagster as dg

from dagster_spcs import events
from dagster_spcs.batch import by_partition, partitions_of
from dagster_spcs.client import SpcsClient
from dagster_spcs.code_location import CodeLocation
from dagster_spcs.cursor import (
    Cursor,
    mark,
    one_is_missing,
    open_jobs,
    report_finished,
    searched_from,
    settle,
)
from dagster_spcs.dropped import Dropped, find_dropped
from dagster_spcs.errors import ObjectNotFound, StatementError, UnexpectedAnswer
from dagster_spcs.follow_ups import FollowUps
from dagster_spcs.identity import JobIdentity
from dagster_spcs.names import JobName
from dagster_spcs.observed import ObservedJobs
from dagster_spcs.recorded import CLOCK_SLACK, RecordedEnds
from dagster_spcs.records import JobRecord
from dagster_spcs.reports import (
    History,
    JobReport,
    MetadataSource,
    gather,
    note,
    ran_out_of_time,
    read_history,
    with_families,
)
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.status import JobStatus
from dagster_spcs.waiting import LOG_ARRIVES_WITHIN_SECONDS, cancel_rest

_BATCH: dict[MetadataSource, int] = {"warehouse": 50, "no-warehouse": 10}
"""Jobs read together; the time is looked at between two batches."""
_MOST_OVERDUE = 10
"""Overdue jobs ended a tick; each takes some statements."""
_LATE = timedelta(seconds=LOG_ARRIVES_WITHIN_SECONDS)
_ROW_ARRIVES_WITHIN = timedelta(minutes=2)
"""The history of a dropped job. ml-python's tests expect it at once."""
_RETENTION = timedelta(days=30)
"""Of finished jobs (page "EXECUTE JOB SERVICE")."""

Found = tuple[JobRecord, JobIdentity]


class Tick:
    """One evaluation."""

    def __init__(
        self,
        context: dg.SensorEvaluationContext,
        client: SpcsClient,
        resource: SpcsJobResource,
        source: MetadataSource,
        *,
        resource_key: str,
        hold: timedelta,
        failure_runs: bool,
        observed: ObservedJobs,
    ) -> None:
        self._observed = observed
        self._hold = hold
        self._context = context
        self._client = client
        self._resource = resource
        self._source = source
        self._now = datetime.now(timezone.utc)
        assert context.repository_def is not None, "a sensor is evaluated in its code location"
        self._location = CodeLocation(context.repository_def, context.instance, resource_key)
        self._follow_ups = FollowUps(
            context.instance,
            self._location,
            context.log,
            failure_runs=failure_runs,
            now=self._now,
        )
        self._made: list[events.Event] = []
        self._history: History | None = None
        self._alive: dict[str, bool] = {}
        self._held_since: dict[str, datetime] = {}
        self._taken_over: set[str] = set()
        self._runs_at_work: set[str] = set()
        self._families: dict[str, str | None] = {}
        self._recorded = RecordedEnds(context.instance, ())
        self._told = 0

    def run(self, cursor: Cursor, max_completions: int, max_seconds: float) -> dg.SensorResult:
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
        jobs = [job for job, _ in found.values()]
        held = self._waited_for(found, cursor)
        begun = time.monotonic()
        late = self._end_overdue(found, cursor, held, begun + max_seconds / 2)
        dropped = self._dropped(listed, jobs, cursor, max_completions)
        over, _ = report_finished(jobs, cursor, limit=len(jobs), held=held, overdue=late)
        self._recorded = RecordedEnds(
            self._context.instance,
            [
                *((each.identity, each.identity.submitted) for each in dropped.jobs),
                *(
                    (identity, searched_from(identity, cursor, CLOCK_SLACK))
                    for _, identity in (found[job.name] for job in over)
                ),
            ],
        )
        told = self._report_dropped(dropped, cursor)
        known = self._known([found[job.name] for job in over], cursor)
        cursor = settle(jobs, cursor, told | known)
        self._read_history([job for job in over if job not in known][:max_completions])
        while self._told < max_completions and time.monotonic() - begun < max_seconds:
            limit = min(_BATCH[self._source], max_completions - self._told)
            fresh, moved = report_finished(jobs, cursor, limit=limit, held=held, overdue=late)
            if not fresh:
                cursor = moved
                break
            postponed = self._report([found[job.name] for job in fresh], late, cursor)
            held |= postponed
            cursor = settle(jobs, cursor, [job for job in fresh if job.name not in postponed])
        requests, waiting = self._follow_ups.take(cursor.retries, self._made)
        cursor = cursor.model_copy(
            update={
                "begun": cursor.begun or self._now,
                "looked": self._now,
                "dropped_since": dropped.left_since,
                "held": self._held_since,
                "taken_over": tuple(sorted(self._taken_over)),
                "retries": tuple(waiting),
            }
        )
        # The page shows a tick without run requests as skipped; the reason tells what it did.
        what = f"{self._told} jobs ended since the last tick" if self._told else "no job ended"
        in_flight = sum(not job.status.is_final for job in jobs)
        return dg.SensorResult(
            asset_events=self._made,
            run_requests=requests or None,
            skip_reason=None if requests else f"{what}; {in_flight} in flight.",
            cursor=cursor.model_dump_json(),
        )

    def _read_history(self, ended: Sequence[JobRecord]) -> None:
        """Read the history of all that this tick may record, in one statement."""
        if self._source == "warehouse" and len(ended) > _BATCH[self._source]:
            self._history = read_history(self._client, ended)

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

    def _waited_for(self, found: Mapping[JobName, Found], cursor: Cursor) -> set[JobName]:
        """Return the jobs that are over and left to runs that wait."""
        held = set()
        opened = open_jobs([job for job, _ in found.values()], cursor)
        self._runs_at_work = {
            found[job.name][1].run_id
            for job in opened
            if not (job.status.is_final or self._is_overdue(job, found[job.name][1]))
        }
        for job in opened:
            identity = found[job.name][1]
            if mark(job) in cursor.held:
                self._held_since[mark(job)] = cursor.held[mark(job)]
            is_over = job.status.is_final or self._is_overdue(job, identity)
            if identity.blocking and is_over and self._is_left(job, identity, cursor):
                held.add(job.name)
        return held

    def _is_left(self, job: JobRecord, identity: JobIdentity, cursor: Cursor) -> bool:
        """Whether a job is left to the run that started it, which may be about to record it.

        A run whose process was killed looks as if it were still there, so not for ever; but one
        that does not wait any longer has to be told before somebody else records its job.
        """
        if identity.run_id not in self._alive:
            run = self._context.instance.get_run_by_id(identity.run_id)
            self._alive[identity.run_id] = run is not None and not run.is_finished
        if not self._alive[identity.run_id]:
            return False
        if identity.held_back and identity.run_id in self._runs_at_work:
            self._held_since[mark(job)] = self._now
        if self._now - self._since(job, cursor) < self._hold:
            return True
        return identity.blocking and not self._is_taken_over(job, identity, cursor)

    def _is_taken_over(self, job: JobRecord, identity: JobIdentity, cursor: Cursor) -> bool:
        """Whether the run was told, by a tick that was saved; tells it if not."""
        if mark(job) not in cursor.taken_over:
            self._made.append(events.takeover(identity, job))
        self._taken_over.add(mark(job))
        return mark(job) in cursor.taken_over

    def _is_overdue(self, job: JobRecord, identity: JobIdentity) -> bool:
        deadline = identity.deadline
        return deadline is not None and deadline < self._now and not job.status.is_final

    def _end_overdue(
        self,
        found: Mapping[JobName, Found],
        cursor: Cursor,
        held: Collection[JobName],
        until: float,
    ) -> dict[JobName, JobReport]:
        """Read, then cancel, jobs past their deadline; return the reports of those cancelled.

        About ``_MOST_OVERDUE``; none is begun after ``until``, on the monotonic clock.
        """
        overdue = [
            job
            for job in open_jobs([job for job, _ in found.values()], cursor)
            if self._is_overdue(job, found[job.name][1]) and job.name not in held
        ]
        ended: dict[JobName, JobReport] = {}
        # Those whose cancellation is refused do not hold up the others.
        for start in range(0, len(overdue), _MOST_OVERDUE):
            if len(ended) >= _MOST_OVERDUE or time.monotonic() >= until:
                break
            together = overdue[start : start + _MOST_OVERDUE]
            for report in self._gather([found[job.name] for job in together]):
                try:
                    self._client.cancel(report.job.name)
                except StatementError as error:
                    # It goes on, so its end is still to be recorded: the next tick tries again.
                    self._context.log.error(f"{report.job.name} timed out and goes on: {error}")
                else:
                    ended[report.job.name] = replace(report, timed_out=True)
        return ended

    def _dropped(
        self,
        listed: Sequence[JobRecord],
        jobs: Sequence[JobRecord],
        cursor: Cursor,
        limit: int,
    ) -> Dropped:
        """Look for jobs that are gone, if there can be any."""
        since = []
        if one_is_missing(jobs, cursor):
            since.append((cursor.through or self._now - _RETENTION) - CLOCK_SLACK)
        elif cursor.looked is not None:
            # One that was started and dropped since then was never listed.
            looked = cursor.looked - CLOCK_SLACK
            ran = dg.RunsFilter(updated_after=looked)
            at_work = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
            if any(
                self._context.instance.get_run_records(each, limit=1) for each in (ran, at_work)
            ):
                since.append(looked)
        if cursor.dropped_since is not None:
            since.append(cursor.dropped_since - timedelta(milliseconds=1))
        if not since:
            return Dropped()
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
            is_left=lambda job, identity: self._is_left(job, identity, cursor),
            is_row_late=lambda job: self._now - self._since(job, cursor) < _ROW_ARRIVES_WITHIN,
        )

    def _since(self, job: JobRecord, cursor: Cursor) -> datetime:
        """Return since when a job that ended or is gone is left for a later tick."""
        return self._held_since.setdefault(mark(job), cursor.held.get(mark(job), self._now))

    def _known(self, over: Sequence[Found], cursor: Cursor) -> set[JobRecord]:
        """Return the jobs whose end is recorded; what follows a failure is requested again."""
        known = set()
        for job, identity in over:
            # What a job over several partitions told of each is known only after it was read.
            if not identity.batch and self._recorded.tell(job, identity):
                report = JobReport(job, timed_out=ran_out_of_time(job, identity))
                self._follow_up_recorded(report, identity, cursor)
                known.add(job)
        return known

    def _follow_up_recorded(self, report: JobReport, identity: JobIdentity, cursor: Cursor) -> None:
        """Note what follows an end that is recorded, of a job that is not settled."""
        if searched_from(identity, cursor, CLOCK_SLACK) > identity.submitted:
            # The tick that recorded it did not save its cursor, nor request anything.
            self._follow_ups.add(report, identity)
        else:
            self._follow_ups.add_recorded(report, identity)

    def _report(
        self, fresh: Sequence[Found], late: Mapping[JobName, JobReport], cursor: Cursor
    ) -> set[JobName]:
        """Make the events of jobs that ended, and what follows a failure.

        Returns the jobs that are left for a later tick, because the rest of what their containers
        said is still on its way.
        """
        read = self._gather([each for each in fresh if each[0].name not in late])
        reports = {report.job.name: report for report in read} | dict(late)
        postponed = set()
        for job, identity in fresh:
            report = reports[job.name]
            since = self._held_since.get(mark(job), self._now)
            if report.goes_on and identity.deadline is not None and identity.deadline < self._now:
                report = cancel_rest(self._client, report, self._context.log.error)
            if report.goes_on or (not report.is_whole and self._now - since < _LATE):
                self._held_since[mark(job)] = since
                postponed.add(job.name)
                continue
            if ran_out_of_time(job, identity):
                report = replace(report, timed_out=True)
            if not identity.batch:
                if not self._ends_of(identity).tell(job, identity):
                    self._record(report, identity)
            elif not self._record_batch(report, identity):
                postponed.add(job.name)
        return postponed

    def _report_dropped(self, dropped: Dropped, cursor: Cursor) -> set[JobRecord]:
        """Make the events of jobs that are gone; return those that are settled with that."""
        reports = with_families(
            self._client, [each.report for each in dropped.jobs], self._families
        )
        for report, each in zip(reports, dropped.jobs, strict=True):
            if each.partitions:
                self._record_each(report, each.identity, each.partitions)
            elif self._recorded.tell(report.job, each.identity):
                self._follow_ups.add_recorded(report, each.identity)
            else:
                self._record(report, each.identity)
        for report, identity in dropped.recorded:
            if open_jobs([report.job], cursor):
                self._follow_up_recorded(report, identity, cursor)
        return {report.job for report in [*reports, *(each for each, _ in dropped.recorded)]}

    def _ends_of(self, identity: JobIdentity) -> RecordedEnds:
        """Return what is recorded: read anew where a run may be recording at this moment."""
        if not identity.blocking:
            return self._recorded
        return RecordedEnds(self._context.instance, [(identity, identity.submitted)])

    def _record(self, report: JobReport, identity: JobIdentity) -> None:
        """Make the events of one job, and what follows a failure."""
        own, verdict, *others = self._events(report, identity)
        # An asset that others make has the check only if its definition says so.
        is_checked = bool(identity.run_id) or self._location.has_check(identity.asset)
        self._made += [own, *([verdict] if is_checked else []), *others]
        self._follow_ups.add(report, identity)
        self._told += 1

    def _record_batch(self, report: JobReport, identity: JobIdentity) -> bool:
        """Make the events of a job over several partitions: one each, and one verdict.

        Returns whether it could; of a job that was dropped just now only its start tells the
        partitions, so it is left for the next tick.
        """
        try:
            partitions = partitions_of(self._client.specification(report.job.name))
        except ObjectNotFound:
            return False
        except (StatementError, UnexpectedAnswer) as error:
            # An observation without a partition: a materialization of none would be wrong.
            if not self._recorded.tell(report.job, identity):
                report = note(report, "the partitions of this job", error)
                self._made.append(self._observation(report, identity))
                self._made.append(events.check_evaluation(report, identity))
                self._told += 1
            return True
        self._record_each(report, identity, partitions)
        return True

    def _record_each(
        self, report: JobReport, identity: JobIdentity, partitions: Sequence[str]
    ) -> None:
        told = by_partition(report, identity, partitions)
        ends = self._ends_of(identity)
        known = [ends.tell(each.job, own_identity) for each, own_identity in told]
        for (each, own_identity), is_known in zip(told, known, strict=True):
            if is_known:
                self._follow_ups.add_recorded(each, own_identity)
            else:
                self._made.append(self._events(each, own_identity)[0])
                self._follow_ups.add(each, own_identity)
        if not all(known):
            self._made.append(events.check_evaluation(report, identity))
            self._told += 1

    def _observation(self, report: JobReport, identity: JobIdentity) -> dg.AssetObservation:
        return dg.AssetObservation(
            dg.AssetKey(list(identity.asset)),
            description=f"{events.failure_text(report)}; its partitions could not be told",
            metadata=events.job_metadata(report, identity, account=self._resource.account()),
            tags=events.finished_tags(report),
        )

    def _events(self, report: JobReport, identity: JobIdentity) -> list[events.Event]:
        partition = identity.partition
        if partition is not None and not self._location.has_partition(identity.asset, partition):
            # Recorded all the same: what the job made is there, and only its place is not.
            told = f"partition {partition}: the asset does not have it"
            report = replace(report, missing=(*report.missing, told))
        metadata = events.job_metadata(report, identity, account=self._resource.account())
        return events.finished_events(report, identity, metadata)

    def _gather(self, found: Sequence[Found]) -> list[JobReport]:
        return gather(
            self._client,
            [job for job, _ in found],
            source=self._source,
            last_lines=self._resource.log_lines,
            tables=self._result_tables(found),
            pipes={job.name for job, identity in found if identity.pipes},
            batches={job.name for job, identity in found if identity.batch},
            history=self._history,
            families=self._families,
        )

    def _result_tables(self, found: Sequence[Found]) -> dict[JobName, str]:
        tables = {
            job.name: self._location.metadata(identity.asset, events.RESULT_TABLE)
            for job, identity in found
        }
        return {name: str(table) for name, table in tables.items() if table is not None}
