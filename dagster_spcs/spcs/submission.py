"""What a submission takes and gives."""

from dataclasses import dataclass

from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.request import JobRequest


@dataclass(frozen=True)
class Submission:
    """A job to start: everything ``EXECUTE JOB SERVICE`` is told."""

    request: JobRequest
    name: JobName
    """The whole name; ``request.name`` is only a readable stem and is not looked at here."""
    compute_pool: str
    comment: str = ""


@dataclass(frozen=True)
class Submitted:
    """A job that is now at the account.

    ``adopted`` is the record of a job that had this name already. Whether it is the caller's own
    is for the caller to tell from its comment.
    """

    name: JobName
    adopted: JobRecord | None = None
