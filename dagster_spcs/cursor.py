"""What the sensor remembers between ticks, and the rule that moves it: no clock, no I/O."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from dagster_spcs.names import JobName
from dagster_spcs.records import JobRecord

SLACK = timedelta(minutes=10)
"""How late a job may appear in a listing, seen from its own creation time."""


class Cursor(BaseModel):
    """Which finished jobs were reported, without naming them all.

    Every job created before ``through`` is settled. Of those created since, ``settled`` names the
    ones that are; the rest is in flight or new. A job's creation time never changes, so neither
    a late status nor a slow job can slip past, which a mark over completion times would allow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    through: datetime | None = None
    settled: tuple[str, ...] = ()


def report_finished(
    jobs: Sequence[JobRecord],
    cursor: Cursor,
    *,
    limit: int,
    held: Collection[JobName] = (),
) -> tuple[list[JobRecord], Cursor]:
    """Return the finished jobs to report now, oldest end first, and the cursor after that.

    At most ``limit`` are returned; the others stay for the next tick, and so do those that are
    ``held``, because a run is about to record them itself.
    """
    known = set(cursor.settled)

    def is_open(job: JobRecord) -> bool:
        if cursor.through is not None and job.created_on < cursor.through:
            return False
        return _mark(job) not in known

    opened = [job for job in jobs if is_open(job)]
    finished = sorted(
        (job for job in opened if job.status.is_final and job.name not in held),
        key=lambda job: (job.updated_on, job.name),
    )
    fresh = finished[:limit]
    settled_now = known | {_mark(job) for job in fresh}
    unsettled = [job for job in opened if _mark(job) not in settled_now]
    newest = max((job.created_on for job in jobs), default=None)
    through = min(
        [job.created_on for job in unsettled] + ([newest - SLACK] if newest is not None else []),
        default=cursor.through,
    )
    if cursor.through is not None and (through is None or through < cursor.through):
        through = cursor.through
    settled = tuple(
        sorted(
            _mark(job)
            for job in jobs
            if _mark(job) in settled_now and (through is None or job.created_on >= through)
        )
    )
    return fresh, Cursor(through=through, settled=settled)


def _mark(job: JobRecord) -> str:
    return f"{job.name.name}@{job.created_on.timestamp():.6f}"
