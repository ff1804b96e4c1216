"""Jobs that others start become materializations of the asset they are mapped to."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import dagster as dg
import pytest

from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from tests.integration.conftest import Location, script_asset
from tests.support.emulators import Lab, connect, container, execute_job, spec_of

Locate = Callable[..., Location]


@pytest.fixture
def others(emulator: Emulator, schema: str) -> Iterator[Lab]:
    """Somebody else's session in the same schema."""
    with connect(emulator, database="LAB", schema=schema) as connection:
        yield Lab(connection)


def start(lab: Lab, name: str, script: str, properties: str = "ASYNC = TRUE") -> None:
    lab.rows(execute_job(spec_of(container(script)), name, properties))


def test_job_of_a_task_is_recorded_once(locate: Locate, others: Lab, emulator: Emulator) -> None:
    nightly = dg.AssetSpec(["reports", "nightly"])
    location = locate(nightly, observe={"nightly_*": "reports/nightly"})
    start(others, "NIGHTLY_1", "echo by a task; sleep 0.2", "ASYNC = TRUE COMMENT = 'by a task'")
    start(others, "SOMETHING_ELSE", "true")
    key = dg.AssetKey(["reports", "nightly"])

    def recorded() -> list[dg.AssetMaterialization]:
        records = location.instance.fetch_materializations(key, limit=10).records
        return [each.asset_materialization for each in records if each.asset_materialization]

    location.tick_until(recorded)
    others.wait("SOMETHING_ELSE")
    location.tick()
    location.cursor = None
    location.tick()
    [event] = recorded()
    assert event.metadata[keys.JOB_NAME].value.endswith(".NIGHTLY_1")
    assert "by a task" in event.metadata[keys.LOG].value
    assert keys.SUBMITTING_RUN not in event.metadata
    # The name is free again after a drop, and another job under it is another event.
    others.rows("DROP SERVICE NIGHTLY_1")
    emulator.faults.clock_offset += timedelta(minutes=1)
    start(others, "NIGHTLY_1", "true")
    location.tick_until(lambda: len(recorded()) == 2)
    emulator.faults.clock_offset = timedelta()


def test_failed_job_of_others(locate: Locate, others: Lab) -> None:
    """A failure is an observation; the check is told only where the asset has it."""
    check = dg.AssetCheckSpec(keys.CHECK_NAME, asset="a")

    @dg.multi_asset(specs=[dg.AssetSpec("a", skippable=True)], check_specs=[check], can_subset=True)
    def made_by_others():
        pass

    location = locate(made_by_others, observe={"BY_HAND": "a"})
    start(others, "BY_HAND", "echo why; exit 4")
    location.tick_until(lambda: location.observations("a"))
    [told] = location.observations("a")
    assert told.metadata[keys.STATUS].value == "FAILED"
    made = location.instance.event_log_storage.get_asset_check_execution_history(check.key, limit=5)
    assert [record.event.asset_check_evaluation.passed for record in made] == [False]


def test_own_jobs_and_those_of_others_in_one_statement(
    locate: Locate, others: Lab, emulator: Emulator
) -> None:
    """A job asset beside observed ones: each once, and an idle tick stays one statement."""
    location = locate(script_asset("a", "true"), dg.AssetSpec("b"), observe={"*": "b"})
    location.run("a")
    start(others, "OTHER", "true")
    location.tick_until(lambda: location.materializations("a") and location.materializations("b"))
    before = len(emulator.statements)
    location.tick()
    assert len(emulator.statements) == before + 1
    assert [len(location.materializations(key)) for key in "ab"] == [1, 1]


def test_asset_that_does_not_exist(locate: Locate, others: Lab) -> None:
    """The tick fails and names the asset; nothing is lost once the mapping is right."""
    start(others, "OTHER", "true")
    others.wait("OTHER")
    location = locate(dg.AssetSpec("b"), observe={"OTHER": "misspelled"})
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="misspelled, which this code"):
        location.tick()
    mended = locate(dg.AssetSpec("b"), observe={"OTHER": "b"})
    mended.cursor = location.cursor
    mended.tick()
    assert len(mended.materializations("b")) == 1
