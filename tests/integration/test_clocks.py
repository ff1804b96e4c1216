"""Clocks that are wrong: the account's, and what it says of a job."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest

from dagster_spcs.emulator import Emulator, PlantedJob
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.status import JobStatus
from tests.integration.conftest import Location, script_asset
from tests.support.emulators import POOL

Locate = Callable[..., Location]


@pytest.fixture(autouse=True)
def right_clock(emulator: Emulator) -> Iterator[None]:
    yield
    emulator.faults.clock_offset = timedelta()


@pytest.mark.parametrize("drop_after", [None, timedelta(0)])
def test_account_is_set_back(
    locate: Locate,
    emulator: Emulator,
    client: SpcsClient,
    schema: str,
    drop_after: timedelta | None,
) -> None:
    """A job from before does not hide those that come after it."""
    location = locate(script_asset("a", "true", mode="deferred"), drop_after=drop_after)
    emulator.faults.clock_offset = timedelta(minutes=30)
    for number in (1, 2):
        location.run("a")
        location.tick_until(lambda n=number: len(location.materializations("a")) == n)
        location.tick()
        emulator.faults.clock_offset = timedelta()


def test_job_of_next_year(locate: Locate, emulator: Emulator, schema: str) -> None:
    """One row with a time far ahead costs no other job its event."""
    location = locate(script_asset("a", "true", mode="deferred"))
    location.tick()
    now = datetime.now(timezone.utc)
    ahead = now + timedelta(days=365)
    identity = JobIdentity(
        asset=("a",), run_id="0" * 8, submitted=now, deployment="DAGSTER", resource_key="spcs"
    )
    name = ("LAB", schema, "DAGSTER_A_AHEAD")
    emulator.plant([PlantedJob(name, POOL, identity.to_comment(), JobStatus.DONE, ahead, ahead)])
    for _ in range(2):
        location.tick()
    before = len(location.materializations("a"))
    location.run("a")
    location.tick_until(lambda: len(location.materializations("a")) == before + 1)


@pytest.mark.parametrize("is_overdue", [True, False])
def test_job_of_a_pipes_client_whose_run_was_killed(
    locate: Locate, emulator: Emulator, schema: str, is_overdue: bool
) -> None:
    """Past its deadline the sensor cancels it, though no sensor records it."""
    now = datetime.now(timezone.utc)
    identity = JobIdentity(
        asset=(),
        call="digest//piped",
        run_id="0" * 8,
        submitted=now - timedelta(minutes=10),
        deadline=now + timedelta(minutes=-5 if is_overdue else 5),
        deployment="DAGSTER",
    )
    name = ("LAB", schema, "DAGSTER_LEFT")
    emulator.plant([PlantedJob(name, POOL, identity.to_comment(), JobStatus.RUNNING, now, now)])
    seen = len(emulator.statements)
    locate(script_asset("a", "true")).tick()
    sent = [each.text for each in emulator.statements[seen:]]
    cancelled = [text for text in sent if "DAGSTER_LEFT!SPCS_CANCEL_JOB" in text]
    assert len(cancelled) == is_overdue
