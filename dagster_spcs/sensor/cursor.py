"""What the sensor remembers between ticks, and the rule that moves it: no clock, no I/O."""

import base64
import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.sensor.retries import Retry
from dagster_spcs.spcs.clocks import HOSTS_DIFFER_BY, LISTED_WITHIN
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord


class Cursor(BaseModel):
    """Which finished jobs were reported, without naming them all.

    Every job created before ``through`` is settled. Of those created since, ``settled`` marks the
    ones that are; the rest is in flight or new. A job's creation time never changes, so neither
    a late status nor a slow job can slip past, which a mark over completion times would allow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    version: Literal[1] = 1
    through: datetime | None = None
    settled: tuple[str, ...] = ()
    absent: dict[str, datetime] = {}
    """Settled ones that were not listed last time, each with the newest job's creation then: once
    ``through`` is past that, they are settled without a mark."""
    newest: datetime | None = None
    """Creation time of the newest job seen."""
    in_flight: str = ""
    """A digest of the jobs in flight: of one size for any number, and enough to tell that one of
    them is no longer listed."""
    retries: tuple[Retry, ...] = ()
    """Attempts that wait for their time."""
    held: dict[str, datetime] = {}
    """Since when, by Dagster's clock, a finished job is left to the run that waits for it, to the
    rest of its log, or to its row in the history."""
    taken_over: tuple[str, ...] = ()
    """Jobs of which it was told that their run is not waited for any longer."""
    assets: tuple[str, ...] = ()
    """Those of the jobs that are not settled: one may be missing from the code location for a
    while, and its jobs are not forgotten over that."""
    begun: datetime | None = None
    """When the first tick looked, by Dagster's clock; what came before, a cursor that was lost may
    have known."""
    looked: datetime | None = None
    """When the last tick looked."""
    dropped_since: datetime | None = None
    """Since when jobs were started that are gone, and not told of for want of time."""


def open_jobs(jobs: Sequence[JobRecord], cursor: Cursor) -> list[JobRecord]:
    """Return the listed jobs that are not settled."""
    known = {*cursor.settled, *cursor.absent}
    return [
        job
        for job in jobs
        if (cursor.through is None or job.created_on >= cursor.through) and mark(job) not in known
    ]


def one_is_missing(jobs: Sequence[JobRecord], cursor: Cursor) -> bool:
    """Whether a job that was in flight after the last tick is no longer listed.

    True as well when a job of before the last tick is listed only now; then there is nothing to
    find, and looking does no harm. And true of an empty cursor: it may be one that was lost.
    """
    if not cursor.in_flight:
        return True
    before = [
        job
        for job in open_jobs(jobs, cursor)
        if cursor.newest is not None and job.created_on <= cursor.newest
    ]
    return _digest(before) != cursor.in_flight


def searched_from(identity: JobIdentity, cursor: Cursor) -> datetime:
    """Return since when the end of an unsettled job may have been recorded, by Dagster's clock.

    A tick that saved its cursor has settled all that it recorded, so the sensor itself can have
    recorded the end since then only. Whoever else can: a run that waits, and a tick of before the
    cursor began.
    """
    if identity.blocking or cursor.begun is None or cursor.looked is None:
        return identity.submitted
    if identity.submitted < cursor.begun + HOSTS_DIFFER_BY:
        return identity.submitted
    return max(identity.submitted, cursor.looked)


def report_finished(
    jobs: Sequence[JobRecord],
    cursor: Cursor,
    *,
    limit: int,
    held: Collection[JobName] = (),
    overdue: Collection[JobName] = (),
) -> tuple[list[JobRecord], Cursor]:
    """Return the jobs to report now, oldest end first, and the cursor after that.

    These are the finished ones and those that are ``overdue``. At most ``limit`` are returned; the
    others stay for the next tick, and so do those that are ``held``, because a run is about to
    record them itself.
    """
    opened = open_jobs(jobs, cursor)
    over = sorted(
        (
            job
            for job in opened
            if (job.status.is_final or job.name in overdue) and job.name not in held
        ),
        key=lambda job: (job.updated_on, job.name),
    )
    return over[:limit], settle(jobs, cursor, over[:limit])


def settle(jobs: Sequence[JobRecord], cursor: Cursor, fresh: Iterable[JobRecord]) -> Cursor:
    """Return the cursor after ``fresh`` jobs, listed or dropped, were reported."""
    opened = open_jobs(jobs, cursor)
    created = {mark(job): job.created_on for job in fresh}
    settled_now = {*cursor.settled, *cursor.absent, *created}
    unsettled = [job for job in opened if mark(job) not in settled_now]
    seen = [job.created_on for job in jobs] + ([cursor.newest] if cursor.newest else [])
    newest = max(seen, default=None)
    through = min(
        [job.created_on for job in unsettled]
        + ([newest - LISTED_WITHIN] if newest is not None else []),
        default=cursor.through,
    )
    if cursor.through is not None and (through is None or through < cursor.through):
        through = cursor.through
    settled = tuple(
        sorted(
            mark(job)
            for job in jobs
            if mark(job) in settled_now and (through is None or job.created_on >= through)
        )
    )
    absent: dict[str, datetime] = {}
    for each in sorted(settled_now.difference(map(mark, jobs))):
        known = [moment for moment in (newest, created.get(each)) if moment is not None]
        last = cursor.absent.get(each) or max(known)
        if through is None or through <= last:
            absent[each] = last
    moved = {
        "through": through,
        "settled": settled,
        "absent": absent,
        "newest": newest,
        "in_flight": _digest(unsettled),
    }
    return cursor.model_copy(update=moved)


def mark(job: JobRecord) -> str:
    """Return what tells a job from every other one, in few characters."""
    # Name and creation, for a name can be used again; a digest, for the cursor is saved each tick.
    return base64.b64encode(_hash(job)).decode().rstrip("=")


def _hash(job: JobRecord) -> bytes:
    text = f"{job.name.name}@{job.created_on.timestamp():.6f}"
    return hashlib.sha256(text.encode()).digest()[:9]


def _digest(jobs: Sequence[JobRecord]) -> str:
    total = 0
    for job in jobs:
        total ^= int.from_bytes(_hash(job), "big")
    return f"{len(jobs)}:{total:x}"
