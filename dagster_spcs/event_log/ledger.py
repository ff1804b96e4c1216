"""What Dagster's event log holds of an asset's jobs: their ends, and which the sensor took over.

An event belongs to a job by its name and the time it was submitted (of a job that others started:
created), both in its metadata: a name can be used again once its job was dropped.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

import dagster as dg

from dagster_spcs.event_log import events
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.clocks import HOSTS_DIFFER_BY
from dagster_spcs.spcs.records import JobRecord

JobEvent = dg.AssetMaterialization | dg.AssetObservation
Searched = tuple[JobIdentity, datetime]
"""Whose end may have been recorded, and since when."""
_End = tuple[float, events.JobEnd]
_PAGE = 1000
_MOST_PARTITIONS = 500
"""Partitions that one query of the event log names."""


def asset_events(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    after: float | None = None,
    partitions: Sequence[str] | None = None,
) -> Iterator[tuple[float, JobEvent]]:
    """Yield an asset's materializations, then its observations, the newest first, with times."""
    yield from materializations(instance, key, after, partitions)
    yield from observations(instance, key, after, partitions)


def materializations(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    after: float | None = None,
    partitions: Sequence[str] | None = None,
) -> Iterator[tuple[float, JobEvent]]:
    """Yield an asset's materializations, the newest first, with times."""
    return _paged(instance.fetch_materializations, key, after, partitions)


def observations(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    after: float | None = None,
    partitions: Sequence[str] | None = None,
) -> Iterator[tuple[float, JobEvent]]:
    """Yield an asset's observations, the newest first, with times."""
    return _paged(instance.fetch_observations, key, after, partitions)


def _paged(
    fetch: Callable[..., Any],
    key: dg.AssetKey,
    after: float | None,
    partitions: Sequence[str] | None,
) -> Iterator[tuple[float, JobEvent]]:
    wanted = dg.AssetRecordsFilter(
        asset_key=key, asset_partitions=partitions, after_timestamp=after
    )
    page: str | None = None
    while True:
        result = fetch(wanted, limit=_PAGE, cursor=page)
        for record in result.records:
            event = record.asset_materialization or record.asset_observation
            if event is not None:
                yield record.timestamp, event
        if not result.has_more:
            return
        page = result.cursor


class RecordedEnds:
    """The ends of jobs that the event log tells of; each asset's are read once, when asked for.

    Times are by the clock of Dagster's own hosts, so the account's clock does not matter.

    Args:
        instance: whose event log is read.
        searched: every job that will be asked about.
    """

    def __init__(self, instance: dg.DagsterInstance, searched: Iterable[Searched]) -> None:
        self._instance = instance
        self._after: dict[tuple[str, ...], float] = {}
        self._partitions: dict[tuple[str, ...], set[str | None]] = {}
        for identity, since in searched:
            at = (since - HOSTS_DIFFER_BY).timestamp()
            self._after[identity.asset] = min(at, self._after.get(identity.asset, at))
            # The partitions of a batch are not known before the job was read.
            partition = None if identity.batch else identity.partition
            self._partitions.setdefault(identity.asset, set()).add(partition)
        self._ends: dict[tuple[str, ...], dict[str, list[_End]]] = {}
        self._taken_over: set[tuple[str, float]] = set()

    def is_recorded(self, job: JobRecord, identity: JobIdentity) -> bool:
        """Say whether the end of a job is recorded."""
        return self.recorded_at(job, identity) is not None

    def recorded_at(self, job: JobRecord, identity: JobIdentity) -> datetime | None:
        """Return when the end of a job was recorded, None if it is not."""
        ends = self._of(identity.asset).get(str(job.name), ())
        at = next((at for at, end in ends if end.is_of(job, identity)), None)
        return None if at is None else datetime.fromtimestamp(at, timezone.utc)

    def is_taken_over(self, job: JobRecord, identity: JobIdentity) -> bool:
        """Say whether the sensor records a job that a run waits for."""
        self._of(identity.asset)
        return (str(job.name), identity.submitted.timestamp()) in self._taken_over

    def _of(self, asset: tuple[str, ...]) -> dict[str, list[_End]]:
        if asset not in self._ends:
            self._ends[asset] = self._read(asset)
        return self._ends[asset]

    def _read(self, asset: tuple[str, ...]) -> dict[str, list[_End]]:
        found: dict[str, list[_End]] = {}
        own = [partition for partition in self._partitions[asset] if partition is not None]
        are_few = len(own) == len(self._partitions[asset]) <= _MOST_PARTITIONS
        for at, event in asset_events(
            self._instance,
            dg.AssetKey(list(asset)),
            self._after[asset],
            sorted(own) if are_few else None,
        ):
            end = events.end_told_by(event)
            taken_over = events.taken_over_by(event)
            if end is not None:
                found.setdefault(end.job_name, []).append((at, end))
            elif taken_over is not None:
                self._taken_over.add(taken_over)
        return found
