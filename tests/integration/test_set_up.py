"""Mistakes around job assets that would otherwise be found out late, or never."""

import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster_snowflake import SnowflakeResource

from dagster_spcs import ObjectNotFound, SpcsJobResource, build_spcs_polling_sensor
from dagster_spcs.emulator import Emulator
from definitions.local import tool
from tests.faults.account import write_settings
from tests.integration.conftest import Location, script_asset, snowflake_resource
from tests.support.emulators import POOL

Locate = Callable[..., Location]
Tick = Callable[[Location], list[str]]


LOCATION = """
import dagster as dg
from dagster_spcs import build_spcs_polling_sensor
from tests.faults.connection import read_settings, request_of
from tests.faults.retried import resource_of
from dagster_spcs import spcs_job_asset

settings = read_settings("{settings}")

@spcs_job_asset(mode="{mode}")
def a():
    return request_of(settings, "true")

defs = dg.Definitions(
    assets=[a],
    sensors=[build_spcs_polling_sensor(resource_key=key) for key in {sensors}],
    resources={{key: resource_of(settings) for key in ("spcs", "other")}},
)
"""


@pytest.mark.parametrize(
    ("mode", "sensors", "is_told"),
    [
        pytest.param("deferred", [], True, id="none"),
        pytest.param("deferred", ["other"], True, id="of-another-resource"),
        pytest.param("deferred", ["spcs"], False, id="there"),
        pytest.param("blocking", [], False, id="not-needed"),
    ],
)
def test_no_sensor(
    emulator: Emulator, tmp_path: Path, mode: str, sensors: list[str], is_told: bool
) -> None:
    """A deferred job whose end nobody will record; in a process of its own, as a user's run."""
    settings = write_settings(emulator, tmp_path)
    file = tmp_path / "location.py"
    file.write_text(LOCATION.format(settings=settings, mode=mode, sensors=sensors))
    done = subprocess.run(
        [tool("dagster"), "asset", "materialize", "--select", "a", "-f", str(file)],
        env={**os.environ, "DAGSTER_HOME": str(tmp_path), "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ("Add build_spcs_polling_sensor()" in done.stdout + done.stderr) == is_told


@pytest.mark.parametrize("autocommit", [False, None])
def test_autocommit(
    locate: Locate,
    emulator: Emulator,
    schema: str,
    tick_warnings: Tick,
    autocommit: bool | None,
) -> None:
    """Off, or left out: the step and the first tick say so."""
    snowflake: SnowflakeResource = snowflake_resource(emulator, schema, autocommit=autocommit)
    resource = SpcsJobResource(snowflake=snowflake, compute_pool=POOL, poll_seconds=0.05)
    location = locate(script_asset("a", "true"), resource=resource)
    result = location.run("a")
    texts = [each.user_message for each in location.instance.all_logs(result.run_id)]
    assert sum("autocommit=True" in text for text in texts) == 1
    told = ["autocommit=True" in " ".join(tick_warnings(location)) for _ in range(3)]
    assert told == [True, False, False]


@pytest.fixture
def tick_warnings(capfd: pytest.CaptureFixture[str]) -> Iterator[Tick]:
    """Tick, and return the warnings of the tick."""

    def tick(location: Location) -> list[str]:
        capfd.readouterr()
        location.tick()
        return [line for line in capfd.readouterr().err.splitlines() if " - WARNING - " in line]

    logger = logging.getLogger("dagster")
    logger.setLevel(logging.WARNING)
    yield tick
    logger.setLevel(logging.ERROR)


def test_two_sensors_of_one_resource(locate: Locate, tick_warnings: Tick) -> None:
    """Each says so at its first tick, and again once it has changed."""
    location = locate(script_asset("a", "true"))
    assert tick_warnings(location) == []
    location.definitions = dg.Definitions.merge(
        location.definitions, dg.Definitions(sensors=[build_spcs_polling_sensor(name="second")])
    )
    [warning] = tick_warnings(location)
    assert "second, spcs_polling_sensor" in warning
    assert tick_warnings(location) == []


def test_schema_that_does_not_exist(locate: Locate, emulator: Emulator) -> None:
    """The tick fails and names the next step; so does the run."""
    resource = SpcsJobResource(snowflake=snowflake_resource(emulator, "NOPE"), compute_pool=POOL)
    location = locate(script_asset("a", "true"), resource=resource)
    with pytest.raises(ObjectNotFound, match="Check the name's spelling, database and schema"):
        location.tick()
    assert not location.run("a").success
