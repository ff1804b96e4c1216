"""Jobs that wait for a node: why, told on the tick and once on the asset's page."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import dagster as dg

from dagster_spcs.errors import NotAnswered
from dagster_spcs.event_log import keys
from dagster_spcs.jobs import log_text
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.spcs.unreadable import as_note

PENDING_FOR = timedelta(minutes=2)
"""Nodes that are up take a job within seconds; who waits longer is asked why."""
_MOST_ASKED = 5
"""Jobs that a tick asks about; each takes a statement, once."""
_MOST_KEPT = 20
"""Reasons that are kept between ticks."""


class PendingJobs:
    """Why jobs are PENDING.

    Args:
        client: asks for the containers of a job.
        told: reasons that were told, by job, as the last tick saved them.
        now: by Dagster's clock.
    """

    def __init__(self, client: SpcsClient, told: Mapping[str, str], now: datetime) -> None:
        self._client = client
        self._told = told
        self._now = now
        self.reasons: dict[str, str] = {}
        """Of the jobs that are PENDING still, for the cursor."""
        self.count = 0
        """How many jobs are PENDING, for however long."""

    def look(self, jobs: Iterable[TrackedJob]) -> list[dg.AssetObservation]:
        """Return an event for each job that is PENDING for long and was not told of yet."""
        waiting = sorted(
            (job for job in jobs if job.status is JobStatus.PENDING),
            key=lambda job: job.identity.submitted,
        )
        self.count = len(waiting)
        long = [job for job in waiting if self._now - job.identity.submitted > PENDING_FOR]
        names = {job.key.name for job in long}
        self.reasons = {name: why for name, why in self._told.items() if name in names}
        room = min(_MOST_ASKED, _MOST_KEPT - len(self.reasons))
        asked = [job for job in long if job.key.name not in self.reasons][:room]
        events = []
        for job in asked:
            self.reasons[job.key.name] = reason = self._reason(job)
            events.append(_event(job, reason))
        return events

    def summary(self) -> str:
        """Return what a tick says of them; empty if there are none."""
        if not self.count:
            return ""
        told = list(dict.fromkeys(self.reasons.values()))[:3]
        reasons = f" ({'; '.join(told)})" if told else ""
        return f", {self.count} of them PENDING{reasons}"

    def _reason(self, job: TrackedJob) -> str:
        try:
            containers = self._client.containers(job.name)
        except NotAnswered as error:
            return log_text.clean(as_note("not told", error))
        messages = dict.fromkeys(each.message for each in containers if each.message)
        return log_text.clean(", ".join(messages)) or "the account tells no reason"


def _event(job: TrackedJob, reason: str) -> dg.AssetObservation:
    since = job.identity.submitted.isoformat(timespec="seconds")
    return dg.AssetObservation(
        dg.AssetKey(list(job.asset_key)),
        partition=job.partition,
        description=f"Job {job.name} is PENDING since {since}: {reason}",
        metadata={
            keys.JOB_NAME: str(job.name),
            keys.STATUS: job.record.status_text,
            keys.COMPUTE_POOL: job.record.compute_pool,
            keys.MESSAGE: reason,
        },
        tags={keys.JOB_TAG: job.name.name, keys.STATUS_TAG: job.record.status_text},
    )
