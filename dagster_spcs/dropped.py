"""Jobs that were dropped before their end was seen.

Such a job is in no listing, so its comment cannot be read. But Dagster's event log holds the
observation that it was started, and nothing that tells its end.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import dagster as dg

from dagster_spcs import events
from dagster_spcs.client import SpcsClient
from dagster_spcs.errors import StatementError
from dagster_spcs.identity import JobIdentity
from dagster_spcs.names import JobName
from dagster_spcs.records import JobRecord
from dagster_spcs.reports import MetadataSource
from dagster_spcs.status import JobStatus

_PAGE = 1000


@dataclass(frozen=True)
class _Started:
    at: float
    observation: dg.AssetObservation


def asset_events(
    instance: dg.DagsterInstance, key: dg.AssetKey, after: float | None
) -> Iterator[tuple[float, dg.AssetMaterialization | dg.AssetObservation]]:
    """Yield an asset's materializations and observations since a time, with their times."""
    wanted = dg.AssetRecordsFilter(asset_key=key, after_timestamp=after)
    for fetch in (instance.fetch_materializations, instance.fetch_observations):
        page: str | None = None
        while True:
            result = fetch(wanted, limit=_PAGE, cursor=page)
            for record in result.records:
                event = record.asset_materialization or record.asset_observation
                if event is not None:
                    yield record.timestamp, event
            if not result.has_more:
                break
            page = result.cursor


def find_dropped(
    instance: dg.DagsterInstance,
    client: SpcsClient,
    keys: Iterable[dg.AssetKey],
    *,
    listed: Collection[JobName],
    since: datetime,
    source: MetadataSource,
) -> list[tuple[JobRecord, JobIdentity]]:
    """Return the jobs that were started since then, have no recorded end, and are not listed.

    Their status is what the history says, where it may be read, else DELETED.
    """
    gone: list[tuple[JobRecord, JobIdentity]] = []
    for key in keys:
        for started in _without_end(instance, key, since.timestamp()):
            job, identity = _records(started, key)
            if job.name not in listed and not _is_waited_for(instance, identity):
                gone.append((job, identity))
    if source == "warehouse" and gone:
        try:
            history = client.last_history([job.name for job, _ in gone], since=since)
        except StatementError:
            return gone  # DELETED is what can be said without it
        gone = [
            (
                job
                if (known := history.get(job.name)) is None
                else replace(
                    job,
                    status=known.status if known.status.is_final else JobStatus.DELETED,
                    status_text=(
                        known.status if known.status.is_final else JobStatus.DELETED
                    ).value,
                    created_on=known.created,
                    updated_on=known.completed or known.deleted or job.updated_on,
                ),
                identity,
            )
            for job, identity in gone
        ]
    return gone


def _without_end(instance: dg.DagsterInstance, key: dg.AssetKey, after: float) -> list[_Started]:
    started: dict[str, _Started] = {}
    ended: dict[str, float] = {}
    for at, event in asset_events(instance, key, after):
        tags = event.tags or {}
        name = tags.get(events.JOB_TAG)
        if name is None:
            continue
        if events.tells_an_end(tags):
            ended[name] = max(at, ended.get(name, at))
        elif isinstance(event, dg.AssetObservation) and (
            name not in started or at > started[name].at
        ):
            started[name] = _Started(at, event)
    return [each for name, each in started.items() if ended.get(name, 0.0) < each.at]


def _records(started: _Started, key: dg.AssetKey) -> tuple[JobRecord, JobIdentity]:
    metadata = {name: value.value for name, value in started.observation.metadata.items()}
    at = datetime.fromtimestamp(started.at, timezone.utc)
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
        partition=started.observation.partition,
        run_id=str(metadata[events.SUBMITTING_RUN]),
        attempt=int(str(metadata[events.ATTEMPT])),
        submitted=at,
    )
    return job, identity


def _is_waited_for(instance: dg.DagsterInstance, identity: JobIdentity) -> bool:
    # A run that is still there sees for itself that its job is gone; one that defers is over.
    run = instance.get_run_by_id(identity.run_id)
    return run is not None and not run.is_finished
