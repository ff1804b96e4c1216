"""What Dagster's event log says of jobs: the only reader of it.

An event belongs to a job by the job's key: its name, and when it was submitted. What cannot be read
is kept aside with its reason; it is nobody's start and nobody's end.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import dagster as dg

from dagster_spcs.event_log.end import JobEnd, OwnEvent, read_end
from dagster_spcs.event_log.start import JobStart, read_start
from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob
from dagster_spcs.spcs.unreadable import Unreadable

_PAGE = 1000
"""Events that one query of the event log returns."""
_MOST_PARTITIONS = 500
"""Partitions that one query of the event log names."""


@dataclass(frozen=True)
class Entry:
    """What the event log says of one job."""

    start: JobStart | None = None
    ends: tuple[JobEnd, ...] = ()
    """One end; of a batch one for each partition that is recorded."""

    def end_of(self, partition: str | None) -> JobEnd | None:
        """Return the recorded end of a partition, or the one of the whole job if there is one."""
        own = (end for end in self.ends if end.partition == partition)
        return next(own, None) or next((end for end in self.ends if end.partition is None), None)

    def has_ends_of(self, partitions: Collection[str | None]) -> bool:
        """Whether the end of each of these is recorded, or one of the whole job."""
        return all(self.end_of(partition) is not None for partition in partitions)


NOTHING = Entry()
"""What the log says of a job that it says nothing of."""


@dataclass(frozen=True)
class Page:
    """What the event log says of the jobs of one asset since a time."""

    entries: Mapping[JobKey, Entry] = field(default_factory=dict)
    unreadable: tuple[Unreadable, ...] = ()

    def of(self, key: JobKey) -> Entry:
        """Return what the log says of one job."""
        return self.entries.get(key, NOTHING)

    def warn(self, asset: str, log: logging.Logger) -> None:
        """Tell a log which of the asset's events could not be read, if any."""
        if self.unreadable:
            log.warning(
                f"{len(self.unreadable)} events of asset {asset} are skipped, for example:"
                f" {self.unreadable[0]}"
            )


class Ledger:
    """Starts and ends of jobs, as Dagster's event log tells of them.

    Times are by the clock of Dagster's own hosts, so the account's clock does not matter.

    Args:
        instance: whose event log is read.
        page: how many events one query returns.
    """

    def __init__(self, instance: dg.DagsterInstance, page: int = _PAGE) -> None:
        self._instance = instance
        self._page = page

    def read(
        self,
        asset_key: Sequence[str],
        since: datetime,
        partitions: Collection[str | None] = (),
    ) -> Page:
        """Return what the log says of an asset's jobs.

        Args:
            asset_key: components of the asset key.
            since: events stored before this time are left out.
            partitions: only these are asked for, if they are given and few, without None.
        """
        wanted = None
        if partitions and None not in partitions and len(partitions) <= _MOST_PARTITIONS:
            wanted = sorted(map(str, partitions))
        return _page(self._events(asset_key, since, wanted))

    def read_of(
        self, jobs: Iterable[TrackedJob], since: Callable[[TrackedJob], datetime]
    ) -> dict[tuple[str, ...], Page]:
        """Return what the log says of some jobs' assets, by asset.

        Args:
            jobs: the jobs.
            since: from when on there may be an event of a job.
        """
        earliest: dict[tuple[str, ...], datetime] = {}
        partitions: dict[tuple[str, ...], set[str | None]] = {}
        for job in jobs:
            moment = since(job)
            earliest[job.asset_key] = min(moment, earliest.get(job.asset_key, moment))
            # The partitions of a batch are not known before its start was read.
            partition = None if job.identity.batch else job.partition
            partitions.setdefault(job.asset_key, set()).add(partition)
        return {key: self.read(key, moment, partitions[key]) for key, moment in earliest.items()}

    def read_starts(self, asset_key: Sequence[str], since: datetime) -> Page:
        """Return the same, without the ends that are successes.

        Starts and failures are observations; the materializations of an asset are much to read.
        """
        return _page(self._paged(self._instance.fetch_observations, asset_key, since, None))

    def last_end(self, asset_key: Sequence[str]) -> JobEnd | None:
        """Return the end of an asset's job that was recorded last, None if there is none."""
        ends = (read_end(at, event) for at, event in self._events(asset_key, None, None))
        readable = (end for end in ends if isinstance(end, JobEnd))
        return max(readable, key=lambda end: end.at, default=None)

    def has_success_since(
        self, asset_key: Sequence[str], partition: str | None, created: datetime, since: datetime
    ) -> bool:
        """Whether a job that was created later than ``created`` made an asset's partition.

        Args:
            asset_key: components of the asset key.
            partition: None for an unpartitioned asset.
            created: by the account's clock.
            since: events stored before this time are left out, by Dagster's clock.
        """
        wanted = None if partition is None else [partition]
        fetch = self._instance.fetch_materializations
        events = self._paged(fetch, asset_key, since, wanted)
        ends = (read_end(at, event) for at, event in events)
        return any(isinstance(end, JobEnd) and end.created > created for end in ends)

    def _events(
        self, asset_key: Sequence[str], since: datetime | None, partitions: Sequence[str] | None
    ) -> Iterator[tuple[datetime, OwnEvent]]:
        for fetch in (self._instance.fetch_materializations, self._instance.fetch_observations):
            yield from self._paged(fetch, asset_key, since, partitions)

    def _paged(
        self,
        fetch: Callable[..., Any],
        asset_key: Sequence[str],
        since: datetime | None,
        partitions: Sequence[str] | None,
    ) -> Iterator[tuple[datetime, OwnEvent]]:
        """Yield an asset's events, the newest first, with the times they were stored at."""
        wanted = dg.AssetRecordsFilter(
            asset_key=dg.AssetKey(list(asset_key)),
            asset_partitions=partitions,
            after_timestamp=None if since is None else since.timestamp(),
        )
        cursor: str | None = None
        while True:
            result = fetch(wanted, limit=self._page, cursor=cursor)
            for record in result.records:
                event = record.asset_materialization or record.asset_observation
                if event is not None:
                    yield datetime.fromtimestamp(record.timestamp, timezone.utc), event
            if not result.has_more:
                return
            cursor = result.cursor


def _page(events: Iterable[tuple[datetime, OwnEvent]]) -> Page:
    entries: dict[JobKey, Entry] = {}
    unreadable: list[Unreadable] = []
    for at, event in events:
        _take(read_start(at, event), entries, unreadable)
        _take(read_end(at, event), entries, unreadable)
    return Page(entries, tuple(unreadable))


def _take(
    told: JobStart | JobEnd | Unreadable | None,
    entries: dict[JobKey, Entry],
    unreadable: list[Unreadable],
) -> None:
    if isinstance(told, Unreadable):
        unreadable.append(told)
    elif told is not None:
        entry = entries.get(told.key, NOTHING)
        if isinstance(told, JobEnd):
            entries[told.key] = replace(entry, ends=(*entry.ends, told))
        else:
            entries[told.key] = replace(entry, start=_first_start(entry.start, told))


def _first_start(known: JobStart | None, told: JobStart) -> JobStart:
    """Return the first of two starts of a job, with the run that waits for it since the last one.

    A retry finds the job again; of a retried run, it is another run that waits.
    """
    if known is None:
        return told
    first, last = sorted((known, told), key=lambda start: start.at)
    return replace(first, waiting_run=last.waiting_run)
