"""Whatever a container reports: what Dagster takes lands, what it does not is noted."""

import json
from typing import Any

import dagster as dg
import pytest

from dagster_spcs.event_log.container_reports import ContainerReports, container_reports
from dagster_spcs.event_log.keys import CHECK_NAME, NAMESPACE
from dagster_spcs.pipes.messages import PipesMessage, PipesMessages, read_messages
from dagster_spcs.spcs.records import LogLine

KEY = dg.AssetKey("a")
DEEP: Any = 1
for _ in range(3000):
    DEEP = [DEEP]


def told(method: str, **params: Any) -> PipesMessages:
    """A message, and a good one behind it."""
    good = PipesMessage("report_asset_materialization", {"asset_key": "a", "metadata": {"rows": 7}})
    return PipesMessages((PipesMessage(method, params), good), ())


@pytest.mark.parametrize(
    "value",
    [
        {"raw_value": 3, "type": "text"},
        {"raw_value": 3, "type": "dagster_run"},
        {"raw_value": "x", "type": "bool"},
        {"raw_value": {"records": [{"a": [1]}], "schema": [{"name": "a"}]}, "type": "table"},
        {"raw_value": {"columns": [{"name": "a", "tags": {"k": 3}}]}, "type": "table_schema"},
        {"raw_value": float("inf"), "type": "no such type"},
        {"raw_value": 10**400, "type": "float"},
        {"raw_value": 3, "type": "asset"},
        {"raw_value": DEEP, "type": "json"},
        {"neither": "type nor value"},
        DEEP,
    ],
)
def test_metadata_dagster_does_not_take(value: Any) -> None:
    """One entry is noted; the others of the same report and the next reports are there."""
    found = container_reports(
        told("report_asset_materialization", asset_key="a", metadata={"odd": value, "even": 2}),
        KEY,
    )
    assert found.metadata["even"].value == 2
    assert found.metadata["rows"].value == 7
    assert ("odd" in found.metadata) or any("odd" in note for note in found.notes)
    event = dg.AssetMaterialization(KEY, metadata=found.metadata)
    dg.serialize_value(event)


def test_numbers_that_are_none() -> None:
    """Dagster's pages cannot show them as numbers; they are text."""
    for value in (float("nan"), float("inf"), float("-inf")):
        found = container_reports(
            told("report_asset_materialization", asset_key="a", metadata={"mean": value}), KEY
        )
        assert found.metadata["mean"] == dg.MetadataValue.text(str(value))


@pytest.mark.parametrize(
    "message",
    [
        ("report_asset_check", {"asset_key": "a", "check_name": "c", "passed": "yes"}),
        ("report_asset_check", {"asset_key": "a", "check_name": "c", "passed": None}),
        ("report_asset_check", {"asset_key": "a", "check_name": "c"}),
        ("report_asset_materialization", {"asset_key": "a", "metadata": [1]}),
        ("report_asset_materialization", {"asset_key": 3}),
        ("report_asset_materialization", {}),
        ("report_asset_materialization", {"asset_key": "b", "metadata": {"rows": 1}}),
        ("closed", {"exception": "a text"}),
        ("closed", {"exception": ["a", "list"]}),
    ],
)
def test_message_that_makes_no_sense(message: tuple[str, dict[str, Any]]) -> None:
    """It is noted, and the next ones are there."""
    method, params = message
    found = container_reports(told(method, **params), KEY)
    assert found.metadata["rows"].value == 7
    assert found.notes


def test_nothing_was_said() -> None:
    """A job that was not asked to speak Pipes, or did not, reports nothing."""
    assert container_reports(None, KEY) == ContainerReports()
    assert container_reports(PipesMessages((), ()), KEY) == ContainerReports()


def test_reports() -> None:
    """Metadata, data version and checks of the job's asset are taken; of a check the last word."""
    found = container_reports(
        PipesMessages(
            (
                PipesMessage(
                    "report_asset_materialization",
                    {"asset_key": "a", "metadata": {"rows": 1}, "data_version": 3},
                ),
                PipesMessage(
                    "report_asset_check", {"asset_key": "a", "check_name": "c", "passed": False}
                ),
                PipesMessage(
                    "report_asset_check",
                    {"asset_key": "a", "check_name": "c", "passed": True, "severity": "WARN"},
                ),
            ),
            (),
        ),
        KEY,
    )
    [check] = found.checks
    assert (found.metadata["rows"].value, found.data_version, found.notes) == (1, "3", ())
    assert (check.passed, check.severity) == (True, dg.AssetCheckSeverity.WARN)


def test_keys_of_the_library() -> None:
    """What the library says of a job no container can say in its place."""
    own = f"{NAMESPACE}status"
    found = container_reports(
        told("report_asset_materialization", asset_key="a", metadata={own: "DONE", "even": 2}), KEY
    )
    assert set(found.metadata) == {"even", "rows"}
    assert any(own in note for note in found.notes)


def test_check_of_the_library() -> None:
    """The verdict on the job itself is not a container's."""
    found = container_reports(
        told("report_asset_check", asset_key="a", check_name=CHECK_NAME, passed=True), KEY
    )
    assert (found.checks, len(found.notes)) == ((), 1)


def test_names_that_cannot_be_stored() -> None:
    """A check's name and a data version are taken as they are, or not at all."""
    for text in ("", "x" * 256, "a\0b", "a\ud800", True, 1.5, ["c"]):
        check = told("report_asset_check", asset_key="a", check_name=text, passed=True)
        version = told("report_asset_materialization", asset_key="a", data_version=text)
        for messages in (check, version):
            found = container_reports(messages, KEY)
            assert (found.checks, found.data_version) == ((), None)
            [note] = found.notes
            assert note.startswith("Pipes: ")
            assert "\0" not in note


def test_what_broke_off() -> None:
    """Messages without an end, and a container that did not close, are noted."""
    opened = PipesMessage("opened", {})
    found = container_reports(PipesMessages((opened,), (), broken=2), KEY)
    assert found.notes == (
        "Pipes: 2 message(s) broke off",
        "Pipes: the container ended before it closed Pipes",
    )


def test_exception_of_the_container() -> None:
    """What ended a container is told."""
    closed = PipesMessage("closed", {"exception": {"name": "ValueError", "message": "no\nrows"}})
    found = container_reports(PipesMessages((PipesMessage("opened", {}), closed), ()), KEY)
    [note] = found.notes
    assert note.startswith("Pipes: closed with ValueError: no")
    assert "\n" not in note


def test_line_no_reader_can_take() -> None:
    """Brackets without end, and very many messages on one line."""
    mark = '{"__dagster_pipes_version": "0.1", "method": "log", "params": '
    found = read_messages([LogLine(mark + "[" * 100_000, 0, "main")])
    assert (found.messages, found.broken) == ((), 1)
    many = json.dumps({"__dagster_pipes_version": "0.1", "method": "log", "params": {}}) * 3000
    assert len(read_messages([LogLine(many, 0, "main")]).messages) == 3000


def test_message_without_a_place() -> None:
    """A custom message, or one of a newer version, is noted and not lost in silence."""
    found = container_reports(told("report_custom_message", payload={"foo": 1}), KEY)
    assert found.metadata["rows"].value == 7
    assert found.notes == (
        "Pipes: message 'report_custom_message' has no place on an asset's event",
    )
