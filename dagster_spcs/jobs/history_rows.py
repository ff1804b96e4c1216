"""Which row of the history belongs to which job that is gone: a name can have been used again."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from dagster_spcs.jobs.tracked_job import JobKey
from dagster_spcs.spcs.clocks import SAME_CREATION
from dagster_spcs.spcs.records import HistoryRecord
from dagster_spcs.spcs.unreadable import Unreadable


def match_rows(
    gone: Mapping[JobKey, datetime],
    rows: Mapping[str, Sequence[HistoryRecord | Unreadable]],
    others: Mapping[str, Sequence[datetime]],
) -> dict[JobKey, HistoryRecord | Unreadable]:
    """Return the history row of each job that is gone, as far as there is one.

    Args:
        gone: the jobs, and when they were submitted, by Dagster's clock.
        rows: by full name, in the order of creation; what could not be read stands last.
        others: by full name, when the account created other jobs that had the name.
    """
    matched: dict[JobKey, HistoryRecord | Unreadable] = {}
    for name in {key.name for key in gone}:
        own = sorted((key for key in gone if key.name == name), key=lambda key: gone[key])
        free = _free(
            [row for row in rows.get(name, ()) if isinstance(row, HistoryRecord)],
            others.get(name, ()),
        )
        if len(free) == len(own):
            matched |= zip(own, free, strict=True)
        else:
            # A row is late, or the start of a job was not recorded: then the clocks decide.
            matched |= _nearest({key: gone[key] for key in own}, free)
        for row in rows.get(name, ()):
            if isinstance(row, Unreadable):
                matched = {**dict.fromkeys(own, row), **matched}
    return matched


def _free(rows: Sequence[HistoryRecord], others: Sequence[datetime]) -> list[HistoryRecord]:
    """Return the rows that belong to none of the other jobs."""
    free = list(rows)
    for moment in others:
        near = [row for row in free if abs(row.created - moment) <= SAME_CREATION]
        if near:
            free.remove(min(near, key=lambda row: abs(row.created - moment)))
    return free


def _nearest(
    gone: Mapping[JobKey, datetime], rows: Sequence[HistoryRecord]
) -> dict[JobKey, HistoryRecord]:
    pairs = sorted(
        ((key, row) for key in gone for row in rows),
        key=lambda pair: abs(pair[1].created - gone[pair[0]]),
    )
    nearest: dict[JobKey, HistoryRecord] = {}
    for key, row in pairs:
        if key not in nearest and row not in nearest.values():
            nearest[key] = row
    return nearest
