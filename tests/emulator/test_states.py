"""The moves a job may make."""

import itertools

import pytest

from dagster_spcs.emulator.account.states import MOVES, may_move, reachable
from dagster_spcs.spcs.status import JobStatus

S = JobStatus
JOB_STATUSES = [
    S.PENDING, S.RUNNING, S.CANCELLING, S.CANCELLED, S.DONE, S.FAILED, S.INTERNAL_ERROR, S.DELETED,
]  # fmt: skip


@pytest.mark.parametrize("status", [s for s in JobStatus if s.is_final], ids=lambda s: s.value)
def test_a_final_status_is_never_left(status: JobStatus) -> None:
    """Nothing follows a final status."""
    assert not any(may_move(status, other) for other in JobStatus)
    assert reachable(status) == {status}


@pytest.mark.parametrize("status", list(MOVES), ids=lambda s: s.value)
def test_every_other_status_has_an_end(status: JobStatus) -> None:
    """Every status that is not final can still come to a final one, a platform fault included."""
    assert any(other.is_final for other in reachable(status))
    assert may_move(status, S.INTERNAL_ERROR)
    assert may_move(status, S.DELETED)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(S.RUNNING, S.PENDING, id="back-to-pending"),
        pytest.param(S.CANCELLING, S.RUNNING, id="cancel-undone"),
        pytest.param(S.CANCELLING, S.DONE, id="cancelled-but-done"),
        pytest.param(S.PENDING, S.CANCELLED, id="cancelled-without-cancelling"),
    ],
)
def test_moves_that_do_not_exist(old: JobStatus, new: JobStatus) -> None:
    """A job never goes back, and a cancelled one never ends well."""
    assert not may_move(old, new)


def test_jobs_are_never_suspended() -> None:
    """Only these statuses can be come to at all."""
    assert reachable(S.PENDING) == set(JOB_STATUSES)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(MOVES, repeat=2)))
def test_reachable_follows_the_moves(old: JobStatus, new: JobStatus) -> None:
    """What one move leads to is reachable."""
    assert not may_move(old, new) or new in reachable(old)
