"""That a job was started: the observation, written and read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from dagster_spcs.event_log import keys
from dagster_spcs.event_log.entries import StoredMetadata, text_map_of, text_of, texts_of
from dagster_spcs.event_log.snowsight import snowsight_url
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.submission import SubmittedJob
from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob, gone
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.statements import get_service_logs, show_service_containers
from dagster_spcs.spcs.unreadable import Unreadable, read_safely
from dagster_spcs.spec import ServiceSpec

_SHOWN_LINES = 100
STATUS = "SUBMITTED"
"""The status of a job that was started; not one of Snowflake's."""


@dataclass(frozen=True)
class JobStart:
    """What the event log tells of a job's start."""

    at: datetime
    """When the event was stored, by Dagster's clock."""
    name: JobName
    identity: JobIdentity
    compute_pool: str
    partitions: tuple[str, ...] = ()
    """Of a job over several partitions: which, in the instances' order."""
    waiting_run: str | None = None
    """The run that waits for the job and records it, if one does."""
    inputs: Mapping[str, str] | None = None
    """Tags of Dagster's own that tell which inputs the job reads; None if that is not known."""

    @property
    def key(self) -> JobKey:
        """What tells the job from every other one."""
        return JobKey(str(self.name), self.identity.submitted)

    @property
    def job_if_gone(self) -> TrackedJob:
        """The job, as far as its start tells of it, as one that was dropped."""
        return gone(self.name, self.identity, self.compute_pool, max(1, len(self.partitions)))


def start_event(
    job: SubmittedJob, *, account: str | None, waiting_run: str | None = None
) -> dg.AssetObservation:
    """Return the event that shows on the asset's page that a job was started, or found.

    Args:
        job: the job, whose asset is one of the code location.
        account: the account's name where it is known, for a link.
        waiting_run: the run that waits for it, if one does.
    """
    identity, partitions = job.identity, job.planned.partitions
    metadata: dict[str, Any] = {
        keys.JOB_NAME: str(job.name),
        keys.STATUS: STATUS,
        keys.COMPUTE_POOL: job.planned.compute_pool,
        keys.ATTEMPT: identity.attempt,
        keys.SUBMITTED: dg.MetadataValue.timestamp(identity.submitted),
        keys.SUBMITTING_RUN: dg.MetadataValue.dagster_run(identity.run_id),
        keys.SERVICE: job.name.sql,
        keys.IDENTITY: identity.to_document(),
    }
    if job.planned.inputs is not None:
        metadata[keys.INPUTS] = dg.MetadataValue.json(dict(job.planned.inputs))
    if partitions:
        metadata[keys.PARTITIONS] = dg.MetadataValue.json(list(partitions))
    if waiting_run is not None:
        metadata[keys.WAITING_RUN] = dg.MetadataValue.dagster_run(waiting_run)
    url = snowsight_url(account, job.name)
    if url is not None:
        metadata[keys.JOB_URL] = dg.MetadataValue.url(url)
    return dg.AssetObservation(
        asset_key=dg.AssetKey(list(identity.asset)),
        partition=identity.partition,
        description=(
            f"{'Found' if job.adopted else 'Started'} job {job.name} on"
            f" {job.planned.compute_pool}; its log now: {_how_to_read_the_log(job)}"
        ),
        metadata=metadata,
        tags={keys.JOB_TAG: job.name.name, keys.STATUS_TAG: STATUS},
    )


def _how_to_read_the_log(job: SubmittedJob) -> str:
    """Return the statement to type: of the first container, as far as the request tells."""
    spec = job.planned.request.spec
    if not isinstance(spec, ServiceSpec):
        return show_service_containers(job.name).text
    first = spec.containers[0].name
    return get_service_logs(job.name, instance=0, container=first, lines=_SHOWN_LINES).text


def read_start(
    at: datetime, event: dg.AssetMaterialization | dg.AssetObservation
) -> JobStart | Unreadable | None:
    """Return what an event tells of a start, None if it tells of none; never raises."""
    return read_safely("an event that a job was started", _read, at, event)


def _read(at: datetime, event: dg.AssetMaterialization | dg.AssetObservation) -> JobStart | None:
    metadata = event.metadata
    if keys.IDENTITY not in metadata:
        return None
    document = metadata[keys.IDENTITY].value
    identity = JobIdentity.from_comment(document if isinstance(document, str) else None)
    if not isinstance(identity, JobIdentity):
        raise ValueError(str(identity or "its identity is not one of dagster-spcs"))
    if identity.asset != tuple(event.asset_key.path):
        raise ValueError(f"its identity is one of asset {'/'.join(identity.asset)}")
    return JobStart(
        at=at,
        name=JobName.parse(text_of(metadata, keys.SERVICE)),
        identity=identity,
        compute_pool=text_of(metadata, keys.COMPUTE_POOL),
        partitions=texts_of(metadata, keys.PARTITIONS),
        waiting_run=_waiting_run(metadata, identity),
        inputs=text_map_of(metadata, keys.INPUTS),
    )


def _waiting_run(metadata: StoredMetadata, identity: JobIdentity) -> str | None:
    if keys.WAITING_RUN in metadata:
        return text_of(metadata, keys.WAITING_RUN)
    return identity.run_id if identity.blocking else None
