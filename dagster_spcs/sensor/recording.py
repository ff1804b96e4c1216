"""From reports to what a tick tells Dagster: the events of each job, once, and what follows."""

import logging
from collections.abc import Sequence

from dagster_spcs.event_log.end import EndEvents, Event, JobEnd, end_events, unreported, verdict
from dagster_spcs.event_log.entries import DeclaredChecks
from dagster_spcs.event_log.ledger import Entry
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob
from dagster_spcs.sensor.code_location import CodeLocation
from dagster_spcs.sensor.follow_ups import FollowUps
from dagster_spcs.spcs.status import JobStatus

_MOST_NAMED = 5
"""Jobs that a tick names."""


class Recording:
    """The events of one tick.

    Args:
        location: whose assets the jobs make.
        follow_ups: are told of each end.
        account: the account's name where it is known.
        log: is told of jobs that could not be recorded.
    """

    def __init__(
        self,
        location: CodeLocation,
        follow_ups: FollowUps,
        account: str | None,
        log: logging.Logger,
    ) -> None:
        self._location = location
        self._follow_ups = follow_ups
        self._account = account
        self._log = log
        self.events: list[Event] = []
        """In the order in which they are to be stored."""
        self.settled: set[JobKey] = set()
        self._recorded: list[str] = []
        """Asset, partition and status of each recorded job."""

    @property
    def count(self) -> int:
        """How many jobs were recorded."""
        return len(self._recorded)

    def record(self, report: JobReport, entry: Entry) -> None:
        """Add the events of a job that are not in the event log, and what follows.

        A job whose events cannot be made is left for the next tick, and costs no other job its
        own.
        """
        try:
            made = [
                self._events_of(part, entry)
                for part in report.parts
                if entry.end_of(part.job.partition) is None
            ]
        except Exception:
            self._log.exception(f"{report.job.name} ended and could not be recorded")
            return
        for events in made:
            self.events.append(events.own)
            if not report.partitions:
                self.events += self._checks_of(events, report.job)
        for part in report.parts:
            self._follow_ups.add(part)
        # Of a batch the verdict comes last; a tick that died may have recorded all but that.
        if report.partitions and (made or not report.job.identity.blocking):
            self.events.append(verdict(report))
            self.events += unreported(report, (), self._checks(report.job))
        self.settled.add(report.job.key)
        if made:
            asset = "/".join(report.job.asset_key)
            parts = (asset, report.job.partition, report.status_text)
            self._recorded.append(" ".join(part for part in parts if part))

    def follow_up(self, job: TrackedJob, ends: Sequence[JobEnd]) -> None:
        """Request again what follows the recorded ends of a job, listed or gone."""
        for end in ends:
            self._follow_ups.add(recorded_report(job, end))
        self.settled.add(job.key)

    def summary(self) -> str:
        """Return what the tick recorded, for its page: names, as many as fit into a line."""
        if not self._recorded:
            return "No job ended"
        shown = ", ".join(self._recorded[:_MOST_NAMED])
        more = self.count - _MOST_NAMED
        return f"Recorded {self.count}: {shown}{f' and {more} more' if more > 0 else ''}"

    def repeat_checks(self, report: JobReport) -> None:
        """Add the checks of a job whose own event is in the event log already."""
        for part in report.parts[-1:]:
            self.events += self._checks_of(self._events_of(part, None), report.job)

    def _events_of(self, report: JobReport, entry: Entry | None) -> EndEvents:
        job = report.job
        partition = job.partition
        if partition is not None and not self._location.has_partition(job.asset_key, partition):
            # Recorded all the same: what the job made is there, and only its place is not.
            report = report.with_note(f"partition {partition}: the asset does not have it")
        start = None if entry is None else entry.start
        return end_events(
            report,
            account=self._account,
            checks=self._checks(job),
            inputs=None if start is None else start.inputs,
        )

    def _checks(self, job: TrackedJob) -> DeclaredChecks:
        # The checks of an asset that others make are others' as well.
        is_observed = job.identity.is_observed
        return DeclaredChecks() if is_observed else self._location.checks(job.asset_key)

    def _checks_of(self, events: EndEvents, job: TrackedJob) -> list[Event]:
        # An asset that others make has the check only if its definition says so.
        is_checked = not job.identity.is_observed or self._location.has_check(job.asset_key)
        return [*([events.verdict] if is_checked else []), *events.reported]


def recorded_report(job: TrackedJob, end: JobEnd) -> JobReport:
    """Return the report of an end that is recorded, as far as its event tells of it."""
    record = job.record._replace(
        status=JobStatus(end.status),
        status_text=end.status,
        created_on=end.created,
        updated_on=end.at,
    )
    identity = job.identity.model_copy(update={"partition": end.partition})
    return JobReport(TrackedJob(record, identity), timed_out=end.timed_out)
