"""What a tick does about one job. Pure: no clock, no I/O, no Dagster instance.

A tick lists the jobs, collects facts about those that are over, overdue or gone, and asks
``decide`` about each. A job whose report is needed is asked about twice: without the report, and
with it. The rows of the table are in ``docs/design.md``, and each is a test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dagster_spcs.event_log.ledger import NOTHING, Entry
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.spcs.clocks import HOSTS_DIFFER_BY, LOG_ARRIVES_WITHIN, ROW_ARRIVES_WITHIN
from dagster_spcs.spcs.records import HistoryRecord
from dagster_spcs.spcs.status import JobStatus

AT_WORK = "it is at work"
UNKNOWN_STATUS = "its status is none that this version knows"
ASSET_AWAY = "its asset is not in this code location"
LEFT_TO_RUN = "the run that waits for it records it"
OTHER_INSTANCES = "other instances of the batch are at work"
LOG_LATE = "the rest of its log is on its way"
MAY_BE_THERE = "it is not listed, but the account may have it"
ROW_LATE = "its row in the history is on its way"


@dataclass(frozen=True)
class Gone:
    """What is known of a job that was started and is not listed."""

    started: datetime
    """When its start was stored, by Dagster's clock."""
    may_be_there: bool = False
    """Whether the account has it, asked for it alone, or was not asked."""
    row: HistoryRecord | None = None
    """Its row in the history."""
    row_may_come: bool = False
    """Whether there is a history to wait for."""
    note: str | None = None
    """Why its history could not be read."""


@dataclass(frozen=True)
class Facts:
    """What a tick knows of one job when it decides."""

    job: TrackedJob
    entry: Entry = NOTHING
    """What the event log says of it."""
    asset_is_here: bool = True
    """Whether the code location has the job's asset."""
    run_is_alive: bool = False
    """Whether the run that started it is, or may be, at work."""
    looked: datetime | None = None
    """When the last tick that was saved looked, by Dagster's clock."""
    gone: Gone | None = None
    """Given for a job that is not listed."""
    report: JobReport | None = None
    """Everything the account tells of it, once that was gathered."""

    @property
    def partitions(self) -> Sequence[str | None]:
        """The partitions whose ends are to be recorded, as far as the event log tells them."""
        if self.entry.start is not None and self.entry.start.partitions:
            return self.entry.start.partitions
        return [self.job.partition]


@dataclass(frozen=True)
class Wait:
    """Nothing now; the next tick decides again."""

    reason: str


@dataclass(frozen=True)
class Gather:
    """Gather its report, then decide again."""


@dataclass(frozen=True)
class Cancel:
    """Cancel it, then record it as timed out."""


@dataclass(frozen=True)
class Record:
    """Record its end."""


@dataclass(frozen=True)
class RecordDropped:
    """Record that it was dropped, with the end that the history tells, if it does."""


@dataclass(frozen=True)
class FollowUp:
    """Its end is recorded. Request what follows, in case that the tick which recorded it died."""

    check_may_be_missing: bool
    """Whether a tick recorded it that was not saved, and may have died before the check."""


Decision = Wait | Gather | Cancel | Record | RecordDropped | FollowUp


def decide(facts: Facts, now: datetime) -> Decision:
    """Return what to do about a job that is not settled.

    Args:
        facts: what is known of it.
        now: by Dagster's clock.
    """
    job = facts.job
    if not facts.asset_is_here:
        return Wait(ASSET_AWAY)
    if facts.entry.has_ends_of(facts.partitions):
        return FollowUp(check_may_be_missing=_was_recorded_by_a_lost_tick(facts))
    if facts.gone is None and not job.is_over and not job.is_overdue(now):
        return Wait(UNKNOWN_STATUS if job.status is JobStatus.UNKNOWN else AT_WORK)
    if job.identity.blocking and facts.run_is_alive:
        return Wait(LEFT_TO_RUN)
    if facts.gone is not None:
        return _decide_gone(facts.gone, now)
    if facts.report is None:
        return Gather()
    return _decide_gathered(facts.report, now)


def _decide_gone(gone: Gone, now: datetime) -> Decision:
    if gone.may_be_there or (gone.row is not None and gone.row.is_alive):
        return Wait(MAY_BE_THERE)
    if gone.row is None and gone.row_may_come and now - gone.started < ROW_ARRIVES_WITHIN:
        return Wait(ROW_LATE)
    return RecordDropped()


def _decide_gathered(report: JobReport, now: datetime) -> Decision:
    if report.needs_cancelling:
        return Cancel()
    if report.goes_on:
        return Wait(OTHER_INSTANCES)
    if not report.is_whole and now - report.job.ended_by < LOG_ARRIVES_WITHIN:
        return Wait(LOG_LATE)
    return Record()


def _was_recorded_by_a_lost_tick(facts: Facts) -> bool:
    if facts.job.identity.blocking:
        return False  # its run records the check with it
    recorded = max(end.at for end in facts.entry.ends)
    return facts.looked is None or recorded >= facts.looked - HOSTS_DIFFER_BY
