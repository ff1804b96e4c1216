"""Jobs that were dropped before their end was seen.

Such a job is in no listing, so its comment cannot be read. But Dagster's event log holds the
observation that it was started, and nothing that tells its end.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import dagster as dg

from dagster_spcs.errors import (
    FunctionUnavailable,
    ObjectNotFound,
    SpcsError,
    StatementError,
    UnexpectedAnswer,
)
from dagster_spcs.event_log.starts import JobKey, JobStart, UnlistedStarts, utc
from dagster_spcs.jobs.gather import (
    JobReport,
    MetadataSource,
    as_history_tells,
    note,
    ran_out_of_time,
    report_of_gone,
)
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.clocks import ACCOUNT_DIFFERS_BY, SAME_CREATION
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import HistoryRecord, JobRecord

_AT_ONCE = 8


@dataclass(frozen=True)
class DroppedJob:
    """A job that was dropped, and what is known of it."""

    report: JobReport
    identity: JobIdentity
    partitions: tuple[str, ...] = ()
    """What a job over several partitions was to make, in the instances' order."""


@dataclass(frozen=True)
class DroppedJobs:
    """What a search for dropped jobs found."""

    jobs: Sequence[DroppedJob] = ()
    """Those without a recorded end."""
    recorded_failures: Sequence[tuple[JobReport, JobIdentity]] = ()
    """Those whose end is recorded and was no good one: who recorded it may have died before it
    could do what follows."""
    left_since: datetime | None = None
    """When the first start was recorded that was left for another time, or to its run."""


def find_dropped(
    instance: dg.DagsterInstance,
    client: SpcsClient,
    keys: Iterable[dg.AssetKey],
    *,
    is_ours: Callable[[JobName], bool],
    listed: Sequence[JobRecord],
    since: datetime,
    listed_at: datetime,
    source: MetadataSource,
    limit: int,
    is_left: Callable[[JobRecord, JobIdentity], bool],
    is_row_late: Callable[[JobRecord, JobIdentity], bool],
) -> DroppedJobs:
    """Return jobs that were started in that time, have no recorded end, and are gone.

    At most ``limit``, the oldest first, without those that ``is_left`` leaves to the run that
    started them. Each is asked for by name once more before it counts as gone. Its status is what
    the history says, where it may be read, else DELETED; without a row it is left for another
    time while ``is_row_late``.
    """
    standing = {job.name: job for job in listed}
    found = [
        UnlistedStarts(
            instance,
            key,
            is_ours=is_ours,
            listed=standing,
            since=since,
            # The history is read from so early on, by a clock that may be so far behind.
            read_since=since - 2 * ACCOUNT_DIFFERS_BY,
            listed_at=listed_at,
        )
        for key in keys
    ]
    endless = [(each, start) for each in found for start in each.endless()]
    endless.sort(key=lambda pair: pair[1].identity.submitted)
    left: list[JobStart] = []
    asked: list[JobStart] = []
    for start in (start for each, start in endless if each.counts(start)):
        # Asked of each, because a job that is not, is forgotten to be left since when.
        is_for_later = is_left(start.job, start.identity) or len(asked) == limit
        (left if is_for_later else asked).append(start)

    def standing_now(start: JobStart) -> JobRecord | None:
        try:
            return client.describe(start.name)
        except ObjectNotFound:
            return None

    answers = client.concurrently(standing_now, asked, at_once=_AT_ONCE)
    standing.update({job.name: job for job in answers if job is not None})
    alive = {start.key for start in asked if _is_there(start, standing)}
    gone = [start for start in asked if start.key not in alive]
    rows: Mapping[JobName, Sequence[HistoryRecord]] = {}
    has_history = source == "warehouse"
    refusal: SpcsError | None = None
    if has_history:
        try:
            names = {start.name for start in gone}
            rows = client.history_of_names(names, since=since - ACCOUNT_DIFFERS_BY)
        except FunctionUnavailable:
            has_history = False  # not every account has it
        except (StatementError, UnexpectedAnswer) as error:
            refusal = error
    history = _match(
        [start for _, start in endless if start.key not in alive],
        rows,
        [(name, job.created_on) for name, job in standing.items() if name in rows]
        + [moment for each in found for moment in each.ended() if moment[0] in rows],
    )
    jobs: list[DroppedJob] = []
    for start in gone:
        known = history.get(start.key)
        is_late = known is None and has_history and is_row_late(start.job, start.identity)
        # What is alive is there, though the role may not see it now.
        if is_late or (known is not None and known.is_alive):
            left.append(start)
            continue
        job = start.job
        if known is not None:
            job = as_history_tells(replace(job, created_on=known.created), known)
        report = report_of_gone(job, known)
        if ran_out_of_time(job, start.identity):
            report = replace(report, timed_out=True)
        if refusal is not None:
            report = note(report, "history", refusal)
        jobs.append(DroppedJob(report, start.identity, start.partitions))
    return DroppedJobs(
        jobs,
        [failure for each in found for failure in each.recorded_failures()],
        min((utc(start.at) for start in left), default=None),
    )


def _is_there(start: JobStart, standing: Mapping[JobName, JobRecord]) -> bool:
    return start.name in standing and start.is_of(standing[start.name])


def _match(
    starts: Sequence[JobStart],
    rows: Mapping[JobName, Sequence[HistoryRecord]],
    created: Sequence[tuple[JobName, datetime]],
) -> dict[JobKey, HistoryRecord]:
    """Return the history row of each start, told by the order of the jobs that had its name.

    ``created`` is the creation of the other jobs that had these names.
    """
    matched: dict[JobKey, HistoryRecord] = {}
    for name, all_rows in rows.items():
        own = [start for start in starts if start.name == name]
        free = list(all_rows)
        for moment in [moment for other, moment in created if other == name]:
            near = [row for row in free if abs(row.created - moment) <= SAME_CREATION]
            if near:
                free.remove(min(near, key=lambda row: abs(row.created - moment)))
        if len(free) == len(own):
            matched |= {start.key: row for start, row in zip(own, free, strict=True)}
        else:
            # A row is late, or the start of a job was not recorded: then the clocks decide.
            matched |= _nearest(own, free)
    return matched


def _nearest(
    starts: Sequence[JobStart], rows: Sequence[HistoryRecord]
) -> dict[JobKey, HistoryRecord]:
    pairs = sorted(
        ((start, row) for start in starts for row in rows),
        key=lambda pair: abs(pair[1].created - pair[0].identity.submitted),
    )
    nearest: dict[JobKey, HistoryRecord] = {}
    for start, row in pairs:
        if start.key not in nearest and row not in nearest.values():
            nearest[start.key] = row
    return nearest
