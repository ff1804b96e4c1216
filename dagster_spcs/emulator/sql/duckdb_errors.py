"""DuckDB's errors as an account tells them: number, SQL state, text.

DuckDB is told to give its errors as JSON (``errors_as_json``), so what went wrong is read from
fields and not from words. Where it gives no field, its own text follows "SQL compilation error".
Numbers are those that clients branch on, seen in the connector, dbt-snowflake and Snowpark.
"""

import json
from typing import Any

import duckdb
import snowflake.connector

from dagster_spcs.emulator.sql.answers import (
    SqlError,
    already_exists,
    cancelled,
    compilation_error,
    does_not_exist,
    not_emulated,
)

_FUNCTIONS = ("Scalar Function", "Aggregate Function", "Table Function", "Macro")
_NOT_IMPLEMENTED = 9999
"""fakesnow's number for what it has no code for."""


def translated(error: Exception, text: str) -> SqlError | None:
    """Return what the account would say of an error that a statement met; None if unknown.

    Args:
        error: as fakesnow's cursor raised it.
        text: the statement.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, duckdb.Error):
        cause = cause.__cause__
    if isinstance(cause, duckdb.Error):
        return _of_duckdb(cause, text)
    if isinstance(error, snowflake.connector.Error):
        if error.errno == _NOT_IMPLEMENTED:
            return not_emulated(" ".join(str(error.raw_msg or "").split())[:200])
        return SqlError(error.errno or 1003, error.sqlstate or "42000", str(error.raw_msg or error))
    return None


def _of_duckdb(error: duckdb.Error, text: str) -> SqlError | None:
    if isinstance(error, duckdb.InterruptException):
        return cancelled()
    told = _fields(error)
    # Of an error in a file, DuckDB goes on with advice and with the file's place on this machine.
    message = str(told.get("exception_message") or error).partition("\n\n")[0]
    message = message.partition("\nPossible solutions:")[0].partition("\nColumn ")[0]
    name = str(told.get("name") or "")
    match told.get("error_subtype"):
        case "ENTRY_ALREADY_EXISTS":
            return already_exists(name.upper())
        case "MISSING_ENTRY" if told.get("type") in _FUNCTIONS:
            return compilation_error(
                f"Unknown function {name.upper()}.", number=2140, sqlstate="42601"
            )
        case "MISSING_ENTRY":
            if told.get("type") == "Schema":
                return does_not_exist("Schema", name.upper())
            return does_not_exist("Object", name.upper(), sqlstate="42S02")
        case "COLUMN_NOT_FOUND":
            return _invalid_identifier(name, text)
    if isinstance(error, duckdb.ConstraintException):
        # Keys are not enforced; what is left are columns that take no NULL.
        return SqlError(100072, "22000", f"NULL result in a non-nullable column. {message}")
    for kind_of_error, number, sqlstate in _BY_CLASS:
        if isinstance(error, kind_of_error):
            return compilation_error(message, number=number, sqlstate=sqlstate)
    return None


_BY_CLASS: tuple[tuple[type[duckdb.Error], int, str], ...] = (
    (duckdb.ParserException, 1003, "42000"),
    (duckdb.ResourceInUseException, 2002, "42710"),
    (duckdb.CatalogException, 2003, "42S02"),
    # A name of a column that is not there, in INSERT, UPDATE and MERGE, has no subtype.
    (duckdb.BinderException, 904, "42000"),
    (duckdb.ConversionException, 100038, "22018"),
    (duckdb.OutOfRangeException, 100039, "22003"),
    (duckdb.InvalidInputException, 100069, "22P02"),
)


def _fields(error: duckdb.Error) -> dict[str, Any]:
    _, brace, rest = str(error).partition("{")
    try:
        found = json.loads(brace + rest)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _invalid_identifier(name: str, text: str) -> SqlError:
    place = max(text.upper().find(name.upper()), 0)
    line = text.count("\n", 0, place) + 1
    column = place - (text.rfind("\n", 0, place) + 1)
    return SqlError(
        904,
        "42000",
        f"SQL compilation error: error line {line} at position {column}\n"
        f"invalid identifier '{name.upper()}'",
    )
