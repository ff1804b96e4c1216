"""The event table as DuckDB sees it: the lines of the log files, and what the platform tells.

Log files are read where they are, line by line, so a query over 200 MB of them needs no memory for
them. Columns and keys are those of page "Event table columns".
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dagster_spcs.emulator.sql.log_rows import LINES
from dagster_spcs.emulator.sql.quoting import duckdb_literal

NAMES = (("SNOWFLAKE", "TELEMETRY", "EVENTS"), ("SNOWFLAKE", "TELEMETRY", "EVENTS_VIEW"))
"""The table that an account has from the beginning, and the view of it."""
COLUMNS = (
    ("TIMESTAMP", "TIMESTAMP_NTZ(9)"),
    ("START_TIMESTAMP", "TIMESTAMP_NTZ(9)"),
    ("OBSERVED_TIMESTAMP", "TIMESTAMP_NTZ(9)"),
    ("TRACE", "OBJECT"),
    ("RESOURCE", "OBJECT"),
    ("RESOURCE_ATTRIBUTES", "OBJECT"),
    ("SCOPE", "OBJECT"),
    ("SCOPE_ATTRIBUTES", "OBJECT"),
    ("RECORD_TYPE", "VARCHAR(16777216)"),
    ("RECORD", "OBJECT"),
    ("RECORD_ATTRIBUTES", "OBJECT"),
    ("VALUE", "VARIANT"),
    ("EXEMPLARS", "ARRAY"),
)
PLATFORM = {"name": "snow.spcs.platform"}
_MACRO = "SPCS_EVENT_TABLE"
_JSON_COLUMNS = ", ".join(
    f'"{name}"::JSON AS "{name}"'
    for name, kind in COLUMNS
    if kind in ("OBJECT", "VARIANT", "ARRAY")
)
_MOMENTS = ("TIMESTAMP", "START_TIMESTAMP", "OBSERVED_TIMESTAMP")

# What a container prints as a JSON object with "body" is taken apart into the columns. Of plain
# lines, those of the standard error stream are errors (chosen).
_LOG_LINES = """
SELECT
    make_timestamp(time // 1000) AS "TIMESTAMP",
    NULL::TIMESTAMP AS START_TIMESTAMP,
    NULL::TIMESTAMP AS OBSERVED_TIMESTAMP,
    NULL::JSON AS TRACE,
    NULL::JSON AS RESOURCE,
    attributes AS RESOURCE_ATTRIBUTES,
    json_extract(record, '$.scope') AS SCOPE,
    NULL::JSON AS SCOPE_ATTRIBUTES,
    'LOG' AS RECORD_TYPE,
    json_object('severity_text', coalesce(record ->> '$.severity_text',
        CASE stream WHEN 'stderr' THEN 'ERROR' ELSE 'INFO' END))::JSON AS RECORD,
    json_merge_patch(coalesce(json_extract(record, '$.attributes'), '{{}}'),
        json_object('log.iostream', stream))::JSON AS RECORD_ATTRIBUTES,
    coalesce(json_extract(record, '$.body'), text::JSON) AS VALUE,
    NULL::JSON AS EXEMPLARS
FROM (
    SELECT *, CASE WHEN json_exists(TRY_CAST(text ->> '$' AS JSON), '$.body')
        THEN TRY_CAST(text ->> '$' AS JSON) END AS record
    FROM (
        SELECT lines.*, source.attributes, source.level
        FROM ({lines}) AS lines JOIN SPCS_EVENT_SOURCES AS source ON source.file = lines.file
    )
    WHERE time IS NOT NULL AND json_valid(text)
        AND (level = 'INFO' OR level = 'ERROR' AND stream = 'stderr')
        AND time <= {arrived}
)
"""


@dataclass(frozen=True)
class LogFile:
    """A container's log, and what the event table tells of the container."""

    path: Path
    level: str
    """INFO takes everything, ERROR the standard error stream, NONE nothing."""
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Event:
    """A row that the platform writes: an event or a metric."""

    at: datetime
    kind: str
    """The RECORD_TYPE."""
    attributes: dict[str, Any]
    record: dict[str, Any]
    value: Any
    start: datetime | None = None


@dataclass(frozen=True)
class EventTable:
    """What is in the event table at one moment."""

    logs: Sequence[LogFile]
    events: Sequence[Event]
    until: datetime
    """Nothing later has arrived yet."""

    @property
    def reference(self) -> str:
        """What stands for the table behind FROM."""
        return f"temp.main.{_MACRO}()"

    def show_to(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection find the table, and no other one."""
        connection.register("SPCS_EVENT_ROWS", self._rows())
        text = f"SELECT * REPLACE ({_JSON_COLUMNS}) FROM SPCS_EVENT_ROWS"
        logs = [log for log in self.logs if log.level != "NONE" and log.path.exists()]
        if logs:
            connection.register("SPCS_EVENT_SOURCES", _sources(logs))
            files = f"[{', '.join(duckdb_literal(log.path) for log in logs)}]"
            arrived = int(self.until.timestamp() * 1_000_000) * 1000
            text += (
                f" UNION ALL {_LOG_LINES.format(lines=LINES.format(files=files), arrived=arrived)}"
            )
        connection.execute(f"CREATE OR REPLACE TEMP MACRO {_MACRO}() AS TABLE {text}")

    def _rows(self) -> pa.Table:
        found = [_row(event) for event in self.events if event.at <= self.until]
        return pa.table(
            {
                name: pa.array(
                    [row.get(name) for row in found],
                    type=pa.timestamp("us") if name in _MOMENTS else pa.string(),
                )
                for name, _ in COLUMNS
            }
        )


def _row(event: Event) -> dict[str, Any]:
    at = event.at.replace(tzinfo=None)
    return {
        "TIMESTAMP": at,
        "START_TIMESTAMP": None if event.start is None else event.start.replace(tzinfo=None),
        "OBSERVED_TIMESTAMP": at,
        "RESOURCE_ATTRIBUTES": json.dumps(event.attributes),
        "SCOPE": json.dumps(PLATFORM),
        "RECORD_TYPE": event.kind,
        "RECORD": json.dumps(event.record),
        "VALUE": json.dumps(event.value),
    }


def _sources(logs: Sequence[LogFile]) -> pa.Table:
    return pa.table(
        {
            "file": pa.array([str(log.path) for log in logs]),
            "level": pa.array([log.level for log in logs]),
            "attributes": pa.array([json.dumps(log.attributes) for log in logs], type=pa.json_()),
        }
    )
