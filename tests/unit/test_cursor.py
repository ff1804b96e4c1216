"""The cursor's rule: every finished job exactly once, whatever order things happen in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob
from dagster_spcs.sensor.cursor import (
    Cursor,
    Marks,
    UnreadableCursor,
    asset_text,
    move,
    one_is_missing,
    open_jobs,
    read_cursor,
)
from dagster_spcs.sensor.retries import Retry
from dagster_spcs.sensor.run_liveness import Silence
from dagster_spcs.spcs.clocks import ACCOUNT_DIFFERS_BY, LISTED_WITHIN

from .samples import NOON, at, identity, tracked

LATER = at(100_000)
"""A time by Dagster's clock that is after all jobs of this file."""


def a_job(
    bare: str, created: float, ended: float | None, status: str = "DONE", asset: str = "scores"
) -> TrackedJob:
    """A job that was created, and ended if it did, so many minutes after noon."""
    return tracked(
        bare,
        "RUNNING" if ended is None else status,
        identity(asset=(asset,), submitted=at(created)),
        created_on=at(created),
        updated_on=at(created if ended is None else ended),
    )


def done(bare: str, created: float = 0, ended: float = 5, asset: str = "scores") -> TrackedJob:
    """A job that has ended."""
    return a_job(bare, created, ended, asset=asset)


def running(bare: str, created: float = 0, asset: str = "scores") -> TrackedJob:
    """A job in flight."""
    return a_job(bare, created, None, asset=asset)


def names(jobs: Sequence[TrackedJob]) -> list[str]:
    """Bare names, in order."""
    return [each.name.name for each in jobs]


def tick(
    jobs: Sequence[TrackedJob],
    cursor: Cursor,
    *,
    limit: int = 10_000,
    held: Collection[str] = (),
    recorded: Collection[JobKey] = (),
    assets: Collection[str] = ("scores",),
    unseen_since: datetime | None = None,
) -> tuple[list[TrackedJob], Cursor]:
    """Do what a tick does with the cursor; return the jobs it reports and the cursor it saves.

    Args:
        jobs: what is listed for the assets of the code location.
        cursor: the saved one.
        limit: how many jobs are reported at most.
        held: bare names of the jobs that a run is about to record.
        recorded: what the event log tells, if it is asked for a job's end.
        assets: those of the code location.
        unseen_since: since when jobs were created that could not be seen.
    """
    opened = open_jobs(jobs, cursor)
    # Ticks ask the event log for all ends of an asset only if no tick before looked after it.
    new = [each for each in opened if asset_text(each.asset_key) not in cursor.assets]
    told = {each.key for each in new if each.key in recorded}
    due = [
        each
        for each in sorted(opened, key=lambda each: (each.record.updated_on, each.name))
        if each.is_over and each.name.name not in held and each.key not in told
    ]
    fresh = due[:limit]
    settled = told | {each.key for each in fresh}
    moved = move(cursor, jobs, opened, settled, now=LATER, unseen_since=unseen_since)
    return fresh, moved.model_copy(update={"assets": tuple(sorted(assets))})


@pytest.mark.parametrize(
    ("jobs", "reported", "left"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([running("A")], [], ["A"], id="in-flight"),
        pytest.param([done("A"), running("B")], ["A"], ["B"], id="one-of-two"),
        pytest.param([a_job("A", 0, 5, "SUSPENDED")], [], ["A"], id="suspended-is-no-end"),
        pytest.param([a_job("A", 0, 5, "HIBERNATING")], [], ["A"], id="unknown-is-no-end"),
        pytest.param(
            [a_job("A", 0, 5, "CANCELLED"), a_job("B", 0, 5, "FAILED")],
            ["A", "B"],
            [],
            id="failures",
        ),
    ],
)
def test_first_tick(jobs: list[TrackedJob], reported: list[str], left: list[str]) -> None:
    """From an empty cursor everything is open, and what was reported is closed afterwards."""
    assert open_jobs(jobs, Cursor()) == jobs
    fresh, cursor = tick(jobs, Cursor())
    assert names(fresh) == reported
    assert names(open_jobs(jobs, cursor)) == left
    assert tick(jobs, cursor) == ([], cursor)


@pytest.mark.parametrize(
    ("later", "reported"),
    [
        pytest.param([done("A")], [], id="reported-before"),
        pytest.param([done("A"), done("B", 1, 2)], ["B"], id="late-status-with-an-early-end"),
        pytest.param([done("A"), done("B", -9, -8)], ["B"], id="listed-late"),
        pytest.param([done("A"), done("B", 0, 5)], ["B"], id="same-times"),
        pytest.param([done("B", 60, 61)], ["B"], id="first-was-dropped"),
        pytest.param([], [], id="all-were-dropped"),
    ],
)
def test_second_tick(later: list[TrackedJob], reported: list[str]) -> None:
    """A second tick reports what the first could not have."""
    _, cursor = tick([done("A")], Cursor())
    fresh, _ = tick(later, cursor)
    assert names(fresh) == reported


def test_rest_is_for_the_next_tick() -> None:
    """What a full tick left over comes next, without what was reported."""
    jobs = [done("A", 0, 1), done("B", 0, 2), done("C", 0, 3)]
    first, cursor = tick(jobs, Cursor(), limit=2)
    second, _ = tick(jobs, cursor, limit=2)
    assert (names(first), names(second)) == (["A", "B"], ["C"])


def test_held_job_comes_when_it_is_let_go() -> None:
    """A held job is reported once nobody is about to record it, however much came since."""
    jobs = [done("A"), *(done(f"B{n}", n * 60, n * 60 + 5) for n in range(1, 50))]
    _, cursor = tick(jobs, Cursor(), held=["A"])
    fresh, _ = tick(jobs, cursor)
    assert names(fresh) == ["A"]


def test_name_used_again() -> None:
    """A job under the name of an earlier one that was dropped is another job, and is reported."""
    _, cursor = tick([done("NIGHTLY", 0, 5)], Cursor())
    later = [done("NIGHTLY", 1440, 1445)]
    fresh, cursor = tick(later, cursor)
    assert fresh == later
    assert tick(later, cursor)[0] == []


def test_cursor_forgets_what_is_settled() -> None:
    """Ten thousand finished jobs leave a cursor that marks only those of the last hour or so."""
    jobs = [done(f"J{minute}", minute, minute + 1) for minute in range(10_000)]
    fresh, cursor = tick(jobs, Cursor())
    assert len(fresh) == 10_000
    assert cursor.through == at(9_999) - LISTED_WITHIN
    assert len(cursor.settled) < 100
    assert len(cursor.model_dump_json()) < 2_000
    assert open_jobs(jobs, cursor) == []


def test_cursor_does_not_grow_with_jobs_in_flight() -> None:
    """Ten thousand jobs in flight are one number and one digest."""
    _, cursor = tick([running(f"J{number}") for number in range(10_000)], Cursor())
    assert cursor.jobs_in_flight == 10_000
    assert len(cursor.model_dump_json()) < 500


def test_long_job_keeps_what_came_after_it() -> None:
    """While one job runs, the cursor marks those created since, and forgets much older ones."""
    jobs = [
        *(done(f"OLD{minute}", minute, minute + 1) for minute in range(1_000)),
        running("LONG", 1_000),
        *(done(f"NEW{minute}", 1_001 + minute, 1_002 + minute) for minute in range(100)),
    ]
    _, cursor = tick(jobs, Cursor())
    assert cursor.through == at(1_000)
    assert 100 <= len(cursor.settled) < 200
    assert names(open_jobs(jobs, cursor)) == ["LONG"]


def test_cursor_does_not_grow_with_dropped_jobs() -> None:
    """Jobs are dropped all the time, and the cursor forgets them."""
    cursor = Cursor()
    for hour in range(100):
        _, cursor = tick([done(f"J{hour}", hour * 60, hour * 60 + 1)], cursor)
    assert len(cursor.settled) <= 3


def test_a_settled_job_that_is_not_listed_for_a_while_stays_settled() -> None:
    """The role may not see it for some ticks; when it is listed again it is no news."""
    jobs = [running("LONG"), done("A", 30, 31), done("B", 60, 61)]
    _, cursor = tick(jobs, Cursor())
    for _ in range(3):
        _, cursor = tick([], cursor)
    fresh, _ = tick(jobs, cursor)
    assert fresh == []


def test_a_dropped_job_that_was_recorded_is_settled() -> None:
    """It stays so while jobs of that time may be listed, though no listing ever had it."""
    dropped = done("D", 0, 5)
    cursor = move(Cursor(assets=("scores",)), [], [], {dropped.key}, now=LATER)
    assert open_jobs([dropped], cursor) == []
    for later in (done("A", 5, 6), done("B", 60, 61)):
        _, cursor = tick([later], cursor)
        assert open_jobs([dropped], cursor) == []


def test_an_asset_that_is_new_is_looked_at_again() -> None:
    """All its listed jobs are open, however old they are, but those that are marked."""
    old, other = done("OLD", 0, 5, asset="new"), done("B", 600, 601)
    _, cursor = tick([other], Cursor())
    assert open_jobs([old, other], cursor) == [old]
    fresh, cursor = tick([old, other], cursor, assets=("new", "scores"))
    assert fresh == [old]
    assert open_jobs([old, other], cursor) == []


def test_an_asset_that_was_away_loses_nothing() -> None:
    """A job whose asset is gone for a while is open when it is back, whatever came meanwhile."""
    jobs = [running("A", 0, asset="away"), done("B", 60, 61)]
    _, cursor = tick(jobs, Cursor(), assets=("away", "scores"))
    later = [done("A", 0, 100, asset="away"), done("C", 600, 601)]
    _, cursor = tick(later[1:], cursor)
    fresh, cursor = tick(later, cursor, assets=("away", "scores"))
    assert names(fresh) == ["A"]
    assert tick(later, cursor, assets=("away", "scores"))[0] == []


def test_an_incomplete_listing_holds_the_cursor() -> None:
    """While a row cannot be read its job is not settled, so that it is reported once it can."""
    hidden = done("HIDDEN", 1, 2)
    _, cursor = tick([done("A", 0, 1)], Cursor())
    held = cursor.through
    for hour in range(1, 5):
        _, cursor = tick([done("B", hour * 60, hour * 60 + 1)], cursor, unseen_since=held)
        assert cursor.through == held
    fresh, _ = tick([hidden], cursor)
    assert fresh == [hidden]


def test_a_job_that_one_listing_leaves_out_is_reported() -> None:
    """It was in flight and is there: newer jobs that are settled meanwhile do not pass it over."""
    _, cursor = tick([running("J", 0)], Cursor())
    _, cursor = tick([done("B", 60, 61)], cursor, unseen_since=at(0) - ACCOUNT_DIFFERS_BY)
    fresh, cursor = tick([done("J", 0, 90), done("B", 60, 61)], cursor)
    assert names(fresh) == ["J"]
    assert tick([done("J", 0, 90), done("B", 60, 61)], cursor)[0] == []


def test_an_incomplete_first_listing_settles_no_time() -> None:
    """A row that cannot be read in the very first tick may be one of any job."""
    _, cursor = tick([done("A", 600, 601)], Cursor(), unseen_since=at(-20_000))
    fresh, _ = tick([done("A", 600, 601), done("OLD", -10_000, -9_999)], cursor)
    assert names(fresh) == ["OLD"]


def test_a_job_is_missing_once() -> None:
    """Before the first tick any may be; afterwards only one that was seen in flight."""
    assert one_is_missing([], Cursor())
    _, empty = tick([], Cursor())
    assert not one_is_missing([], empty)
    assert not one_is_missing([running("A")], empty)
    _, cursor = tick([running("A")], empty)
    assert not one_is_missing([done("A")], cursor)
    assert not one_is_missing([done("A"), running("B", 1)], cursor)
    assert one_is_missing([], cursor)
    assert one_is_missing([running("B", 1)], cursor)
    _, cursor = tick([], cursor)
    assert not one_is_missing([], cursor)


def test_a_job_of_a_new_asset_is_not_taken_for_a_missing_one() -> None:
    """Its jobs may be older than the newest one, and were not counted."""
    _, cursor = tick([running("A", 60)], Cursor())
    opened = open_jobs([running("A", 60), running("B", 0, asset="new")], cursor)
    assert names(opened) == ["A", "B"]
    assert not one_is_missing(opened, cursor)


def test_cursor_through_json() -> None:
    """A cursor reads back from its JSON as itself, to the microsecond."""
    marks = Marks()
    marks.add(running("A").digest, NOON)
    cursor = Cursor(
        place="LAB.JOBS, names beginning with DAGSTER_",
        assets=("a/b", "c"),
        through=at(0) + timedelta(microseconds=1),
        settled=marks.since(None),
        newest=at(10) + timedelta(microseconds=999_999),
        in_flight="1:abc",
        looked=at(11),
        dropped_since=at(1),
        silent_runs={"run-1": Silence(sign="", seconds=61.5)},
        retries=(Retry(due=at(20), asset=("a", "b"), attempt=1, after="JOB"),),
    )
    assert read_cursor(cursor.model_dump_json()) == cursor


def test_no_cursor_yet() -> None:
    """A sensor without a cursor begins with an empty one."""
    for text in (None, ""):
        assert read_cursor(text) == Cursor()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("1700000000.0", id="number"),
        pytest.param("since yesterday", id="no-json"),
        pytest.param('{"version": 2', id="cut-off"),
        pytest.param("[]", id="list"),
        pytest.param('{"version": 1}', id="older-version"),
        pytest.param('{"version": 3}', id="newer-version"),
        pytest.param('{"version": 2, "held": {}}', id="unknown-field"),
        pytest.param('{"through": "2026-01-01T12:00:00"}', id="time-without-zone"),
        pytest.param('{"looked": "yesterday"}', id="no-time"),
        pytest.param('{"settled": ["???"]}', id="mark-that-is-no-base64"),
        pytest.param('{"settled": ["\u00e9"]}', id="mark-that-is-no-ascii"),
        pytest.param('{"settled": [7]}', id="mark-that-is-no-text"),
        pytest.param('{"settled": ["////////////////////////"]}', id="mark-that-is-too-long"),
        pytest.param('{"settled": ["AAAA"]}', id="mark-that-is-too-short"),
        pytest.param('{"in_flight": "some"}', id="bad-digest"),
        pytest.param('{"silent_runs": {"r": {"sign": "", "seconds": -1}}}', id="negative-silence"),
        pytest.param('{"retries": [{"attempt": 0}]}', id="bad-retry"),
    ],
)
def test_unreadable_cursor(text: str) -> None:
    """A cursor of another kind is an error that says what to do, not a new beginning."""
    with pytest.raises(UnreadableCursor) as caught:
        read_cursor(text)
    said = str(caught.value)
    assert "Install that version again, or reset the cursor" in said
    assert "dagster sensor cursor <name> --delete" in said
    assert "\n" not in said


@dataclass(frozen=True)
class Fate:
    """What becomes of one job, in minutes."""

    asset: str
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
    unseen: tuple[int, int]
    """From when and for how long listings leave it out, once it is reported."""
    held_for: int
    """How long after its end a run is about to record it."""

    def row(self, bare: str, now: int) -> TrackedJob | None:
        """What a listing shows now."""
        if now < self.created + self.listed_after:
            return None
        if self.lasts is None or now < self.created + self.lasts + self.told_after:
            return running(bare, self.created, self.asset)
        return a_job(bare, self.created, self.created + self.lasts, self.ending, self.asset)

    def is_held(self, now: int) -> bool:
        """Whether a run is about to record it now."""
        return self.lasts is not None and now < self.created + self.lasts + self.held_for

    def is_left_out(self, now: int) -> bool:
        """Whether listings leave it out now, though it is there."""
        return self.unseen[0] <= now < sum(self.unseen)


ASSETS = ["daily", "weekly"]


def fates(unseen: st.SearchStrategy[tuple[int, int]]) -> st.SearchStrategy[list[Fate]]:
    """Jobs of two assets."""
    fate = st.builds(
        Fate,
        asset=st.sampled_from(ASSETS),
        created=st.integers(0, 240),
        listed_after=st.integers(0, 10),
        lasts=st.none() | st.integers(0, 240),
        told_after=st.integers(0, 30),
        ending=st.sampled_from(["DONE", "FAILED", "CANCELLED", "INTERNAL_ERROR"]),
        dropped=st.booleans(),
        unseen=unseen,
        held_for=st.just(0) | st.integers(0, 120),
    )
    return st.lists(fate, max_size=25)


@dataclass(frozen=True)
class Look:
    """One tick."""

    now: int
    limit: int
    """How many jobs it reports at most."""
    away: frozenset[str]
    """The assets that the code location does not have then."""


def looks(away: st.SearchStrategy[frozenset[str]]) -> st.SearchStrategy[list[Look]]:
    """Ticks in their order."""
    look = st.builds(Look, now=st.integers(0, 500), limit=st.integers(0, 4), away=away)
    return st.lists(look, max_size=40).map(lambda made: sorted(made, key=lambda each: each.now))


def check_that_every_end_is_reported_once(jobs: list[Fate], ticks: list[Look]) -> None:
    """Run the ticks, then as many as report all that is left.

    The cursor goes through JSON between any two ticks. It moves back only for a new asset, and
    marks no more jobs than were created up to an hour before what it has settled.
    """
    world = {f"J{number}": fate for number, fate in enumerate(jobs)}
    reported: list[JobKey] = []
    cursor = Cursor()
    # At the end everything has ended, shows, and is let go; one job a tick is the slowest way.
    ending = [Look(1_000, 1, frozenset())] * (len(jobs) + 1)
    for look in ticks + ending:
        assets = [asset for asset in ASSETS if asset not in look.away]
        rows = {bare: fate.row(bare, look.now) for bare, fate in world.items()}
        listed = [
            row
            for bare, row in rows.items()
            if row is not None
            and world[bare].asset in assets
            and not (
                row.key in reported and (world[bare].dropped or world[bare].is_left_out(look.now))
            )
        ]
        fresh, moved = tick(
            listed,
            cursor,
            limit=look.limit,
            held=[bare for bare, fate in world.items() if fate.is_held(look.now)],
            recorded=reported,
            assets=assets,
        )
        reported += [each.key for each in fresh]
        if cursor.through is not None and set(assets) <= set(cursor.assets):
            assert moved.through is not None
            assert moved.through >= cursor.through
        since = [
            key
            for key in reported
            if moved.through is None or key.submitted >= moved.through - timedelta(hours=1)
        ]
        assert len(moved.settled) <= len(since)
        cursor = read_cursor(moved.model_dump_json())

    ended = {
        row.key
        for bare, fate in world.items()
        if fate.lasts is not None and (row := fate.row(bare, 1_000)) is not None
    }
    assert sorted(reported) == sorted(ended)


@settings(max_examples=300)
@given(fates(st.tuples(st.integers(0, 500), st.integers(0, 200))), looks(away=st.just(frozenset())))
def test_every_end_is_reported_once(jobs: list[Fate], ticks: list[Look]) -> None:
    """Whatever starts, ends, is held, shows late, is left out or dropped: each end comes once."""
    check_that_every_end_is_reported_once(jobs, ticks)


@settings(max_examples=300)
@given(fates(st.just((0, 0))), looks(away=st.frozensets(st.sampled_from(ASSETS))))
def test_every_end_is_reported_once_when_assets_come_and_go(
    jobs: list[Fate], ticks: list[Look]
) -> None:
    """A code location may lack an asset for some ticks; no end is lost or told twice over that."""
    check_that_every_end_is_reported_once(jobs, ticks)


def test_job_from_the_future() -> None:
    """A clock that was ahead, and is set back, hides no job that is created after that."""
    ahead = done("A", 3600, 3601)
    now = at(5)
    cursor = move(Cursor(assets=("scores",)), [ahead], [ahead], {ahead.key}, now=now)
    later = done("B", 6, 7)
    assert open_jobs([ahead, later], cursor) == [later]
    saved = cursor.model_copy(update={"through": at(3600)})
    assert open_jobs([later], saved.not_beyond(at(8))) == [later]
