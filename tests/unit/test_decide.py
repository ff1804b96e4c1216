"""The decision table of a tick; ``docs/design.md`` shows the same rows."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from dagster_spcs.event_log.end import JobEnd
from dagster_spcs.event_log.ledger import Entry
from dagster_spcs.event_log.start import JobStart
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.sensor.decide import (
    ASSET_AWAY,
    AT_WORK,
    LEFT_TO_RUN,
    LOG_LATE,
    MAY_BE_THERE,
    OTHER_INSTANCES,
    ROW_LATE,
    UNKNOWN_STATUS,
    Cancel,
    Decision,
    Facts,
    FollowUp,
    Gather,
    Gone,
    Record,
    RecordDropped,
    Wait,
    decide,
)
from dagster_spcs.spcs.clocks import HOSTS_DIFFER_BY, LOG_ARRIVES_WITHIN, ROW_ARRIVES_WITHIN
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import HistoryRecord, JobRecord
from tests.unit.samples import NOON, at, history_row, job_row

NOW = at(30)
MOMENT = timedelta(microseconds=1)


FIVE_PAST = at(5)
TEN_PAST = at(10)


def tracked(status: str = "DONE", updated: datetime = FIVE_PAST, **identity: Any) -> TrackedJob:
    """A job that was submitted at noon."""
    record = JobRecord.from_row(job_row("JOB_A", status, updated_on=updated))
    who = {"asset": ("scores",), "run_id": "run-1", "submitted": NOON}
    return TrackedJob(record, JobIdentity(**{**who, **identity}))


def end(job: TrackedJob, partition: str | None = None, recorded: datetime = TEN_PAST) -> JobEnd:
    """The recorded end of a job, or of one partition of a batch."""
    return JobEnd(recorded, job.key, partition, "DONE", NOON)


def row(status: str = "DONE", **columns: Any) -> HistoryRecord:
    """A row of the history."""
    return HistoryRecord.from_row(history_row("JOB_A", status=status, **columns))


def gone(started: datetime = NOON, **facts: Any) -> Gone:
    """What is known of a job that is not listed."""
    return Gone(started, **facts)


OVER = tracked()
AT_DEADLINE = tracked("RUNNING", deadline=NOW)
PAST_DEADLINE = tracked("RUNNING", deadline=NOW - MOMENT)
WAITED_FOR = tracked(blocking=True)
BATCH = tracked("FAILED", batch=True)
JUST_ENDED = tracked(updated=NOW - LOG_ARRIVES_WITHIN + MOMENT)
LATE_FOR_LONG = tracked(updated=NOW - LOG_ARRIVES_WITHIN)
START_OF_BATCH = JobStart(
    NOON, JobName("JOB_A", "JOBS", "LAB"), BATCH.identity, "POOL", partitions=("p1", "p2")
)


def started_batch(*partitions: str) -> Entry:
    """What the log says of a batch, of which the ends of some partitions are recorded."""
    return Entry(START_OF_BATCH, tuple(end(BATCH, partition) for partition in partitions))


@pytest.mark.parametrize(
    ("facts", "decision"),
    [
        pytest.param(Facts(tracked("RUNNING")), Wait(AT_WORK), id="running"),
        pytest.param(Facts(tracked("PENDING")), Wait(AT_WORK), id="pending"),
        pytest.param(Facts(tracked("CANCELLING")), Wait(AT_WORK), id="being-cancelled"),
        pytest.param(Facts(tracked("RESTORING")), Wait(UNKNOWN_STATUS), id="unknown-status"),
        pytest.param(Facts(AT_DEADLINE), Wait(AT_WORK), id="at-its-deadline"),
        pytest.param(Facts(OVER), Gather(), id="over"),
        pytest.param(Facts(tracked("FAILED")), Gather(), id="over-and-failed"),
        pytest.param(Facts(PAST_DEADLINE), Gather(), id="overdue"),
        pytest.param(
            Facts(tracked("RESTORING", deadline=NOON)), Gather(), id="overdue-in-an-unknown-status"
        ),
        pytest.param(Facts(OVER, report=JobReport(OVER)), Record(), id="over-and-gathered"),
        pytest.param(
            Facts(PAST_DEADLINE, report=JobReport(PAST_DEADLINE, timed_out=True)),
            Cancel(),
            id="overdue-and-gathered",
        ),
        pytest.param(
            Facts(BATCH, report=JobReport(BATCH, is_whole=False, goes_on=True)),
            Wait(OTHER_INSTANCES),
            id="other-instances-of-a-batch-at-work",
        ),
        pytest.param(
            Facts(BATCH, report=JobReport(BATCH, is_whole=False, goes_on=True, timed_out=True)),
            Cancel(),
            id="other-instances-of-a-batch-at-work-past-the-deadline",
        ),
        pytest.param(
            Facts(JUST_ENDED, report=JobReport(JUST_ENDED, is_whole=False)),
            Wait(LOG_LATE),
            id="log-late",
        ),
        pytest.param(
            Facts(LATE_FOR_LONG, report=JobReport(LATE_FOR_LONG, is_whole=False)),
            Record(),
            id="log-late-for-long",
        ),
        pytest.param(
            Facts(
                tracked("CANCELLED", updated=NOW),
                report=JobReport(tracked("CANCELLED", updated=NOW), is_whole=False, timed_out=True),
            ),
            Wait(LOG_LATE),
            id="log-late-of-one-that-timed-out",
        ),
        pytest.param(Facts(WAITED_FOR, run_is_alive=True), Wait(LEFT_TO_RUN), id="left-to-its-run"),
        pytest.param(
            Facts(tracked("RUNNING", blocking=True, deadline=NOON), run_is_alive=True),
            Wait(LEFT_TO_RUN),
            id="overdue-and-left-to-its-run",
        ),
        pytest.param(
            Facts(tracked("RUNNING", blocking=True), run_is_alive=True),
            Wait(AT_WORK),
            id="running-and-waited-for",
        ),
        pytest.param(Facts(WAITED_FOR), Gather(), id="run-gone"),
        pytest.param(Facts(OVER, run_is_alive=True), Gather(), id="deferred-while-its-run-goes-on"),
        pytest.param(
            Facts(OVER, Entry(ends=(end(OVER),))),
            FollowUp(check_may_be_missing=True),
            id="already-recorded-under-a-lost-cursor",
        ),
        pytest.param(
            Facts(OVER, Entry(ends=(end(OVER),)), looked=TEN_PAST + HOSTS_DIFFER_BY),
            FollowUp(check_may_be_missing=True),
            id="check-missing",
        ),
        pytest.param(
            Facts(OVER, Entry(ends=(end(OVER),)), looked=TEN_PAST + HOSTS_DIFFER_BY + MOMENT),
            FollowUp(check_may_be_missing=False),
            id="already-recorded",
        ),
        pytest.param(
            Facts(WAITED_FOR, Entry(ends=(end(WAITED_FOR),))),
            FollowUp(check_may_be_missing=False),
            id="already-recorded-by-its-run",
        ),
        pytest.param(
            Facts(WAITED_FOR, Entry(ends=(end(WAITED_FOR),)), run_is_alive=True),
            FollowUp(check_may_be_missing=False),
            id="already-recorded-by-its-run-which-goes-on",
        ),
        pytest.param(
            Facts(PAST_DEADLINE, Entry(ends=(end(PAST_DEADLINE),)), looked=NOW),
            FollowUp(check_may_be_missing=False),
            id="recorded-as-timed-out-and-still-at-work",
        ),
        pytest.param(
            Facts(BATCH, started_batch("p1", "p2"), looked=NOW),
            FollowUp(check_may_be_missing=False),
            id="batch-recorded",
        ),
        pytest.param(Facts(BATCH, started_batch("p1")), Gather(), id="batch-recorded-in-part"),
        pytest.param(Facts(OVER, asset_is_here=False), Wait(ASSET_AWAY), id="asset-away"),
        pytest.param(
            Facts(OVER, Entry(ends=(end(OVER),)), asset_is_here=False),
            Wait(ASSET_AWAY),
            id="asset-away-of-a-recorded-job",
        ),
        pytest.param(Facts(OVER, gone=gone()), RecordDropped(), id="dropped"),
        pytest.param(
            Facts(OVER, gone=gone(may_be_there=True)), Wait(MAY_BE_THERE), id="not-listed-but-there"
        ),
        pytest.param(
            Facts(OVER, gone=gone(row=row("RUNNING", completed_time=None))),
            Wait(MAY_BE_THERE),
            id="not-listed-but-alive-in-the-history",
        ),
        pytest.param(
            Facts(OVER, gone=gone(row=row("RUNNING", completed_time=None, deleted_time=at(3)))),
            RecordDropped(),
            id="dropped-at-work",
        ),
        pytest.param(
            Facts(OVER, gone=gone(row=row())), RecordDropped(), id="dropped-after-its-end"
        ),
        pytest.param(
            Facts(OVER, gone=gone(NOW - ROW_ARRIVES_WITHIN + MOMENT, row_may_come=True)),
            Wait(ROW_LATE),
            id="history-row-late",
        ),
        pytest.param(
            Facts(OVER, gone=gone(NOW - ROW_ARRIVES_WITHIN, row_may_come=True)),
            RecordDropped(),
            id="history-row-late-for-long",
        ),
        pytest.param(
            Facts(OVER, gone=gone(NOW, row_may_come=False)), RecordDropped(), id="no-history"
        ),
        pytest.param(
            Facts(WAITED_FOR, gone=gone(), run_is_alive=True),
            Wait(LEFT_TO_RUN),
            id="dropped-and-left-to-its-run",
        ),
        pytest.param(
            Facts(OVER, Entry(ends=(end(OVER),)), gone=gone()),
            FollowUp(check_may_be_missing=True),
            id="dropped-and-recorded",
        ),
    ],
)
def test_decision(facts: Facts, decision: Decision) -> None:
    """Each row of the table, at thirty minutes past noon."""
    assert decide(facts, NOW) == decision


def test_name_used_again_after_a_drop() -> None:
    """The end of an earlier job of the name is not this job's: its key is another one."""
    earlier = tracked(submitted=NOON - timedelta(minutes=5))
    entries = {earlier.key: Entry(ends=(end(earlier),))}
    facts = Facts(OVER, entries.get(OVER.key, Entry()))
    assert decide(facts, NOW) == Gather()
    assert decide(replace(facts, job=earlier, entry=entries[earlier.key]), NOW) != Gather()
