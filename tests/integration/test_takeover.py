"""A run that waits and the sensor: which of the two records a job, however late either is."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_spcs import JobRequest, events, spcs_job_asset
from dagster_spcs import step as step_module
from dagster_spcs.client import SpcsClient
from dagster_spcs.resource import SpcsJobResource
from tests.integration.conftest import Location, script_asset, script_request
from tests.integration.test_blocking import start_beside
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


def test_partition_that_waits_for_the_others_is_not_taken_over(
    locate: Locate, tmp_path: Path
) -> None:
    """What the run builds from all of them needs it; however long the others take."""

    @spcs_job_asset(name="a", **IN_ONE_RUN)
    def job(context: dg.AssetExecutionContext) -> JobRequest:
        """A job of the test."""
        wait = f"while [ ! -e {tmp_path / 'go'} ]; do sleep 0.1; done"
        return script_request("true" if context.partition_key == "p1" else wait)

    location = locate(job, downstream)
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
    for _ in range(3):  # each after more than ``hold_seconds``
        old = json.loads(location.cursor or "")
        old["held"] = dict.fromkeys(old["held"], "2020-01-01T00:00:00Z")
        location.cursor = json.dumps(old)
        location.tick()
    assert takeovers(location) == []
    (tmp_path / "go").touch()
    run.join()
    for _ in range(3):
        location.tick()

    assert outcome == [True]
    assert (partitions(location, "a"), partitions(location, "downstream")) == (["p1", "p2"],) * 2
