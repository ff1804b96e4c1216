"""The job that is followed: what Snowflake lists, with the identity from its comment."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import HistoryRecord, JobRecord
from dagster_spcs.spcs.status import JobStatus

_CREATED_WITHIN = timedelta(seconds=30)
"""From the submission, as the identity tells it, to the job's creation."""


class JobKey(NamedTuple):
    """What tells one job from every other one: a name can be used again once its job is dropped."""

    name: str
    """``database.schema.name``, as events show it."""
    submitted: datetime
    """UTC; of a job that others started, its creation."""

    @property
    def digest(self) -> bytes:
        """The same in six bytes, for whoever has to remember many."""
        return _digest(self.name, self.submitted)


@lru_cache(maxsize=20_000)
def _digest(name: str, submitted: datetime) -> bytes:
    # Kept, because each tick lists all jobs again.
    text = f"{name}@{submitted.timestamp():.6f}"
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=6).digest()


@dataclass(frozen=True)
class TrackedJob:
    """A job of ours, or one that is observed.

    Everything above the client works with this: it has the one ``key``, the asset, and what its
    times mean.
    """

    record: JobRecord
    identity: JobIdentity
    key: JobKey = field(init=False, repr=False, compare=False)
    """What tells this job from every other one; computed once."""
    digest: bytes = field(init=False, repr=False, compare=False)
    """The key in six bytes."""

    def __post_init__(self) -> None:
        key = JobKey(str(self.record.name), self.identity.submitted)
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "digest", key.digest)

    @property
    def name(self) -> JobName:
        """The full name."""
        return self.record.name

    @property
    def status(self) -> JobStatus:
        """What the account says of it."""
        return self.record.status

    @property
    def asset_key(self) -> tuple[str, ...]:
        """Components of the key of the asset it makes; empty for a job that an op runs."""
        return self.identity.asset

    @property
    def partition(self) -> str | None:
        """The partition it makes; None of an unpartitioned asset, and of a batch."""
        return self.identity.partition

    @property
    def is_over(self) -> bool:
        """Whether it has a final status."""
        return self.record.status.is_final

    def is_overdue(self, now: datetime) -> bool:
        """Whether it is at work past its deadline, or has not started in time."""
        deadline = self.identity.deadline
        is_late = deadline is not None and deadline < now and not self.is_over
        return is_late or self.is_late_to_start(now)

    def is_late_to_start(self, now: datetime) -> bool:
        """Whether it waits for a node past the time that it had for that."""
        deadline = self.identity.start_deadline
        return deadline is not None and deadline < now and self.status is JobStatus.PENDING

    @property
    def ran_out_of_time(self) -> bool:
        """Whether it was cancelled because of its deadline, not by somebody's wish."""
        return self._was_cancelled_at(self.identity.deadline)

    @property
    def ran_out_of_time_to_start(self) -> bool:
        """The same of the time that it had to start; of a job none of whose containers did."""
        return self._was_cancelled_at(self.identity.start_deadline)

    def _was_cancelled_at(self, deadline: datetime | None) -> bool:
        if deadline is None or self.status not in (JobStatus.CANCELLING, JobStatus.CANCELLED):
            return False
        # The account's clock and Dagster's may be minutes apart, durations are not; but a slow
        # submission takes from a short one.
        given = deadline - self.identity.submitted
        slack = min(_CREATED_WITHIN, given / 2)
        worked = self.record.updated_on - self.record.created_on
        return self.record.updated_on >= deadline or worked >= given - slack

    @property
    def ended_by(self) -> datetime:
        """When at the latest it ended, by Dagster's clock; of a job that is over.

        The account's clock may be wrong, then submission and duration tell; the submission may
        have taken long, then the account's own time does.
        """
        worked = self.record.updated_on - self.record.created_on
        return max(self.record.updated_on, self.identity.submitted + worked)

    def as_history_tells(self, row: HistoryRecord) -> "TrackedJob":
        """Return the job with the end that it had before it was dropped, if it had one."""
        if self.status is not JobStatus.DELETED or not row.status.is_final:
            return self
        return replace(
            self,
            record=self.record._replace(
                status=row.status,
                status_text=row.status.value,
                updated_on=row.completed or row.deleted or self.record.updated_on,
            ),
        )

    def of_partition(self, partition: str) -> "TrackedJob":
        """Return the part of a batch that makes one partition."""
        return replace(self, identity=self.identity.model_copy(update={"partition": partition}))


def gone(name: JobName, identity: JobIdentity, compute_pool: str, replicas: int = 1) -> TrackedJob:
    """Return a job of which no more is known than its start, because it was dropped."""
    record = JobRecord(
        name=name,
        status=JobStatus.DELETED,
        status_text=JobStatus.DELETED.value,
        compute_pool=compute_pool,
        created_on=identity.submitted,
        updated_on=identity.submitted,
        replicas=replicas,
        comment=None,
        query_warehouse=None,
    )
    return TrackedJob(record, identity)
