"""Statuses: which are final, which is a success, and what becomes of unknown words."""

from dagster_spcs.spcs.status import JobStatus

FINAL = {
    "PENDING": False,
    "RUNNING": False,
    "DONE": True,
    "FAILED": True,
    "CANCELLING": False,
    "CANCELLED": True,
    "SUSPENDING": False,
    "SUSPENDED": False,
    "DELETING": False,
    "DELETED": True,
    "INTERNAL_ERROR": True,
}
"""Every word of the pages, and whether a job stays in it."""


def test_known_words() -> None:
    """Every word of the pages is known, and its finality; DONE alone is a success."""
    assert set(FINAL) == {each.value for each in JobStatus} - {"UNKNOWN"}
    for word, is_final in FINAL.items():
        status = JobStatus(word)
        assert status.value == word
        assert status.is_final is is_final
        assert status.is_success is (word == "DONE")


def test_unknown_words() -> None:
    """A word that is not known is neither success nor failure, so the job is polled on."""
    for word in ("HIBERNATING", "done", "", "UNKNOWN"):
        status = JobStatus(word)
        assert status is JobStatus.UNKNOWN
        assert not status.is_final
        assert not status.is_success
