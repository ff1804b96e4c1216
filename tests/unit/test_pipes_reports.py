"""Whatever a container reports: what Dagster takes lands, what it does not is noted."""

import json
from typing import Any

import dagster as dg
import pytest

from dagster_spcs.event_log.container_reports import reported
from dagster_spcs.pipes.messages import PipesMessage, PipesMessages, read_messages
from dagster_spcs.spcs.records import LogLine

KEY = dg.AssetKey("a")
DEEP: Any = 1
for _ in range(3000):
    DEEP = [DEEP]


def told(method: str, **params: Any) -> PipesMessages:
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
    found = reported(
        told("report_asset_materialization", asset_key="a", metadata={"odd": value, "even": 2}),
        KEY,
        "spcs_job",
    )
    assert found.metadata["even"].value == 2
    assert found.metadata["rows"].value == 7
    assert ("odd" in found.metadata) or any("odd" in note for note in found.notes)
    event = dg.AssetMaterialization(KEY, metadata=found.metadata)
    dg.serialize_value(event)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none(value: float) -> None:
    """Dagster's pages cannot show them as numbers; they are text."""
    found = reported(
        told("report_asset_materialization", asset_key="a", metadata={"mean": value}), KEY, "c"
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
    method, params = message
    found = reported(told(method, **params), KEY, "spcs_job")
    assert found.metadata["rows"].value == 7
    assert found.notes


def test_line_no_reader_can_take() -> None:
    """Brackets without end, and very many messages on one line."""
    mark = '{"__dagster_pipes_version": "0.1", "method": "log", "params": '
    found = read_messages([LogLine(mark + "[" * 100_000, 0, "main")])
    assert (found.messages, found.broken) == ((), 1)
    many = json.dumps({"__dagster_pipes_version": "0.1", "method": "log", "params": {}}) * 3000
    assert len(read_messages([LogLine(many, 0, "main")]).messages) == 3000
