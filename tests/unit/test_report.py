"""A report: the verdict on a finished job, its times, and the parts of a batch."""

from dataclasses import replace
from typing import Any

import pytest

from dagster_spcs.jobs.report import JobReport
from dagster_spcs.spcs.records import ContainerRecord, HistoryRecord, JobLog, LogLine
from dagster_spcs.spcs.status import JobStatus

from .samples import NOON, at, container, history_row, identity, tracked


def report(status: str = "DONE", **fields: Any) -> JobReport:
    """A report of a job without containers."""
    return JobReport(tracked("JOB_A", status), **fields)


@pytest.mark.parametrize(
    ("starts", "started"),
    [
        pytest.param([], None, id="no-containers"),
        pytest.param([None, ""], None, id="never-started"),
        pytest.param(["2026-01-01T12:03:00Z", "2026-01-01T12:02:00Z"], at(2), id="the-first"),
        pytest.param(["", "2026-01-01T12:02:00Z"], at(2), id="the-first-that-did"),
        pytest.param(["2026-01-01T11:59:59Z"], NOON, id="not-before-the-job"),
    ],
)
def test_started(starts: list, started: Any) -> None:
    """A job starts with its first container, never before its creation."""
    containers = tuple(container(start_time=start) for start in starts)
    assert report(containers=containers).started == started


def test_completed() -> None:
    """The history tells the end best; without it, the last change of status does."""
    told = HistoryRecord.from_row(history_row())
    untold = HistoryRecord.from_row(history_row(completed_time=None))
    assert report(history=told).completed == at(4)
    assert report(history=untold).completed == at(5)
    assert report().completed == at(5)


def test_replicas() -> None:
    """The history tells how many instances were asked for; without it, the listing does."""
    told = HistoryRecord.from_row(history_row(parameters='{"REPLICAS": 4}'))
    assert report(history=told).replicas == 4
    assert report().replicas == 1


def test_exit_codes() -> None:
    """Exit codes are told of the containers that have one, zero included."""
    containers = (
        container(last_exit_code=0),
        container(instance_id="1", last_exit_code=137),
        container(instance_id="2", last_exit_code=None),
    )
    assert report(containers=containers).exit_codes == {"0/main": 0, "1/main": 137}


def test_success() -> None:
    """A job succeeded if it ended DONE, and in time."""
    assert report().succeeded
    assert not report(timed_out=True).succeeded
    for word in JobStatus:
        assert report(word.value).succeeded is (word is JobStatus.DONE)


def test_status_text() -> None:
    """The last status is Snowflake's word, known or not, or that the job timed out."""
    assert report("FAILED").status_text == "FAILED"
    assert report("HIBERNATING").status_text == "HIBERNATING"
    assert report("CANCELLED", timed_out=True).status_text == "TIMED_OUT"


def test_what_needs_cancelling() -> None:
    """Past its deadline a job is cancelled while it works, or while some of its instances do."""
    assert report("RUNNING", timed_out=True).needs_cancelling
    assert report("FAILED", timed_out=True, goes_on=True).needs_cancelling
    assert not report("CANCELLED", timed_out=True).needs_cancelling
    assert not report("FAILED", goes_on=True).needs_cancelling


@pytest.mark.parametrize(
    ("made", "failure"),
    [
        pytest.param(report("FAILED"), "ended FAILED", id="failed"),
        pytest.param(report("INTERNAL_ERROR"), "ended INTERNAL_ERROR", id="internal-error"),
        pytest.param(report("CANCELLED"), "was cancelled", id="cancelled"),
        pytest.param(
            report("CANCELLED", timed_out=True), "timed out and was cancelled", id="timed-out"
        ),
        pytest.param(
            report("DELETED", containers=(container(last_exit_code=3),)),
            "was dropped by somebody before its end was seen",
            id="dropped",
        ),
        pytest.param(
            report("FAILED", containers=(container(), container(container_name="b"))),
            "ended FAILED",
            id="zeros-are-not-told",
        ),
        pytest.param(
            report(
                "FAILED",
                containers=(container(last_exit_code=3), container(instance_id="1")),
            ),
            "ended FAILED (0/main exited 3)",
            id="exit-codes",
        ),
    ],
)
def test_failure(made: JobReport, failure: str) -> None:
    """Why a job counts as failed is one sentence about it."""
    assert made.failure == f"Job LAB.JOBS.JOB_A {failure}"


def test_notes() -> None:
    """Notes are kept in their order, and the report they were added to stays as it was."""
    first = report().with_note("one")
    assert first.with_note("two").missing == ("one", "two")
    assert first.missing == ("one",)


# Batches


def batch(status: str, *containers: ContainerRecord, **fields: Any) -> JobReport:
    """A report of a job over the partitions a and b."""
    job = tracked("JOB_A", status, identity(batch=True), target_instances=2)
    return JobReport(job, containers, partitions=("a", "b"), **fields)


def test_a_job_of_one_part() -> None:
    """A job that is no batch, or whose partitions are not known, is its own only part."""
    whole = report()
    assert list(whole.parts) == [whole]
    unknown = replace(batch("DONE"), partitions=())
    assert list(unknown.parts) == [unknown]


def test_parts_have_the_end_of_their_instance() -> None:
    """A partition is made if its instance exited with 0, whatever became of the others."""
    whole = batch("FAILED", container(), container(instance_id="1", last_exit_code=3))
    one, two = whole.parts
    assert [(each.job.partition, each.succeeded) for each in (one, two)] == [
        ("a", True),
        ("b", False),
    ]
    assert (one.exit_codes, two.exit_codes) == ({"0/main": 0}, {"1/main": 3})
    assert (one.status_text, two.status_text) == ("DONE", "FAILED")
    assert {each.job.key for each in (one, two)} == {whole.job.key}


def test_part_without_containers() -> None:
    """Of an instance that nothing is known of, the end is the job's."""
    one, two = batch("FAILED", container()).parts
    assert (one.succeeded, two.succeeded) == (True, False)
    assert [each.succeeded for each in batch("DONE").parts] == [True, True]


def test_part_with_several_containers() -> None:
    """All containers of an instance have to exit with 0."""
    one, _ = batch("FAILED", container(), container(container_name="b", last_exit_code=1)).parts
    assert not one.succeeded


def test_parts_have_the_lines_of_their_instance() -> None:
    """The lines are divided; the totals are the whole job's, and of no part."""
    lines = (LogLine("of a", 0, "main"), LogLine("of b", 1, "main"))
    whole = batch("DONE", log=JobLog(lines, total=2, errors=0))
    assert [part.log for part in whole.parts] == [JobLog(lines[:1]), JobLog(lines[1:])]


def test_parts_that_ended_in_time() -> None:
    """When the deadline ends a batch, what ended by itself before has not timed out."""
    whole = batch(
        "CANCELLED", container(), container(instance_id="1", last_exit_code=143), timed_out=True
    )
    assert [part.status_text for part in whole.parts] == ["DONE", "TIMED_OUT"]


def test_part_that_failed_before_the_deadline_of_others() -> None:
    """An instance that failed by itself failed; one that goes on timed out."""
    whole = batch(
        "FAILED",
        container(last_exit_code=3),
        container(instance_id="1", last_exit_code=None, status="READY"),
        timed_out=True,
        goes_on=True,
    )
    assert [part.status_text for part in whole.parts] == ["FAILED", "TIMED_OUT"]
