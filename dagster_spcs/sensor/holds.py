"""Who records a finished job that a run waits for: the run, or the sensor instead of it."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg

from dagster_spcs.errors import ObjectNotFound
from dagster_spcs.event_log import events
from dagster_spcs.jobs.gather import is_overdue
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.sensor.cursor import Cursor
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.status import JobStatus


class Holds:
    """Since when jobs are left to others, and which ones are not any longer.

    Args:
        instance: tells whether a run is still there.
        client: tells whether instances of a batch are at work.
        cursor: what the last tick knew.
        hold: how long a job that is over is left to a run.
        now: by Dagster's clock.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        client: SpcsClient,
        cursor: Cursor,
        *,
        hold: timedelta,
        now: datetime,
    ) -> None:
        self._instance = instance
        self._client = client
        self._cursor = cursor
        self._hold = hold
        self._now = now
        self._is_there: dict[str, bool] = {}
        self._at_work: set[str] = set()
        self._since: dict[str, datetime] = {}
        self._taken_over: set[str] = set()
        self.takeovers: list[dg.AssetObservation] = []
        """What runs are told in this tick."""

    def saved(self) -> dict[str, object]:
        """Return the fields of the cursor."""
        return {"held": self._since, "taken_over": tuple(sorted(self._taken_over))}

    def waited_for(self, opened: Sequence[tuple[JobRecord, JobIdentity]]) -> set[JobName]:
        """Return the jobs that are over, or overdue, and left to runs that wait.

        ``opened`` are all jobs whose end is not recorded.
        """
        is_over = {
            job.name: job.status.is_final or is_overdue(job, identity, self._now)
            for job, identity in opened
        }
        self._at_work = {
            identity.run_id
            for job, identity in opened
            if identity.held_back and not is_over[job.name]
        }
        for job, identity in opened:
            if _key(job, identity) in self._cursor.held:
                self.since(job, identity)
        return {
            job.name
            for job, identity in opened
            if identity.blocking and is_over[job.name] and self.is_left(job, identity)
        }

    def since(self, job: JobRecord, identity: JobIdentity) -> datetime:
        """Return since when a job is left for a later tick; from now on if it was not before."""
        key = _key(job, identity)
        return self._since.setdefault(key, self._cursor.held.get(key, self._now))

    def is_left(self, job: JobRecord, identity: JobIdentity) -> bool:
        """Whether a job is left to the run that started it, which may be about to record it.

        A run whose process was killed looks as if it were still there, so not for ever; but one
        that is not waited for any longer has to be told before somebody else records its job.
        """
        if identity.run_id not in self._is_there:
            run = self._instance.get_run_by_id(identity.run_id)
            self._is_there[identity.run_id] = run is not None and not run.is_finished
        if not self._is_there[identity.run_id]:
            return False
        is_needed = identity.held_back and identity.run_id in self._at_work
        if not is_needed and self._now - self.since(job, identity) < self._hold:
            return True
        if is_needed or self._works_on(job, identity):
            self._since[_key(job, identity)] = self._now
            return True
        return identity.blocking and not self._is_taken_over(job, identity)

    def _works_on(self, job: JobRecord, identity: JobIdentity) -> bool:
        """Whether a run rightly waits: a batch is FAILED with its first failure."""
        if not (identity.batch and job.status is JobStatus.FAILED):
            return False
        try:
            containers = self._client.containers(job.name)
        except ObjectNotFound:
            return False
        return any(each.started is not None and not each.has_ended for each in containers)

    def _is_taken_over(self, job: JobRecord, identity: JobIdentity) -> bool:
        """Whether the run was told, by a tick that was saved; tells it if not."""
        key = _key(job, identity)
        if key not in self._cursor.taken_over and key not in self._taken_over:
            self.takeovers.append(events.takeover(identity, job))
        self._taken_over.add(key)
        return key in self._cursor.taken_over


def _key(job: JobRecord, identity: JobIdentity) -> str:
    """Return what a job is known by, whether it is listed or gone, in few characters."""
    text = f"{job.name}@{identity.submitted.timestamp():.6f}"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:9]).decode()
