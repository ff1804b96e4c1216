"""The event table, as ``snow spcs service events``, ml-python and people with SQL read it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.emulators import (
    POOL,
    Lab,
    container,
    new_emulator,
    new_name,
    open_lab,
    spec_of,
    until,
)

FROM = "FROM SNOWFLAKE.TELEMETRY.EVENTS"
BOTH = "echo out; echo 'an error' >&2"


def of_job(name: str, kind: str) -> str:
    """Return the condition that clients write."""
    return f"RESOURCE_ATTRIBUTES:\"snow.service.name\" = '{name}' AND RECORD_TYPE = '{kind}'"


def test_lines_of_a_container(lab: Lab) -> None:
    """Each line is a row, with time, stream, place and container; both keys of the instance."""
    name = lab.run(BOTH)
    rows = lab.rows(f"SELECT * {FROM} WHERE {of_job(name, 'LOG')} ORDER BY TIMESTAMP")
    assert [json.loads(row["VALUE"]) for row in rows] == ["out", "an error"]
    row = rows[1]
    assert len(row) == 13
    assert json.loads(row["RECORD_ATTRIBUTES"]) == {"log.iostream": "stderr"}
    assert json.loads(row["RECORD"]) == {"severity_text": "ERROR"}
    attributes = json.loads(row["RESOURCE_ATTRIBUTES"])
    assert attributes["snow.database.name"] == "LAB"
    assert attributes["snow.compute_pool.name"] == POOL
    assert attributes["snow.service.container.name"] == "main"
    assert attributes["snow.service.instance"] == "0"
    assert attributes["snow.service.container.instance"] == "0"


def test_it_is_found_as_clients_find_it(lab: Lab, qmark: Lab) -> None:
    """The name comes from a parameter of the account and goes back as a bind (facts 12.1)."""
    name = lab.run("echo found")
    table = lab.row("SHOW PARAMETERS LIKE 'event_table' IN ACCOUNT")["value"]
    found = qmark.rows(
        'SELECT VALUE FROM IDENTIFIER(?) WHERE RESOURCE_ATTRIBUTES:"snow.service.name" = ?'
        " AND RECORD_TYPE = 'LOG' ORDER BY TIMESTAMP LIMIT ?",
        [table, name, 5],
    )
    assert [json.loads(row["VALUE"]) for row in found] == ["found"]


def test_platform_events(lab: Lab) -> None:
    """In the words of snowflake-cli's query (facts 12.2): one container's, in their order."""
    name = lab.run("true")
    rows = lab.rows(
        f'select * from (select * {FROM} where (upper(resource_attributes:"snow.service.name") ='
        f" upper('{name.lower()}') and (resource_attributes:\"snow.service.instance\" = '0' or"
        " resource_attributes:\"snow.service.container.instance\" = '0') and"
        " resource_attributes:\"snow.service.container.name\" = 'main') and record_type = 'EVENT'"
        " and scope['name'] = 'snow.spcs.platform' order by timestamp desc limit 10)"
        " order by timestamp asc limit 10"
    )
    seen = [json.loads(row["VALUE"])["status"] for row in rows]
    assert seen == ["PENDING", "READY", "DONE"]
    assert json.loads(rows[0]["RECORD"])["name"] == "CONTAINER.STATUS_CHANGE"


def test_it_outlives_the_job(lab: Lab) -> None:
    """A job that was dropped is told of."""
    name = lab.run("echo still here")
    lab.rows(f"DROP SERVICE {name}")
    assert lab.value(f"SELECT count(*) {FROM} WHERE {of_job(name, 'LOG')}") == 1
    assert lab.value(f"SELECT count(*) {FROM} WHERE {of_job(name, 'EVENT')}") > 5


def test_it_outlives_the_emulator(tmp_path: Path) -> None:
    """With a data folder."""
    with new_emulator(tmp_path, data_dir=tmp_path / "data") as first, open_lab(first) as connection:
        name = Lab(connection).run("echo kept")
    with new_emulator(tmp_path, data_dir=tmp_path / "data") as second, open_lab(second) as later:
        query = f"SELECT VALUE {FROM} WHERE {of_job(name, 'LOG')}"
        assert json.loads(Lab(later).value(query)) == "kept"


@pytest.mark.parametrize(
    ("level", "streams"), [("INFO", ["stderr", "stdout"]), ("ERROR", ["stderr"]), ("NONE", [])]
)
def test_log_level(lab: Lab, level: str, streams: list[str]) -> None:
    """``logExporters`` says which lines reach the table."""
    exporters = {"eventTableConfig": {"logLevel": level}}
    name = lab.submit_spec(spec_of(container(BOTH), logExporters=exporters))
    lab.wait(name)
    found = lab.rows(
        f"SELECT RECORD_ATTRIBUTES['log.iostream']::STRING AS S {FROM}"
        f" WHERE {of_job(name, 'LOG')} ORDER BY 1"
    )
    assert [row["S"] for row in found] == streams


def test_a_line_that_is_an_object_is_taken_apart(lab: Lab) -> None:
    """One with ``body``; any other text stays as it is (facts 5.3)."""
    line = {"body": {"a": 1}, "severity_text": "WARN", "attributes": {"k": "v"}, "scope": {"n": 1}}
    name = lab.run(f"echo '{json.dumps(line)}'; echo '{{\"no\": 1}}'; printf '\\\\ \\r é\\n'")
    rows = lab.rows(f"SELECT * {FROM} WHERE {of_job(name, 'LOG')} ORDER BY TIMESTAMP")
    assert json.loads(rows[0]["VALUE"]) == {"a": 1}
    assert json.loads(rows[0]["RECORD"]) == {"severity_text": "WARN"}
    assert json.loads(rows[0]["RECORD_ATTRIBUTES"]) == {"k": "v", "log.iostream": "stdout"}
    assert json.loads(rows[0]["SCOPE"]) == {"n": 1}
    assert json.loads(rows[1]["VALUE"]) == '{"no": 1}'
    assert json.loads(rows[2]["VALUE"]) == "\\ \r é"


def test_metrics(lab: Lab) -> None:
    """Those of the groups that the specification asks for, in the table and SPCS_GET_METRICS."""
    monitor = {"metricConfig": {"groups": ["system", "system_limits"]}}
    spec = spec_of(container("while :; do :; done"), platformMonitor=monitor)
    name = lab.submit_spec(spec)
    wanted = {
        "container.cpu.requested",
        "container.cpu.usage",
        "container.memory.requested",
        "container.memory.usage",
    }

    def measured() -> dict[str, Any]:
        rows = lab.rows(f"SELECT * FROM TABLE({name}!SPCS_GET_METRICS())")
        return {row["METRIC_NAME"]: row["VALUE"] for row in rows}

    try:
        until(lambda: wanted <= set(measured()))
        found = lab.rows(
            f"SELECT RECORD['metric']['name']::STRING AS N, VALUE::FLOAT AS V {FROM}"
            f" WHERE {of_job(name, 'METRIC')}"
        )
    finally:
        lab.rows(f"DROP SERVICE {name}")  # it would take a processor for as long as the tests run
    assert {row["N"] for row in found} == wanted
    assert all(row["V"] > 0 for row in found if row["N"] == "container.memory.usage")


def test_none_are_measured_unasked(lab: Lab) -> None:
    """As on an account."""
    name = lab.run("true")
    assert lab.rows(f"SELECT * FROM TABLE({name}!SPCS_GET_METRICS())") == []


def test_its_columns(lab: Lab) -> None:
    """DESCRIBE tells the thirteen."""
    rows = lab.rows("DESCRIBE EVENT TABLE snowflake.telemetry.events")
    assert [row["name"] for row in rows][:3] == [
        "TIMESTAMP",
        "START_TIMESTAMP",
        "OBSERVED_TIMESTAMP",
    ]
    assert len(rows) == 13


def test_it_joins_other_tables(lab: Lab) -> None:
    """Quoted names and a join are read too."""
    table = new_name("JOBS")
    name = lab.run("echo joined")
    lab.rows(f"CREATE TABLE {table} AS SELECT '{name}' AS NAME")
    value = lab.value(
        f'SELECT E.VALUE FROM {table} JOIN "SNOWFLAKE"."TELEMETRY"."EVENTS" AS E'
        f" ON E.RESOURCE_ATTRIBUTES:\"snow.service.name\" = {table}.NAME AND RECORD_TYPE = 'LOG'"
    )
    assert json.loads(value) == "joined"


def test_a_stage_listed_before(lab: Lab) -> None:
    """A statement that looks a stage up leaves nothing open that stops the next one."""
    stage = new_name("ST")
    lab.rows(f"CREATE STAGE {stage}")
    lab.rows(f"LIST @{stage}")
    lab.rows("SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY())")
    lab.rows(f"LIST @{stage}")
    lab.rows(f"SELECT * {FROM} LIMIT 1")
