"""Whether a run that waits for a job is at work: told by its tag, over several ticks."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from uuid import uuid4

import dagster as dg
import pytest

from dagster_spcs.event_log.keys import SEEN_ALIVE_TAG
from dagster_spcs.event_log.signs_of_life import SILENT_AFTER, SignsOfLife
from dagster_spcs.sensor.run_liveness import RunLiveness, Silence

HALF_A_MINUTE = timedelta(seconds=30)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance without runs."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def start_run(
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    sign: str | None = None,
) -> str:
    """Store a run and return its id."""
    run = dg.DagsterRun(
        job_name="job",
        run_id=str(uuid4()),
        status=status,
        tags={} if sign is None else {SEEN_ALIVE_TAG: sign},
    )
    return instance.add_run(run).run_id


class Ticks:
    """Ticks that look at one run, each with what the one before saved."""

    def __init__(self, instance: dg.DagsterInstance, run_id: str) -> None:
        self._instance = instance
        self._run_id = run_id
        self.saved: Mapping[str, Silence] = {}

    def look(self, since_last_tick: timedelta) -> bool:
        """Return whether the run is alive."""
        liveness = RunLiveness(self._instance, self.saved, since_last_tick)
        is_alive = liveness.is_alive(self._run_id)
        self.saved = liveness.silent
        return is_alive


@pytest.fixture
def ticks(instance: dg.DagsterInstance) -> Ticks:
    """Ticks that look at a run which has shown one sign."""
    return Ticks(instance, start_run(instance, sign="first"))


def test_a_run_that_changes_its_tag_stays_alive(instance: dg.DagsterInstance, ticks: Ticks) -> None:
    """However long it waits, and whatever its clock writes."""
    [run] = instance.get_runs()
    for number in range(20):
        instance.add_run_tags(run.run_id, {SEEN_ALIVE_TAG: f"{-number}"})
        assert ticks.look(timedelta(minutes=1))
    assert [silence.seconds for silence in ticks.saved.values()] == [0]


def test_a_run_that_shows_no_sign_is_dead_after_three_minutes(ticks: Ticks) -> None:
    """The time is counted over ticks, from the first one that saw the last sign."""
    looks = [ticks.look(HALF_A_MINUTE) for _ in range(8)]
    assert looks == [True] * 6 + [False] * 2
    assert timedelta(minutes=3) == SILENT_AFTER


def test_a_run_that_never_showed_a_sign(instance: dg.DagsterInstance) -> None:
    """Its silence is counted like any other one."""
    ticks = Ticks(instance, start_run(instance))
    assert [ticks.look(timedelta(minutes=1)) for _ in range(4)] == [True, True, True, False]


def test_a_tick_counts_for_a_minute_at_most(ticks: Ticks) -> None:
    """After a machine slept for a day, the run has its time to show a sign."""
    looks = [ticks.look(timedelta(days=1)) for _ in range(4)]
    assert looks == [True, True, True, False]


def test_a_clock_that_is_set_back_counts_for_nothing(ticks: Ticks) -> None:
    """Time between ticks is never negative."""
    for _ in range(10):
        assert ticks.look(timedelta(hours=-1))
    assert [silence.seconds for silence in ticks.saved.values()] == [0]


def test_a_new_sign_begins_the_count_anew(instance: dg.DagsterInstance, ticks: Ticks) -> None:
    """A run that was counted for dead is alive when it shows itself."""
    while ticks.look(timedelta(minutes=1)):
        pass
    [run] = instance.get_runs()
    instance.add_run_tags(run.run_id, {SEEN_ALIVE_TAG: "second"})
    assert [ticks.look(timedelta(minutes=1)) for _ in range(4)] == [True, True, True, False]


def test_finished_and_missing_runs_are_dead_at_once(instance: dg.DagsterInstance) -> None:
    """There is nothing to wait for, and nothing to save."""
    finished = [
        start_run(instance, status, sign="first")
        for status in (
            dg.DagsterRunStatus.SUCCESS,
            dg.DagsterRunStatus.FAILURE,
            dg.DagsterRunStatus.CANCELED,
        )
    ]
    for run_id in (*finished, str(uuid4())):
        ticks = Ticks(instance, run_id)
        assert not ticks.look(timedelta(0))
        assert ticks.saved == {}


def test_runs_that_have_not_finished_are_alive(instance: dg.DagsterInstance) -> None:
    """Whatever Dagster is about to do with them."""
    for status in (
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ):
        assert Ticks(instance, start_run(instance, status)).look(timedelta(0))


def test_what_to_save(instance: dg.DagsterInstance) -> None:
    """Of the runs that were asked about: the last sign, and for how long it has not changed."""
    silent, talking, other = (start_run(instance, sign=sign) for sign in ("a", "b", "c"))
    before = {
        silent: Silence(sign="a", seconds=60),
        talking: Silence(sign="older", seconds=170),
        other: Silence(sign="c", seconds=60),
    }
    liveness = RunLiveness(instance, before, HALF_A_MINUTE)
    assert liveness.is_alive(silent)
    assert liveness.is_alive(talking)
    assert liveness.silent == {
        silent: Silence(sign="a", seconds=90),
        talking: Silence(sign="b", seconds=0),
    }


def test_one_tick_asks_once(instance: dg.DagsterInstance) -> None:
    """Of many jobs of one run each gets the same answer, and the time counts once."""
    run_id = start_run(instance, sign="a")
    liveness = RunLiveness(instance, {run_id: Silence(sign="a", seconds=90)}, HALF_A_MINUTE)
    assert [liveness.is_alive(run_id) for _ in range(5)] == [True] * 5
    assert liveness.silent[run_id].seconds == 120


def test_what_a_run_writes_is_what_the_sensor_reads(instance: dg.DagsterInstance) -> None:
    """Each sign that a waiting run shows keeps it alive for three more minutes."""
    run_id = start_run(instance)
    clock = iter(range(0, 10_000, 60))
    signs = SignsOfLife(instance, run_id, clock=lambda: float(next(clock)))
    ticks = Ticks(instance, run_id)
    for _ in range(5):
        signs.show()
        assert [ticks.look(timedelta(minutes=1)) for _ in range(3)] == [True, True, True]
    assert not ticks.look(timedelta(minutes=1))
