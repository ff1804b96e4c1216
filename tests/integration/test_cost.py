"""Which statements need a warehouse, and how many a tick sends."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest

from dagster_spcs import SpcsJobResource
from dagster_spcs.emulator import Emulator, PlantedJob, SentStatement
from dagster_spcs.event_log import keys
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.status import JobStatus
from tests.integration.conftest import Location, script_asset, snowflake_resource
from tests.support.emulators import POOL, until

Locate = Callable[..., Location]


class Sent:
    """What was sent since this was made, without dagster-snowflake's own housekeeping."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._before = len(emulator.statements)

    def statements(self) -> list[SentStatement]:
        return self._emulator.statements[self._before :]

    def needing_a_warehouse(self) -> list[str]:
        return [each.text for each in self.statements() if each.needs_warehouse]


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that jobs wait for."""
    path = tmp_path / "gate"
    yield path
    path.touch()


def script(gate: Path) -> str:
    return f"echo hello; until [ -e {gate} ]; do sleep 0.01; done"


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_waiting_needs_no_warehouse(
    locate: Locate, emulator: Emulator, gate: Path, mode: str
) -> None:
    """Neither submission nor any look at a job in flight does, nor its followed log."""
    location = locate(script_asset("a", script(gate), mode=mode))
    sent = Sent(emulator)
    run = threading.Thread(target=lambda: location.run("a"))
    run.start()
    try:
        if mode == "deferred":
            run.join()
            for _ in range(3):
                location.tick()
        until(lambda: sum("SHOW JOB" in each.text for each in sent.statements()) > 3)
        assert sent.needing_a_warehouse() == []
    finally:
        gate.touch()
        run.join()
    location.tick_until(lambda: location.materializations("a"))
    assert any("GET_JOB_HISTORY" in text for text in sent.needing_a_warehouse())


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_no_warehouse_at_all(
    locate: Locate, emulator: Emulator, schema: str, gate: Path, mode: str
) -> None:
    """With metadata="no-warehouse" nothing does, and exit codes and logs are there all the same."""
    resource = SpcsJobResource(
        snowflake=snowflake_resource(emulator, schema),
        compute_pool=POOL,
        poll_seconds=0.05,
        metadata="no-warehouse",
    )
    assets = [
        script_asset("a", "echo hello", mode=mode, result_table="LAB.PUBLIC.T"),
        script_asset("b", "echo reason; exit 3", mode=mode),
    ]
    location = locate(*assets, resource=resource)
    sent = Sent(emulator)
    location.run("a", "b")
    location.tick_until(
        lambda: location.materializations("a") and len(location.observations("b")) > 1
    )
    assert sent.needing_a_warehouse() == []
    told = location.materializations("a")[0].metadata
    assert "hello" in told[keys.LOG].value
    assert told[keys.CREDITS_ON_RUNNING_NODES].value > 0
    failed = location.observations("b")[0].metadata
    assert "reason" in failed[keys.LOG].value
    assert failed[keys.INSTANCES].value.records[0].data["exit_code"] == 3


def planted(
    schema: str, number: int, status: JobStatus, created: datetime, prefix: str = "DAGSTER_A"
) -> PlantedJob:
    identity = JobIdentity(asset=("a",), run_id="r", submitted=datetime.now(timezone.utc))
    name = ("LAB", schema, f"{prefix}_{number:05}")
    return PlantedJob(name, POOL, identity.to_comment(), status, created, log=[f"line {number}"])


def test_tick_with_many_jobs_in_flight(locate: Locate, emulator: Emulator, schema: str) -> None:
    """One statement, as with one."""
    now = datetime.now(timezone.utc)
    emulator.plant(planted(schema, n, JobStatus.RUNNING, now) for n in range(2_000))
    location = locate(script_asset("a", "true"))
    location.tick()
    sent = Sent(emulator)
    location.tick()
    assert [each.text.split(" LIKE")[0] for each in sent.statements()] == ["SHOW JOB SERVICES"]


def test_outage_of_days_is_caught_up_in_bounded_ticks(
    locate: Locate, emulator: Emulator, schema: str
) -> None:
    """Each tick records so many and no more, until all are; none twice, none left out."""
    now = datetime.now(timezone.utc)
    emulator.plant(
        planted(schema, n, JobStatus.DONE, now - timedelta(days=3) + timedelta(seconds=n))
        for n in range(450)
    )
    location = locate(script_asset("a", "true"), max_completions=100)
    recorded = []
    for _ in range(5):
        sent = Sent(emulator)
        result = location.tick()
        recorded.append(sum(isinstance(e, dg.AssetMaterialization) for e in result.asset_events))
        batches = -(-recorded[-1] // 50)
        texts = [each.text for each in sent.statements()]
        assert sum("SPCS_GET_LOGS" in text for text in texts) == batches
        assert sum("GET_JOB_HISTORY" in text for text in texts) == 1
    assert recorded == [100, 100, 100, 100, 50]
    location.tick()
    names = [
        each.asset_materialization.metadata[keys.JOB_NAME].value
        for each in location.instance.fetch_materializations(dg.AssetKey("a"), limit=1000).records
        if each.asset_materialization
    ]
    assert len(names) == len(set(names)) == 450
