"""Answers of ours that a statement selects from, as DuckDB sees them."""

import json
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa

from dagster_spcs.emulator.sql.answers import Column, ColumnType, Result
from dagster_spcs.emulator.sql.event_table import EventTable
from dagster_spcs.emulator.sql.log_rows import LogRows
from dagster_spcs.emulator.sql.staged_rows import StagedRows

_ANSWER = "SPCS_ANSWER"
"""The column that tells which answer a row belongs to."""
_TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "fixed": pa.int64(),
    "boolean": pa.bool_(),
    "timestamp_ltz": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"),
    "object": pa.json_(),
}


class GivenRows:
    """The answers that one statement selects from.

    Answers with the same columns are in one Arrow table behind one table macro: a statement over
    the logs of fifty jobs gives DuckDB two new names, not fifty.
    """

    def __init__(self) -> None:
        self._by_columns: dict[tuple[Column, ...], list[Result]] = {}
        self.event_table: EventTable | None = None
        self.staged: list[StagedRows | LogRows] = []
        self._scanned: list[pa.Table] = []

    def __bool__(self) -> bool:
        return (
            bool(self._by_columns or self.staged or self._scanned) or self.event_table is not None
        )

    def add(self, result: Result | LogRows | pa.Table) -> str:
        """Take an answer; return what stands for it behind FROM."""
        if isinstance(result, LogRows):
            self.staged.append(result)
            return result.reference
        if not isinstance(result, Result):
            self._scanned.append(result)
            return f"temp.main.SPCS_SCANNED_{len(self._scanned) - 1}()"
        answers = self._by_columns.setdefault(result.columns, [])
        answers.append(result)
        place = list(self._by_columns).index(result.columns)
        return f"temp.main.SPCS_ROWS_{place}({len(answers) - 1})"

    def show_to(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection find the rows, and no other one; its next ones take their place.

        Nothing is removed: a statement that was aborted may be at work on them for a while.
        """
        if self.event_table is not None:
            self.event_table.show_to(connection)
        for place, table in enumerate(self._scanned):
            connection.register(f"SPCS_SCANNED_ROWS_{place}", table)
            connection.execute(
                f"CREATE OR REPLACE TEMP MACRO SPCS_SCANNED_{place}() AS TABLE"
                f" SELECT * FROM SPCS_SCANNED_ROWS_{place}"
            )
        for staged in self.staged:
            staged.show_to(connection)
        for place, (columns, answers) in enumerate(self._by_columns.items()):
            connection.register(f"SPCS_GIVEN_{place}", _table(columns, answers))
            connection.execute(
                f"CREATE OR REPLACE TEMP MACRO SPCS_ROWS_{place}(answer) AS TABLE"
                f" SELECT * EXCLUDE ({_ANSWER}) FROM SPCS_GIVEN_{place} WHERE {_ANSWER} = answer"
            )


class Rewritten:
    """A query for fakesnow in which functions of ours became rows, and values.

    ``binds`` are the places of the binds that are left; the others were read by our functions.
    """

    def __init__(self, text: str, rows: GivenRows | None = None, binds: Sequence[int] = ()) -> None:
        self.text = text
        self.rows = rows or GivenRows()
        self.binds = binds


def _table(columns: tuple[Column, ...], answers: list[Result]) -> pa.Table:
    rows = [row for each in answers for row in each.rows]
    arrays = {
        column.name: pa.array([_plain(row[at]) for row in rows], type=_TYPES[column.type])
        for at, column in enumerate(columns)
    }
    answer = [at for at, each in enumerate(answers) for _ in each.rows]
    return pa.table({_ANSWER: pa.array(answer, type=pa.int64()), **arrays})


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value
