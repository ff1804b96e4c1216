"""The job that is followed: its one key, and what its times mean."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob, gone
from dagster_spcs.spcs.records import HistoryRecord
from dagster_spcs.spcs.status import JobStatus

from .samples import NOON, at, history_row, identity, name, tracked

WITH_DEADLINE = identity(deadline=at(30))
MICROSECOND = timedelta(microseconds=1)


def test_key_is_computed_once() -> None:
    """Key and digest are made when they are first asked for, and kept."""
    job = tracked("JOB_A")
    assert job.key == JobKey("LAB.JOBS.JOB_A", NOON)
    assert job.key is job.key
    assert job.digest is job.digest
    assert job.digest == job.key.digest


def test_key_is_of_name_and_submission() -> None:
    """What the account changes of a job does not change its key; another submission does."""
    job = tracked("JOB_A")
    assert tracked("JOB_A", "DONE", created_on=at(3), updated_on=at(9)).key == job.key
    others = [
        tracked("JOB_B"),
        tracked("JOB_A", schema_name="OTHER"),
        tracked("JOB_A", who=identity(submitted=NOON + MICROSECOND)),
    ]
    assert len({each.key for each in (job, *others)}) == 4
    assert len({each.digest for each in (job, *others)}) == 4


@given(st.text(), st.integers(0, 10**15))
def test_any_key_has_a_digest(text: str, microseconds: int) -> None:
    """Six bytes, whatever database and schema are called."""
    moment = NOON + timedelta(microseconds=microseconds)
    assert len(JobKey(text, moment).digest) == 6


def test_what_it_tells_of_its_parts() -> None:
    """Name and status are the record's, asset and partition the identity's."""
    job = tracked("JOB_A", "FAILED", identity(partition="p"))
    assert (job.name, job.status) == (name("JOB_A"), JobStatus.FAILED)
    assert (job.asset_key, job.partition) == (("daily", "scores"), "p")
    part = job.of_partition("q")
    assert (part.partition, part.record, part.key) == ("q", job.record, job.key)


def test_is_over() -> None:
    """A job is over in a final status, and in no other one."""
    over = {word for word in JobStatus if tracked("JOB_A", word.value).is_over}
    assert over == {word for word in JobStatus if word.is_final}


@pytest.mark.parametrize(
    ("job", "now", "overdue"),
    [
        pytest.param(tracked(who=WITH_DEADLINE), at(31), True, id="at-work-past-it"),
        pytest.param(tracked(who=WITH_DEADLINE), at(30), False, id="at-its-deadline"),
        pytest.param(tracked(who=identity()), at(10**6), False, id="without-a-deadline"),
        pytest.param(tracked("A", "DONE", WITH_DEADLINE), at(31), False, id="over"),
        pytest.param(tracked("A", "CANCELLING", WITH_DEADLINE), at(31), True, id="cancelling"),
        pytest.param(tracked("A", "HIBERNATING", WITH_DEADLINE), at(31), True, id="unknown"),
    ],
)
def test_is_overdue(job: TrackedJob, now: Any, overdue: bool) -> None:
    """A job is overdue while it works past its deadline."""
    assert job.is_overdue(now) is overdue


@pytest.mark.parametrize(
    ("status", "columns", "is_so"),
    [
        pytest.param("CANCELLED", {"updated_on": at(30)}, True, id="at-its-deadline"),
        pytest.param("CANCELLING", {"updated_on": at(31)}, True, id="being-cancelled"),
        pytest.param("CANCELLED", {"updated_on": at(20)}, False, id="by-somebody-before"),
        pytest.param("DONE", {"updated_on": at(31)}, False, id="done"),
        pytest.param("FAILED", {"updated_on": at(31)}, False, id="failed"),
        pytest.param(
            "CANCELLED",
            {"created_on": at(-20), "updated_on": at(10)},
            True,
            id="clock-of-the-account-is-behind",
        ),
        pytest.param(
            "CANCELLED",
            {"created_on": at(0.25), "updated_on": at(29.8)},
            True,
            id="submission-took-some-seconds",
        ),
    ],
)
def test_ran_out_of_time(status: str, columns: Mapping[str, Any], is_so: bool) -> None:
    """A job ran out of time if it was cancelled after all the time it was given."""
    assert tracked("JOB_A", status, WITH_DEADLINE, **columns).ran_out_of_time is is_so


def test_short_time_is_not_used_up_at_once() -> None:
    """Of a timeout of seconds the slow submission may take half, not all."""
    short = identity(deadline=NOON + timedelta(seconds=10))
    early = NOON + timedelta(seconds=4)
    late = NOON + timedelta(seconds=6)
    assert not tracked("A", "CANCELLED", short, updated_on=early).ran_out_of_time
    assert tracked("A", "CANCELLED", short, updated_on=late).ran_out_of_time


def test_without_a_deadline_no_time_runs_out() -> None:
    """A job without a deadline was cancelled by somebody, however late."""
    assert not tracked("A", "CANCELLED", updated_on=at(10**6)).ran_out_of_time


@pytest.mark.parametrize(
    ("created", "ended", "by"),
    [
        pytest.param(0, 5, 5, id="clocks-agree"),
        pytest.param(-60, -55, 5, id="clock-of-the-account-is-behind"),
        pytest.param(60, 65, 65, id="clock-of-the-account-is-ahead"),
        pytest.param(2, 7, 7, id="slow-submission"),
    ],
)
def test_ended_by(created: float, ended: float, by: float) -> None:
    """A job had ended at the latest by its own end, and by submission and duration together."""
    job = tracked("JOB_A", "DONE", created_on=at(created), updated_on=at(ended))
    assert job.ended_by == at(by)


def test_gone() -> None:
    """Of a dropped job its start is known: key, asset, pool, instances."""
    who = identity(submitted=at(3), partition="p")
    job = gone(name("JOB_A"), who, "POOL", 3)
    assert job.key == JobKey("LAB.JOBS.JOB_A", at(3))
    assert (job.identity, job.status, job.is_over) == (who, JobStatus.DELETED, True)
    assert (job.record.compute_pool, job.record.replicas) == ("POOL", 3)
    assert (job.record.created_on, job.record.updated_on) == (at(3), at(3))


@pytest.mark.parametrize(
    ("columns", "ended"),
    [
        pytest.param({"completed_time": at(4)}, at(4), id="completed"),
        pytest.param({"completed_time": None, "deleted_time": at(6)}, at(6), id="deleted"),
    ],
)
def test_history_tells_the_end_before_a_drop(columns: Mapping[str, Any], ended: Any) -> None:
    """A dropped job has the end that its history row tells, under the same key."""
    row = HistoryRecord.from_row(history_row(status="FAILED", **columns))
    job = gone(name("JOB_A"), identity(), "POOL")
    told = job.as_history_tells(row)
    assert (told.status, told.record.status_text) == (JobStatus.FAILED, "FAILED")
    assert told.record.updated_on == ended
    assert (told.key, told.identity) == (job.key, job.identity)


def test_history_of_a_job_that_was_at_work_tells_no_end() -> None:
    """A job that was dropped while it worked stays dropped."""
    row = HistoryRecord.from_row(history_row(status="RUNNING", deleted_time=at(6)))
    job = gone(name("JOB_A"), identity(), "POOL")
    assert job.as_history_tells(row) == job


def test_history_does_not_overrule_the_listing() -> None:
    """The end of a listed job is what the account lists."""
    row = HistoryRecord.from_row(history_row(status="FAILED"))
    for word in ("DONE", "RUNNING", "CANCELLED"):
        job = tracked("JOB_A", word)
        assert job.as_history_tells(row) == job
