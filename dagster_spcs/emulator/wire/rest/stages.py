"""Stages; their files are put and got with SQL."""

from dagster_spcs.emulator.sql.quoting import literal
from dagster_spcs.emulator.wire.rest.calls import Call, Row, flag, moment, route, spelled, text

_STAGES = "databases/{database}/schemas/{schema}/stages"


@route("POST", _STAGES)
async def create(call: Call) -> Row:
    """Create a stage."""
    kind = "TEMPORARY STAGE" if call.body.get("kind") == "TEMPORARY" else "STAGE"
    return await call.status(call.create(kind) + call.options(comment="COMMENT"))


@route("GET", _STAGES)
async def list_stages(call: Call) -> list[Row]:
    """List the stages of a schema."""
    rows = await call.run(f"SHOW STAGES IN SCHEMA {call.schema()}")
    return [_stage(row) for row in call.selected(rows)]


@route("GET", f"{_STAGES}/{{name}}")
async def fetch(call: Call) -> Row:
    """Show a stage."""
    rows = await call.run(f"SHOW STAGES IN SCHEMA {call.schema()}")
    return _stage(call.one(rows, "Stage"))


@route("GET", f"{_STAGES}/{{name}}/files")
async def files(call: Call) -> list[Row]:
    """List the files of a stage."""
    pattern = call.query.get("pattern")
    chosen = "" if pattern is None else f" PATTERN = {literal(pattern)}"
    rows = await call.run(f"LIST @{call.name()}{chosen}")
    return [{**row, "size": str(row["size"])} for row in rows]


@route("DELETE", f"{_STAGES}/{{name}}")
async def drop(call: Call) -> Row:
    """Drop a stage with its files."""
    return await call.drop("STAGE")


def _stage(row: Row) -> Row:
    names = ("name", "database_name", "schema_name", "owner")
    return {
        **{key: text(value) for key, value in row.items()},
        **{key: spelled(row[key]) for key in names if row.get(key)},
        "kind": "TEMPORARY" if "TEMPORARY" in str(row.get("type")) else "PERMANENT",
        "created_on": moment(row["created_on"]),
        "has_credentials": flag(row.get("has_credentials")),
        "has_encryption_key": flag(row.get("has_encryption_key")),
        "directory_table": None,
    }
