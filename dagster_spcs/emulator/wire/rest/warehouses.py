"""Warehouses."""

from dagster_spcs.emulator.sql.quoting import quoted
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.wire.rest.calls import (
    Call,
    Row,
    flag,
    is_there,
    moment,
    number,
    route,
    spelled,
    text,
)

_NUMBERS = ("auto_suspend", "min_cluster_count", "max_cluster_count", "started_clusters")
_COUNTS = ("running", "queued", "query_acceleration_max_scale_factor")
_WORDS = ("auto_resume", "enable_query_acceleration")
"""Truths that the API writes as the words true and false."""
_FLAGS = ("is_default", "is_current")
_TIMES = ("created_on", "resumed_on", "updated_on")
_OPTIONS = {
    "warehouse_type": "WAREHOUSE_TYPE",
    "warehouse_size": "WAREHOUSE_SIZE",
    "auto_suspend": "AUTO_SUSPEND",
    "auto_resume": "AUTO_RESUME",
    "comment": "COMMENT",
}


@route("POST", "warehouses")
async def create(call: Call) -> Row:
    """Create a warehouse."""
    options = call.options(**_OPTIONS, initially_suspended="INITIALLY_SUSPENDED")
    return await call.status(call.create("WAREHOUSE") + options)


@route("GET", "warehouses")
async def list_warehouses(call: Call) -> list[Row]:
    """List the warehouses."""
    return [_warehouse(row) for row in call.selected(await call.run("SHOW WAREHOUSES"))]


@route("GET", "warehouses/{name}")
async def fetch(call: Call) -> Row:
    """Show a warehouse."""
    return _warehouse(call.one(await call.run("SHOW WAREHOUSES"), "Warehouse"))


@route("PUT", "warehouses/{name}")
async def create_or_alter(call: Call) -> Row:
    """Create a warehouse, or set the options of the one that is there."""
    if not await is_there(fetch(call)):
        return await create(call)
    return await call.status(f"ALTER WAREHOUSE {call.name()} SET{call.options(**_OPTIONS)}")


@route("POST", "warehouses/{name}:suspend")
async def suspend(call: Call) -> Row:
    """Suspend a warehouse."""
    return await call.status(f"ALTER WAREHOUSE {call.name()} SUSPEND")


@route("POST", "warehouses/{name}:resume")
async def resume(call: Call) -> Row:
    """Resume a warehouse."""
    return await call.status(f"ALTER WAREHOUSE {call.name()} RESUME")


@route("POST", "warehouses/{name}:abort")
async def abort(call: Call) -> Row:
    """Cancel the statements of a warehouse: none needs one here."""
    return await call.status(f"ALTER WAREHOUSE {call.name()} ABORT ALL QUERIES")


@route("POST", "warehouses/{name}:rename")
async def rename(call: Call) -> Row:
    """Rename a warehouse."""
    new = quoted(Words(str(call.body.get("name") or "")).identifier())
    return await call.status(f"ALTER WAREHOUSE {call.name()} RENAME TO {new}")


@route("DELETE", "warehouses/{name}")
async def drop(call: Call) -> Row:
    """Drop a warehouse."""
    return await call.drop("WAREHOUSE")


def _warehouse(row: Row) -> Row:
    return {
        **{key: text(value) for key, value in row.items()},
        "name": spelled(row["name"]),
        "owner": spelled(row["owner"]),
        "warehouse_size": text(row["size"]),
        "warehouse_type": text(row["type"]),
        **{key: number(row.get(key)) for key in (*_NUMBERS, *_COUNTS)},
        **{key: str(flag(row.get(key)) or False).lower() for key in _WORDS},
        **{key: flag(row.get(key)) for key in _FLAGS},
        **{key: moment(row.get(key)) for key in _TIMES},
    }
