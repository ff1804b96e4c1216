"""The cursor's rule: every finished job exactly once, whatever order things happen in."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.sensor.cursor import (
    Cursor,
    mark,
    one_is_missing,
    open_jobs,
    report_finished,
    searched_from,
    settle,
)
from dagster_spcs.spcs.clocks import LISTED_WITHIN
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord

from .samples import at, job, name


def done(bare: str, created: float = 0, ended: float = 5) -> JobRecord:
    """A job that was created and ended so many minutes after noon."""
    return job(bare, "DONE", created_on=at(created), updated_on=at(ended))


def running(bare: str, created: float = 0) -> JobRecord:
    """A job in flight."""
    return job(bare, created_on=at(created), updated_on=at(created))


def names(jobs: list[JobRecord]) -> list[str]:
    """Bare names, in order."""
    return [each.name.name for each in jobs]


@pytest.mark.parametrize(
    ("jobs", "limit", "held", "reported"),
    [
        pytest.param([], 10, [], [], id="nothing"),
        pytest.param([running("A")], 10, [], [], id="in-flight"),
        pytest.param([done("A"), running("B")], 10, [], ["A"], id="one-of-two"),
        pytest.param([done("A", 0, 9), done("B", 1, 5)], 10, [], ["B", "A"], id="oldest-end-first"),
        pytest.param([done("B"), done("A")], 10, [], ["A", "B"], id="same-end-by-name"),
        pytest.param([done("A"), done("B"), done("C")], 2, [], ["A", "B"], id="limit"),
        pytest.param([done("A")], 0, [], [], id="limit-of-none"),
        pytest.param([done("A"), done("B")], 10, ["A"], ["B"], id="held"),
        pytest.param([done("A"), done("B")], 1, ["A"], ["B"], id="held-does-not-count"),
        pytest.param([job("A", "SUSPENDED")], 10, [], [], id="suspended-is-no-end"),
        pytest.param([job("A", "HIBERNATING")], 10, [], [], id="unknown-is-no-end"),
        pytest.param([job("A", "CANCELLED"), job("B", "FAILED")], 9, [], ["A", "B"], id="failures"),
    ],
)
def test_first_tick(
    jobs: list[JobRecord], limit: int, held: list[str], reported: list[str]
) -> None:
    """From an empty cursor, what has ended and is not held is reported, up to the limit."""
    fresh, cursor = report_finished(jobs, Cursor(), limit=limit, held=[name(each) for each in held])
    assert names(fresh) == reported
    again, same = report_finished(jobs, cursor, limit=0, held=[name(each) for each in held])
    assert again == []
    assert same == cursor


@pytest.mark.parametrize(
    ("later", "reported"),
    [
        pytest.param([done("A")], [], id="reported-before"),
        pytest.param([done("A"), done("B", 1, 2)], ["B"], id="late-status-with-an-early-end"),
        pytest.param([done("A"), done("B", -9, -8)], ["B"], id="appeared-late"),
        pytest.param([done("A"), done("B", 0, 5)], ["B"], id="same-times"),
        pytest.param([done("B", 60, 61)], ["B"], id="first-was-dropped"),
        pytest.param([], [], id="all-were-dropped"),
    ],
)
def test_second_tick(later: list[JobRecord], reported: list[str]) -> None:
    """A second tick reports what the first could not have."""
    _, cursor = report_finished([done("A")], Cursor(), limit=10)
    fresh, _ = report_finished(later, cursor, limit=10)
    assert names(fresh) == reported


def test_rest_is_for_the_next_tick() -> None:
    """What the limit left over comes next, without what was reported."""
    jobs = [done("A", 0, 1), done("B", 0, 2), done("C", 0, 3)]
    first, cursor = report_finished(jobs, Cursor(), limit=2)
    second, _ = report_finished(jobs, cursor, limit=2)
    assert (names(first), names(second)) == (["A", "B"], ["C"])


def test_held_job_comes_when_it_is_let_go() -> None:
    """A held job is reported once nobody is about to record it, however much came since."""
    jobs = [done("A"), *(done(f"B{n}", n * 60) for n in range(1, 50))]
    _, cursor = report_finished(jobs, Cursor(), limit=100, held=[name("A")])
    fresh, _ = report_finished(jobs, cursor, limit=100)
    assert names(fresh) == ["A"]


def test_name_used_again() -> None:
    """A job under the name of an earlier one that was dropped is another job, and is reported."""
    _, cursor = report_finished([done("NIGHTLY", 0, 5)], Cursor(), limit=10)
    later = [done("NIGHTLY", 1440, 1445)]
    fresh, cursor = report_finished(later, cursor, limit=10)
    assert fresh == later
    assert report_finished(later, cursor, limit=10)[0] == []


def test_cursor_forgets_what_is_settled() -> None:
    """Ten thousand finished jobs leave a cursor that keeps only the last minutes'."""
    jobs = [done(f"J{minute}", minute, minute + 1) for minute in range(10_000)]
    fresh, cursor = report_finished(jobs, Cursor(), limit=10_000)
    assert len(fresh) == 10_000
    assert cursor.through == at(9_999) - LISTED_WITHIN
    assert len(cursor.settled) == LISTED_WITHIN / timedelta(minutes=1) + 1
    assert len(cursor.model_dump_json()) < 500


def test_long_job_keeps_what_came_after_it() -> None:
    """While one job runs, the cursor keeps those created since, and no others."""
    jobs = [
        *(done(f"OLD{minute}", minute) for minute in range(100)),
        running("LONG", 100),
        *(done(f"NEW{minute}", 101 + minute) for minute in range(100)),
    ]
    _, cursor = report_finished(jobs, Cursor(), limit=1_000)
    assert cursor.through == at(100)
    assert len(cursor.settled) == 100


def test_cursor_through_json() -> None:
    """A cursor reads back from its JSON as itself, to the microsecond."""
    cursor = Cursor(through=at(0) + timedelta(microseconds=1), settled=("A", "B"))
    assert Cursor.model_validate_json(cursor.model_dump_json()) == cursor


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("1700000000.0", id="number"),
        pytest.param('{"version": 2}', id="another-version"),
        pytest.param('{"since": "2026-01-01"}', id="another-field"),
    ],
)
def test_unreadable_cursor(text: str) -> None:
    """A cursor of another kind is an error, not a new beginning."""
    with pytest.raises(ValidationError):
        Cursor.model_validate_json(text)


@pytest.mark.parametrize(
    ("submitted", "blocking", "cursor", "since"),
    [
        pytest.param(20, False, Cursor(), 20, id="no-tick-yet"),
        pytest.param(20, False, Cursor(begun=at(0), looked=at(90)), 90, id="after-the-last-tick"),
        pytest.param(95, False, Cursor(begun=at(0), looked=at(90)), 95, id="submitted-since"),
        pytest.param(20, True, Cursor(begun=at(0), looked=at(90)), 20, id="a-run-records-it"),
        pytest.param(20, False, Cursor(begun=at(60), looked=at(90)), 20, id="before-the-cursor"),
        pytest.param(62, False, Cursor(begun=at(60), looked=at(90)), 62, id="clocks-apart"),
    ],
)
def test_where_an_end_may_be_recorded(
    submitted: float, blocking: bool, cursor: Cursor, since: float
) -> None:
    """Only what the cursor does not settle is searched for in the event log."""
    identity = JobIdentity(asset=("a",), run_id="run", submitted=at(submitted), blocking=blocking)
    assert searched_from(identity, cursor) == at(since)


def test_settled_job_that_is_away_for_a_while_is_not_reported_again() -> None:
    """Its asset may be gone for one tick, or the role may not see it; then it is back."""
    jobs = [running("LONG"), done("A", 30, 31), done("B", 60, 61)]
    _, cursor = report_finished(jobs, Cursor(), limit=10)
    for _ in range(3):
        _, cursor = report_finished([], cursor, limit=10)
    fresh, cursor = report_finished(jobs, cursor, limit=10)
    assert fresh == []
    assert cursor.absent == {}


def test_dropped_job_that_was_reported_is_settled() -> None:
    """Though no listing ever had it, until the account has forgotten jobs of that time."""
    dropped = done("D", 0, 5)
    cursor = settle([], Cursor(), [dropped])
    assert open_jobs([dropped], cursor) == []
    _, cursor = report_finished([done("A", 5, 6)], cursor, limit=10)
    assert open_jobs([dropped], cursor) == []
    _, cursor = report_finished([done("B", 60, 61)], cursor, limit=10)
    assert open_jobs([dropped], cursor) == []
    assert mark(dropped) not in cursor.absent


def test_what_is_away_for_good_is_forgotten() -> None:
    """Jobs are dropped all the time; the cursor does not grow with them."""
    cursor = Cursor()
    for hour in range(100):
        _, cursor = report_finished([done(f"J{hour}", hour * 60, hour * 60 + 1)], cursor, limit=10)
    assert len(cursor.absent) <= 2


def test_a_job_is_missing_once() -> None:
    """Before the first tick any may be; afterwards only one that was seen in flight."""
    assert one_is_missing([], Cursor())
    _, empty = report_finished([], Cursor(), limit=10)
    assert not one_is_missing([], empty)
    assert not one_is_missing([running("A")], empty)
    _, cursor = report_finished([running("A")], empty, limit=10)
    assert not one_is_missing([done("A")], cursor)
    assert one_is_missing([], cursor)


@dataclass(frozen=True)
class Fate:
    """What becomes of one job, in minutes."""

    created: int
    listed_after: int
    """How much later than its creation a listing shows it."""
    lasts: int | None
    """None: it never ends."""
    told_after: int
    """How much later than its end a listing shows the end."""
    ending: str
    dropped: bool
    """Whether somebody drops it once it is reported."""
    held_for: int
    """How long after its end a run is about to record it."""

    def row(self, bare: str, now: int) -> JobRecord | None:
        """What a listing shows now."""
        if now < self.created + self.listed_after:
            return None
        if self.lasts is None or now < self.created + self.lasts + self.told_after:
            return running(bare, self.created)
        end = at(self.created + self.lasts)
        return job(bare, self.ending, created_on=at(self.created), updated_on=end)

    def is_held(self, now: int) -> bool:
        """Whether a run is about to record it now."""
        return self.lasts is not None and now < self.created + self.lasts + self.held_for


FATES = st.builds(
    Fate,
    created=st.integers(0, 60),
    listed_after=st.integers(0, 10),
    lasts=st.none() | st.integers(0, 90),
    told_after=st.integers(0, 30),
    ending=st.sampled_from(["DONE", "FAILED", "CANCELLED", "INTERNAL_ERROR"]),
    dropped=st.booleans(),
    held_for=st.just(0) | st.integers(0, 120),
)
TICKS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 4)), max_size=40)


@settings(max_examples=300)
@given(st.lists(FATES, max_size=25), TICKS)
def test_every_end_is_reported_once(fates: list[Fate], ticks: list[tuple[int, int]]) -> None:
    """Whatever starts, ends, is held, shows late or is dropped, each end is reported exactly once.

    The cursor goes through JSON between any two ticks, never moves back, and keeps no more jobs
    than were created since the moment it has settled.
    """
    world = {f"J{number}": fate for number, fate in enumerate(fates)}
    reported: list[str] = []
    cursor = Cursor()
    last = max((now for now, _ in ticks), default=0)
    # At the end everything has ended, shows, and is let go; one job a tick is the slowest way.
    ending = [(max(last, 1_000), 1)] * (len(fates) + 1)
    for now, limit in sorted(ticks, key=lambda tick: tick[0]) + ending:
        rows = {
            bare: fate.row(bare, now)
            for bare, fate in world.items()
            if not (fate.dropped and bare in reported)
        }
        jobs = [row for row in rows.values() if row is not None]
        held: set[JobName] = {name(bare) for bare, fate in world.items() if fate.is_held(now)}
        fresh, moved = report_finished(jobs, cursor, limit=limit, held=held)

        assert len(fresh) <= limit
        assert all(each.status.is_final and each.name not in held for each in fresh)
        assert [each.updated_on for each in fresh] == sorted(each.updated_on for each in fresh)
        reported += names(fresh)
        if cursor.through is not None:
            assert moved.through is not None
            assert moved.through >= cursor.through
        since = [each for each in jobs if moved.through is None or each.created_on >= moved.through]
        assert len(moved.settled) <= len(since)
        cursor = Cursor.model_validate_json(moved.model_dump_json())

    ended = {bare for bare, fate in world.items() if fate.lasts is not None}
    assert sorted(reported) == sorted(ended)
