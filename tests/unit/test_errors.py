"""Errors: a tree that callers catch by class, and messages that say what to do next."""

import inspect

import pytest

import dagster_spcs
from dagster_spcs import errors
from dagster_spcs.jobs import job_errors as about_a_job
from dagster_spcs.jobs.job_errors import JobFailed, JobNameInUse
from dagster_spcs.spcs import job_errors as about_jobs
from dagster_spcs.spcs.job_errors import JobTimedOut, SubmissionFailed
from dagster_spcs.spcs.names import JobName

from .samples import job, name

TREE = [
    each
    for module in (errors, about_jobs, about_a_job)
    for _, each in inspect.getmembers(module, inspect.isclass)
    if each.__module__ == module.__name__
]
REFUSALS = [kind for kind in TREE if issubclass(kind, errors.StatementError)]


def test_tree() -> None:
    """Every error is an ``SpcsError``, drawn in the module's docstring, and public."""
    assert {errors.SpcsError, JobTimedOut, JobFailed} <= set(TREE)
    for kind in TREE:
        assert issubclass(kind, errors.SpcsError) or kind in (errors.Retryable, errors.Lasting)
        assert kind.__name__ in (errors.__doc__ or "")
        assert getattr(dagster_spcs, kind.__name__) is kind


def test_what_the_account_did_not_give() -> None:
    """A refused statement and an odd answer are caught as one; a broken connection is neither."""
    assert set(REFUSALS) | {errors.NotAnswered, errors.UnexpectedAnswer} == {
        kind for kind in TREE if issubclass(kind, errors.NotAnswered)
    }
    assert not [kind for kind in REFUSALS if issubclass(kind, errors.Retryable)]


def test_retryable() -> None:
    """Only a lost connection and an expired session may be tried again as they are."""
    assert {kind for kind in TREE if issubclass(kind, errors.Retryable)} == {
        errors.Retryable,
        errors.ConnectionFailed,
        errors.SessionExpired,
    }


def test_lasting() -> None:
    """What is refused until somebody grants or makes something; any other refusal may pass."""
    assert {kind for kind in TREE if issubclass(kind, errors.Lasting)} == {
        errors.Lasting,
        errors.ObjectNotFound,
        errors.ObjectExists,
        errors.NotPrivileged,
        errors.NoCurrentSchema,
        errors.FunctionUnavailable,
    }


def test_wrong_values_are_value_errors() -> None:
    """What a caller got wrong is a ``ValueError`` as well, so pydantic takes it for its own."""
    for kind in (errors.InvalidName, errors.InvalidSpecification):
        assert issubclass(kind, ValueError)


def test_statement_error() -> None:
    """A refused statement tells number, state, query id and a next step."""
    for kind in REFUSALS:
        error = kind(
            "Object does not exist.",
            errno=2003,
            sqlstate="02000",
            query_id="01bd",
            statement="SELECT\n  1",
        )
        assert (error.errno, error.sqlstate, error.query_id) == (2003, "02000", "01bd")
        assert error.statement == "SELECT 1"
        first, *_, last = str(error).splitlines()
        assert first == "Object does not exist."
        assert last == kind.next_step
        assert "Query id: 01bd" in str(error)


def test_long_statement_is_shortened() -> None:
    """A message does not carry a whole specification."""
    error = errors.StatementError("refused", statement="SELECT 1, " * 1_000)
    assert len(error.statement) <= 300


def test_next_steps_differ() -> None:
    """Each kind of refusal has its own next step."""
    assert len({kind.next_step for kind in REFUSALS}) == len(REFUSALS)


def test_invalid_name() -> None:
    """A refused name is an attribute, and shown with its odd characters visible."""
    error = errors.InvalidName("a\nb", "no newline")
    assert (error.name, error.reason) == ("a\nb", "no newline")
    assert str(error) == r"Invalid name 'a\nb': no newline"


def test_job_failed() -> None:
    """A failed job tells its end, exit codes, last lines and how to remove it."""
    failed = job("JOB_A", "FAILED")
    error = JobFailed(failed, {"0/main": 3, "0/side": 0}, "line 1\nline 2")
    assert error.job is failed
    assert error.exit_codes == {"0/main": 3, "0/side": 0}
    text = str(error)
    assert "LAB.JOBS.JOB_A ended FAILED; exit codes: 0/main: 3, 0/side: 0" in text
    assert "\n  line 1\n  line 2\n" in text
    assert 'DROP SERVICE "LAB"."JOBS".JOB_A' in text


def test_job_failed_in_silence() -> None:
    """A job that left nothing says so."""
    text = str(JobFailed(job("JOB_A", "FAILED"), {}, ""))
    assert "exit codes: none" in text
    assert "(no output)" in text


def test_job_failed_that_is_gone() -> None:
    """A job that was dropped is not to be removed, and how it ended may be told otherwise."""
    text = str(JobFailed(job("JOB_A", "DELETED"), {}, "", ending="timed out and was cancelled"))
    assert "Job LAB.JOBS.JOB_A timed out and was cancelled; " in text
    assert "DROP SERVICE" not in text


def test_job_timed_out() -> None:
    """The jobs that had not ended are an attribute and in the message."""
    error = JobTimedOut([name("JOB_A"), name("JOB_B")], 90)
    assert (error.names, error.seconds) == ([name("JOB_A"), name("JOB_B")], 90)
    assert "Not ended after 90 s: LAB.JOBS.JOB_A, LAB.JOBS.JOB_B." in str(error)


def test_job_name_in_use() -> None:
    """A taken name says by what, and how to look at it."""
    error = JobNameInUse(name(), "made by hand")
    assert error.name == name()
    assert "LAB.JOBS.JOB_A is in use: made by hand" in str(error)
    assert 'DESCRIBE SERVICE "LAB"."JOBS".JOB_A' in str(error)


@pytest.mark.parametrize(
    ("started", "count", "ending"),
    [
        pytest.param([], "1 of 1 jobs", "in flight: none", id="none-started"),
        pytest.param([name("JOB_A")], "1 of 2 jobs", "in flight: LAB.JOBS.JOB_A", id="one-started"),
    ],
)
def test_submission_failed(started: list[JobName], count: str, ending: str) -> None:
    """Submissions that failed in part tell which jobs are in flight."""
    why = errors.NotPrivileged("no USAGE on POOL")
    error = SubmissionFailed(started, {name("JOB_B"): why})
    assert (error.started, error.failed) == (started, {name("JOB_B"): why})
    text = str(error)
    assert text.startswith(count)
    assert "  LAB.JOBS.JOB_B: no USAGE on POOL\n" in text
    assert text.endswith(ending)


def test_submission_failed_without_words() -> None:
    """An error that says nothing does not hide the others."""
    error = SubmissionFailed([], {name(): errors.ConnectionFailed()})
    assert "LAB.JOBS.JOB_A" in str(error)
