"""Code that changes while jobs run: assets that go and come back, resources that move."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_spcs import SpcsJobResource
from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from dagster_spcs.sensor.cursor import read_cursor
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.names import JobName
from tests.integration.conftest import Clock, Location, script_asset, snowflake_resource
from tests.support.emulators import POOL
from tests.support.events import is_end

Locate = Callable[..., Location]


@pytest.fixture(autouse=True)
def same_clock(emulator: Emulator) -> Any:
    yield
    emulator.faults.clock_offset = timedelta()


def ends(location: Location, asset: str = "a") -> list[str]:
    """Return the statuses of the jobs whose end is recorded."""
    told = [*location.materializations(asset), *location.observations(asset)]
    return sorted(str(each.metadata[keys.STATUS].value) for each in told if is_end(each))


def job_of(location: Location, asset: str = "a") -> JobName:
    """Return the name of the job that was started last."""
    return JobName.parse(location.observations(asset)[0].metadata[keys.JOB_NAME].value)


def gated(tmp_path: Path, **options: Any) -> dg.AssetsDefinition:
    """Return asset ``a``, whose job ends when the gate is there."""
    wait = f"while [ ! -e {tmp_path / 'go'} ]; do sleep 0.05; done"
    return script_asset("a", wait, **options)


def end_of(client: SpcsClient, tmp_path: Path, name: JobName) -> None:
    """Let the gated job end."""
    (tmp_path / "go").touch()
    [_] = client.wait([name], poll_seconds=0.02)


@pytest.mark.parametrize("seen", ["before", "never"])
@pytest.mark.parametrize("dropped", [False, True])
def test_asset_that_is_away_for_a_while(
    locate: Locate,
    client: SpcsClient,
    emulator: Emulator,
    clock: Clock,
    tmp_path: Path,
    seen: str,
    dropped: bool,
) -> None:
    """Its job has one event when it is back, though much was recorded meanwhile."""
    a, b = gated(tmp_path), script_asset("b", "true")
    location = locate(a, b)
    location.tick()
    location.run("a")
    if seen == "before":
        location.tick()
    emulator.faults.clock_offset = timedelta(hours=1)  # newer jobs are settled meanwhile
    away = locate(b, cursor=location.cursor)
    away.run("b")
    away.tick_until(lambda: away.materializations("b"))
    name = job_of(location)
    end_of(client, tmp_path, name)
    if dropped:
        client.drop(name)
    away.tick()
    clock.pass_(hours=1)
    away.tick()
    assert ends(location) == []

    back = locate(a, b, cursor=away.cursor)
    for _ in range(3):
        back.tick()
    assert ends(back) == ["DONE"]
    assert ends(back, "b") == ["DONE"]


def test_asset_that_comes_back_is_announced_and_counted(
    locate: Locate, client: SpcsClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The tick in which an asset is away for the first time says whose jobs wait for it."""
    a, b = gated(tmp_path), script_asset("b", "true")
    location = locate(a, b)
    location.run("a")
    location.tick()
    away = locate(b, cursor=location.cursor)
    result = away.tick()
    assert "0 in flight" in result.skip_message
    assert read_cursor(away.cursor).assets == ("b",)
    end_of(client, tmp_path, job_of(location))


@pytest.mark.parametrize("old_sensor", ["stays", "goes"])
def test_asset_that_moves_to_another_resource_while_its_job_runs(
    locate: Locate,
    client: SpcsClient,
    emulator: Emulator,
    schema: str,
    tmp_path: Path,
    old_sensor: str,
) -> None:
    """The sensor whose resource started the job records it; if it is gone, the asset's does."""
    location = locate(gated(tmp_path))
    location.run("a")
    location.tick()
    new = SpcsJobResource(snowflake=snowflake_resource(emulator, schema), compute_pool=POOL)
    moved = gated(tmp_path, resource_key="new")
    end_of(client, tmp_path, job_of(location))

    others = {"spcs": new} if old_sensor == "stays" else {}
    by_new = locate(moved, resource=new, resource_key="new", others=others)
    for _ in range(2):
        by_new.tick()
    assert ends(by_new) == ([] if old_sensor == "stays" else ["DONE"])

    if old_sensor == "stays":
        by_old = locate(moved, cursor=location.cursor, others={"new": new})
        for _ in range(2):
            by_old.tick()
        assert ends(by_old) == ["DONE"]


def test_two_resources_over_one_schema_record_each_job_once(
    locate: Locate, client: SpcsClient, emulator: Emulator, schema: str
) -> None:
    """Both list the same jobs; each sensor records those of its own resource."""
    second = SpcsJobResource(snowflake=snowflake_resource(emulator, schema), compute_pool=POOL)
    assets = [script_asset("a", "true"), script_asset("b", "true", resource_key="second")]
    first = locate(*assets, others={"second": second})
    other = locate(*assets, resource=second, resource_key="second", others={"spcs": first.resource})
    first.run("a", "b")
    for name in (job_of(first), job_of(first, "b")):
        [_] = client.wait([name], poll_seconds=0.02)
    for _ in range(2):
        first.tick()
        other.tick()
    assert (ends(first), ends(first, "b")) == (["DONE"], ["DONE"])


def test_resource_that_looks_elsewhere_says_what_it_left_behind(
    locate: Locate,
    client: SpcsClient,
    emulator: Emulator,
    schema: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Once; and when it looks there again, the jobs that ended meanwhile are recorded."""
    location = locate(gated(tmp_path))
    location.run("a")
    location.tick()
    prefixed = SpcsJobResource(
        snowflake=snowflake_resource(emulator, schema),
        compute_pool=POOL,
        job_name_prefix="ELSEWHERE",
    )
    moved = locate(gated(tmp_path), resource=prefixed, cursor=location.cursor)
    logging.getLogger("dagster").setLevel(logging.WARNING)
    try:
        moved.tick()
        first = capfd.readouterr().err
        moved.tick()
        second = capfd.readouterr().err
    finally:
        logging.getLogger("dagster").setLevel(logging.ERROR)
    assert "left 1 jobs behind" in first
    assert "behind" not in second
    end_of(client, tmp_path, job_of(location))

    back = locate(gated(tmp_path), cursor=moved.cursor)
    for _ in range(2):
        back.tick()
    assert ends(back) == ["DONE"]
