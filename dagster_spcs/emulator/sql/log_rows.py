"""Lines of large log files as DuckDB sees them: read where they are, and never all at once."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from dagster_spcs.emulator.sql.quoting import duckdb_literal

# A line of a log file is: nanoseconds, stream, JSON string.
LINES = """
SELECT
    lines.file AS file,
    TRY_CAST(split_part(line, ' ', 1) AS BIGINT) AS time,
    split_part(line, ' ', 2) AS stream,
    substr(line, length(split_part(line, ' ', 1)) + length(split_part(line, ' ', 2)) + 3) AS text
FROM read_csv({files}, columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '',
    header = false, auto_detect = false, ignore_errors = true, strict_mode = false,
    new_line = '\\n', filename = 'file') AS lines
"""
"""What DuckDB reads of log files; a line that is damaged has no time, or no text that is JSON."""


@dataclass(frozen=True)
class LogSource:
    """The log file of one container."""

    path: Path
    instance: int
    container: str


@dataclass(frozen=True)
class LogRows:
    """What SPCS_GET_LOGS answers, the newest line first.

    Args:
        sources: the log files of a job.
        first: the earliest time, in nanoseconds.
        last: the latest time, in nanoseconds.
        streams: those that are told: ``stdout``, ``stderr``.
    """

    sources: Sequence[LogSource]
    first: int
    last: int
    streams: Sequence[str]
    _name: str = field(default_factory=lambda: f"SPCS_LOG_{uuid.uuid4().hex}")

    @property
    def reference(self) -> str:
        """What stands for the rows behind FROM."""
        return f"temp.main.{self._name}()"

    def show_to(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection find the rows, and no other one."""
        connection.register(
            f"{self._name}_SOURCES",
            pa.table(
                {
                    "file": [str(source.path) for source in self.sources],
                    "instance": [source.instance for source in self.sources],
                    "container": [source.container for source in self.sources],
                }
            ),
        )
        files = f"[{', '.join(duckdb_literal(source.path) for source in self.sources)}]"
        streams = ", ".join(map(duckdb_literal, self.streams))
        connection.execute(
            f"CREATE OR REPLACE TEMP MACRO {self._name}() AS TABLE"
            ' SELECT make_timestamp(time // 1000) AS "TIMESTAMP", instance AS INSTANCE_ID,'
            " container AS CONTAINER_NAME, text ->> '$' AS LOG,"
            " json_object('log.iostream', stream)::JSON AS RECORD_ATTRIBUTES"
            f" FROM ({LINES.format(files=files)}) AS lines"
            f" JOIN {self._name}_SOURCES AS source ON source.file = lines.file"
            f" WHERE time BETWEEN {self.first} AND {self.last} AND stream IN ({streams})"
            " AND json_valid(text) ORDER BY time DESC"
        )
