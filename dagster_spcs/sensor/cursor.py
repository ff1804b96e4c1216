"""What the sensor remembers between ticks, and the rule that moves it: no clock, no I/O."""

import base64
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, field_validator

from dagster_spcs.errors import SpcsError
from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob
from dagster_spcs.sensor.retries import Retry
from dagster_spcs.sensor.run_liveness import Silence
from dagster_spcs.spcs.clocks import ACCOUNT_DIFFERS_BY, LISTED_WITHIN
from dagster_spcs.spcs.unreadable import one_line

_DIGEST_BYTES = 6
_TIME_BYTES = 4
_IN_FLIGHT = re.compile("([0-9]+:[0-9a-f]+)?")


class UnreadableCursor(SpcsError):
    """The saved cursor is not one that this version can go on from."""


class Cursor(BaseModel):
    """Which finished jobs are settled, without naming them all.

    A job's creation time never changes. So neither a late status nor a slow job can slip past
    ``through``, which a mark over completion times would allow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    version: Literal[2] = 2
    place: str = ""
    """Where the last tick looked: database, schema and prefix."""
    assets: tuple[str, ...] = ()
    """The assets that the last tick looked after. Of an asset that is not among them the tick
    looks at all jobs that are still listed or in the event log."""
    through: AwareDatetime | None = None
    """Every job of these assets that was created before this moment is settled."""
    settled: tuple[str, ...] = ()
    """Marks of the settled jobs that were created later than that."""
    newest: AwareDatetime | None = None
    """When the newest job that was ever listed was created: what is newer is new."""
    in_flight: str = ""
    """Number and digest of the jobs that are not settled. Of one size for any number, and enough
    to tell that one of them is no longer listed."""
    looked: AwareDatetime | None = None
    """When the last tick listed the jobs, by Dagster's clock."""
    dropped_since: AwareDatetime | None = None
    """When the first dropped job was started that is still to be recorded."""
    silent_runs: dict[str, Silence] = {}
    """Runs that have a finished job to record and do not do it: their last sign of life, and for
    how long it has not changed."""
    retries: tuple[Retry, ...] = ()
    """Attempts that wait for their time."""
    pending: dict[str, str] = {}
    """Why jobs are PENDING that have been for long, by their names: each was told."""
    told: tuple[str, ...] = ()
    """What was wrong with the set-up at the last tick, and was told."""

    @field_validator("settled")
    @classmethod
    def _marks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        Marks(value)
        return value

    @field_validator("in_flight")
    @classmethod
    def _number_and_digest(cls, value: str) -> str:
        if not _IN_FLIGHT.fullmatch(value):
            raise ValueError("a number and a digest")
        return value

    def not_beyond(self, now: datetime) -> "Cursor":
        """Return the cursor with no ``through`` that the jobs of this moment could fall behind.

        One may have been saved while the account's clock was wrong.
        """
        latest = now - LISTED_WITHIN
        if self.through is None or self.through <= latest:
            return self
        return self.model_copy(update={"through": latest})

    @property
    def jobs_in_flight(self) -> int:
        """How many jobs were not settled after the last tick."""
        return int(self.in_flight.partition(":")[0] or 0)


def read_cursor(text: str | None) -> Cursor:
    """Return the saved cursor, the first one for a sensor that has none yet.

    Raises:
        UnreadableCursor: if it cannot be read. To start over in silence would be wrong: whoever
            runs the sensor decides.
    """
    if not text:
        return Cursor()
    try:
        return Cursor.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the cursor"
        raise UnreadableCursor(
            f"The sensor's cursor cannot be read ({one_line(place)}: {first['msg']}), and nothing"
            " was recorded in this tick. It was probably saved by another version of dagster-spcs."
            " Install that version again, or reset the cursor: open the sensor in Dagster's UI and"
            ' choose "Reset sensor status", or run `dagster sensor cursor <name> --delete`. A'
            " sensor without a cursor looks at all jobs that the account still lists, and records"
            " none twice."
        ) from error


class Marks:
    """The marks of settled jobs: each the digest of a job's key, and a time to forget it by."""

    def __init__(self, saved: Iterable[str] = ()) -> None:
        self._times: dict[bytes, int] = {}
        for text in saved:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
            if len(raw) != _DIGEST_BYTES + _TIME_BYTES:
                raise ValueError(f"a mark has {len(raw)} bytes")
            self._times[raw[:_DIGEST_BYTES]] = int.from_bytes(raw[_DIGEST_BYTES:], "big")

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._times

    def add(self, digest: bytes, created: datetime) -> None:
        """Mark a job as settled."""
        self._times[digest] = max(0, int(created.timestamp())) % 2 ** (8 * _TIME_BYTES)

    def since(self, moment: datetime | None) -> tuple[str, ...]:
        """Return the marks to save: of jobs that were created since then."""
        # A job that was dropped is marked by the time of its submission, another clock's.
        first = None if moment is None else (moment - ACCOUNT_DIFFERS_BY).timestamp()
        return tuple(
            sorted(
                base64.b64encode(digest + time.to_bytes(_TIME_BYTES, "big")).decode().rstrip("=")
                for digest, time in self._times.items()
                if first is None or time >= first
            )
        )


def open_jobs(jobs: Iterable[TrackedJob], cursor: Cursor) -> list[TrackedJob]:
    """Return the jobs that are not settled."""
    marks = Marks(cursor.settled)
    known = set(cursor.assets)
    through = cursor.through
    return [
        job
        for job in jobs
        if job.digest not in marks
        and (not _is_before(job, through) or asset_text(job.asset_key) not in known)
    ]


def one_is_missing(opened: Iterable[TrackedJob], cursor: Cursor) -> bool:
    """Whether a job that was not settled after the last tick is no longer listed.

    True as well when a job from before the last tick is listed only now; then there is nothing to
    find, and looking does no harm. And true of an empty cursor: it may be one that was lost.

    Args:
        opened: the listed jobs that are not settled.
        cursor: what the last tick saved.
    """
    if not cursor.in_flight:
        return True
    known = set(cursor.assets)
    newest = cursor.newest
    before = [
        job
        for job in opened
        if newest is not None
        and job.record.created_on <= newest
        and asset_text(job.asset_key) in known
    ]
    return number_and_digest(before) != cursor.in_flight


def move(
    cursor: Cursor,
    jobs: Sequence[TrackedJob],
    opened: Iterable[TrackedJob],
    settled: Collection[JobKey],
    *,
    now: datetime,
    unseen_since: datetime | None = None,
) -> Cursor:
    """Return the cursor after a tick has settled some jobs.

    Args:
        cursor: the one that the tick began with.
        jobs: the listed jobs of the assets that the tick looks after.
        opened: those of them that were not settled when the tick began.
        settled: the jobs that the tick settled, listed or dropped.
        now: by Dagster's clock. The account's may be ahead, and be set back: then a job is newer
            than others that were created "later".
        unseen_since: since when jobs were created that are not settled and not among ``jobs``,
            because their rows could not be read or were not listed; ``through`` does not go past
            that.
    """
    unsettled = {job.digest: job for job in opened if job.key not in settled}
    newest = max(_known(cursor.newest, *(job.record.created_on for job in jobs)), default=None)
    held_by = [job.record.created_on for job in unsettled.values()]
    held_by += [min(newest, now) - LISTED_WITHIN] if newest is not None else []
    held_by += _known(unseen_since)
    through = min(held_by, default=cursor.through)
    marks = Marks(cursor.settled)
    for job in jobs:
        if job.digest not in unsettled and not _is_before(job, through):
            marks.add(job.digest, job.record.created_on)
    listed = {job.digest for job in jobs}
    for key in settled:
        if key.digest not in listed:
            marks.add(key.digest, key.submitted)
    return cursor.model_copy(
        update={
            "through": through,
            "settled": marks.since(through),
            "newest": newest,
            "in_flight": number_and_digest(unsettled.values()),
        }
    )


def _known(*moments: datetime | None) -> list[datetime]:
    return [moment for moment in moments if moment is not None]


def _is_before(job: TrackedJob, through: datetime | None) -> bool:
    return through is not None and job.record.created_on < through


def number_and_digest(jobs: Collection[TrackedJob]) -> str:
    """Return number and digest of a set of jobs."""
    total = 0
    for job in jobs:
        total ^= int.from_bytes(job.digest, "big")
    return f"{len(jobs)}:{total:x}"


def asset_text(asset_key: Sequence[str]) -> str:
    """Return an asset key as the cursor holds it."""
    return "/".join(asset_key)
