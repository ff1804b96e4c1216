"""Dropping finished jobs: retained ones count towards the account's limit of services."""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from dagster_spcs.errors import NotAnswered
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.spcs.client import SpcsClient

_KEEP_FAILED = 7
"""How many times as long a job is kept that did not end DONE: somebody may want to look at it."""
_MOST_DROPPED = 50
"""Jobs that one tick drops; each takes a statement."""
_MAX_CONCURRENT = 8


def jobs_to_drop(
    jobs: Sequence[TrackedJob],
    unsettled: Collection[bytes],
    drop_after: timedelta,
    now: datetime,
) -> list[TrackedJob]:
    """Return the finished jobs whose time is up, the oldest first, as many as a tick drops.

    Args:
        jobs: the listed ones of this sensor.
        unsettled: digests of those whose ends are not known to be stored. What was settled before
            this tick is: the cursor is saved after the events.
        drop_after: the end of a job that ended DONE; the others are kept seven times as long.
        now: by Dagster's clock.
    """
    due = [
        job
        for job in jobs
        if job.is_over
        and not job.identity.is_observed
        and job.digest not in unsettled
        and now - job.ended_by > drop_after * (1 if job.status.is_success else _KEEP_FAILED)
    ]
    return sorted(due, key=lambda job: job.ended_by)[:_MOST_DROPPED]


def drop_jobs(client: SpcsClient, jobs: Sequence[TrackedJob], log: logging.Logger) -> None:
    """Drop some jobs; one that is refused is told, and tried again by a later tick."""

    def drop(job: TrackedJob) -> NotAnswered | None:
        try:
            client.drop(job.name)
        except NotAnswered as error:
            return error
        return None

    outcomes = client.concurrently(drop, jobs, max_concurrent=_MAX_CONCURRENT)
    refused = [error for error in outcomes if error is not None]
    if len(refused) < len(jobs):
        log.info(f"{len(jobs) - len(refused)} finished jobs were dropped.")
    if refused:
        log.warning(f"{len(refused)} finished jobs could not be dropped, for example: {refused[0]}")
