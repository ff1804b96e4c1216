"""Containers that speak Dagster Pipes, through a real job and the container's own dagster_pipes."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from dagster_spcs import (
    Container,
    JobRequest,
    PipesSpcsClient,
    ServiceSpec,
    SpcsJobResource,
    StageFile,
)
from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from dagster_spcs.spcs.client import SpcsClient
from tests.integration.conftest import Location, requested_asset, snowflake_resource
from tests.support.emulators import POOL, PYTHON, open_lab

Locate = Callable[..., Location]

# Dagster's own Pipes session uses what it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:AssetExecutionContext:DeprecationWarning")

SPEAKER = """
import sys
from dagster_pipes import open_dagster_pipes

with open_dagster_pipes() as pipes:
    print("a plain line")
    sys.stdout.write("half a line ")
    pipes.log.info("told through pipes")
    print("partition", pipes.partition_key if pipes.is_partition_step else None, pipes.extras)
    pipes.report_asset_materialization(
        metadata={
            "rows": 7,
            "share": 0.5,
            "link": {"type": "url", "raw_value": "https://example.com"},
            "dagster_spcs/job_name": "not what we know",
        },
        data_version="v7",
    )
    pipes.report_asset_check("no_nulls", passed=NULLS, severity="WARN", metadata={"nulls": 3})
    pipes.report_custom_message({"custom": True})
"""


def speaker(script: str = SPEAKER, **fields: Any) -> JobRequest:
    """Return a request whose container speaks Pipes."""
    spec = ServiceSpec(
        containers=[Container(name="main", image=PYTHON, args=[script.replace("NULLS", "False")])]
    )
    return JobRequest(spec=spec, **fields)


def other_resource(emulator: Emulator, schema: str, **fields: Any) -> SpcsJobResource:
    """Return the tests' resource with other settings."""
    snowflake = snowflake_resource(emulator, schema)
    return SpcsJobResource(snowflake=snowflake, compute_pool=POOL, poll_seconds=0.05, **fields)


def no_nulls(asset: str = "a") -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec("no_nulls", asset=asset)


@pytest.fixture(autouse=True)
def well(emulator: Emulator) -> Iterator[None]:
    """Faults end with the test."""
    yield
    emulator.faults.clear()
    emulator.faults.clock_offset = timedelta()


def check_records(location: Location, name: str) -> list[Any]:
    """Return the evaluations of a check of asset ``a``, without those a run only planned."""
    key = dg.AssetCheckKey(dg.AssetKey("a"), name)
    storage = location.instance.event_log_storage
    return [
        record.event.asset_check_evaluation
        for record in storage.get_asset_check_execution_history(key, limit=10)
        if record.event is not None and record.event.asset_check_evaluation is not None
    ]


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
@pytest.mark.parametrize("metadata", ["warehouse", "no-warehouse"])
def test_what_a_container_reports_lands_on_the_event(
    locate: Locate, emulator: Emulator, schema: str, mode: str, metadata: str
) -> None:
    """Metadata, data version and checks are the container's; what we know of the job stays ours."""
    location = locate(
        requested_asset(
            "a",
            speaker(extras={"answer": 42}),
            mode=mode,
            pipes=True,
            check_specs=[no_nulls()],
            compute_pool=POOL,
        ),
        resource=other_resource(emulator, schema, metadata=metadata),
    )
    assert location.run("a").success
    location.tick_until(lambda: location.materializations("a"))
    [event] = location.materializations("a")
    told = event.metadata
    assert (told["rows"].value, told["share"].value) == (7, 0.5)
    assert told["link"] == dg.MetadataValue.url("https://example.com")
    assert ".DAGSTER_A_" in told[keys.JOB_NAME].value
    assert (event.tags or {})["dagster/data_version"] == "v7"
    log = told[keys.LOG].value
    assert "a plain line" in log
    assert "half a line" in log
    assert "{'answer': 42}" in log
    assert "__dagster_pipes_version" not in log
    assert "containers cannot set dagster_spcs/* keys" in told[keys.MISSING].value
    [verdict] = check_records(location, "no_nulls")
    assert (verdict.passed, verdict.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert verdict.metadata["nulls"].value == 3
    assert len(check_records(location, keys.CHECK_NAME)) == 1


def test_context_of_each_partition(locate: Locate) -> None:
    """In a range each container is told of its own partition."""
    partitions = dg.StaticPartitionsDefinition(["p1", "p2"])
    location = locate(
        requested_asset(
            "a",
            speaker(),
            mode="blocking",
            pipes=True,
            compute_pool=POOL,
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
    )
    tags = {"dagster/asset_partition_range_start": "p1", "dagster/asset_partition_range_end": "p2"}
    assert location.run("a", tags=tags).success
    told = {each.partition: each.metadata for each in location.materializations("a")}
    assert {key: f"partition {key}" in told[key][keys.LOG].value for key in told} == {
        "p1": True,
        "p2": True,
    }
    assert told["p1"]["rows"].value == 7


def test_container_that_does_not_speak_pipes(locate: Locate) -> None:
    location = locate(
        requested_asset("a", speaker("print('hello')"), pipes=True, compute_pool=POOL)
    )
    location.run("a")
    location.tick_until(lambda: location.materializations("a"))
    [event] = location.materializations("a")
    assert "hello" in event.metadata[keys.LOG].value
    assert keys.MISSING not in event.metadata


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(
            """print('{"__dagster_pipes_version": "0.1", "method": "opened", "par')
print("a line after")""",
            "1 message(s) broke off",
            id="half-a-message",
        ),
        pytest.param(
            "from dagster_pipes import open_dagster_pipes\nimport os, sys\n"
            "open_dagster_pipes()\nsys.stdout.flush()\nos._exit(0)",
            "before it closed",
            id="never-closed",
        ),
        pytest.param(
            SPEAKER.replace('"severity="WARN"', "").replace(
                "pipes.report_custom_message",
                'print(\'{"__dagster_pipes_version": "0.1", "method": "report_asset_check",'
                ' "params": {"asset_key": "a"}}\')\n    pipes.report_custom_message',
            ),
            "report_asset_check: KeyError",
            id="makes-no-sense",
        ),
        pytest.param(
            "from dagster_pipes import open_dagster_pipes\n"
            "with open_dagster_pipes() as pipes:\n"
            "    pipes.report_asset_check('spcs_job', passed=True)",
            "the job's own",
            id="our-own-check",
        ),
    ],
)
def test_messages_that_cannot_be_used_are_told(locate: Locate, script: str, said: str) -> None:
    location = locate(requested_asset("a", speaker(script), pipes=True, compute_pool=POOL))
    location.run("a")
    location.tick_until(lambda: location.materializations("a"))
    [event] = location.materializations("a")
    assert said in event.metadata[keys.MISSING].value


def test_failed_container(locate: Locate) -> None:
    """An exception in the container comes with the failure."""
    script = (
        "from dagster_pipes import open_dagster_pipes\n"
        "with open_dagster_pipes() as pipes:\n"
        "    pipes.report_asset_materialization(metadata={'rows': 3})\n"
        "    raise ValueError('no such table')"
    )
    location = locate(requested_asset("a", speaker(script), pipes=True, compute_pool=POOL))
    location.run("a")
    location.tick_until(lambda: len(location.observations("a")) == 2)
    failed = location.observations("a")[0]
    assert failed.metadata["rows"].value == 3
    assert "ValueError: no such table" in failed.metadata[keys.MISSING].value


def test_long_log_that_arrives_late(
    locate: Locate, emulator: Emulator, client: SpcsClient, schema: str
) -> None:
    """While the rest of a long log is on its way there is no event; then it is whole."""
    script = (
        SPEAKER.replace(
            "pipes.report_custom_message",
            "print('z\\n' * 100_000)\n    pipes.report_custom_message",
        )
        + "\nprint('z\\n' * 100_000)"
    )
    emulator.faults.log_lag_seconds = 3600
    location = locate(requested_asset("a", speaker(script), pipes=True, compute_pool=POOL))
    location.run("a")
    [job] = client.list_jobs(database="LAB", schema=schema)
    [_] = client.wait([job.name], poll_seconds=0.05)
    for _ in range(3):
        assert location.tick().asset_events == []
    emulator.faults.log_lag_seconds = 0
    location.tick_until(lambda: location.materializations("a"))
    [event] = location.materializations("a")
    assert event.metadata["rows"].value == 7
    assert event.metadata[keys.LOG_LINES].value > 200_000


def test_long_message(locate: Locate) -> None:
    """A message longer than a log record comes in pieces and is put together."""
    script = SPEAKER.replace('"rows": 7', '"rows": 7, "big": "ü" * 60_000')
    location = locate(requested_asset("a", speaker(script), pipes=True, compute_pool=POOL))
    location.run("a")
    location.tick_until(lambda: location.materializations("a"))
    [event] = location.materializations("a")
    assert event.metadata["big"].value == "ü" * 60_000
    assert event.metadata["rows"].value == 7


def test_context_too_large_for_the_environment(
    locate: Locate, emulator: Emulator, schema: str
) -> None:
    """It goes over a stage, which every container mounts."""
    with open_lab(emulator) as connection:
        connection.cursor().execute(f"CREATE STAGE LAB.{schema}.CONTEXTS")
    words = [f"{n * n:x}" for n in range(40_000)]
    script = SPEAKER.replace("pipes.extras)", 'len(pipes.extras["words"]))')
    asset = requested_asset(
        "a", speaker(script, extras={"words": words}), pipes=True, compute_pool=POOL
    )
    result = locate(asset).run("a")
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "Set `pipes_stage`" in failure.step_failure_data.error.to_string()

    staged = other_resource(emulator, schema, pipes_stage=f"@LAB.{schema}.CONTEXTS/runs")
    location = locate(asset, resource=staged)
    assert location.run("a").success
    location.tick_until(lambda: location.materializations("a"))
    assert "40000" in location.materializations("a")[0].metadata[keys.LOG].value


def test_specification_that_cannot_be_told(locate: Locate) -> None:
    request = JobRequest(spec=StageFile(stage="@s", path="spec.yaml"))
    result = locate(requested_asset("a", request, pipes=True, compute_pool=POOL)).run("a")
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "needs the specification as a ServiceSpec" in failure.step_failure_data.error.to_string()


# The client


def pipes_asset(request: JobRequest) -> dg.AssetsDefinition:
    @dg.asset(check_specs=[no_nulls("made")])
    def made(context: dg.AssetExecutionContext, pipes: PipesSpcsClient) -> dg.MaterializeResult:
        return pipes.run(
            context=context, request=request, extras={"from": "asset"}
        ).get_materialize_result()

    return made


def materialize(
    asset: dg.AssetsDefinition, resource: SpcsJobResource, instance: dg.DagsterInstance
) -> dg.ExecuteInProcessResult:
    resources = {"pipes": PipesSpcsClient(spcs=resource)}
    return dg.materialize([asset], resources=resources, instance=instance, raise_on_error=False)


def test_client_tells_much_over_the_stage(
    emulator: Emulator, schema: str, instance: dg.DagsterInstance
) -> None:
    """What is too large for the environment goes over a stage here too."""
    with open_lab(emulator) as connection:
        connection.cursor().execute(f"CREATE STAGE LAB.{schema}.CONTEXTS")
    script = SPEAKER.replace("pipes.extras)", 'len(pipes.extras["words"]))')
    asset = pipes_asset(speaker(script, extras={"words": [f"{n * n:x}" for n in range(40_000)]}))
    staged = other_resource(emulator, schema, pipes_stage=f"@LAB.{schema}.CONTEXTS/runs")
    result = materialize(asset, staged, instance)
    assert result.success
    [event] = result.asset_materializations_for_node("made")
    assert "40000" in event.metadata[keys.LOG].value


def test_client_tells_that_its_job_timed_out(
    resource: SpcsJobResource, instance: dg.DagsterInstance
) -> None:
    request = speaker("import time; time.sleep(60)", timeout=timedelta(seconds=0.5))
    result = materialize(pipes_asset(request), resource, instance)
    [failure] = [event for event in result.all_events if event.is_step_failure]
    description = str(failure.step_failure_data.user_failure_data.description)
    assert "timed out and was cancelled" in description


def test_client_runs_a_job(
    resource: SpcsJobResource, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    """The result is what the container reported, beside the job's own metadata."""
    result = materialize(pipes_asset(speaker()), resource, instance)
    assert result.success
    [event] = result.asset_materializations_for_node("made")
    assert event.metadata["rows"].value == 7
    assert event.metadata[keys.STATUS].value == "DONE"
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("no_nulls", False)
    printed = capfd.readouterr().out
    assert "a plain line" in printed
    assert "{'from': 'asset'}" in printed
    assert "__dagster_pipes_version" not in printed


def test_client_tells_of_a_failure(resource: SpcsJobResource, instance: dg.DagsterInstance) -> None:
    result = materialize(pipes_asset(speaker("raise SystemExit('reason')")), resource, instance)
    [failure] = [event for event in result.all_events if event.is_step_failure]
    text = str(failure.step_failure_data.user_failure_data.description)
    assert "ended FAILED" in text
    assert "reason" in text


def test_two_jobs_of_one_step(resource: SpcsJobResource, instance: dg.DagsterInstance) -> None:
    """Two requests in one op are two jobs."""
    lines = []

    @dg.op
    def two(context: dg.OpExecutionContext, pipes: PipesSpcsClient) -> None:
        for word in ("one", "two"):
            done = pipes.run(context=context, request=speaker(f"print('{word}')"))
            lines.append(done.metadata[keys.LOG].value)

    @dg.job(resource_defs={"pipes": PipesSpcsClient(spcs=resource)})
    def job() -> None:
        two()

    assert job.execute_in_process(instance=instance).success
    assert ["one" in lines[0], "two" in lines[1]] == [True, True]


def test_each_call_has_a_container_of_its_own(
    resource: SpcsJobResource, instance: dg.DagsterInstance, client: SpcsClient, schema: str
) -> None:
    """The same request three times is three jobs; a repeated step finds them, call by call."""
    names: list[list[str]] = []
    request = speaker("print('same')")

    @dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
    def three(context: dg.OpExecutionContext, pipes: PipesSpcsClient) -> None:
        names.append([])
        # The step is repeated after two of its three calls, and by another instance.
        calls = 3 if context.retry_number else 2
        for each in (pipes, PipesSpcsClient(spcs=pipes.spcs), pipes)[:calls]:
            done = each.run(context=context, request=request)
            names[-1].append(str(done.metadata[keys.JOB_NAME].value))
        if not context.retry_number:
            raise RuntimeError("between two calls")

    @dg.job(resource_defs={"pipes": PipesSpcsClient(spcs=resource)})
    def job() -> None:
        three()

    assert job.execute_in_process(instance=instance).success
    first, second = names
    assert len({*first, *second}) == 3
    assert second[:2] == first
    assert len(client.list_jobs(database="LAB", schema=schema)) == 3
