"""One evaluation of the polling sensor: list, collect facts, decide, act."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import dagster as dg

from dagster_spcs.errors import AuthenticationFailed, ConnectionFailed, NotAnswered, SessionExpired
from dagster_spcs.event_log.ledger import Ledger
from dagster_spcs.jobs.gather import GATHERED_TOGETHER, Gatherer, MetadataSource
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.sensor.code_location import CodeLocation
from dagster_spcs.sensor.cursor import Cursor, asset_text, move, open_jobs
from dagster_spcs.sensor.decide import (
    Cancel,
    Decision,
    Facts,
    FollowUp,
    Gather,
    Record,
    RecordDropped,
    decide,
)
from dagster_spcs.sensor.dropped import DroppedJobs
from dagster_spcs.sensor.facts import FactFinder
from dagster_spcs.sensor.follow_ups import FollowUps
from dagster_spcs.sensor.housekeeping import drop_jobs, jobs_to_drop
from dagster_spcs.sensor.listing import Listed, sort_listing
from dagster_spcs.sensor.observed import ObservedJobs
from dagster_spcs.sensor.pending import PendingJobs
from dagster_spcs.sensor.recording import Recording
from dagster_spcs.sensor.run_liveness import RunLiveness
from dagster_spcs.spcs import clocks
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.clocks import ACCOUNT_DIFFERS_BY, RETENTION
from dagster_spcs.spcs.status import JobStatus

_MOST_OVERDUE = 50
"""Overdue jobs a tick tries to cancel; each takes some statements, and may be refused."""


@dataclass(frozen=True)
class TickOptions:
    """What the sensor was built with."""

    resource_key: str
    source: MetadataSource
    max_completions: int
    max_seconds: float
    failure_runs: bool
    observed: ObservedJobs
    drop_after: timedelta | None = None


class Tick:
    """One evaluation.

    Args:
        context: the sensor's.
        client: runs the statements.
        resource: whose jobs are looked at.
        cursor: what the last tick knew.
        options: of the sensor.
    """

    def __init__(
        self,
        context: dg.SensorEvaluationContext,
        client: SpcsClient,
        resource: SpcsJobResource,
        cursor: Cursor,
        options: TickOptions,
    ) -> None:
        assert context.repository_def is not None, "a sensor is evaluated in its code location"
        self._log = context.log
        self._client = client
        self._options = options
        self._now = clocks.utc_now()
        self._begun = time.monotonic()
        self._place = resource.place()
        self._cursor = self._in_this_place(cursor).not_beyond(self._now)
        instance = context.instance
        self._location = CodeLocation(context.repository_def, instance, options.resource_key)
        self._set_up = tuple(self._notes_on_set_up(resource))
        ledger = Ledger(instance)
        self._follow_ups = FollowUps(
            instance,
            ledger,
            self._location,
            context.log,
            failure_runs=options.failure_runs,
            now=self._now,
        )
        looked = self._cursor.looked
        self._liveness = RunLiveness(
            instance,
            self._cursor.silent_runs,
            timedelta(0) if looked is None else self._now - looked,
        )
        self._finder = FactFinder(ledger, self._location, self._cursor, self._liveness, context.log)
        self._dropped = DroppedJobs(
            instance,
            client,
            ledger,
            self._location,
            self._place,
            self._cursor,
            self._liveness,
            source=options.source,
            log=context.log,
            now=self._now,
        )
        self._recording = Recording(
            self._location, self._follow_ups, resource.account(), context.log
        )
        self._gatherer = Gatherer(
            client,
            source=options.source,
            last_lines=resource.log_lines,
            table_of=self._location.result_table,
            partitions_of_start=self._partitions_of_start,
        )
        self._partitions: dict[bytes, Sequence[str]] = {}

    def run(self) -> dg.SensorResult:
        """Look once at all jobs, record those that ended, and return where to go on.

        Raises:
            dagster.DagsterInvalidDefinitionError: if jobs of others are mapped to an asset that
                the code location does not have.
        """
        self._refuse_unknown_assets()
        for note in self._set_up:
            if note not in self._cursor.told:  # once
                self._log.warning(note)
        listed = self._list()
        opened = open_jobs(listed.jobs, self._cursor)
        due = [job for job in opened if job.is_over or job.is_overdue(self._now)]
        facts = self._finder.of_listed(due)
        gone = self._dropped.find(listed, opened, self._options.max_completions)
        facts += self._finder.of_unlisted(gone)
        decided = [(each, decide(each, self._now)) for each in facts]
        self._act(decided)
        self._drop_finished(listed, opened)
        self._cancel_overdue(listed.without_asset)
        pending = PendingJobs(self._client, self._cursor.pending, self._now)
        self._recording.events += pending.look(listed.jobs)
        return self._result(listed, opened, decided, pending)

    def _notes_on_set_up(self, resource: SpcsJobResource) -> Iterator[str]:
        """Yield what would otherwise be found out late, or never."""
        names = self._location.sensors
        if len(names) > 1:
            yield (
                f"Several sensors record the jobs of resource {self._options.resource_key!r}:"
                f" {', '.join(names)}. Two that tick at once may record a job twice; keep one."
            )
        yield from resource.notes_on_set_up()

    def _list(self) -> Listed:
        # With jobs of others all of the schema is listed, so that it stays one statement.
        prefix = "" if self._options.observed else f"{self._place.prefix}_"
        listing = self._client.list_jobs(
            database=self._place.database, schema=self._place.schema, prefix=prefix
        )
        listed = sort_listing(listing, self._place, self._location, self._options.observed)
        self._tell(listed)
        return listed

    def _tell(self, listed: Listed) -> None:
        """Log what is odd about a listing."""
        if listed.unreadable:
            self._log.warning(
                f"{len(listed.unreadable)} listed jobs are skipped and looked at again:"
                f" {listed.unreadable[0]}"
            )
        if listed.strangers:
            self._log.info(
                f"{listed.strangers} jobs in flight begin with {self._place.prefix}_ and belong to"
                " no job asset of this code location and deployment."
            )
        away = {asset_text(job.asset_key) for job in listed.unclaimed}
        if away:
            # Once as a warning: from then on the cursor does not name the asset any more.
            tell = self._log.warning if away & {*self._cursor.assets} else self._log.info
            tell(
                f"{len(listed.unclaimed)} jobs are for assets that this code location does not"
                f" have: {', '.join(sorted(away))}. They are recorded when it has them."
            )
        unknown = {job.record.status_text for job in listed.jobs if _is_unknown(job)}
        if unknown:
            self._log.warning(
                f"Jobs are in a status this version does not know: {', '.join(sorted(unknown))}."
                " They are neither success nor failure, and are looked at again."
            )

    def _act(self, decided: Sequence[tuple[Facts, Decision]]) -> None:
        for facts, decision in decided:
            if isinstance(decision, FollowUp):
                self._recording.follow_up(facts.job, facts.entry.ends)
        self._repeat_last_check(decided)
        for facts, decision in decided:
            if isinstance(decision, RecordDropped) and not self._is_full:
                self._record_dropped(facts)
        wanted = [facts for facts, decision in decided if isinstance(decision, Gather)]
        overdue = self._some_of([each for each in wanted if not each.job.is_over])
        over = [each for each in wanted if each.job.is_over]
        self._gatherer.expect([each.job for each in over[: self._room]])
        for group in self._groups([*overdue, *over]):
            self._record_group(group)

    def _cancel_overdue(self, jobs: Sequence[TrackedJob]) -> None:
        """Cancel jobs past their deadline that no sensor records.

        The run that waits for one does it itself; a run that was killed does not.
        """
        for job in [job for job in jobs if job.is_overdue(self._now)][:_MOST_OVERDUE]:
            if self._cancels(job):
                self._log.info(f"{job.name}, of a Pipes client, timed out and was cancelled.")

    def _drop_finished(self, listed: Listed, opened: Sequence[TrackedJob]) -> None:
        drop_after = self._options.drop_after
        if drop_after is None:
            return
        unsettled = {job.digest for job in opened}
        jobs = jobs_to_drop(listed.jobs, unsettled, drop_after, self._now)
        if jobs:
            drop_jobs(self._client, jobs, self._log)

    @property
    def _room(self) -> int:
        """How many more jobs the tick may record."""
        return max(0, self._options.max_completions - self._recording.count)

    @property
    def _is_full(self) -> bool:
        return self._room == 0

    def _groups(self, facts: Sequence[Facts]) -> Iterator[Sequence[Facts]]:
        """Yield jobs to read together, while the tick has room and time."""
        start = 0
        while start < len(facts) and not self._is_full:
            if time.monotonic() - self._begun >= self._options.max_seconds:
                return
            size = min(GATHERED_TOGETHER[self._options.source], self._room)
            yield facts[start : start + size]
            start += size

    def _some_of(self, overdue: Sequence[Facts]) -> Sequence[Facts]:
        """Return the overdue jobs of this tick.

        Those whose cancellation is refused hold up the others neither now nor in later ticks.
        """
        if len(overdue) <= _MOST_OVERDUE:
            return overdue
        first = int(self._now.timestamp()) % len(overdue)
        return [*overdue[first:], *overdue[:first]][:_MOST_OVERDUE]

    def _record_group(self, group: Sequence[Facts]) -> None:
        for each in group:
            if each.entry.start is not None:
                self._partitions[each.job.digest] = each.entry.start.partitions
        for facts, report in self._gather(group):
            decision = decide(replace(facts, report=report), self._now)
            if (isinstance(decision, Cancel) and self._cancels(report.job)) or isinstance(
                decision, Record
            ):
                self._record(facts, report)

    def _gather(self, group: Sequence[Facts]) -> list[tuple[Facts, JobReport]]:
        """Gather reports; a job whose report cannot be gathered costs no other job its own."""
        try:
            reports = self._gatherer.gather([each.job for each in group], self._now)
        except (ConnectionFailed, SessionExpired, AuthenticationFailed):
            raise  # the account is away: the next tick is the repetition
        except Exception:
            if len(group) == 1:
                self._log.exception(f"{group[0].job.name} ended and could not be read")
                return []
            return [pair for each in group for pair in self._gather([each])]
        return list(zip(group, reports, strict=True))

    def _cancels(self, job: TrackedJob) -> bool:
        try:
            self._client.cancel(job.name)
        except NotAnswered as error:
            self._log.error(f"{job.name} timed out and goes on: {error}")
            # A job that is over is recorded all the same; one that works is tried again.
            return job.is_over
        return True

    def _record(self, facts: Facts, report: JobReport) -> None:
        entry = facts.entry
        if facts.job.identity.blocking:
            # A run that waits may have recorded or found it since the facts were collected.
            entry = self._finder.refresh(facts)
            if self._finder.is_left_to_run(facts.job, entry):
                return
        self._recording.record(report, entry)

    def _record_dropped(self, facts: Facts) -> None:
        assert facts.gone is not None, "what is recorded as dropped is gone"
        start = facts.entry.start
        partitions = () if start is None else start.partitions
        report = self._gatherer.of_dropped(facts.job, facts.gone.row, partitions)
        if facts.gone.note is not None:
            report = report.with_note(facts.gone.note)
        self._record(facts, report)

    def _repeat_last_check(self, decided: Sequence[tuple[Facts, Decision]]) -> None:
        """Evaluate the checks of the job that a lost tick recorded last once more.

        That tick may have died between the job's own event and its checks.
        """
        candidates = [
            facts
            for facts, decision in decided
            if isinstance(decision, FollowUp)
            and decision.check_may_be_missing
            and facts.gone is None
            and not facts.job.identity.batch
        ]
        if candidates:
            last = max(candidates, key=lambda facts: max(end.at for end in facts.entry.ends))
            for _, report in self._gather([last]):
                self._recording.repeat_checks(report)

    def _partitions_of_start(self, job: TrackedJob) -> Sequence[str]:
        return self._partitions.get(job.digest, ())

    def _result(
        self,
        listed: Listed,
        opened: Sequence[TrackedJob],
        decided: Sequence[tuple[Facts, Decision]],
        pending: PendingJobs,
    ) -> dg.SensorResult:
        requests, waiting = self._follow_ups.take(self._cursor.retries, self._recording.events)
        left = [
            facts.gone.started
            for facts, _ in decided
            if facts.gone is not None and facts.job.key not in self._recording.settled
        ]
        moved = move(
            self._cursor,
            listed.jobs,
            opened,
            self._recording.settled,
            now=self._now,
            unseen_since=self._unseen_since(listed, left),
        )
        cursor = moved.model_copy(
            update={
                "place": str(self._place),
                "assets": self._looked_after(listed),
                "looked": self._now,
                "dropped_since": min(left, default=None),
                "silent_runs": self._liveness.silent,
                "retries": tuple(waiting),
                "pending": pending.reasons,
                "told": self._set_up,
            }
        )
        in_flight = sum(not job.is_over for job in listed.jobs)
        did = f"{self._recording.summary()}; {in_flight} in flight{pending.summary()}."
        if requests:
            self._log.info(did)
        return dg.SensorResult(
            asset_events=self._recording.events,
            run_requests=requests or None,
            # Dagster shows a tick without run requests as skipped, whatever else it did.
            skip_reason=None if requests else did,
            cursor=cursor.model_dump_json(),
        )

    def _unseen_since(self, listed: Listed, left: Sequence[datetime]) -> datetime | None:
        """Return since when jobs may have been created that are not settled and were not seen.

        By the account's clock; ``left`` are the starts of those that are not listed.
        """
        moments = [started - ACCOUNT_DIFFERS_BY for started in left]
        if not listed.is_complete:
            # Which job is behind a row that could not be read is not known.
            moments.append(self._cursor.through or self._now - 2 * RETENTION)
        return min(moments, default=None)

    def _looked_after(self, listed: Listed) -> tuple[str, ...]:
        """Return the assets that this tick looked after."""
        keys = {tuple(key.path) for key in self._location.job_assets()}
        keys |= {tuple(key.path) for key in self._options.observed.asset_keys()}
        keys |= {job.asset_key for job in listed.jobs}
        return tuple(sorted(map(asset_text, keys)))

    def _refuse_unknown_assets(self) -> None:
        unknown = self._location.without(self._options.observed.asset_keys())
        if unknown:
            names = ", ".join(sorted(key.to_user_string() for key in unknown))
            raise dg.DagsterInvalidDefinitionError(
                f"The sensor is to observe jobs for {names}, which this code location does not"
                " have. Nothing was recorded in this tick; correct `observe`, or define the asset"
                " (an AssetSpec will do)."
            )

    def _in_this_place(self, cursor: Cursor) -> Cursor:
        """Return the cursor to go on from: a new one if the resource looks elsewhere now."""
        if cursor.place in ("", str(self._place)):
            return cursor
        if cursor.jobs_in_flight:
            self._log.warning(
                f"The resource looks for jobs in {self._place} now. It left"
                f" {cursor.jobs_in_flight} jobs behind in {cursor.place}: they are not cancelled,"
                " and their ends are not recorded while it looks elsewhere. Set database, schema"
                " and job_name_prefix back until they have ended, or cancel them."
            )
        return Cursor(retries=cursor.retries)


def _is_unknown(job: TrackedJob) -> bool:
    return job.status is JobStatus.UNKNOWN
