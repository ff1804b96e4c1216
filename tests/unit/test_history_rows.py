"""Which row of the history belongs to which job that is gone."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from dagster_spcs.jobs.history_rows import match_rows
from dagster_spcs.jobs.tracked_job import JobKey
from dagster_spcs.spcs.records import HistoryRecord
from dagster_spcs.spcs.unreadable import Unreadable

from .samples import at, history_row

A = "LAB.JOBS.JOB_A"
B = "LAB.JOBS.JOB_B"
BAD = Unreadable("a HistoryRecord", "no time", "JOB_A")


def row(created: float, bare: str = "JOB_A") -> HistoryRecord:
    """A row of a job that the account created so many minutes after noon."""
    return HistoryRecord.from_row(
        history_row(bare, created_time=at(created), query_id=f"q{created:g}")
    )


def gone(*minutes: float, name: str = A) -> dict[JobKey, datetime]:
    """Jobs that were submitted so many minutes after noon, and are gone."""
    return {JobKey(name, at(minute)): at(minute) for minute in minutes}


def matched(
    jobs: Mapping[JobKey, datetime],
    rows: Mapping[str, Sequence[HistoryRecord | Unreadable]],
    **others: Sequence[datetime],
) -> dict[tuple[str, datetime], str]:
    """The query id of each job's row, or why it has none."""
    found = match_rows(jobs, rows, {A: others.get("a", ()), B: others.get("b", ())})
    return {
        tuple(key): each.query_id if isinstance(each, HistoryRecord) else each.reason
        for key, each in found.items()
    }


def test_nothing_gone() -> None:
    """Without a job there is no row."""
    assert match_rows({}, {A: [row(0)]}, {}) == {}


def test_no_rows() -> None:
    """A job without a row is absent, whatever other names have."""
    assert match_rows(gone(0), {B: [row(0, "JOB_B")]}, {}) == {}


def test_one_job_one_row() -> None:
    """The only row of a name is the only job's, however far the clocks are apart."""
    for offset in (-55, 0, 55):
        assert matched(gone(0), {A: [row(offset)]}) == {(A, at(0)): f"q{offset}"}


def test_a_name_used_again() -> None:
    """As many rows as jobs belong together in their order, however far the clocks are apart."""
    rows = {A: [row(55), row(65)]}
    assert matched(gone(0, 10), rows) == {(A, at(0)): "q55", (A, at(10)): "q65"}
    assert matched(dict(reversed(gone(0, 10).items())), rows) == matched(gone(0, 10), rows)


def test_rows_of_other_jobs_are_left_to_them() -> None:
    """A listed or recorded job of the name takes the row of its own creation."""
    rows = {A: [row(0), row(10), row(20)]}
    others = [row(0).created, row(20).created]
    assert matched(gone(5), rows, a=others) == {(A, at(5)): "q10"}


def test_other_job_whose_row_is_not_there() -> None:
    """Another job's creation takes only a row of the same second."""
    assert matched(gone(5), {A: [row(10)]}, a=[at(9)]) == {(A, at(5)): "q10"}


def test_a_late_row() -> None:
    """With fewer rows than jobs the nearest in time belong together; the rest have none yet."""
    assert matched(gone(0, 100), {A: [row(101)]}) == {(A, at(100)): "q101"}
    assert matched(gone(0, 100), {A: [row(1)]}) == {(A, at(0)): "q1"}


def test_a_row_of_a_job_that_was_not_recorded() -> None:
    """With more rows than jobs the nearest in time belong together."""
    rows = {A: [row(-200), row(1), row(200)]}
    assert matched(gone(0), rows) == {(A, at(0)): "q1"}
    assert matched(gone(0, 190), rows) == {(A, at(0)): "q1", (A, at(190)): "q200"}


def test_each_row_is_of_one_job() -> None:
    """Two jobs near one row do not share it."""
    found = matched(gone(0, 1, 2), {A: [row(0), row(1)]})
    assert sorted(found.values()) == ["q0", "q1"]


def test_names_do_not_mix() -> None:
    """Rows and jobs of several names are matched name by name."""
    jobs = {**gone(0), **gone(1, name=B)}
    rows = {A: [row(0)], B: [row(1, "JOB_B")]}
    assert matched(jobs, rows) == {(A, at(0)): "q0", (B, at(1)): "q1"}
    assert matched(jobs, rows, b=[at(1)]) == {(A, at(0)): "q0"}


def test_unreadable_rows() -> None:
    """Only a job that has no readable row is told that one could not be read."""
    assert matched(gone(0), {A: [BAD]}) == {(A, at(0)): "no time"}
    assert matched(gone(0), {A: [row(0), BAD]}) == {(A, at(0)): "q0"}
    assert matched(gone(0, 50), {A: [row(50), BAD]}) == {
        (A, at(50)): "q50",
        (A, at(0)): "no time",
    }
