"""Databases and schemas."""

from dagster_spcs.emulator.wire.rest.calls import (
    Call,
    Row,
    flag,
    is_there,
    moment,
    route,
    spelled,
    text,
)

_SCHEMAS = "databases/{database}/schemas"


@route("POST", "databases")
async def create_database(call: Call) -> Row:
    """Create a database."""
    return await call.status(call.create(_kind(call, "DATABASE")) + call.options(comment="COMMENT"))


@route("GET", "databases")
async def list_databases(call: Call) -> list[Row]:
    """List the databases."""
    rows = await call.run("SHOW DATABASES")
    return [_shown(row) for row in call.selected(rows)]


@route("GET", "databases/{name}")
async def fetch_database(call: Call) -> Row:
    """Show a database."""
    return _shown(call.one(await call.run("SHOW DATABASES"), "Database"))


@route("PUT", "databases/{name}")
async def create_or_alter_database(call: Call) -> Row:
    """Create a database, or set the comment of the one that is there."""
    if not await is_there(fetch_database(call)):
        return await create_database(call)
    return await _alter(call, "DATABASE")


@route("DELETE", "databases/{name}")
async def drop_database(call: Call) -> Row:
    """Drop a database."""
    return await call.drop("DATABASE")


@route("POST", _SCHEMAS)
async def create_schema(call: Call) -> Row:
    """Create a schema."""
    return await call.status(call.create(_kind(call, "SCHEMA")) + call.options(comment="COMMENT"))


@route("GET", _SCHEMAS)
async def list_schemas(call: Call) -> list[Row]:
    """List the schemas of a database."""
    rows = await call.run(f"SHOW SCHEMAS IN DATABASE {call.name('database')}")
    return [_shown(row) for row in call.selected(rows)]


@route("GET", f"{_SCHEMAS}/{{name}}")
async def fetch_schema(call: Call) -> Row:
    """Show a schema."""
    rows = await call.run(f"SHOW SCHEMAS IN DATABASE {call.name('database')}")
    return _shown(call.one(rows, "Schema"))


@route("PUT", f"{_SCHEMAS}/{{name}}")
async def create_or_alter_schema(call: Call) -> Row:
    """Create a schema, or set the comment of the one that is there."""
    if not await is_there(fetch_schema(call)):
        return await create_schema(call)
    return await _alter(call, "SCHEMA")


@route("DELETE", f"{_SCHEMAS}/{{name}}")
async def drop_schema(call: Call) -> Row:
    """Drop a schema."""
    return await call.drop("SCHEMA")


def _kind(call: Call, kind: str) -> str:
    return f"TRANSIENT {kind}" if call.body.get("kind") == "TRANSIENT" else kind


async def _alter(call: Call, kind: str) -> Row:
    options = call.options(comment="COMMENT")
    if not options:
        return {"status": "Statement executed successfully."}
    return await call.status(f"ALTER {kind} {call.name()} SET{options}")


def _shown(row: Row) -> Row:
    names = ("name", "database_name", "owner")
    return {
        **{key: text(value) for key, value in row.items()},
        **{key: spelled(row[key]) for key in names if row.get(key)},
        "kind": "TRANSIENT" if row.get("kind") == "TRANSIENT" else "PERMANENT",
        "created_on": moment(row["created_on"]),
        "dropped_on": None,
        "is_default": flag(row.get("is_default")),
        "is_current": flag(row.get("is_current")),
        "retention_time": None,
    }
