"""Tables; their rows are read and changed with SQL."""

from typing import Any

from dagster_spcs.emulator.sql.quoting import literal, quoted
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.wire.rest.calls import (
    Call,
    Row,
    moment,
    number,
    route,
    spelled,
    text,
)

_TABLES = "databases/{database}/schemas/{schema}/tables"
_FLAGS = (
    "automatic_clustering",
    "change_tracking",
    "enable_schema_evolution",
    "search_optimization",
)
"""Features that no table has here."""
_KINDS = ("TRANSIENT", "TEMPORARY")


@route("POST", _TABLES)
async def create(call: Call) -> Row:
    """Create a table of the columns that the body describes."""
    parts = [_column(column) for column in call.body.get("columns") or []]
    parts += [_constraint(each) for each in call.body.get("constraints") or []]
    return await call.status(
        f"{call.create(_kind(call))} ({', '.join(parts)}){call.options(comment='COMMENT')}"
    )


@route("POST", f"{_TABLES}:as-select")
async def create_as_select(call: Call) -> Row:
    """Create a table of the rows of a query."""
    return await call.status(f"{call.create(_kind(call))} AS {call.query.get('query', '')}")


def _kind(call: Call) -> str:
    kind = str(call.body.get("kind") or "").upper()
    return f"{kind} TABLE" if kind in _KINDS else "TABLE"


def _column(column: Row) -> str:
    clauses = [_name(column["name"]), str(column["datatype"])]
    if column.get("nullable") is False:
        clauses.append("NOT NULL")
    if column.get("default") is not None:
        clauses.append(f"DEFAULT {column['default']}")
    if column.get("comment"):
        clauses.append(f"COMMENT {literal(str(column['comment']))}")
    return " ".join(clauses)


def _constraint(constraint: Row) -> str:
    name = f"CONSTRAINT {_name(constraint['name'])} " if constraint.get("name") else ""
    columns = ", ".join(map(_name, constraint.get("column_names") or []))
    clause = f"{name}{constraint['constraint_type']} ({columns})"
    if constraint.get("referenced_table_name"):
        meant = ", ".join(map(_name, constraint.get("referenced_column_names") or []))
        table = quoted(*Words(str(constraint["referenced_table_name"])).object_name())
        clause += f" REFERENCES {table} ({meant})"
    return clause


def _name(name: Any) -> str:
    return quoted(Words(str(name)).identifier())


@route("GET", _TABLES)
async def list_tables(call: Call) -> list[Row]:
    """List the tables of a schema; their columns too if the call asks for them."""
    rows = await call.run(f"SHOW TABLES IN SCHEMA {call.schema()}")
    return [await _table(call, row, deep=call.flag("deep")) for row in call.selected(rows)]


@route("GET", f"{_TABLES}/{{name}}")
async def fetch(call: Call) -> Row:
    """Show a table with its columns and keys."""
    rows = await call.run(f"SHOW TABLES IN SCHEMA {call.schema()}")
    return await _table(call, call.one(rows, "Table"), deep=True)


@route("DELETE", f"{_TABLES}/{{name}}")
async def drop(call: Call) -> Row:
    """Drop a table."""
    return await call.drop("TABLE")


async def _table(call: Call, row: Row, *, deep: bool) -> Row:
    shown: Row = {
        **{key: text(value) for key, value in row.items()},
        **{key: spelled(row[key]) for key in ("name", "database_name", "schema_name", "owner")},
        "kind": row["kind"] if row["kind"] in _KINDS else "PERMANENT",
        "rows": number(row["rows"]),
        "bytes": number(row["bytes"]),
        **dict.fromkeys(_FLAGS, False),
        "retention_time": None,
        "created_on": moment(row["created_on"]),
    }
    if deep:
        table = quoted(call.stored("database"), call.stored("schema"), str(row["name"]))
        columns = await call.run(f"DESCRIBE TABLE {table}")
        keys = await call.run(f"SHOW PRIMARY KEYS IN TABLE {table}")
        shown["columns"] = [
            {
                "name": spelled(column["name"]),
                "datatype": column["type"],
                "nullable": column["null?"] == "Y",
                "default": column["default"],
                "comment": column["comment"],
            }
            for column in columns
        ]
        if keys:
            shown["constraints"] = [
                {
                    "constraint_type": "PRIMARY KEY",
                    "name": spelled(keys[0]["constraint_name"]),
                    "column_names": [spelled(key["column_name"]) for key in keys],
                }
            ]
    return shown
