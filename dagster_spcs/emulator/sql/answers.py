"""Results and errors as data: columns, rows, number, SQL state, text.

Texts and numbers follow what was seen of real accounts; where nothing was seen the choice is
marked "chosen" here and listed in the README's section on the emulator.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

ColumnType = Literal["text", "fixed", "boolean", "timestamp_ltz", "timestamp_ntz", "object"]


@dataclass(frozen=True)
class Column:
    """A column of a result; ``type`` is Snowflake's wire name."""

    name: str
    type: ColumnType = "text"


@dataclass(frozen=True)
class Result:
    """Rows that answer a statement."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]

    @classmethod
    def status(cls, text: str) -> "Result":
        """One row, one column ``status``: how DDL and EXECUTE JOB SERVICE answer."""
        return cls((Column("status"),), [(text,)])

    @classmethod
    def value(cls, column: str, text: str | None) -> "Result":
        """One text value under a column."""
        return cls((Column(column),), [(text,)])

    @classmethod
    def table(
        cls,
        rows: Iterable[Mapping[str, Any]],
        names: Sequence[str],
        types: Mapping[str, ColumnType],
    ) -> "Result":
        """Rows by column; ``types`` has the columns that are no texts. What is missing is NULL."""
        columns = tuple(Column(name, types.get(name, "text")) for name in names)
        return cls(columns, [[row.get(name) for name in names] for row in rows])

    def rowtype(self) -> list[dict[str, Any]]:
        """Return the columns as the wire describes them."""
        return [
            {
                "name": column.name,
                "database": "",
                "schema": "",
                "table": "",
                "nullable": True,
                "type": column.type,
                "length": 16_777_216 if column.type == "text" else None,
                "byteLength": 16_777_216 if column.type == "text" else None,
                "precision": 38 if column.type == "fixed" else 0,
                "scale": 9 if column.type.startswith("timestamp") else 0,
                "collation": None,
            }
            for column in self.columns
        ]

    def rowset(self) -> list[list[str | None]]:
        """Return the rows in the wire's JSON format: every value as text."""
        return [[_encode(value) for value in row] for row in self.rows]


@dataclass(frozen=True)
class FileTransfer:
    """Files that the client is to move itself: the answer to PUT and GET."""

    command: Literal["UPLOAD", "DOWNLOAD"]
    folder: Path
    """Where the files go, or are."""
    sources: list[str]
    """For PUT the client's path, for GET paths within the folder."""
    names: list[str]
    """Paths within the folder, one a source."""
    has_binds: bool
    options: dict[str, Any]
    """As the wire calls them: ``parallel``, ``overwrite``, ``localLocation`` and so on."""


@dataclass(frozen=True)
class Script:
    """Statements to run one by one; the last one answers."""

    statements: list[str]


def _encode(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        whole = int(value.replace(microsecond=0, tzinfo=value.tzinfo or timezone.utc).timestamp())
        return f"{whole}.{value.microsecond:06d}000"
    return str(value)


class SqlError(Exception):
    """An error as an account would send it."""

    def __init__(self, number: int, sqlstate: str, text: str) -> None:
        self.number = number
        self.sqlstate = sqlstate
        self.text = text
        super().__init__(text)


def compilation_error(text: str, *, number: int = 1003, sqlstate: str = "42000") -> SqlError:
    """A statement that cannot be compiled; 1003 is a syntax error."""
    return SqlError(number, sqlstate, f"SQL compilation error:\n{text}")


def syntax_error(line: int, column: int, seen: str, hint: str = "") -> SqlError:
    """1003: the text cannot be read from this place on."""
    tail = f" ({hint})" if hint else ""
    return compilation_error(
        f"syntax error line {line} at position {column} unexpected '{seen[:60]}'.{tail}"
    )


def does_not_exist(kind: str, name: str, *, sqlstate: str = "02000") -> SqlError:
    """2003: missing, or not visible to the role."""
    return compilation_error(
        f"{kind} '{name}' does not exist or not authorized.", number=2003, sqlstate=sqlstate
    )


def nothing_to_show() -> SqlError:
    """2043: where a SHOW command is to look there is nothing."""
    return compilation_error(
        "Object does not exist, or operation cannot be performed.", number=2043, sqlstate="02000"
    )


def already_exists(name: str) -> SqlError:
    """2002: the name is taken; ``name`` is unqualified."""
    return compilation_error(f"Object '{name}' already exists.", number=2002, sqlstate="42710")


def invalid_spec(text: str) -> SqlError:
    """Number chosen: none was seen for an invalid specification."""
    return SqlError(395018, "22023", f"Invalid spec: {text}")


def template_error(text: str) -> SqlError:
    """395069, as recorded from an account."""
    return SqlError(395069, "23001", f"Unable to render service spec from given template: {text}")


def job_failed(name: str, status: str, detail: str) -> SqlError:
    """Number and text chosen: a failed synchronous job is a failed query, no more is known."""
    return SqlError(395019, "22000", f"Job {name} failed with status: {status}. {detail}")


def wait_ended(name: str, wanted: str, status: str, why: str) -> SqlError:
    """Number and text chosen; the text holds the current status as the page says it does."""
    return SqlError(
        395020, "22000", f"Service {name} has not reached status {wanted} ({why}): {status}"
    )


def no_such_instance(instance: str, available: str) -> SqlError:
    """Number chosen; the text begins as ml-python's tests expect."""
    return SqlError(
        395021,
        "22000",
        f"Unable to get container status for instance id: {instance}. Available instances"
        f" {available}",
    )


def container_not_started(name: str) -> SqlError:
    """Number chosen; the text holds what ml-python's tests look for."""
    return SqlError(
        395022,
        "22000",
        f"Unable to retrieve the log of container {name}. Container message: Waiting to start,"
        " Container Status: PENDING",
    )


def no_current_database(verb: str) -> SqlError:
    """90105."""
    return SqlError(
        90105,
        "22000",
        f"Cannot perform {verb}. This session does not have a current database. Call 'USE"
        " DATABASE', or use a qualified name.",
    )


def no_current_schema(verb: str) -> SqlError:
    """90106."""
    return SqlError(
        90106,
        "22000",
        f"Cannot perform {verb}. This session does not have a current schema. Call 'USE SCHEMA',"
        " or use a qualified name.",
    )


def cancelled() -> SqlError:
    """604: the statement was aborted by its own client."""
    return SqlError(604, "57014", "SQL execution canceled")


def cannot_store(reason: str) -> SqlError:
    """Number and text chosen: what cannot be written into the data folder has not happened."""
    return SqlError(
        100_357, "53100", f"The data folder cannot be written ({reason}). Nothing was changed."
    )


def statement_timeout(seconds: int) -> SqlError:
    """630: STATEMENT_TIMEOUT_IN_SECONDS is over."""
    return SqlError(
        630,
        "57014",
        f"Statement reached its statement or warehouse timeout of {seconds} second(s) and was"
        " canceled.",
    )


def wrong_count(count: int, wanted: int) -> SqlError:
    """8: a text has more statements than the client has asked for."""
    return SqlError(
        8,
        "0A000",
        f"Actual statement count {count} did not match the desired statement count {wanted}.",
    )


def empty_statement() -> SqlError:
    """900: nothing but white space."""
    return compilation_error("Empty SQL statement.", number=900, sqlstate="42601")


def no_such_statement(query_id: str) -> SqlError:
    """709: no answer is kept under this id."""
    return SqlError(709, "02000", f"Statement {query_id} not found")


def not_executing() -> SqlError:
    """605: what is to be cancelled has ended, or was never there."""
    return SqlError(605, "57014", "Identified SQL statement is not currently executing.")


def not_emulated(what: str) -> SqlError:
    """2 is Snowflake's number for an unsupported feature."""
    return SqlError(2, "0A000", f"Unsupported feature '{what}' (not part of this emulator).")


def internal_error(error: Exception) -> SqlError:
    """603: a mistake of the emulator's own."""
    return SqlError(
        603,
        "XX000",
        f"SQL execution internal error in the emulator: {type(error).__name__}: {error}",
    )
