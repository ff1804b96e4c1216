"""Jobs that were started and are no longer listed: found in the event log, and asked about.

Such a job's comment cannot be read any more. But the event log holds the observation that it was
started, and no event that it ended.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dagster as dg

from dagster_spcs.errors import FunctionUnavailable, NotAnswered, ObjectNotFound
from dagster_spcs.event_log.ledger import Entry, Ledger
from dagster_spcs.event_log.start import JobStart
from dagster_spcs.jobs.gather import MetadataSource
from dagster_spcs.jobs.history_rows import match_rows
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.submission import Place
from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob
from dagster_spcs.sensor.code_location import CodeLocation
from dagster_spcs.sensor.cursor import Cursor, Marks, asset_text, one_is_missing
from dagster_spcs.sensor.decide import Gone
from dagster_spcs.sensor.listing import Listed
from dagster_spcs.sensor.run_liveness import RunLiveness
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.clocks import ACCOUNT_DIFFERS_BY, HOSTS_DIFFER_BY, RETENTION
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import HistoryRecord
from dagster_spcs.spcs.unreadable import Unreadable, as_note

_MAX_CONCURRENT = 8
AssetKey = tuple[str, ...]


@dataclass(frozen=True)
class Unlisted:
    """A job of ours that was started and is not listed."""

    entry: Entry
    start: JobStart
    gone: Gone


@dataclass
class _Found:
    """What the event log says of jobs that are not listed."""

    endless: list[tuple[Entry, JobStart]] = field(default_factory=list)
    """Without a recorded end, those from before the time that is searched too."""
    failed: list[tuple[Entry, JobStart]] = field(default_factory=list)
    """With an end that is no success."""
    others: dict[str, list[datetime]] = field(default_factory=dict)
    """By name, when the account created other jobs that had it."""


class DroppedJobs:
    """Finds the jobs that are gone.

    Args:
        instance: knows runs.
        client: asks the account.
        ledger: what is recorded.
        location: the code location.
        place: where the resource's jobs live.
        cursor: what the last tick saved.
        liveness: which runs are at work.
        source: whether the history may be read.
        log: is told what cannot be read.
        now: when the jobs were listed, by Dagster's clock.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        client: SpcsClient,
        ledger: Ledger,
        location: CodeLocation,
        place: Place,
        cursor: Cursor,
        liveness: RunLiveness,
        *,
        source: MetadataSource,
        log: logging.Logger,
        now: datetime,
    ) -> None:
        self._instance = instance
        self._client = client
        self._ledger = ledger
        self._location = location
        self._place = place
        self._cursor = cursor
        self._liveness = liveness
        self._source = source
        self._log = log
        self._now = now

    def find(self, listed: Listed, opened: Sequence[TrackedJob], limit: int) -> list[Unlisted]:
        """Return the jobs that were started, and are not listed.

        At most ``limit`` of those without a recorded end are asked about, the oldest first; the
        others may be there, as far as this tick knows. Of those with one, failures are returned:
        what follows them may not have been requested.
        """
        searched = self._searched(opened)
        if not searched:
            return []
        found = self._search(searched, listed)
        wanted = [
            start
            for _, start in found.endless
            if start.at >= searched[start.identity.asset] and not self._is_left(start)
        ]
        gone = self._ask(wanted[:limit], found)
        return [
            Unlisted(entry, start, gone.get(start.key, Gone(start.at, may_be_there=True)))
            for entry, start in found.endless
            if start.at >= searched[start.identity.asset]
        ] + [Unlisted(entry, start, Gone(start.at)) for entry, start in found.failed]

    def _searched(self, opened: Sequence[TrackedJob]) -> Mapping[AssetKey, datetime]:
        """Return the assets whose events are searched, and since when."""
        cursor = self._cursor
        moments = []
        if one_is_missing(opened, cursor):
            moments.append((cursor.through or self._now - RETENTION) - ACCOUNT_DIFFERS_BY)
        elif cursor.looked is not None and self._runs_were_active(cursor.looked):
            # A job that was started and dropped since then was never listed.
            moments.append(cursor.looked - HOSTS_DIFFER_BY)
        if cursor.dropped_since is not None:
            moments.append(cursor.dropped_since - timedelta(milliseconds=1))
        known = set(cursor.assets)
        since: dict[AssetKey, datetime] = {}
        for asset in self._location.job_assets():
            key = tuple(asset.path)
            is_new = asset_text(key) not in known
            own = [*moments, *([self._now - RETENTION] if is_new else [])]
            if own:
                since[key] = min(own)
        return since

    def _runs_were_active(self, looked: datetime) -> bool:
        wanted = (
            dg.RunsFilter(updated_after=looked - HOSTS_DIFFER_BY),
            dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]),
        )
        return any(self._instance.get_run_records(each, limit=1) for each in wanted)

    def _search(self, searched: Mapping[AssetKey, datetime], listed: Listed) -> _Found:
        found = _Found()
        for job in listed.jobs:
            found.others.setdefault(job.key.name, []).append(job.record.created_on)
        marks = Marks(self._cursor.settled)
        for key, since in searched.items():
            for entry, start in self._entries(key, listed, since):
                if start is not None and not _is_ended(entry, start):
                    found.endless.append((entry, start))
                    continue
                for end in entry.ends[:1]:
                    found.others.setdefault(end.key.name, []).append(end.created)
                if start is None or start.at < since or start.key.digest in marks:
                    continue
                if not all(end.succeeded for end in entry.ends):
                    found.failed.append((entry, start))
        found.endless.sort(key=lambda pair: pair[1].identity.submitted)
        return found

    def _entries(
        self, key: AssetKey, listed: Listed, since: datetime
    ) -> Iterator[tuple[Entry, JobStart | None]]:
        """Yield what the log says of an asset's jobs, with the start of each that is unlisted."""
        # The history is read from so early on, by a clock that may be so far behind. So jobs that
        # had the same names have to be known from so early on, too.
        read_since = since - 2 * ACCOUNT_DIFFERS_BY
        page = self._ledger.read_starts(key, read_since)
        if any(self._unlisted(entry, listed) is not None for entry in page.entries.values()):
            page = self._ledger.read(key, read_since)
            page.warn(asset_text(key), self._log)
        for entry in page.entries.values():
            yield entry, self._unlisted(entry, listed)

    def _unlisted(self, entry: Entry, listed: Listed) -> JobStart | None:
        """Return the start of a job of ours that should be listed, and is not."""
        start = entry.start
        if start is None or not self._place.holds(start.name):
            return None
        is_unlisted = (
            # One that was submitted after the listing could not be in it.
            start.at < self._now
            and self._location.is_responsible_for(start.identity)
            and start.key.digest not in listed.digests
            and start.name.name not in listed.unreadable_names
        )
        return start if is_unlisted else None

    def _is_left(self, start: JobStart) -> bool:
        return start.waiting_run is not None and self._liveness.is_alive(start.waiting_run)

    def _ask(self, asked: Sequence[JobStart], found: _Found) -> dict[JobKey, Gone]:
        """Ask the account for jobs by name, and the history for those that are gone."""
        answers = self._client.concurrently(self._is_there, asked, max_concurrent=_MAX_CONCURRENT)
        there = {start.key for start, answer in zip(asked, answers, strict=True) if answer}
        known = {
            key: Gone(start.at, may_be_there=True) for start in asked if (key := start.key) in there
        }
        gone = [start for start in asked if start.key not in there]
        if gone:
            known |= self._ask_history(
                gone, [start for _, start in found.endless if start.key not in there], found.others
            )
        return known

    def _is_there(self, start: JobStart) -> bool:
        """Whether the account has a job, asked for it alone."""
        try:
            record = self._client.describe(start.name)
        except ObjectNotFound:
            return False
        except NotAnswered as error:
            self._log.warning(f"{start.name} is not listed, and its description failed: {error}")
            return True
        identity = JobIdentity.from_comment(record.comment)
        # A comment that cannot be read may be this job's.
        return isinstance(identity, Unreadable) or (
            identity is not None and identity.submitted == start.identity.submitted
        )

    def _ask_history(
        self,
        gone: Sequence[JobStart],
        endless: Sequence[JobStart],
        others: Mapping[str, Sequence[datetime]],
    ) -> dict[JobKey, Gone]:
        rows, note, has_history = self._rows(
            {start.name for start in gone}, min(start.at for start in gone)
        )
        matched = match_rows(
            {start.key: start.identity.submitted for start in endless}, rows, others
        )
        known = {}
        for start in gone:
            row = matched.get(start.key)
            found = row if isinstance(row, HistoryRecord) else None
            known[start.key] = Gone(
                start.at,
                row=found,
                row_may_come=has_history and found is None,
                note=f"history: {row}" if isinstance(row, Unreadable) else note,
            )
        return known

    def _rows(
        self, names: set[JobName], since: datetime
    ) -> tuple[Mapping[str, Sequence[HistoryRecord | Unreadable]], str | None, bool]:
        """Return history rows by name, why there are none, and whether there is a history."""
        if self._source != "warehouse":
            return {}, None, False
        try:
            found = self._client.history_of_names(names, since=since - 2 * ACCOUNT_DIFFERS_BY)
        except FunctionUnavailable:
            return {}, None, False  # not every account has it
        except NotAnswered as error:
            return {}, as_note("history", error), True
        return {str(name): rows for name, rows in found.items()}, None, True


def _is_ended(entry: Entry, start: JobStart) -> bool:
    return entry.has_ends_of(start.partitions or [start.identity.partition])
