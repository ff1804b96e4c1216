"""One statement of ordinary SQL: fakesnow's cursor runs it, within the session's transaction.

fakesnow's own server does this too. Here a statement that fails does not take the transaction
with it, errors are an account's, and the rows are an Arrow table, for clients that want JSON too.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import snowflake.connector
import sqlglot
from fakesnow.converter import from_binding
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.dialect import parse_one
from fakesnow.rowtype import describe_as_rowtype
from fakesnow.statement_type import statement_type_id
from sqlglot import Expr, exp
from sqlglot.errors import ParseError, TokenError

from dagster_spcs.emulator.sql.answers import (
    SqlError,
    does_not_exist,
    not_emulated,
    nothing_to_show,
    syntax_error,
)
from dagster_spcs.emulator.sql.duckdb_errors import translated
from dagster_spcs.emulator.sql.repairs.native_merge import NONDETERMINISTIC
from dagster_spcs.emulator.sql.sessions import Session
from dagster_spcs.emulator.sql.spelling import respell
from dagster_spcs.emulator.sql.unsupported import unknown_statement

_DEFINES = (exp.Alter, exp.Comment, exp.Create, exp.Drop)
"""What commits an open transaction (page "Transactions")."""
_CHANGES = (exp.Copy, exp.Delete, exp.Insert, exp.Merge, exp.Update)
_SYNTAX_ERROR = 1003
_SUCCESS = "SELECT 'Statement executed successfully.' AS \"status\""

Bindings = Mapping[str, Mapping[str, Any]]
"""By position from ``"1"`` on, or by name: type and value, as the wire has them."""


@dataclass(frozen=True)
class Outcome:
    """What a statement answered."""

    query_id: str
    """fakesnow's own."""
    rowtype: list[dict[str, Any]]
    """The columns as the wire describes them."""
    table: pa.Table
    type_id: int
    """The kind of statement, by the number that the wire has for it."""
    number_of_binds: int


def run_statement(
    session: Session, text: str, bindings: Bindings, *, only_describe: bool = False
) -> Outcome:
    """Run a statement, or say which columns it would answer.

    Raises:
        SqlError: as the account would refuse it.
    """
    text = respell(text)
    try:
        statement = _parsed(text)
        if only_describe:
            return _described(session, statement, text)
        fails = session.parameters.get("ERROR_ON_NONDETERMINISTIC_MERGE") == "true"
        setattr(session.connection, NONDETERMINISTIC, not fails)
        return _Transaction(session).run(statement, text, bindings)
    except SqlError:
        raise
    except Exception as error:
        told = (
            _of_duplicate_rows(error, statement)
            or _of_missing_schema(error, session, statement)
            or translated(error, text)
        )
        if told is None or told.number == _SYNTAX_ERROR:
            # fakesnow has no idea of it, and handed it to DuckDB.
            unknown = unknown_statement(text)
            told = told if unknown is None else not_emulated(unknown)
        if told is None:
            raise
        raise told from error


def _parsed(text: str) -> Expr:
    try:
        return sqlglot.parse_one(text, read="snowflake")
    except TokenError:
        raise syntax_error(text.count("\n") + 1, len(text), "<EOF>", "not closed") from None
    except ParseError as error:
        unknown = unknown_statement(text)
        if unknown is not None:
            raise not_emulated(unknown) from None
        place = error.errors[0] if error.errors else {}
        raise syntax_error(
            place.get("line") or 1, place.get("col") or 0, place.get("highlight") or "<EOF>"
        ) from None


def schema_exists(duck: duckdb.DuckDBPyConnection, database: str, schema: str) -> bool:
    """Whether a schema exists."""
    found = duck.cursor().execute(
        "SELECT 1 FROM information_schema.schemata"
        " WHERE upper(catalog_name) = ? AND upper(schema_name) = ?",
        [database.upper(), schema.upper()],  # DuckDB does not tell case apart
    )
    return found.fetchone() is not None


def _of_duplicate_rows(error: Exception, statement: Expr) -> SqlError | None:
    """Tell of a MERGE in which two rows of the source meet one of the target."""
    if isinstance(statement, exp.Merge) and isinstance(error, duckdb.InvalidInputException):
        return SqlError(100090, "42P18", "Duplicate row detected during DML action")
    return None


def _of_missing_schema(error: Exception, session: Session, statement: Expr) -> SqlError | None:
    """Tell of a schema that is not there; DuckDB has no field for that."""
    if not isinstance(error.__cause__, duckdb.CatalogException):
        return None
    if isinstance(statement, exp.Use):
        return nothing_to_show()
    duck = session.connection._duck_conn
    for table in statement.find_all(exp.Table):
        database = table.catalog or session.connection.database
        if table.db and database and not schema_exists(duck, database, table.db):
            return does_not_exist("Schema", f"{database}.{table.db}".upper())
    return None


def _described(session: Session, statement: Expr, text: str) -> Outcome:
    cursor = session.connection.cursor()
    if isinstance(statement, exp.Commit | exp.Rollback | exp.Transaction | exp.Use):
        text = _SUCCESS
    described = cursor._describe_only(text)
    if described is None:  # fakesnow describes such a statement by running it
        cursor.execute(text, server=True)
        described = cursor._describe_last_sql()
    return Outcome(
        cursor.sfqid or "",
        list(map(dict, describe_as_rowtype(described))),
        pa.table({}),
        statement_type_id(statement),
        len(list(statement.find_all(exp.Placeholder))),
    )


class _Transaction:
    """The transaction of a session, which DuckDB gives up at an error and an account does not.

    What was changed in it is noted, and done again when DuckDB has given it up.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection

    def run(self, statement: Expr, text: str, bindings: Bindings) -> Outcome:
        """Run a statement."""
        session = self._session
        if isinstance(statement, exp.Transaction) and session.changes is not None:
            text = _SUCCESS  # BEGIN within a transaction changes nothing
        elif isinstance(statement, _DEFINES) and session.changes is not None:
            self._connection.commit()
            session.changes = None
        try:
            outcome = _run(self._connection.cursor(), statement, text, bindings)
        except (duckdb.Error, snowflake.connector.Error):
            if session.changes is not None and self._is_given_up():
                self._begin_again(session.changes)
            raise
        self._note(statement, text, bindings)
        return outcome

    def _note(self, statement: Expr, text: str, bindings: Bindings) -> None:
        """Keep in mind what a statement has done to the transaction."""
        session = self._session
        if isinstance(statement, exp.Commit | exp.Rollback):
            session.changes = None
        elif isinstance(statement, exp.Transaction):
            session.changes = session.changes or []
        elif isinstance(statement, _CHANGES):
            if session.changes is None and not self._connection._autocommit:
                session.changes = []
            if session.changes is not None:
                session.changes.append((text, bindings))
        if session.changes is None:
            session.transaction_id = None
        elif session.transaction_id is None:
            session.transaction_id = str(time.time_ns())

    def _is_given_up(self) -> bool:
        try:
            self._connection._duck_conn.execute("SELECT 1")
        except duckdb.TransactionException:
            return True
        return False

    def _begin_again(self, changes: Sequence[tuple[str, Bindings]]) -> None:
        duck = self._connection._duck_conn
        duck.rollback()
        duck.begin()
        for text, bindings in changes:
            _run(self._connection.cursor(), parse_one(text), text, bindings)


def _run(cursor: FakeSnowflakeCursor, statement: Expr, text: str, bindings: Bindings) -> Outcome:
    rows = _rows_of_binds(bindings)
    count = 0
    for row in rows:
        cursor.execute(text, binding_params=row, server=True)
        count += cursor.rowcount or 0
    table = cursor._arrow_table
    assert table is not None
    if len(rows) > 1:
        # An account runs an array of binds as one statement and tells the sum.
        table = pa.table({table.column_names[0]: pa.array([count], type=pa.int64())})
    return Outcome(
        cursor.sfqid or "",
        _rowtype(cursor),
        table,
        statement_type_id(statement),
        0,
    )


def _rowtype(cursor: FakeSnowflakeCursor) -> list[dict[str, Any]]:
    """Return the columns of the last result as the wire describes them."""
    described = [
        (name, str(kind), None, None, None, None)
        for name, kind, *_ in cursor._duck_conn.description or ()
    ]
    return list(map(dict, describe_as_rowtype(described)))


def _rows_of_binds(bindings: Bindings) -> list[Any]:
    """Return the binds of each time that the statement is to run."""
    if not bindings:
        return [None]
    if not all(key.isdigit() for key in bindings):
        return [{name: _value(bind) for name, bind in bindings.items()}]
    placed = [bindings[str(place)] for place in range(1, len(bindings) + 1)]
    if not any(isinstance(bind["value"], list) for bind in placed):
        return [tuple(map(_value, placed))]
    columns = [[_value({**bind, "value": value}) for value in bind["value"]] for bind in placed]
    return list(zip(*columns, strict=True))


def _value(bind: Mapping[str, Any]) -> Any:
    return None if bind["value"] is None else from_binding(dict(bind))
