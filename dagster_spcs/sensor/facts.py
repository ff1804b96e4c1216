"""Collecting what a tick has to know before it decides."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from dagster_spcs.event_log.ledger import Entry, Ledger, Page
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.sensor.code_location import CodeLocation
from dagster_spcs.sensor.cursor import Cursor, asset_text
from dagster_spcs.sensor.decide import Facts, Gone
from dagster_spcs.sensor.dropped import Unlisted
from dagster_spcs.sensor.run_liveness import RunLiveness
from dagster_spcs.spcs.clocks import ACCOUNT_DIFFERS_BY, HOSTS_DIFFER_BY

AssetKey = tuple[str, ...]


class FactFinder:
    """Collects the facts of one tick from Dagster's side.

    Args:
        ledger: what is recorded.
        location: the code location.
        cursor: what the last tick saved.
        liveness: which runs are at work.
        log: is told what cannot be read.
    """

    def __init__(
        self,
        ledger: Ledger,
        location: CodeLocation,
        cursor: Cursor,
        liveness: RunLiveness,
        log: logging.Logger,
    ) -> None:
        self._ledger = ledger
        self._location = location
        self._cursor = cursor
        self._liveness = liveness
        self._log = log
        self._known = set(cursor.assets)

    def of_listed(self, jobs: Iterable[TrackedJob]) -> list[Facts]:
        """Return the facts of listed jobs that are over or overdue, the oldest end first."""
        ordered = sorted(jobs, key=lambda job: (job.record.updated_on, job.name))
        pages = self._read(ordered, self._recorded_since)
        return [self._facts(job, pages[job.asset_key].of(job.key)) for job in ordered]

    def of_unlisted(self, jobs: Iterable[Unlisted]) -> list[Facts]:
        """Return the facts of jobs that are not listed."""
        return [self._facts(each.start.job_if_gone, each.entry, each.gone) for each in jobs]

    def refresh(self, facts: Facts) -> Entry:
        """Return what is recorded of a job by now: its run may be recording at this moment."""
        job = facts.job
        pages = self._read([job], lambda job: job.identity.submitted - HOSTS_DIFFER_BY)
        return pages[job.asset_key].of(job.key)

    def is_left_to_run(self, job: TrackedJob, entry: Entry) -> bool:
        """Whether a run waits for the job, and is, or may be, at work."""
        identity = job.identity
        waiting = identity.run_id if entry.start is None else entry.start.waiting_run
        return identity.blocking and waiting is not None and self._liveness.is_alive(waiting)

    def _facts(self, job: TrackedJob, entry: Entry, gone: Gone | None = None) -> Facts:
        return Facts(
            job=job,
            entry=entry,
            asset_is_here=self._location.has_asset_of(job.identity),
            run_is_alive=self.is_left_to_run(job, entry),
            looked=self._cursor.looked,
            gone=gone,
        )

    def _recorded_since(self, job: TrackedJob) -> datetime:
        """Return since when the end of an unsettled job may have been recorded.

        A tick that saved its cursor has settled all that it recorded. So the sensor itself can have
        recorded the end only since then. A run that waits can have since the submission, and so
        can ticks whose cursor was lost.
        """
        submitted = job.identity.submitted
        if job.identity.is_observed:
            submitted -= ACCOUNT_DIFFERS_BY  # the account's time; events have Dagster's
        looked = self._cursor.looked
        is_new = asset_text(job.asset_key) not in self._known
        is_searched = job.identity.blocking or job.identity.batch or is_new
        since = submitted if is_searched or looked is None else max(submitted, looked)
        return since - HOSTS_DIFFER_BY

    def _read(
        self, jobs: Iterable[TrackedJob], since: Callable[[TrackedJob], datetime]
    ) -> dict[AssetKey, Page]:
        pages = self._ledger.read_of(jobs, since)
        for key, page in pages.items():
            page.warn(asset_text(key), self._log)
        return pages
