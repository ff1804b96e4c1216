"""The moves a job may make from one status to another (page "DESCRIBE SERVICE")."""

from dagster_spcs.spcs.status import JobStatus

MOVES: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset(
        {
            JobStatus.RUNNING,
            JobStatus.DONE,
            JobStatus.FAILED,
            JobStatus.CANCELLING,
            JobStatus.INTERNAL_ERROR,
            JobStatus.DELETED,
        }
    ),
    JobStatus.RUNNING: frozenset(
        {
            JobStatus.DONE,
            JobStatus.FAILED,
            JobStatus.CANCELLING,
            JobStatus.INTERNAL_ERROR,
            JobStatus.DELETED,
        }
    ),
    JobStatus.CANCELLING: frozenset(
        {JobStatus.CANCELLED, JobStatus.INTERNAL_ERROR, JobStatus.DELETED}
    ),
}


def may_move(old: JobStatus, new: JobStatus) -> bool:
    """Whether a job in ``old`` can become ``new``; a final status is never left."""
    return new in MOVES.get(old, frozenset())


def reachable(old: JobStatus) -> frozenset[JobStatus]:
    """Every status a job in ``old`` is in or may still come to."""
    found = {old}
    while True:
        more = {new for each in found for new in MOVES.get(each, frozenset())} - found
        if not more:
            return frozenset(found)
        found |= more
