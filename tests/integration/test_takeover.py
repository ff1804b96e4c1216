"""A run that waits and the sensor: which of the two records a job, however late either is."""

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_spcs import JobRequest, spcs_job_asset
from dagster_spcs.event_log import events
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.run import execution as step_module
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.status import JobStatus
from tests.integration.conftest import Location, script_asset, script_request
from tests.integration.test_blocking import start_beside
from tests.integration.test_dropped import pass_time
from tests.support.emulators import until

Locate = Callable[..., Location]

PARTITIONS = dg.StaticPartitionsDefinition(["p1", "p2"])
RANGE = {"dagster/asset_partition_range_start": "p1", "dagster/asset_partition_range_end": "p2"}
IN_ONE_RUN = {"partitions_def": PARTITIONS, "backfill_policy": dg.BackfillPolicy.single_run()}


def takeovers(location: Location, asset: str = "a") -> list[dg.AssetObservation]:
    """Return the events after which a run must not record its job."""
    return [each for each in location.observations(asset) if events.taken_over_by(each)]


def partitions(location: Location, asset: str) -> list[str | None]:
    """Return the partitions of an asset's materializations, sorted."""
    return sorted(each.partition for each in location.materializations(asset))


def listed(client: SpcsClient, schema: str) -> Sequence[JobRecord]:
    """Return the jobs of the test's own schema."""
    return client.list(database="LAB", schema=schema)


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


@pytest.mark.parametrize("saved", [True, False])
def test_run_is_told_before_the_sensor_records(
    locate: Locate, client: SpcsClient, resource: SpcsJobResource, saved: bool
) -> None:
    """One tick tells, the next one records; one that was not saved has told nobody for sure."""
    location = locate(script_asset("a", "true", mode="blocking"), hold_seconds=0)
    _, name = start_beside(location, client, resource, "true")
    [_] = client.wait([name], poll_seconds=0.02)

    location.tick(save=saved)
    assert (len(takeovers(location)), location.materializations("a")) == (1, [])
    if not saved:
        location.tick()
        assert location.materializations("a") == []
    location.tick()

    assert len(location.materializations("a")) == 1
    for _ in range(2):
        location.tick()
    assert len(location.materializations("a")) == 1
    assert len(takeovers(location)) == (1 if saved else 2)
    assert json.loads(location.cursor or "")["taken_over"] == []


@pytest.mark.parametrize("ticks", [0, 1, 2])
@pytest.mark.parametrize("script", ["true", "exit 3"])
def test_run_that_comes_late_leaves_its_job_to_the_sensor(
    locate: Locate, monkeypatch: pytest.MonkeyPatch, script: str, ticks: int
) -> None:
    """It was away between the job's end and its own look, while the sensor ticked."""
    location = locate(script_asset("a", script, mode="blocking"), hold_seconds=0)
    read = step_module.gather_whole

    def late(*asked: Any, **options: Any) -> Any:
        reports = read(*asked, **options)
        for _ in range(ticks):
            location.tick()
        return reports

    def ends() -> int:
        told = [*location.materializations("a"), *location.observations("a")]
        return sum(events.end_told_by(each) is not None for each in told)

    monkeypatch.setattr(step_module, "gather_whole", late)
    assert location.run("a").success is (script == "true")
    assert ends() == (0 if ticks == 1 else 1)  # the first tick tells, the second one records
    for _ in range(3):
        location.tick()
    assert ends() == 1


def test_run_whose_result_the_sensor_took_over_builds_nothing_from_it(
    locate: Locate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, and each partition is recorded once."""

    @spcs_job_asset(name="a", **IN_ONE_RUN)
    def job() -> JobRequest:
        """A job of the test."""
        return script_request("true")

    location = locate(job, downstream, hold_seconds=0)
    conclude = step_module._Run._conclude_range

    def late(run: Any, key: dg.AssetKey) -> Any:
        for _ in range(2):
            location.tick()
        return conclude(run, key)

    monkeypatch.setattr(step_module._Run, "_conclude_range", late)
    result = location.run("a", "downstream", tags=RANGE)
    for _ in range(3):
        location.tick()

    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "The sensor records" in str(failure.step_failure_data.user_failure_data.description)
    assert (partitions(location, "a"), partitions(location, "downstream")) == (["p1", "p2"], [])


def test_one_of_the_partitions_that_the_sensor_took_over(
    locate: Locate, client: SpcsClient, schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step's result would be recorded for the whole range: then it is not the run's at all."""
    location = locate(uneven(tmp_path / "go"), downstream)
    wait = step_module.wait_and_stream

    def statuses() -> list[str]:
        return sorted(job.status.value for job in listed(client, schema))

    def away(*asked: Any, **options: Any) -> Any:
        until(lambda: statuses() == ["DONE", "RUNNING"])
        location.tick()
        (tmp_path / "go").touch()
        until(lambda: statuses() == ["DONE", "DONE"])
        pass_time(location)
        location.tick()  # p1 was held for long, p2 is not yet
        return wait(*asked, **options)

    monkeypatch.setattr(step_module, "wait_and_stream", away)
    result = location.run("a", "downstream", tags=RANGE)
    assert [each.partition for each in takeovers(location)] == ["p1"]
    for _ in range(3):
        location.tick()

    assert not result.success
    assert (partitions(location, "a"), partitions(location, "downstream")) == (["p1", "p2"], [])


def test_run_that_waits_for_the_rest_of_a_failed_batch_is_not_taken_over(
    locate: Locate, client: SpcsClient, schema: str, tmp_path: Path
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
    for _ in range(3):
        location.tick()
        pass_time(location)
    assert takeovers(location) == []
    (tmp_path / "go").touch()
    run.join()
    for _ in range(3):
        location.tick()
    assert partitions(location, "a") == ["p2"]
    assert [each.partition for each in location.observations("a")] == ["p1", None]


def test_partition_that_waits_for_the_others_is_not_taken_over(
    locate: Locate, tmp_path: Path
) -> None:
    """What the run builds from all of them needs it; however long the others take."""
    location = locate(uneven(tmp_path / "go"), downstream)
    outcome: list[bool] = []
    run = threading.Thread(
        target=lambda: outcome.append(location.run("a", "downstream", tags=RANGE).success)
    )
    run.start()

    def held() -> dict[str, str]:
        location.tick()
        kept: dict[str, str] = json.loads(location.cursor or "")["held"]
        return kept

    until(held)
    for _ in range(3):
        pass_time(location)
        location.tick()
    assert takeovers(location) == []
    (tmp_path / "go").touch()
    run.join()
    for _ in range(3):
        location.tick()

    assert outcome == [True]
    assert (partitions(location, "a"), partitions(location, "downstream")) == (["p1", "p2"],) * 2
