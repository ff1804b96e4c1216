"""Jobs that were dropped before their end was seen.

Such a job is in no listing, so its comment cannot be read. But Dagster's event log holds the
observation that it was started, and nothing that tells its end.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import dagster as dg

from dagster_spcs import events
from dagster_spcs.client import SpcsClient
from dagster_spcs.errors import ObjectNotFound, StatementError
from dagster_spcs.identity import JobIdentity
from dagster_spcs.names import JobName
from dagster_spcs.recorded import CLOCK_SLACK, JobEvent, materializations, observations
from dagster_spcs.records import HistoryRecord, JobRecord
from dagster_spcs.reports import MetadataSource
from dagster_spcs.status import JobStatus

_AT_ONCE = 8


@dataclass(frozen=True)
class Dropped:
    """Jobs that are gone without an end, and since when others may be."""

    jobs: Sequence[tuple[JobRecord, JobIdentity]] = ()
    left_since: datetime | None = None
    """When the first job was started that was left for another time."""


def find_dropped(
    instance: dg.DagsterInstance,
    client: SpcsClient,
    keys: Iterable[dg.AssetKey],
    *,
    listed: Collection[JobName],
    since: datetime,
    listed_at: datetime,
    source: MetadataSource,
    limit: int,
) -> Dropped:
    """Return jobs that were started in that time, have no recorded end, and are gone.

    At most ``limit``, the oldest first. Each is asked for by name once more before it counts as
    gone. Its status is what the history says, where it may be read, else DELETED.
    """
    started = sorted(
        (
            (at, *_records(at, observation, key))
            for key in keys
            for at, observation in _without_end(instance, key, listed, since, listed_at)
        ),
        key=lambda each: each[0],
    )

    def is_gone(found: tuple[JobRecord, JobIdentity]) -> bool:
        try:
            client.describe(found[0].name)
        except ObjectNotFound:
            return True
        return False

    asked = [
        (job, identity)
        for _, job, identity in started[:limit]
        if not _is_waited_for(instance, identity)
    ]
    answers = client.concurrently(is_gone, asked, at_once=_AT_ONCE)
    gone = [found for found, answer in zip(asked, answers, strict=True) if answer]
    if source == "warehouse":
        try:
            history = client.last_history([job.name for job, _ in gone], since=since - CLOCK_SLACK)
        except StatementError:
            history = {}  # DELETED is what can be said without it
        gone = [(_as_history_tells(job, history.get(job.name)), own) for job, own in gone]
    left = [datetime.fromtimestamp(at, timezone.utc) for at, _, _ in started[limit:]]
    return Dropped(gone, min(left, default=None))


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
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    listed: Collection[JobName],
    since: datetime,
    listed_at: datetime,
) -> list[tuple[float, JobEvent]]:
    started: dict[str, tuple[float, JobEvent]] = {}
    ended: dict[str, float] = {}

    def take(at: float, event: JobEvent) -> None:
        end = events.end_told_by(event)
        if end is not None:
            ended[end.job_name] = max(at, ended.get(end.job_name, at))
        elif isinstance(event, dg.AssetObservation) and events.JOB_NAME in event.metadata:
            name = str(event.metadata[events.JOB_NAME].value)
            # One that was submitted after the listing could not be in it.
            if at < listed_at.timestamp() and (name not in started or at > started[name][0]):
                started[name] = (at, event)

    for at, event in observations(instance, key, since.timestamp()):
        take(at, event)
    unlisted = {name: at for name, (at, _) in started.items() if JobName.parse(name) not in listed}
    if unlisted:  # seldom; the materializations of an asset are much to read
        for at, event in materializations(instance, key, min(unlisted.values())):
            take(at, event)
    return [started[name] for name, at in unlisted.items() if ended.get(name, 0.0) < at]


def _records(
    timestamp: float, observation: JobEvent, key: dg.AssetKey
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
