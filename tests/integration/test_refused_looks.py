"""A run that waits while the account refuses to list its jobs."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import dagster as dg
import pytest

from dagster_spcs import PipesSpcsClient, SpcsJobResource
from dagster_spcs.emulator import Emulator, PlantedJob
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.status import JobStatus
from tests.integration.conftest import Location, script_asset, script_request, snowflake_resource
from tests.support.emulators import POOL, until

pytestmark = pytest.mark.filterwarnings("ignore:AssetExecutionContext:DeprecationWarning")

LOOK = "SHOW JOB SERVICES"
SCRIPT = "sleep 2"
KINDS = ["one", "range", "pipes"]
PASSING = [603, 90030, 395001]
RANGE = {"dagster/asset_partition_range_start": "p1", "dagster/asset_partition_range_end": "p2"}
Locate = Callable[..., Location]


@pytest.fixture(autouse=True)
def no_faults(emulator: Emulator) -> Iterator[None]:
    yield
    emulator.faults.clear()


@dg.asset
def piped(context: dg.AssetExecutionContext, pipes: PipesSpcsClient) -> dg.MaterializeResult:
    """Runs one job with Pipes."""
    return pipes.run(context=context, request=script_request(SCRIPT)).get_materialize_result()


def asset_of(kind: str) -> dg.AssetsDefinition:
    """Return asset ``a``, one job or two; its first listing is the first look."""
    options = {"mode": "blocking", "overlap": "allow"}
    if kind == "one":
        return script_asset("a", SCRIPT, **options)
    return script_asset(
        "a",
        SCRIPT,
        partitions_def=dg.StaticPartitionsDefinition(["p1", "p2"]),
        backfill_policy=dg.BackfillPolicy.single_run(),
        **options,
    )


def run(locate: Locate, resource: SpcsJobResource, kind: str) -> dg.ExecuteInProcessResult:
    """Execute a run that waits."""
    if kind == "pipes":
        bound = {"pipes": PipesSpcsClient(spcs=resource)}
        return locate(piped, bound=bound).run("piped")
    return locate(asset_of(kind)).run("a", tags=RANGE if kind == "range" else {})


@pytest.mark.parametrize("number", PASSING)
@pytest.mark.parametrize("kind", KINDS)
def test_refused_look_is_taken_again(
    locate: Locate, resource: SpcsJobResource, emulator: Emulator, kind: str, number: int
) -> None:
    """The run goes on and ends well."""
    fault = emulator.faults.refuse(LOOK, number=number, times=2)
    assert run(locate, resource, kind).success
    assert fault.struck == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("number", "retry_timeout_seconds"),
    [(603, 0), (3001, 3600), (2043, 3600)],
    ids=["for-too-long", "no-privilege", "no-schema"],
)
def test_run_that_cannot_wait_any_longer_cancels_its_jobs(
    locate: Locate,
    emulator: Emulator,
    client: SpcsClient,
    schema: str,
    kind: str,
    number: int,
    retry_timeout_seconds: float,
) -> None:
    """What keeps refusing ends the run, and nothing goes on without it."""
    emulator.faults.refuse(LOOK, number=number, times=None)
    impatient = SpcsJobResource(
        snowflake=snowflake_resource(emulator, schema),
        compute_pool=POOL,
        poll_seconds=0.05,
        retry_timeout_seconds=retry_timeout_seconds,
    )
    assert not run(partial(locate, resource=impatient), impatient, kind).success
    emulator.faults.clear()
    jobs = client.list_jobs(database="LAB", schema=schema)
    assert len(jobs) == (2 if kind == "range" else 1)
    ended = client.wait([job.name for job in jobs], poll_seconds=0.02)
    assert {job.status for job in ended} == {JobStatus.CANCELLED}


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_refused_look_before_the_start(
    locate: Locate, resource: SpcsJobResource, emulator: Emulator, mode: str
) -> None:
    """The listing that decides about overlap is taken again as well."""
    fault = emulator.faults.refuse(LOOK, number=603)
    assert locate(script_asset("a", "true", mode=mode)).run("a").success
    assert fault.struck == 1


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_refused_look_while_waiting_for_room(
    locate: Locate, emulator: Emulator, client: SpcsClient, schema: str, tmp_path: Path, mode: str
) -> None:
    """A step that max_in_flight holds back goes on waiting."""
    gate = tmp_path / "gate"
    location = locate(
        script_asset("x", f"until [ -e {gate} ]; do sleep 0.01; done", mode="deferred"),
        script_asset("a", "true", mode=mode, overlap="allow"),
        resource=SpcsJobResource(
            snowflake=snowflake_resource(emulator, schema),
            compute_pool=POOL,
            poll_seconds=0.05,
            max_in_flight=1,
        ),
    )
    location.run("x")
    fault = emulator.faults.refuse(LOOK, number=603, times=3)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(location.run, "a")
        until(lambda: fault.struck == 3)
        gate.touch()
        assert run.result().success


def test_overlap_is_looked_at_again_after_a_wait(
    locate: Locate, emulator: Emulator, client: SpcsClient, schema: str, tmp_path: Path
) -> None:
    """What another run has started while a step waited for room is in flight as well."""
    gate = tmp_path / "gate"
    held = f"until [ -e {gate} ]; do sleep 0.01; done"
    location = locate(
        script_asset("x", held, mode="deferred"),
        script_asset("y", held, mode="deferred"),
        script_asset("a", "true", mode="deferred"),
        resource=SpcsJobResource(
            snowflake=snowflake_resource(emulator, schema),
            compute_pool=POOL,
            poll_seconds=0.05,
            max_in_flight=2,
        ),
    )
    location.run("x")
    location.run("y")
    now = datetime.now(timezone.utc)
    other = JobIdentity(
        asset=("a",), run_id="another", submitted=now, deployment="DAGSTER", resource_key="spcs"
    )
    name = ("LAB", schema, "DAGSTER_A_OTHER")
    seen = len(emulator.statements)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(location.run, "a")
        until(lambda: len(emulator.statements) > seen + 4)  # it waits for room
        emulator.plant([PlantedJob(name, POOL, other.to_comment(), JobStatus.RUNNING, now, now)])
        gate.touch()
        assert run.result().success
    started = [job.name.name for job in client.list_jobs(database="LAB", schema=schema)]
    assert [each for each in started if each.startswith("DAGSTER_A_")] == [name[2]]
