"""Rows of staged files as DuckDB sees them: ``$1``, ``$2`` … of CSV, one VARIANT of the others."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from dagster_spcs.emulator.sql.file_formats import FileFormat
from dagster_spcs.emulator.sql.quoting import quoted


@dataclass(frozen=True)
class StagedRows:
    """The files that a statement selects from.

    Args:
        files: on this disk.
        format: of all of them.
        folder: of the stage, for METADATA$FILENAME.
    """

    files: Sequence[Path]
    format: FileFormat
    folder: Path
    _macro: str = field(default_factory=lambda: f"SPCS_STAGED_{uuid.uuid4().hex}")

    @property
    def reference(self) -> str:
        """What stands for the rows behind FROM."""
        return f"temp.main.{self._macro}()"

    def show_to(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection find the rows, and no other one."""
        connection.execute(
            f"CREATE OR REPLACE TEMP MACRO {self._macro}() AS TABLE {self.select(connection)}"
        )

    def hide_from(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let the connection forget the rows."""
        connection.execute(f"DROP MACRO TABLE IF EXISTS {self._macro}")

    def select(self, connection: duckdb.DuckDBPyConnection) -> str:
        """Return the rows as a query: ``$n`` and, of Parquet, each column by its name too."""
        if not self.files:
            return 'SELECT NULL AS "$1", NULL AS "$2", NULL AS METADATA$FILENAME WHERE false'
        reader = self.format.reader([_without_pattern(path) for path in self.files])
        name = (
            f"substr(filename, {len(str(self.folder)) + 2}) AS METADATA$FILENAME,"
            " row_number() OVER (PARTITION BY filename) AS METADATA$FILE_ROW_NUMBER"
        )
        if self.format.type == "JSON":
            return f'SELECT json AS "$1", {name} FROM {reader}'
        columns = self.columns(connection)
        listed = ", ".join(map(quoted, columns))
        if self.format.type == "PARQUET":
            packed = ", ".join(f"{quoted(each)} := {quoted(each)}" for each in columns)
            row = f'to_json(struct_pack({packed})) AS "$1"'
            return f"SELECT {row}, {listed}, {name} FROM {reader}"
        numbered = ", ".join(
            f'{quoted(each)} AS "${place}"' for place, each in enumerate(columns, 1)
        )
        return f"SELECT {numbered}, {name} FROM {reader}"

    def columns(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """Return the names that the files give their columns, or DuckDB does."""
        return [name for name, _ in self.described(connection)]

    def described(self, connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
        """Return the columns of the files, with DuckDB's types."""
        reader = self.format.reader([_without_pattern(path) for path in self.files])
        rows = connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()
        return [(row[0], row[1]) for row in rows if row[0] != "filename"]


def _without_pattern(path: Path) -> str:
    """Return a path in which DuckDB finds no wildcard."""
    text = str(path)
    for sign in "*?[":
        text = text.replace(sign, f"[{sign}]")
    return text
