"""A run that waits and the sensor: which of the two records a job, however late either is."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_spcs import JobRequest, spcs_job_asset
from dagster_spcs.event_log import keys
from dagster_spcs.event_log.start import start_event
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.submission import PlannedJob, SubmittedJob
from dagster_spcs.run import execution
from dagster_spcs.run.waiting import gather_whole
from dagster_spcs.sensor.cursor import read_cursor
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.status import JobStatus
from tests.integration.conftest import Clock, Location, script_asset, script_request
from tests.support.emulators import POOL, until
from tests.support.events import is_end

Locate = Callable[..., Location]

PARTITIONS = dg.StaticPartitionsDefinition(["p1", "p2"])
RANGE = {"dagster/asset_partition_range_start": "p1", "dagster/asset_partition_range_end": "p2"}
IN_ONE_RUN = {"partitions_def": PARTITIONS, "backfill_policy": dg.BackfillPolicy.single_run()}


def partitions(location: Location, asset: str) -> list[str | None]:
    """Return the partitions of an asset's materializations, sorted."""
    return sorted(each.partition for each in location.materializations(asset))


def ends(location: Location) -> int:
    """Return how many ends of jobs of asset ``a`` are recorded."""
    return sum(map(is_end, [*location.materializations("a"), *location.observations("a")]))


def listed(client: SpcsClient, schema: str) -> Sequence[JobRecord]:
    """Return the jobs of the test's own schema."""
    return client.list_jobs(database="LAB", schema=schema)


def uneven(gate: Path) -> dg.AssetsDefinition:
    """Return asset ``a``: p1 is made at once, p2 when the gate is there."""

    @spcs_job_asset(name="a", **IN_ONE_RUN)
    def job(context: dg.AssetExecutionContext) -> JobRequest:
        """A job of the test."""
        wait = f"while [ ! -e {gate} ]; do sleep 0.1; done"
        return script_request("true" if context.partition_key == "p1" else wait)

    return job


@dg.asset(deps=["a"], partitions_def=PARTITIONS)
def downstream() -> None:
    """Is built in the run that makes ``a``."""


def tick_for_minutes(location: Location, clock: Clock, minutes: int) -> None:
    """Tick once a minute."""
    for _ in range(minutes):
        clock.pass_(minutes=1)
        location.tick()


def test_job_of_a_run_that_shows_no_sign_of_life_is_recorded_after_minutes(
    locate: Locate, client: SpcsClient, clock: Clock
) -> None:
    """A killed run looks as if it were there, for ever where run monitoring is off."""
    location = locate(script_asset("a", "true", mode="blocking"))
    run, name = location.start(client, "true", blocking=True)
    [_] = client.wait([name], poll_seconds=0.02)

    location.tick()
    tick_for_minutes(location, clock, 2)
    assert ends(location) == 0
    assert read_cursor(location.cursor).silent_runs.keys() == {run.run_id}

    tick_for_minutes(location, clock, 2)
    assert ends(location) == 1
    assert read_cursor(location.cursor).silent_runs == {}
    tick_for_minutes(location, clock, 2)
    assert ends(location) == 1


def test_job_of_a_run_that_shows_signs_of_life_is_left_to_it(
    locate: Locate, client: SpcsClient, clock: Clock
) -> None:
    """However long the run takes, and however wrong its host's clock is."""
    location = locate(script_asset("a", "true", mode="blocking"))
    run, name = location.start(client, "true", blocking=True)
    [_] = client.wait([name], poll_seconds=0.02)

    for minute in range(20):
        location.instance.add_run_tags(
            run.run_id, {keys.SEEN_ALIVE_TAG: f"1999-01-01T00:{minute // 2:02}:00+00:00"}
        )
        tick_for_minutes(location, clock, 1)
    assert ends(location) == 0

    tick_for_minutes(location, clock, 4)
    assert ends(location) == 1


def test_machine_that_sleeps_wakes_run_and_sensor_together(
    locate: Locate, client: SpcsClient, clock: Clock
) -> None:
    """The hours between two ticks do not count as the run's silence."""
    location = locate(script_asset("a", "true", mode="blocking"))
    _, name = location.start(client, "true", blocking=True)
    [_] = client.wait([name], poll_seconds=0.02)
    location.tick()

    clock.pass_(hours=8)
    location.tick()

    assert ends(location) == 0


def test_run_that_waits_shows_that_it_is_alive(
    locate: Locate, client: SpcsClient, schema: str, tmp_path: Path
) -> None:
    """It writes a tag of its own while it waits; a deferred run writes none."""
    gate = tmp_path / "go"
    wait = f"while [ ! -e {gate} ]; do sleep 0.05; done"
    location = locate(script_asset("a", wait, mode="blocking"), script_asset("b", "true"))
    run = threading.Thread(target=lambda: location.run("a"))
    run.start()

    def signs() -> list[str]:
        runs = location.instance.get_runs()
        return [each.tags[keys.SEEN_ALIVE_TAG] for each in runs if keys.SEEN_ALIVE_TAG in each.tags]

    until(signs)
    gate.touch()
    run.join()
    location.run("b")
    assert len(signs()) == 1


@pytest.fixture
def stand_still(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Callable[[Location, int], None]:
    """Let the run stand still for minutes between its jobs' end and its look at the event log."""

    def arrange(location: Location, minutes: int) -> None:
        def late(*asked: Any, **options: Any) -> Any:
            reports = gather_whole(*asked, **options)
            tick_for_minutes(location, clock, minutes)
            return reports

        monkeypatch.setattr(execution, "gather_whole", late)

    return arrange


@pytest.mark.parametrize("script", ["true", "exit 3"])
@pytest.mark.parametrize("minutes", [2, 6])
def test_run_that_comes_late_records_nothing_that_is_recorded(
    locate: Locate,
    clock: Clock,
    stand_still: Callable[[Location, int], None],
    script: str,
    minutes: int,
) -> None:
    """Whichever of the two is first, there is one event; the run ends as its job did."""
    location = locate(script_asset("a", script, mode="blocking"))
    stand_still(location, minutes)
    assert location.run("a").success is (script == "true")
    assert ends(location) == 1
    tick_for_minutes(location, clock, 4)
    assert ends(location) == 1


def test_run_whose_result_the_sensor_recorded_builds_nothing_from_it(
    locate: Locate, clock: Clock, stand_still: Callable[[Location, int], None]
) -> None:
    """It says so, and each partition is recorded once."""

    @spcs_job_asset(name="a", **IN_ONE_RUN)
    def job() -> JobRequest:
        """A job of the test."""
        return script_request("true")

    location = locate(job, downstream)
    stand_still(location, 6)
    result = location.run("a", "downstream", tags=RANGE)
    tick_for_minutes(location, clock, 3)

    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "The sensor recorded a" in str(failure.step_failure_data.user_failure_data.description)
    assert (partitions(location, "a"), partitions(location, "downstream")) == (["p1", "p2"], [])


def test_run_that_waits_for_the_rest_of_a_failed_batch_records_it(
    locate: Locate, client: SpcsClient, schema: str, clock: Clock, tmp_path: Path
) -> None:
    """The job is over by its status, and its run waits rightly."""
    wait = f"while [ ! -e {tmp_path / 'go'} ]; do sleep 0.1; done"

    @spcs_job_asset(name="a", batch=True, mode="blocking", **IN_ONE_RUN)
    def job() -> JobRequest:
        """A job of the test."""
        return script_request(f'[ "$SNOWFLAKE_JOB_INDEX" = 0 ] && exit 3; {wait}')

    location = locate(job)
    run = threading.Thread(target=lambda: location.run("a", tags=RANGE))
    run.start()
    until(lambda: [each.status for each in listed(client, schema)] == [JobStatus.FAILED])
    tick_for_minutes(location, clock, 2)
    (tmp_path / "go").touch()
    run.join()
    tick_for_minutes(location, clock, 3)
    assert partitions(location, "a") == ["p2"]
    assert [each.partition for each in location.observations("a")] == ["p1", None]


def test_partition_that_waits_for_the_others_is_the_run_s(
    locate: Locate, clock: Clock, tmp_path: Path
) -> None:
    """What the run builds from all of them needs it; however long the others take."""
    location = locate(uneven(tmp_path / "go"), downstream)
    outcome: list[bool] = []
    run = threading.Thread(
        target=lambda: outcome.append(location.run("a", "downstream", tags=RANGE).success)
    )
    run.start()

    def is_left_to_the_run() -> bool:
        location.tick()
        return bool(read_cursor(location.cursor).silent_runs)

    until(is_left_to_the_run)
    tick_for_minutes(location, clock, 2)
    (tmp_path / "go").touch()
    run.join()
    tick_for_minutes(location, clock, 3)

    assert outcome == [True]
    assert (partitions(location, "a"), partitions(location, "downstream")) == (
        ["p1", "p2"],
        ["p1", "p2"],
    )


def test_job_that_a_retried_run_found_is_left_to_it(
    locate: Locate, client: SpcsClient, instance: dg.DagsterInstance
) -> None:
    """The run that started the job is dead; the one that goes on with it is not."""
    location = locate(script_asset("a", "true", mode="blocking"))
    run, name = location.start(client, "true", blocking=True)
    [record] = client.wait([name], poll_seconds=0.02)
    instance.report_run_failed(run)
    retry = instance.create_run_for_job(
        location.definitions.resolve_implicit_global_asset_job_def(),
        status=dg.DagsterRunStatus.STARTED,
        root_run_id=run.run_id,
        parent_run_id=run.run_id,
    )
    identity = JobIdentity.from_comment(record.comment)
    planned = PlannedJob(
        script_request("true"), POOL, ("a",), None, retry.run_id, attempt=0, blocking=True
    )
    found = SubmittedJob(name, identity, planned, adopted=True)
    instance.report_runless_asset_event(start_event(found, account=None, waiting_run=retry.run_id))
    location.tick()
    assert ends(location) == 0
    instance.report_run_failed(retry)
    location.tick()
    assert ends(location) == 1
