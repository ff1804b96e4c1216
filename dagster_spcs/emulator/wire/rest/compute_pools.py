"""Compute pools."""

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

_NUMBERS = ("min_nodes", "max_nodes", "num_services", "num_jobs", "auto_suspend_secs")
_NODES = ("active_nodes", "idle_nodes", "target_nodes")
_FLAGS = ("auto_resume", "is_exclusive")
_TIMES = ("created_on", "resumed_on", "updated_on")
_OPTIONS = {
    "min_nodes": "MIN_NODES",
    "max_nodes": "MAX_NODES",
    "instance_family": "INSTANCE_FAMILY",
    "auto_resume": "AUTO_RESUME",
    "auto_suspend_secs": "AUTO_SUSPEND_SECS",
    "comment": "COMMENT",
}


@route("POST", "compute-pools")
async def create(call: Call) -> Row:
    """Create a compute pool."""
    suspended = str(call.flag("initiallySuspended")).upper()
    options = f"{call.options(**_OPTIONS)} INITIALLY_SUSPENDED = {suspended}"
    return await call.status(call.create("COMPUTE POOL") + options)


@route("GET", "compute-pools")
async def list_pools(call: Call) -> list[Row]:
    """List the compute pools."""
    rows = await call.run("SHOW COMPUTE POOLS")
    return [_pool(row) for row in call.selected(rows)]


@route("GET", "compute-pools/instance-families")
async def families(call: Call) -> list[Row]:
    """List the instance families."""
    return await call.run("SHOW COMPUTE POOL INSTANCE FAMILIES")


@route("GET", "compute-pools/{name}")
async def fetch(call: Call) -> Row:
    """Describe a compute pool."""
    (row,) = await call.run(f"DESCRIBE COMPUTE POOL {call.name()}")
    return _pool(row)


@route("PUT", "compute-pools/{name}")
async def create_or_alter(call: Call) -> Row:
    """Create a compute pool, or set the options of the one that is there."""
    if not await is_there(fetch(call)):
        return await create(call)
    options = {key: name for key, name in _OPTIONS.items() if key != "instance_family"}
    return await call.status(f"ALTER COMPUTE POOL {call.name()} SET{call.options(**options)}")


@route("POST", "compute-pools/{name}:suspend")
async def suspend(call: Call) -> Row:
    """Suspend a compute pool."""
    return await call.status(f"ALTER COMPUTE POOL {call.name()} SUSPEND")


@route("POST", "compute-pools/{name}:resume")
async def resume(call: Call) -> Row:
    """Resume a compute pool."""
    return await call.status(f"ALTER COMPUTE POOL {call.name()} RESUME")


@route("POST", "compute-pools/{name}:stopallservices")
@route("POST", "compute-pools/{name}:stop-all-services")
async def stop_all(call: Call) -> Row:
    """Drop every service and job of a compute pool."""
    return await call.status(f"ALTER COMPUTE POOL {call.name()} STOP ALL")


@route("DELETE", "compute-pools/{name}")
async def drop(call: Call) -> Row:
    """Drop a compute pool."""
    return await call.drop("COMPUTE POOL")


def _pool(row: Row) -> Row:
    return {
        **row,
        "name": spelled(row["name"]),
        "comment": text(row["comment"]),
        "owner": spelled(row["owner"]),
        **{key: number(row[key]) for key in (*_NUMBERS, *_NODES)},
        **{key: flag(row[key]) for key in _FLAGS},
        **{key: moment(row[key]) for key in _TIMES},
    }
