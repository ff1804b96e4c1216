"""Declarative automation across deferred jobs: Dagster sees a run succeed long before its result.

A deferred run is a success without a materialization. No condition may take it for a result, and
none may ask for a second job because the result is not there yet.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_spcs import JobRequest, spcs_job_asset
from dagster_spcs.spcs.client import SpcsClient
from tests.integration.conftest import Location, script_asset, script_request
from tests.support.emulators import DEADLINE_SECONDS
from tests.support.events import is_end

Locate = Callable[..., Location]
Condition = dg.AutomationCondition

EVENING = datetime(2026, 3, 1, 23, 0, tzinfo=timezone.utc)
"""Before the tick of ``@daily`` that counts."""
NIGHT = EVENING + timedelta(hours=2)

DEPS_UPDATED = (
    Condition.any_deps_updated().since_last_handled()
    & ~Condition.any_deps_missing()
    & ~Condition.in_progress()
)
CONDITIONS = [
    pytest.param(Condition.eager(), id="eager"),
    pytest.param(DEPS_UPDATED, id="any-deps-updated"),
    pytest.param(Condition.on_cron("@daily"), id="on-cron"),
]
OUTCOMES = [pytest.param("true", id="done"), pytest.param("exit 3", id="failed")]


class Automation:
    """What the daemon's automation sensor keeps between two evaluations of a location."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._cursor: Any = None

    def requested(self, at: datetime | None = None) -> set[str]:
        """Evaluate all conditions once; return ``asset`` or ``asset partition`` for each request.

        ``at`` is what the conditions take for the time of day; events keep their own.
        """
        definitions = self._location.definitions
        result = dg.evaluate_automation_conditions(
            definitions,
            self._location.instance,
            # The default selects the same, through a parameter that warns of being in beta.
            asset_selection=dg.AssetSelection.all(),
            evaluation_time=at,
            cursor=self._cursor,
        )
        self._cursor = result.cursor
        return {
            " ".join(filter(None, (key.to_user_string(), partition)))
            for key in definitions.resolve_asset_graph().get_all_asset_keys()
            for partition in result.get_requested_partitions(key)
        }


class Gate:
    """A file that jobs wait for, so that a test decides how long they are in flight."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def script(self, end: str = "true") -> str:
        """Return a script that waits for the gate, then ends so."""
        # Bounded, so that a run which waits for its job fails its test and does not hold it up.
        looks = int(DEADLINE_SECONDS / 0.02)
        return (
            f"i=0; while [ ! -e {self._path} ] && [ $i -lt {looks} ];"
            f" do sleep 0.02; i=$((i+1)); done; {end}"
        )

    def open(self) -> None:
        """Let all jobs go on, those that start later too."""
        self._path.touch()

    def close(self) -> None:
        """Let later jobs wait again."""
        self._path.unlink()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()


@dg.asset
def source() -> None:
    """What a job reads."""


def follower(condition: dg.AutomationCondition[Any], **options: Any) -> dg.AssetsDefinition:
    """Return a plain asset ``after`` that is built from the job asset ``a``."""

    @dg.asset(deps=["a"], automation_condition=condition, **options)
    def after() -> None:
        pass

    return after


def ended(location: Location, jobs: int) -> bool:
    """Whether the ends of so many jobs of ``a`` are recorded."""
    failed = [each for each in location.observations("a") if is_end(each)]
    return len(location.materializations("a")) + len(failed) >= jobs


@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_is_downstream_is_requested_once_for_each_recorded_result(
    locate: Locate, gate: Gate, condition: dg.AutomationCondition[Any]
) -> None:
    """Not when the job was submitted or is in flight, once when it is recorded, never again."""
    location = locate(script_asset("a", gate.script()), follower(condition))
    automation = Automation(location)
    for day in range(2):
        evening, night = EVENING + timedelta(days=day), NIGHT + timedelta(days=day)
        assert automation.requested(evening) == set()
        assert automation.requested(night) == set()

        assert location.run("a").success
        for _ in range(3):
            assert automation.requested(night) == set()
            location.tick()
        gate.open()
        location.tick_until(lambda: ended(location, day + 1))  # noqa: B023

        assert automation.requested(night) == {"after"}
        assert location.run("after").success
        for _ in range(3):
            assert automation.requested(night) == set()
            location.tick()
        gate.close()


@pytest.mark.parametrize("condition", CONDITIONS)
def test_nothing_downstream_is_requested_for_a_failed_job(
    locate: Locate, condition: dg.AutomationCondition[Any]
) -> None:
    """A failure is recorded as an observation, and an observation updates nothing."""
    location = locate(script_asset("a", "exit 3"), follower(condition))
    automation = Automation(location)
    automation.requested(EVENING)
    automation.requested(NIGHT)

    location.run("a")
    location.tick_until(lambda: ended(location, 1))

    for _ in range(3):
        assert automation.requested(NIGHT) == set()
        location.tick()


@pytest.mark.parametrize("end", OUTCOMES)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_job_asset_is_requested_once_for_each_update_upstream(
    locate: Locate, gate: Gate, condition: dg.AutomationCondition[Any], end: str
) -> None:
    """Not again while its job is in flight, nor after the job ended, well or not."""
    job = script_asset("a", gate.script(end), deps=["source"], automation_condition=condition)
    location = locate(source, job)
    automation = Automation(location)
    for day in range(2):
        evening, night = EVENING + timedelta(days=day), NIGHT + timedelta(days=day)
        assert automation.requested(evening) == set()
        assert automation.requested(night) == set()

        location.run("source")
        assert automation.requested(night) == {"a"}
        assert location.run("a").success
        assert not ended(location, day + 1)
        for _ in range(3):
            assert automation.requested(night) == set()
            location.tick()

        gate.open()
        location.tick_until(lambda: ended(location, day + 1))  # noqa: B023
        for _ in range(3):
            assert automation.requested(night) == set()
            location.tick()
        gate.close()


@pytest.mark.parametrize("end", OUTCOMES)
@pytest.mark.parametrize(
    "condition",
    [
        pytest.param(Condition.on_missing(), id="on-missing"),
        pytest.param(Condition.eager(), id="eager"),
    ],
)
def test_new_partition_is_requested_once(
    locate: Locate, gate: Gate, condition: dg.AutomationCondition[Any], end: str
) -> None:
    """It stays missing for Dagster while its job is in flight, or for good after a failure."""
    job = script_asset(
        "a",
        gate.script(end),
        partitions_def=dg.DynamicPartitionsDefinition(name="letters"),
        automation_condition=condition,
    )
    location = locate(job)
    automation = Automation(location)
    assert automation.requested() == set()
    for jobs, letter in enumerate("xy", start=1):
        location.instance.add_dynamic_partitions("letters", [letter])
        assert automation.requested() == {f"a {letter}"}
        assert location.run("a", partition_key=letter).success
        for _ in range(3):
            assert automation.requested() == set()
            location.tick()
        assert not ended(location, jobs)

        gate.open()
        location.tick_until(lambda: ended(location, jobs))  # noqa: B023
        for _ in range(3):
            assert automation.requested() == set()
            location.tick()
        gate.close()


def test_run_of_a_job_asset_and_what_waits_for_it_is_requested_once(locate: Locate) -> None:
    """Dagster asks for both at once; the run waits for the job, and nothing is left to ask for."""
    job = script_asset(
        "a", "true", deps=["source"], automation_condition=Condition.eager(), mode="auto"
    )
    location = locate(source, job, follower(Condition.eager()))
    automation = Automation(location)
    automation.requested()

    location.run("source")
    assert automation.requested() == {"a", "after"}
    assert location.run("a", "after").success

    assert len(location.materializations("after")) == 1
    for _ in range(3):
        assert automation.requested() == set()
        location.tick()
        assert len(location.materializations("a")) == 1


def test_what_a_deferred_job_left_behind_in_its_run_is_requested_with_the_result(
    locate: Locate, gate: Gate
) -> None:
    """With mode="deferred" the run skips what waits; it is asked for once the job is recorded."""
    job = script_asset(
        "a",
        gate.script(),
        deps=["source"],
        automation_condition=Condition.eager(),
        mode="deferred",
    )
    location = locate(source, job, follower(Condition.eager()))
    automation = Automation(location)
    automation.requested()

    location.run("source")
    assert automation.requested() == {"a", "after"}
    assert location.run("a", "after").success
    assert location.materializations("after") == []
    for _ in range(3):
        assert automation.requested() == set()
        location.tick()

    gate.open()
    location.tick_until(lambda: ended(location, 1))
    assert automation.requested() == {"after"}
    location.run("after")
    assert automation.requested() == set()


def test_job_asset_at_the_end_of_a_requested_run_is_not_requested_for_the_same_update(
    locate: Locate, gate: Gate
) -> None:
    """A run builds the upstream asset and submits the job: the update is dealt with."""

    @dg.asset(deps=["source"], automation_condition=Condition.eager())
    def before() -> None:
        pass

    job = script_asset("a", gate.script(), deps=["before"], automation_condition=Condition.eager())
    location = locate(source, before, job)
    automation = Automation(location)
    automation.requested()

    location.run("source")
    assert automation.requested() == {"before", "a"}
    assert location.run("before", "a").success
    assert location.materializations("a") == []
    for _ in range(3):
        assert automation.requested() == set()
        location.tick()

    gate.open()
    location.tick_until(lambda: ended(location, 1))
    assert automation.requested() == set()


def test_run_requested_while_a_job_is_in_flight_starts_no_second_one(
    locate: Locate, gate: Gate, client: SpcsClient, schema: str
) -> None:
    """Dagster's in_progress() knows of no job, so it may ask again; overlap="skip" holds it."""
    job = script_asset("a", gate.script(), deps=["source"], automation_condition=Condition.eager())
    location = locate(source, job)
    automation = Automation(location)
    automation.requested()
    for _ in range(3):
        location.run("source")
        assert automation.requested() == {"a"}
        assert location.run("a").success
        assert automation.requested() == set()

    assert len(client.list_jobs(database="LAB", schema=schema)) == 1
    assert len(location.observations("a")) == 1
    gate.open()
    location.tick_until(lambda: ended(location, 1))
    location.tick()
    assert len(location.materializations("a")) == 1


def test_condition_on_the_check_sees_the_recorded_end(locate: Locate, tmp_path: Path) -> None:
    """A condition on the check ``spcs_job`` is met by the sensor's evaluation, not before."""
    mended = tmp_path / "mended"
    passed = Condition.all_deps_match(Condition.all_checks_match(Condition.check_passed()))
    location = locate(
        script_asset("a", f"test -e {mended}"),
        follower(passed.newly_true().since_last_handled()),
    )
    automation = Automation(location)
    automation.requested()

    location.run("a")
    assert automation.requested() == set()
    location.tick_until(lambda: ended(location, 1))
    assert automation.requested() == set()

    mended.touch()
    location.run("a")
    assert automation.requested() == set()
    location.tick_until(lambda: ended(location, 2))
    assert automation.requested() == {"after"}
    assert automation.requested() == set()


@pytest.mark.filterwarnings("ignore:Function `build_last_update_freshness_checks`")
def test_freshness_check_counts_from_the_recorded_result(locate: Locate, gate: Gate) -> None:
    """A job that was submitted is no update; its recorded result is."""
    job = script_asset("a", gate.script())
    [checks] = dg.build_last_update_freshness_checks(
        assets=[job], lower_bound_delta=timedelta(hours=1)
    )
    location = locate(job, checks)
    [key] = checks.check_keys

    def fresh() -> bool:
        [evaluation] = location.check(key).get_asset_check_evaluations()
        return evaluation.passed

    location.run("a")
    location.tick()
    assert not fresh()

    gate.open()
    location.tick_until(lambda: ended(location, 1))
    assert fresh()


def test_other_input_of_what_is_downstream(locate: Locate, gate: Gate) -> None:
    """The limit that the README names: a job at work is no run in progress for ``eager()``."""

    @dg.asset
    def other() -> None: ...

    @dg.asset(deps=["a", other], automation_condition=Condition.eager())
    def after() -> None: ...

    gate.open()
    location = locate(script_asset("a", gate.script(), mode="deferred"), other, after)
    location.run("a", "other")
    location.tick_until(lambda: location.materializations("a"))
    location.run("after")
    automation = Automation(location)
    while automation.requested():
        pass
    gate.close()
    location.run("a")
    assert automation.requested() == set()
    location.run("other")
    assert automation.requested() == {"after"}  # from the old table of a
    location.run("after")
    assert automation.requested() == set()
    gate.open()
    location.tick_until(lambda: len(location.materializations("a")) == 2)
    assert automation.requested() == {"after"}


@pytest.mark.parametrize(("mode", "arrives"), [("blocking", True), ("deferred", False)])
def test_metadata_that_the_function_adds(locate: Locate, mode: Any, arrives: bool) -> None:
    """Dagster attaches it to the step's result, which a deferred step has none of."""

    @spcs_job_asset(mode=mode)
    def a(context: dg.AssetExecutionContext) -> JobRequest:
        context.add_asset_metadata({"git": "abc"})
        return script_request("true")

    location = locate(a)
    location.run("a")
    location.tick_until(lambda: location.materializations("a"))
    assert ("git" in location.materializations("a")[0].metadata) is arrives
