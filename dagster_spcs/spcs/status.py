"""The statuses of jobs and containers, and which of them are final.

Pages "DESCRIBE SERVICE" and "SHOW SERVICE CONTAINERS IN SERVICE". A status this version does not
know is kept as it came: it is neither success nor failure, and is polled on.
"""

from enum import Enum


class JobStatus(str, Enum):
    """What ``DESCRIBE SERVICE`` can say of a job."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    SUSPENDING = "SUSPENDING"
    SUSPENDED = "SUSPENDED"
    DELETING = "DELETING"
    DELETED = "DELETED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    UNKNOWN = "UNKNOWN"
    """Ours, not Snowflake's: a word that is not in this list."""

    @classmethod
    def _missing_(cls, value: object) -> "JobStatus":
        return cls.UNKNOWN

    @property
    def is_final(self) -> bool:
        """Whether a job in this status stays in it."""
        return self in _FINAL

    @property
    def is_success(self) -> bool:
        """Whether every container of every instance exited with 0."""
        return self is JobStatus.DONE


_FINAL = frozenset(
    {
        JobStatus.DONE,
        JobStatus.FAILED,
        JobStatus.CANCELLED,
        JobStatus.DELETED,
        JobStatus.INTERNAL_ERROR,
    }
)
