"""Jobs that were dropped before their end was seen.

Such a job is in no listing, so its comment cannot be read. But Dagster's event log holds the
observation that it was started, and nothing that tells its end.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timezone

import dagster as dg

from dagster_spcs import events
from dagster_spcs.client import SpcsClient
from dagster_spcs.errors import ObjectNotFound, StatementError
from dagster_spcs.identity import JobIdentity
from dagster_spcs.names import JobName
from dagster_spcs.recorded import asset_events
from dagster_spcs.records import HistoryRecord, JobRecord
from dagster_spcs.reports import MetadataSource
from dagster_spcs.status import JobStatus


def find_dropped(
    instance: dg.DagsterInstance,
    client: SpcsClient,
    keys: Iterable[dg.AssetKey],
    *,
    listed: Collection[JobName],
    since: datetime,
    listed_at: datetime,
    source: MetadataSource,
) -> list[tuple[JobRecord, JobIdentity]]:
    """Return the jobs that were started in that time, have no recorded end, and are gone.

    Each is asked for by name once more before it counts as gone. Its status is what the history
    says, where it may be read, else DELETED.
    """
    gone: list[tuple[JobRecord, JobIdentity]] = []
    for key in keys:
        for at, observation in _without_end(instance, key, since, listed_at):
            job, identity = _records(at, observation, key)
            if job.name not in listed and not _is_waited_for(instance, identity):
                try:
                    client.describe(job.name)
                except ObjectNotFound:
                    gone.append((job, identity))
    if source == "warehouse":
        try:
            history = client.last_history([job.name for job, _ in gone], since=since)
        except StatementError:
            return gone  # DELETED is what can be said without it
        gone = [(_as_history_tells(job, history.get(job.name)), own) for job, own in gone]
    return gone


def _as_history_tells(job: JobRecord, known: HistoryRecord | None) -> JobRecord:
    if known is None:
        return job
    status = known.status if known.status.is_final else JobStatus.DELETED
    return replace(
        job,
        status=status,
        status_text=status.value,
        created_on=known.created,
        updated_on=known.completed or known.deleted or job.updated_on,
    )


def _without_end(
    instance: dg.DagsterInstance, key: dg.AssetKey, since: datetime, listed_at: datetime
) -> list[tuple[float, dg.AssetObservation]]:
    started: dict[str, tuple[float, dg.AssetObservation]] = {}
    ended: dict[str, float] = {}
    for at, event in asset_events(instance, key, since.timestamp()):
        end = events.end_told_by(event)
        if end is not None:
            ended[end.job_name] = max(at, ended.get(end.job_name, at))
        elif isinstance(event, dg.AssetObservation) and events.JOB_NAME in event.metadata:
            name = str(event.metadata[events.JOB_NAME].value)
            # One that was submitted after the listing could not be in it.
            if at < listed_at.timestamp() and (name not in started or at > started[name][0]):
                started[name] = (at, event)
    return [each for name, each in started.items() if ended.get(name, 0.0) < each[0]]


def _records(
    timestamp: float, observation: dg.AssetObservation, key: dg.AssetKey
) -> tuple[JobRecord, JobIdentity]:
    metadata = {name: value.value for name, value in observation.metadata.items()}
    at = datetime.fromtimestamp(timestamp, timezone.utc)
    database, schema, name = str(metadata[events.JOB_NAME]).rsplit(".", 2)
    job = JobRecord(
        name=JobName(name, schema, database),
        status=JobStatus.DELETED,
        status_text=JobStatus.DELETED.value,
        compute_pool=str(metadata[events.COMPUTE_POOL]),
        created_on=at,
        updated_on=at,
        replicas=1,
        comment=None,
        query_warehouse=None,
    )
    identity = JobIdentity(
        asset=tuple(key.path),
        partition=observation.partition,
        run_id=str(metadata[events.SUBMITTING_RUN]),
        attempt=int(str(metadata[events.ATTEMPT])),
        submitted=at,
    )
    return job, identity


def _is_waited_for(instance: dg.DagsterInstance, identity: JobIdentity) -> bool:
    # A run that is still there sees for itself that its job is gone; one that defers is over.
    run = instance.get_run_by_id(identity.run_id)
    return run is not None and not run.is_finished
