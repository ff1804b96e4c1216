"""What to do about jobs of other runs that are in flight for the same asset and partition."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal

from dagster_spcs.errors import ObjectNotFound
from dagster_spcs.jobs.submission import PlannedJob
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.job_errors import JobTimedOut
from dagster_spcs.spcs.status import JobStatus

Overlap = Literal["skip", "allow", "cancel_previous"]
_CANCELLED_WITHIN_SECONDS = 60.0
"""An older job's grace is 30 seconds (page "Working with services")."""


@dataclass(frozen=True)
class Overlapping:
    """A planned job, and the jobs of other runs that are in flight for the same."""

    planned: PlannedJob
    others: tuple[TrackedJob, ...]

    @property
    def names(self) -> str:
        """The names of the others."""
        return ", ".join(str(job.name) for job in self.others)


def find_overlapping(
    planned: Sequence[PlannedJob], listed: Iterable[TrackedJob]
) -> list[Overlapping]:
    """Return, for each planned job in order, what other runs have in flight for the same.

    The same is the same asset and partition; ``listed`` is what the account has.
    """
    in_flight: dict[tuple[str, ...], list[TrackedJob]] = {}
    for job in listed:
        if not job.is_over:
            in_flight.setdefault(job.asset_key, []).append(job)
    return [
        Overlapping(
            each,
            tuple(
                job
                for job in in_flight.get(each.asset, ())
                if job.identity.run_id != each.run_id
                # The comment of a batch cannot list its partitions: it counts as being for all.
                and (job.identity.batch or each.partitions or job.partition == each.partition)
            ),
        )
        for each in planned
    ]


def cancel_and_wait(
    client: SpcsClient,
    jobs: Sequence[TrackedJob],
    *,
    poll_seconds: float,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> None:
    """Cancel older jobs and wait for their end, so that two never write one table."""
    poll_seconds = min(1.0, poll_seconds)
    for job in jobs:
        say(f"Cancelling {job.name}, in flight for the same asset and partition.")
        if job.status is not JobStatus.CANCELLING:
            with suppress(ObjectNotFound):  # it was dropped meanwhile
                client.patiently(partial(client.cancel, job.name), poll_seconds=poll_seconds)
    for job in jobs:
        try:
            for _ in client.wait(
                [job.name], poll_seconds=poll_seconds, timeout_seconds=_CANCELLED_WITHIN_SECONDS
            ):
                pass
        except ObjectNotFound:
            say(f"{job.name} is gone.")
        except JobTimedOut as error:
            warn(f"Cancelled, and not ended yet: {error}")
