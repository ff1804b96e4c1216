"""That jobs were started, read back from Dagster's event log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import dagster as dg

from dagster_spcs.event_log import events
from dagster_spcs.event_log.ledger import JobEvent, materializations, observations
from dagster_spcs.jobs.gather import JobReport
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.clocks import HOSTS_DIFFER_BY
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.status import JobStatus

JobKey = tuple[str, float]
"""A job's name as it is told, and when it was submitted."""


@dataclass(frozen=True)
class JobStart:
    """What the observation that a job was started tells of it."""

    at: float
    """When the event was stored."""
    text: str
    """The name as it is told."""
    identity: JobIdentity
    compute_pool: str
    partitions: tuple[str, ...]
    """What a job over several partitions is to make, in the instances' order."""

    @classmethod
    def told_by(cls, at: float, event: JobEvent) -> "JobStart | None":
        """Return what an event tells of a start, None if it tells of none."""
        metadata = event.metadata
        if not {events.JOB_NAME, events.STATUS, events.SUBMITTED} <= metadata.keys():
            return None
        if metadata[events.STATUS].value != events.STARTED_STATUS:
            return None
        deadline = metadata.get(events.DEADLINE)
        told = metadata.get(events.PARTITIONS)
        several = told.value if isinstance(told, dg.JsonMetadataValue) else None
        partitions = tuple(map(str, several or ()))
        return cls(
            at=at,
            text=str(metadata[events.JOB_NAME].value),
            identity=JobIdentity(
                asset=tuple(event.asset_key.path),
                partition=event.partition,
                run_id=str(metadata[events.SUBMITTING_RUN].value),
                blocking=metadata[events.WAITED_FOR].value is True,
                attempt=int(str(metadata[events.ATTEMPT].value)),
                submitted=utc(float(str(metadata[events.SUBMITTED].value))),
                deadline=None if deadline is None else utc(float(str(deadline.value))),
                batch=bool(partitions),
                held_back=events.HELD_BACK in metadata,
            ),
            compute_pool=str(metadata[events.COMPUTE_POOL].value),
            partitions=partitions,
        )

    @property
    def key(self) -> JobKey:
        """What tells the job from every other one."""
        return self.text, self.identity.submitted.timestamp()

    @property
    def name(self) -> JobName:
        """The job's name."""
        # As it is told: nothing is quoted, and only the last two parts cannot have dots.
        database, schema, name = self.text.rsplit(".", 2)
        return JobName(name, schema, database)

    @property
    def job(self) -> JobRecord:
        """The job, as far as its start tells of it, as one that is gone."""
        return JobRecord(
            name=self.name,
            status=JobStatus.DELETED,
            status_text=JobStatus.DELETED.value,
            compute_pool=self.compute_pool,
            created_on=self.identity.submitted,
            updated_on=self.identity.submitted,
            replicas=max(1, len(self.partitions)),
            comment=None,
            query_warehouse=None,
        )

    def is_of(self, job: JobRecord) -> bool:
        """Whether this is the start of that job, and not of an earlier one of the name."""
        identity = JobIdentity.from_comment(job.comment)
        return (
            identity is not None
            and job.name == self.name
            and identity.submitted == self.identity.submitted
        )


def find_start(
    instance: dg.DagsterInstance, job: JobRecord, identity: JobIdentity
) -> JobStart | None:
    """Return what the event log tells of a job's start, None if its run was killed before."""
    since = (identity.submitted - HOSTS_DIFFER_BY).timestamp()
    for at, event in observations(instance, dg.AssetKey(list(identity.asset)), since):
        start = JobStart.told_by(at, event)
        if start is not None and start.is_of(job):
            return start
    return None


class UnlistedStarts:
    """The jobs of one asset that were started and are not listed, and what is recorded of them.

    Args:
        instance: whose event log is read.
        key: the asset.
        is_ours: whether the sensor's resource starts jobs of a name.
        listed: the jobs that are listed.
        since: from when on starts count, by Dagster's clock.
        read_since: from when on they are read: jobs that had the same names before.
        listed_at: when the jobs were listed.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        key: dg.AssetKey,
        *,
        is_ours: Callable[[JobName], bool],
        listed: Mapping[JobName, JobRecord],
        since: datetime,
        read_since: datetime,
        listed_at: datetime,
    ) -> None:
        self._since = since.timestamp()
        self._starts: dict[JobKey, JobStart] = {}
        self._ends: dict[JobKey, list[tuple[float, events.JobEnd]]] = {}
        for at, event in observations(instance, key, read_since.timestamp()):
            self._take_end(at, event)
            start = JobStart.told_by(at, event)
            # One that was submitted after the listing could not be in it.
            if start is None or at >= listed_at.timestamp() or not is_ours(start.name):
                continue
            if start.name not in listed or not start.is_of(listed[start.name]):
                self._starts[start.key] = start
        if self._starts:  # seldom; the materializations of an asset are much to read
            earliest = min(start.at for start in self._starts.values())
            for at, event in materializations(instance, key, earliest):
                self._take_end(at, event)

    def _take_end(self, at: float, event: JobEvent) -> None:
        end = events.end_told_by(event)
        if end is not None and end.submitted is not None:
            self._ends.setdefault((end.job_name, end.submitted), []).append((at, end))

    def has_ended(self, start: JobStart) -> bool:
        """Whether an end of each partition is recorded, or one of the whole."""
        told = {end.partition for _, end in self._ends.get(start.key, ())}
        return None in told or told.issuperset(start.partitions or [start.identity.partition])

    def endless(self) -> list[JobStart]:
        """Return the starts without a recorded end, those of before ``since`` too."""
        return [start for start in self._starts.values() if not self.has_ended(start)]

    def counts(self, start: JobStart) -> bool:
        """Whether a start is not of before ``since``."""
        return start.at >= self._since

    def ended(self) -> list[tuple[JobName, datetime]]:
        """Return name and creation of the jobs whose end is recorded."""
        return [
            (start.name, utc(self._ends[start.key][0][1].created))
            for start in self._starts.values()
            if self.has_ended(start)
        ]

    def recorded_failures(self) -> list[tuple[JobReport, JobIdentity]]:
        """Return the recorded ends that were no success, one a partition."""
        return [
            (
                JobReport(
                    replace(
                        start.job,
                        status=JobStatus(end.status),
                        status_text=end.status,
                        created_on=utc(end.created),
                        updated_on=utc(at),
                    ),
                    timed_out=end.timed_out,
                ),
                start.identity.model_copy(update={"partition": end.partition}),
            )
            for start in self._starts.values()
            if self.counts(start) and self.has_ended(start)
            for at, end in self._ends[start.key]
            if not end.succeeded
        ]


def utc(at: float) -> datetime:
    """Return a time stamp of the event log as a moment."""
    return datetime.fromtimestamp(at, timezone.utc)
