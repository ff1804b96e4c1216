"""Checks that a definition declares, and that containers report or keep silent about."""

import json
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from dagster_spcs import PipesSpcsClient, SpcsJobResource
from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from dagster_spcs.spcs.client import SpcsClient
from tests.integration.conftest import Location, script_asset, script_request
from tests.integration.test_groups import group
from tests.integration.test_pipes import check_records

Locate = Callable[..., Location]
PARTITIONS = dg.StaticPartitionsDefinition(["p1", "p2"])
RANGE = {"dagster/asset_partition_range_start": "p1", "dagster/asset_partition_range_end": "p2"}
PARTED = {"partitions_def": PARTITIONS, "backfill_policy": dg.BackfillPolicy.single_run()}
SILENT = "The container did not report it"


def rows(asset: str = "a") -> dg.AssetCheckSpec:
    """A check that whatever is behind it waits for."""
    return dg.AssetCheckSpec("rows", asset=asset, blocking=True)


def said(*messages: tuple[str, dict[str, Any]]) -> str:
    """Return the script of a container that says something through Dagster Pipes."""
    lines = [
        json.dumps({"__dagster_pipes_version": "0.1", "method": method, "params": params})
        for method, params in [("opened", {}), *messages, ("closed", {})]
    ]
    return "; ".join(f"echo '{line}'" for line in lines)


def reporting(*, passed: bool, severity: str = "ERROR") -> str:
    """Return the script of a container that reports the check."""
    params = {"asset_key": "a", "check_name": "rows", "passed": passed, "severity": severity}
    return said(("report_asset_check", {**params, "metadata": {}}))


@dg.asset(deps=["a"])
def downstream() -> None:
    """Is behind the check."""


@dg.asset(deps=["a"], partitions_def=PARTITIONS)
def parts() -> None:
    """Is behind the check, each partition for itself."""


SILENCES = [
    pytest.param("true", {"pipes": True}, id="speaks-no-pipes"),
    pytest.param(said(), {"pipes": True}, id="reports-nothing"),
    pytest.param("true", {}, id="was-not-asked-to"),
]


@pytest.mark.parametrize(("script", "options"), SILENCES)
def test_silence_stops_what_is_behind_the_check(
    locate: Locate, script: str, options: dict[str, Any]
) -> None:
    """The run fails, as it does with Dagster's own Pipes clients; the work itself is recorded."""
    location = locate(script_asset("a", script, check_specs=[rows()], **options), downstream)
    assert not location.run("a", "downstream").success
    assert len(location.materializations("a")) == 1
    assert location.materializations("downstream") == []
    [verdict] = check_records(location, "rows")
    assert (verdict.passed, verdict.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert verdict.description.startswith(SILENT)
    assert ("pipes=True" in verdict.description) == (not options)


def test_silence_about_one_partition_of_a_range(locate: Locate) -> None:
    """The check of the range names the partition, and stops what is behind."""
    script = f"[ $DAGSTER_PARTITION_KEY = p1 ] || exit 0; {reporting(passed=True)}"
    job = script_asset("a", script, pipes=True, check_specs=[rows()], **PARTED)
    location = locate(job, parts)
    assert not location.run("a", "parts", tags=RANGE).success
    assert location.materializations("parts") == []
    assert check_records(location, "rows")[0].description == "Failed: p2"


def test_range_that_reports_all(locate: Locate) -> None:
    """What is behind is built."""
    job = script_asset("a", reporting(passed=True), pipes=True, check_specs=[rows()], **PARTED)
    location = locate(job, parts)
    assert location.run("a", "parts", tags=RANGE).success
    assert len(location.materializations("parts")) == 2


def test_warning_in_one_partition_of_a_range(locate: Locate) -> None:
    """A warning stays one."""
    script = reporting(passed=False, severity="WARN")
    location = locate(script_asset("a", script, pipes=True, check_specs=[rows()], **PARTED), parts)
    assert location.run("a", "parts", tags=RANGE).success
    last = check_records(location, "rows")[0]
    assert (last.severity, last.description) == (dg.AssetCheckSeverity.WARN, "Failed: p1, p2")


def test_silence_of_one_of_several_assets(locate: Locate) -> None:
    """Each asset of a group has checks of its own."""
    specs = [rows("a"), rows("b")]
    jobs = group(
        {"a": reporting(passed=True), "b": "true"}, mode="blocking", pipes=True, check_specs=specs
    )
    location = locate(jobs)
    result = location.run("a", "b")
    assert not result.success
    verdicts = {
        each.asset_key.path[0]: each.passed
        for each in result.get_asset_check_evaluations()
        if each.check_name == "rows"
    }
    assert verdicts == {"a": True, "b": False}


def test_silence_after_a_report(locate: Locate, tmp_path: Any) -> None:
    """The sensor turns a check red that was green from the job before."""
    silent = tmp_path / "silent"
    script = f"[ -e {silent} ] || {{ {reporting(passed=True)}; }}"
    location = locate(script_asset("a", script, pipes=True, check_specs=[rows()]))
    for count, expected in ((1, True), (2, False)):
        assert location.run("a").success
        location.tick_until(lambda count=count: len(location.materializations("a")) == count)
        last = check_records(location, "rows")[0]
        assert last.passed is expected
        silent.touch()
    assert last.description == SILENT


def test_batch_cannot_report(locate: Locate) -> None:
    """Its instances cannot report anything: the check is red, once."""
    job = script_asset("a", "true", batch=True, check_specs=[rows()], mode="deferred", **PARTED)
    location = locate(job)
    assert location.run("a", tags=RANGE).success
    location.tick_until(lambda: len(location.materializations("a")) == 2)
    [verdict] = check_records(location, "rows")
    assert not verdict.passed


@pytest.mark.filterwarnings("ignore:Specifying a partitions_def")
@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_check_with_partitions(locate: Locate, mode: str) -> None:
    """Each partition has a result of its own, where the definition asks for it."""
    check = dg.AssetCheckSpec("rows", asset="a", partitions_def=PARTITIONS)
    script = reporting(passed=True)
    location = locate(
        script_asset("a", script, pipes=True, check_specs=[check], mode=mode, **PARTED)
    )
    assert location.run("a", partition_key="p2").success
    location.tick_until(lambda: location.materializations("a"))
    [verdict] = check_records(location, "rows")
    assert (verdict.passed, verdict.partition) == (True, "p2")


def test_failed_job_says_nothing_of_its_checks(locate: Locate) -> None:
    """Only a success has something to report."""
    location = locate(script_asset("a", "exit 3", pipes=True, check_specs=[rows()]))
    assert location.run("a").success
    location.tick_until(lambda: len(location.observations("a")) == 2)
    assert check_records(location, "rows") == []


def test_check_alone(locate: Locate, emulator: Emulator) -> None:
    """It starts nothing, says why, and does not succeed."""
    location = locate(script_asset("a", "true", pipes=True, check_specs=[rows()]))
    sent = len(emulator.statements)
    job = dg.define_asset_job(
        "check", selection=dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("a"), "rows"))
    )
    definitions = dg.Definitions.merge(location.definitions, dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("check").execute_in_process(
        instance=location.instance, raise_on_error=False
    )
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "Materialize a." in failure.step_failure_data.user_failure_data.description
    assert len(emulator.statements) == sent
    # The job's own check can be evaluated alone.
    assert location.check(dg.AssetCheckKey(dg.AssetKey("a"), keys.CHECK_NAME)).success


def test_containers_that_cannot_be_listed(
    locate: Locate, emulator: Emulator, client: SpcsClient, schema: str
) -> None:
    """Without them no node can be asked what was said: the check waits for the next tick."""
    script = reporting(passed=True)
    asset = script_asset("a", script, mode="deferred", pipes=True, check_specs=[rows()])
    location = locate(asset, metadata="no-warehouse")
    location.run("a")
    [job] = client.list_jobs(database="LAB", schema=schema)
    list(client.wait([job.name], poll_seconds=0.02))
    fault = emulator.faults.refuse("SHOW SERVICE CONTAINERS", number=603)
    location.tick()
    assert fault.struck == 1
    assert location.materializations("a") == []
    location.tick_until(lambda: location.materializations("a"))
    [verdict] = check_records(location, "rows")
    assert verdict.passed


def test_check_of_another_name(locate: Locate) -> None:
    """The verdict tells what was reported instead."""
    location = locate(
        script_asset(
            "a",
            reporting(passed=True),
            mode="blocking",
            pipes=True,
            check_specs=[dg.AssetCheckSpec("row", asset="a")],
        )
    )
    location.run("a")
    [verdict] = check_records(location, "row")
    assert verdict.description == f"{SILENT}; it reported rows"


ODD = {
    "method": ("bogus", {}),
    "number": ("log", {"message": 5, "level": 7}),
    "type": ("report_asset_materialization",
             {"asset_key": "piped", "metadata": {"x": {"type": "no", "raw_value": 1}},
              "data_version": None}),
    "exception": ("closed", {"exception": {"name": "E", "message": "m", "stack": []}}),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:AssetExecutionContext:DeprecationWarning")
@pytest.mark.parametrize("odd", ODD)
def test_odd_message_to_the_pipes_client(
    locate: Locate, resource: SpcsJobResource, odd: str
) -> None:
    """It is told, and costs neither the step nor the other messages anything."""
    good = {"asset_key": "piped", "metadata": {"n": {"type": "int", "raw_value": 3}},
            "data_version": None}  # fmt: skip
    script = said(ODD[odd], ("report_asset_materialization", good))

    @dg.asset
    def piped(context: dg.AssetExecutionContext, pipes: PipesSpcsClient) -> dg.MaterializeResult:
        return pipes.run(context=context, request=script_request(script)).get_materialize_result()

    location = locate(piped, bound={"pipes": PipesSpcsClient(spcs=resource)})
    assert location.run("piped").success
    [event] = location.materializations("piped")
    assert event.metadata["n"].value == 3
