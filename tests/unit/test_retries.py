"""Another attempt after a failed job: whether, and when."""

from datetime import timedelta
from typing import Any

import pytest

from dagster_spcs.jobs.report import JobReport
from dagster_spcs.sensor.retries import Retry, RetryRule, next_attempt, take_due

from .samples import NOON, at, identity, tracked

RULE = RetryRule(max_retries=3, delay_seconds=60)


def failed(status: str = "FAILED", *, timed_out: bool = False, **of: Any) -> JobReport:
    """A report of a job that did not end well."""
    return JobReport(tracked("JOB_A", status, identity(**of)), timed_out=timed_out)


@pytest.mark.parametrize(("attempt", "minutes"), [(0, 1), (1, 2), (2, 4)])
def test_delay_doubles(attempt: int, minutes: float) -> None:
    """Each attempt waits twice as long as the one before, and counts itself."""
    retry = next_attempt(failed(attempt=attempt, partition="p"), RULE, NOON)
    assert retry is not None
    assert (retry.due, retry.attempt, retry.partition) == (at(minutes), attempt + 1, "p")


def test_attempt_knows_what_it_follows() -> None:
    """The failed job's name and creation, asset and run, by which it is told from any other."""
    retry = next_attempt(failed(), RULE, NOON)
    assert retry == Retry(
        due=at(1),
        asset=("daily", "scores"),
        attempt=1,
        after="JOB_A",
        created=NOON,
        run_id="run-1",
    )
    assert retry.key == ("JOB_A", NOON, None, 1)


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(failed("DONE"), id="success"),
        pytest.param(failed(attempt=3), id="no-attempt-left"),
        pytest.param(failed("CANCELLED"), id="cancelled-by-somebody"),
        pytest.param(failed("DELETED"), id="dropped-by-somebody"),
        pytest.param(failed(blocking=True), id="its-run-waits"),
        pytest.param(failed(run_id=""), id="others-started-it"),
    ],
)
def test_no_attempt(report: JobReport) -> None:
    """A retry is for a failure of a job of ours, and only so often."""
    assert next_attempt(report, RULE, NOON) is None


def test_no_attempt_without_a_rule() -> None:
    """An asset that asks for no retries gets none."""
    assert next_attempt(failed(), RetryRule(), NOON) is None


def test_a_timeout_is_a_failure() -> None:
    """It was cancelled by us, not by a person."""
    for status in ("CANCELLED", "DELETED", "RUNNING"):
        assert next_attempt(failed(status, timed_out=True), RULE, NOON) is not None


def test_what_is_due() -> None:
    """An attempt is due at its time, not before."""
    retries = [
        Retry(due=NOON + timedelta(seconds=second), asset=("a",), attempt=1, after="JOB")
        for second in (-1, 0, 1)
    ]
    assert take_due(retries, NOON) == (retries[:2], retries[2:])
