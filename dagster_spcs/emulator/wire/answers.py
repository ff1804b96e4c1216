"""Answers to statements as the wire has them: rows, errors, "in progress"."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa

from dagster_spcs.emulator.sql.answers import Result, SqlError
from dagster_spcs.emulator.sql.arrow_rows import arrow_stream
from dagster_spcs.emulator.sql.execution import Outcome
from dagster_spcs.emulator.sql.queries import Answer, Query
from dagster_spcs.emulator.sql.sessions import Session

IN_PROGRESS = "333333"
IN_PROGRESS_ASYNC = "333334"
SELECT = 0x1000
"""The type of a statement that answers rows; connector 5 counts them by it."""
_MULTI_STATEMENT = 0xA000
_INSERT = 0x3100
_CHANGES_ROWS = range(0x3000, 0x3600)
_EPOCH = datetime.fromtimestamp(0, timezone.utc)


def rows_of_ours(result: Result, session: Session, query_id: str) -> Answer:
    """Return the answer to a statement of ours."""
    return _success(
        session,
        query_id,
        rowtype=result.rowtype(),
        rowset=result.rowset(),
        total=len(result.rows),
        returned=len(result.rows),
        queryResultFormat="json",
        statementTypeId=SELECT,
    )


def rows_of_tables(outcome: Outcome, session: Session, query_id: str) -> Answer:
    """Return the answer to a statement that fakesnow ran."""
    table = outcome.table
    takes_arrow = (
        session.takes_arrow
        and session.parameters.get("PYTHON_CONNECTOR_QUERY_RESULT_FORMAT").upper() == "ARROW"
        # Clients read the counts of changed rows from JSON.
        and outcome.type_id not in _CHANGES_ROWS
    )
    rows = (
        {
            "queryResultFormat": "arrow",
            "rowsetBase64": base64.b64encode(arrow_stream(table, outcome.rowtype)).decode(),
        }
        if takes_arrow
        else {"queryResultFormat": "json", "rowset": list(_json_rows(table, outcome.rowtype))}
    )
    return _success(
        session,
        query_id,
        rowtype=outcome.rowtype,
        total=table.num_rows,
        returned=table.num_rows,
        statementTypeId=outcome.type_id,
        **rows,
    )


def columns_of_tables(outcome: Outcome, session: Session, query_id: str) -> Answer:
    """Return the answer to a client that asks for the columns only."""
    is_query = outcome.type_id == SELECT and session.takes_arrow
    rows = (
        {"queryResultFormat": "arrow", "rowsetBase64": ""}
        if is_query
        else {"queryResultFormat": "json", "rowset": []}
    )
    return _success(
        session,
        query_id,
        rowtype=outcome.rowtype,
        total=0,
        returned=0,
        statementTypeId=outcome.type_id,
        numberOfBinds=outcome.number_of_binds,
        arrayBindSupported=outcome.type_id == _INSERT,
        **rows,
    )


def several_statements(queries: list[Query], session: Session, query_id: str) -> Answer:
    """Return the answer to several statements in one text: the ids of their own answers."""
    return _success(
        session,
        query_id,
        rowtype=[],
        rowset=[["Multiple statements executed successfully."]],
        total=1,
        returned=1,
        queryResultFormat="json",
        statementTypeId=_MULTI_STATEMENT,
        resultIds=",".join(query.id for query in queries),
        resultTypes=",".join(
            str(query.task.result()["data"].get("statementTypeId", SELECT)) for query in queries
        ),
    )


def failure(error: SqlError, query_id: str) -> Answer:
    """Return the answer to a statement that was refused."""
    code = f"{error.number:06d}"
    return {
        "success": False,
        "code": code,
        "message": error.text,
        "data": {
            "errorCode": code,
            "sqlState": error.sqlstate,
            "queryId": query_id,
            "internalError": False,
        },
    }


def in_progress(query: Query, code: str) -> Answer:
    """Return what a client is told that is to ask again."""
    return {
        "success": True,
        "code": code,
        "message": None,
        "data": {
            "queryId": query.id,
            "getResultUrl": f"/queries/{query.id}/result",
            "queryAbortsAfterSecs": 172_800,
            "progressDesc": None,
        },
    }


def _success(session: Session, query_id: str, **data: Any) -> Answer:
    connection = session.connection
    return {
        "success": True,
        "code": None,
        "message": None,
        "data": {
            "parameters": session.parameters.on_the_wire(),
            "queryId": query_id,
            "finalDatabaseName": connection.database,
            "finalSchemaName": connection.schema if connection.schema_set else None,
            "finalWarehouseName": session.warehouse,
            "finalRoleName": session.role,
            **data,
        },
    }


def _json_rows(table: pa.Table, rowtype: list[dict[str, Any]]) -> Iterator[list[str | None]]:
    """Return rows in the wire's JSON format: every value as text."""
    columns: list[Iterable[str | None]] = []
    for column, described in zip(table.columns, rowtype, strict=True):
        write = _WRITERS.get(described["type"], str)
        columns.append([None if value is None else write(value) for value in column.to_pylist()])
    return map(list, zip(*columns, strict=True))


def _moment(value: datetime) -> str:
    since = value.replace(tzinfo=value.tzinfo or timezone.utc) - _EPOCH
    whole, rest = divmod(since, timedelta(seconds=1))
    return f"{whole}.{rest.microseconds:06d}000"


def _variant(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_WRITERS: dict[str, Callable[[Any], str]] = {
    "binary": lambda value: bytes(value).hex().upper(),
    "boolean": lambda value: "1" if value else "0",
    "date": lambda value: str((value - _EPOCH.date()).days),
    "real": repr,
    "time": lambda value: (
        f"{value.hour * 3600 + value.minute * 60 + value.second}.{value.microsecond:06d}000"
    ),
    "timestamp_ltz": _moment,
    "timestamp_ntz": _moment,
    # Minutes east of Greenwich, and a day; fakesnow keeps moments in UTC.
    "timestamp_tz": lambda value: f"{_moment(value)} 1440",
    "variant": _variant,
}
