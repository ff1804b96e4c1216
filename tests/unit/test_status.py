"""Statuses: which are final, which is a success, and what becomes of unknown words."""

import pytest

from dagster_spcs.spcs.status import JobStatus


@pytest.mark.parametrize(
    ("word", "final", "success"),
    [
        pytest.param("PENDING", False, False, id="pending"),
        pytest.param("RUNNING", False, False, id="running"),
        pytest.param("DONE", True, True, id="done"),
        pytest.param("FAILED", True, False, id="failed"),
        pytest.param("CANCELLING", False, False, id="cancelling"),
        pytest.param("CANCELLED", True, False, id="cancelled"),
        pytest.param("SUSPENDING", False, False, id="suspending"),
        pytest.param("SUSPENDED", False, False, id="suspended"),
        pytest.param("DELETING", False, False, id="deleting"),
        pytest.param("DELETED", True, False, id="deleted"),
        pytest.param("INTERNAL_ERROR", True, False, id="internal-error"),
    ],
)
def test_known_words(word: str, final: bool, success: bool) -> None:
    """Every word of the pages is known, and its finality."""
    status = JobStatus(word)
    assert status.value == word
    assert (status.is_final, status.is_success) == (final, success)


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("HIBERNATING", id="new-word"),
        pytest.param("done", id="lower-case"),
        pytest.param("", id="empty"),
        pytest.param("UNKNOWN", id="our-own"),
    ],
)
def test_unknown_words(word: str) -> None:
    """A word that is not known is neither success nor failure, so the job is polled on."""
    status = JobStatus(word)
    assert status is JobStatus.UNKNOWN
    assert not status.is_final
    assert not status.is_success


def test_every_status_is_in_the_table() -> None:
    """A status added to the enum is added to the table above."""
    [table] = test_known_words.pytestmark
    assert {row.values[0] for row in table.args[1]} == set(JobStatus) - {JobStatus.UNKNOWN}
