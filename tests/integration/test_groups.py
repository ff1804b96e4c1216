"""Several job assets in one step."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import pytest

from dagster_spcs import JobRequest, spcs_job_multi_asset
from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.spcs.client import SpcsClient
from tests.integration.conftest import Location, script_asset, script_request, snowflake_resource
from tests.support.emulators import POOL, until

Locate = Callable[..., Location]


def group(scripts: Mapping[str, str], **options: Any) -> dg.AssetsDefinition:
    """Return a group of job assets, each with a script of its own."""
    specs = options.pop("specs", None) or [dg.AssetSpec(key) for key in scripts]

    @spcs_job_multi_asset(specs=specs, name="group", **options)
    def jobs(context: dg.AssetExecutionContext) -> Mapping[str, JobRequest]:
        """Jobs of the test."""
        partition = context.partition_key if context.has_partition_key else ""
        return {
            key: script_request(script.replace("PARTITION", partition))
            for key, script in scripts.items()
        }

    return jobs


def meeting(folder: Path, mine: str, other: str) -> str:
    """Return a script that ends only while the other's runs at the same time."""
    return f"touch {folder}/{mine}; until [ -e {folder}/{other} ]; do sleep 0.01; done; echo {mine}"


def test_jobs_of_a_group_run_side_by_side(locate: Locate, tmp_path: Path) -> None:
    """One step waits for jobs that can end only together, and records each with its own data."""
    jobs = group(
        {"a": meeting(tmp_path, "one", "two"), "b": meeting(tmp_path, "two", "one")},
        mode="blocking",
    )
    location = locate(jobs)

    result = location.run("a", "b")

    assert result.success
    assert [event.step_key for event in result.all_events if event.is_step_success] == ["group"]
    logs = {key: location.materializations(key)[0].metadata[keys.LOG].value for key in "ab"}
    assert "one" in logs["a"]
    assert "two" in logs["b"]
    assert len(result.get_asset_check_evaluations()) == 2


def test_each_is_recorded_as_it_ends(locate: Locate, tmp_path: Path) -> None:
    """The first job's event is there while the second one is at work."""
    gate = tmp_path / "gate"
    jobs = group({"a": "true", "b": f"until [ -e {gate} ]; do sleep 0.01; done"}, mode="blocking")
    location = locate(jobs)
    run = threading.Thread(target=lambda: location.run("a", "b"))
    run.start()
    try:
        until(lambda: location.materializations("a"))
        assert location.materializations("b") == []
    finally:
        gate.touch()
        run.join()
    assert len(location.materializations("b")) == 1


def test_only_what_was_selected_is_started(locate: Locate, client: SpcsClient, schema: str) -> None:
    """A group can be materialized in part."""
    location = locate(group({"a": "true", "b": "true"}, mode="blocking"))
    assert location.run("b").success
    assert location.materializations("a") == []
    assert len(location.materializations("b")) == 1
    assert len(client.list_jobs(database="LAB", schema=schema)) == 1


def test_group_defers(locate: Locate, emulator: Emulator) -> None:
    """A run of job assets alone ends at once; the sensor records each once."""
    location = locate(group({"a": "echo a", "b": "exit 3"}))
    result = location.run("a", "b")
    assert result.success
    assert location.materializations("a") == []
    location.tick_until(
        lambda: location.materializations("a") and len(location.observations("b")) == 2
    )
    location.tick()
    assert len(location.materializations("a")) == 1
    assert location.materializations("b") == []


def test_failure_of_one_does_not_undo_the_others(locate: Locate) -> None:
    """The step fails at the end and names the one that failed."""
    location = locate(group({"a": "true", "b": "exit 3"}, mode="blocking"))
    result = location.run("a", "b")
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    named = failure.step_failure_data.user_failure_data.metadata[keys.JOB_NAME].value
    assert "_B_" in named
    assert "_A_" not in named
    assert len(location.materializations("a")) == 1
    verdicts = {
        each.asset_key.path[0]: each.passed for each in result.get_asset_check_evaluations()
    }
    assert verdicts == {"a": True, "b": False}


def test_partitions_of_a_group(locate: Locate) -> None:
    """A single run over a range starts one job an asset and partition."""
    partitions = dg.StaticPartitionsDefinition(["p1", "p2", "p3"])
    location = locate(
        group(
            {"a": "echo in PARTITION", "b": "[ PARTITION != p2 ]"},
            mode="blocking",
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
    )
    tags = {"dagster/asset_partition_range_start": "p1", "dagster/asset_partition_range_end": "p3"}
    result = location.run("a", "b", tags=tags)
    assert not result.success
    found = {
        each.partition: each.metadata[keys.LOG].value for each in location.materializations("a")
    }
    assert {key for key, log in found.items() if f"in {key}" in log} == {"p1", "p2", "p3"}
    assert {each.partition for each in location.materializations("b")} == {"p1", "p3"}
    verdicts = {
        each.asset_key.path[0]: each.passed for each in result.get_asset_check_evaluations()
    }
    assert verdicts == {"a": True, "b": False}


def test_downstream_of_a_group_in_the_same_run(locate: Locate) -> None:
    """Auto waits for the whole group when the run builds something from one of it."""

    @dg.asset(deps=["a"])
    def downstream() -> None:
        pass

    location = locate(group({"a": "true", "b": "true"}), downstream)
    assert location.run("a", "b", "downstream").success
    assert [len(location.materializations(key)) for key in ("a", "b", "downstream")] == [1, 1, 1]


def test_group_cannot_depend_on_itself() -> None:
    specs = [dg.AssetSpec("a"), dg.AssetSpec("b", deps=["a"])]
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="b depends on a of the same group"):
        group({"a": "true", "b": "true"}, specs=specs)


def _given(definition: dg.AssetsDefinition, how: str) -> dg.AssetsDefinition:
    """Return a definition with other keys, as a code location may give them."""
    if how == "replaced":
        return definition.with_attributes(
            asset_key_replacements={key: key.with_prefix("team") for key in definition.keys}
        )
    module = ModuleType("assets_of_a_test")
    module.definition = definition  # type: ignore[attr-defined]
    [loaded] = dg.load_assets_from_modules([module], key_prefix="team")
    assert isinstance(loaded, dg.AssetsDefinition)
    return loaded


@pytest.mark.parametrize("how", ["replaced", "prefixed"])
@pytest.mark.parametrize("mode", ["blocking", "deferred"])
def test_keys_that_a_code_location_changed(locate: Locate, how: str, mode: Any) -> None:
    """Each asset has its job and its event under the key that it has by now."""
    several = _given(group({"a": "echo of-a", "b": "echo of-b"}, mode=mode), how)
    one = _given(script_asset("c", "echo of-c", mode=mode), how)
    location = locate(several, one)

    assert location.run("team/a", "team/c").success
    assert not location.observations("team/b")
    location.tick_until(lambda: all(location.materializations(f"team/{key}") for key in "ac"))

    for key in "ac":
        [event] = location.materializations(f"team/{key}")
        assert f"of-{key}" in event.metadata[keys.LOG].value
    assert location.run("team/b").success
    location.tick_until(lambda: location.materializations("team/b"))


def test_function_that_names_the_present_keys(locate: Locate) -> None:
    @spcs_job_multi_asset(specs=[dg.AssetSpec("a"), dg.AssetSpec("b")], mode="blocking")
    def jobs(context: dg.AssetExecutionContext) -> Mapping[str, JobRequest]:
        return {key.to_user_string(): script_request("true") for key in context.selected_asset_keys}

    location = locate(_given(jobs, "prefixed"))
    assert location.run("team/b").success
    assert location.materializations("team/b")
    assert not location.materializations("team/a")


def test_result_table_of_nothing() -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="names c"):
        group({"a": "true"}, result_tables={"c": "LAB.PUBLIC.C"})


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ({"a": "true"}, "for it; it must return a JobRequest"),
        ({}, "returned no JobRequest for asset"),
        (None, "must return a mapping"),
        ({"c": script_request("true")}, "returned requests for c; the step has a"),
    ],
)
def test_function_that_returns_something_else(locate: Locate, returned: Any, message: str) -> None:
    @spcs_job_multi_asset(specs=[dg.AssetSpec("a")], compute_pool=POOL)
    def jobs() -> Mapping[str, JobRequest]:
        return returned

    result = locate(jobs).run("a")
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert message in str(failure.step_failure_data.error)


# Outages while a run waits


@pytest.fixture
def impatient(emulator: Emulator, schema: str) -> SpcsJobResource:
    """A resource whose connector gives up soon, so that an outage reaches the library."""
    return SpcsJobResource(
        snowflake=snowflake_resource(emulator, schema, login_timeout=1, network_timeout=1),
        compute_pool=POOL,
        poll_seconds=0.05,
    )


# The connector asks, on a thread of its own, for the abort of what timed out, and cannot.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_run_that_waits_survives_an_outage(
    locate: Locate,
    emulator: Emulator,
    impatient: SpcsJobResource,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Tokens run out and nobody gets through for a while: no line is lost, none printed twice."""
    gate = tmp_path / "gate"
    script = f"echo before; until [ -e {gate} ]; do sleep 0.01; done; echo after"
    location = locate(script_asset("a", script, mode="blocking"), resource=impatient)
    results: list[dg.ExecuteInProcessResult] = []
    run = threading.Thread(target=lambda: results.append(location.run("a")))
    run.start()
    sent = emulator.statements
    until(lambda: any("GET_SERVICE_LOGS" in each.text for each in emulator.statements[len(sent) :]))
    emulator.faults.expire_sessions()
    with emulator.faults.outage():
        gate.touch()
        before = emulator.faults.turned_away
        until(lambda: emulator.faults.turned_away >= before + 3)
    run.join()
    assert results[0].success
    assert len(location.materializations("a")) == 1
    printed = capfd.readouterr().out.splitlines()
    assert [line for line in printed if line in ("before", "after")] == ["before", "after"]
