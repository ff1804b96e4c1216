"""A run that waits while the account refuses to list its jobs."""

from collections.abc import Callable, Iterator
from functools import partial

import dagster as dg
import pytest

from dagster_spcs import PipesSpcsClient, SpcsJobResource
from dagster_spcs.emulator import Emulator
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.status import JobStatus
from tests.integration.conftest import Location, script_asset, script_request, snowflake_resource
from tests.support.emulators import POOL

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
