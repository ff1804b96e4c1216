"""Another attempt after a failed job: whether, and when. Pure decisions."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from dagster_spcs.jobs.report import JobReport
from dagster_spcs.spcs.status import JobStatus


class Retry(BaseModel):
    """Another attempt that is due at a time. Kept in the sensor's cursor until then."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    due: AwareDatetime
    """By Dagster's clock."""
    asset: tuple[str, ...]
    partition: str | None = None
    attempt: int = Field(ge=1)
    after: str
    """The failed job's name: with the attempt, what makes the request unique."""
    created: AwareDatetime | None = None
    """When the failed job was created: a later one that succeeds makes the attempt needless."""
    run_id: str = ""
    """The run that started the failed job: the attempt is made with its configuration."""

    @property
    def key(self) -> tuple[str, datetime | None, str | None, int]:
        """What tells an attempt from every other one."""
        return self.after, self.created, self.partition, self.attempt

    @property
    def run_key(self) -> str:
        """The key of the run that makes the attempt: the same whichever sensor asks for it."""
        created = "" if self.created is None else f"{self.created.timestamp():.6f}"
        parts = [f"retry {self.attempt} after {self.after}", created, self.partition or ""]
        return " ".join(part for part in parts if part)


class RetryRule(BaseModel):
    """What an asset's definition says of retries."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    max_retries: int = 0
    delay_seconds: float = 60.0


def next_attempt(report: JobReport, rule: RetryRule, now: datetime) -> Retry | None:
    """Return the attempt that follows a failed job, None if none does.

    The delay doubles with each attempt. A job that a person cancelled or dropped is not started
    again, nor is one that others started, nor one whose run waited for it: that run has its own
    retry policy.
    """
    identity = report.job.identity
    by_a_person = not report.timed_out and report.job.status in (
        JobStatus.CANCELLED,
        JobStatus.DELETED,
    )
    if report.succeeded or by_a_person or identity.blocking or identity.is_observed:
        return None
    if identity.attempt >= rule.max_retries:
        return None
    return Retry(
        due=now + timedelta(seconds=rule.delay_seconds * 2**identity.attempt),
        asset=identity.asset,
        partition=identity.partition,
        attempt=identity.attempt + 1,
        after=report.job.name.name,
        created=report.job.record.created_on,
        run_id=identity.run_id,
    )


def take_due(retries: Iterable[Retry], now: datetime) -> tuple[list[Retry], list[Retry]]:
    """Return the attempts to start now, and those that still wait."""
    due: list[Retry] = []
    waiting: list[Retry] = []
    for retry in retries:
        (due if retry.due <= now else waiting).append(retry)
    return due, waiting
