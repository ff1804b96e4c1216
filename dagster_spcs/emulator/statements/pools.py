"""Compute pools."""

import json
from typing import Any

from dagster_spcs.emulator.account.families import FAMILIES
from dagster_spcs.emulator.account.pools import ComputePool
from dagster_spcs.emulator.sql.answers import (
    Column,
    ColumnType,
    Result,
    compilation_error,
    not_emulated,
)
from dagster_spcs.emulator.sql.words import Kind, Words
from dagster_spcs.emulator.statements.jobs import drop
from dagster_spcs.emulator.statements.objects import Selection, already_dropped, like_clause
from dagster_spcs.emulator.statements.registry import SYSTEM_FUNCTIONS, Context, handles

_NUMBERS = (
    "min_nodes max_nodes num_services num_jobs auto_suspend_secs active_nodes idle_nodes"
    " target_nodes"
).split()
_TYPES: dict[str, ColumnType] = {
    **dict.fromkeys(_NUMBERS, "fixed"),
    **dict.fromkeys(("auto_resume", "is_exclusive"), "boolean"),
    **dict.fromkeys(("created_on", "resumed_on", "updated_on"), "timestamp_ltz"),
}


def read_options(words: Words) -> dict[str, Any]:
    """Read ``NAME = value`` pairs to the end; a value is a number, a boolean, a word or text."""
    options: dict[str, Any] = {}
    while words.here.kind is not Kind.END:
        words.take(",")
        if words.take("WITH") and words.at("TAG"):
            raise not_emulated("TAG")
        key = words.word()
        words.expect("=")
        if words.at("TRUE") or words.at("FALSE"):
            options[key] = words.boolean()
        elif words.here.kind is Kind.NUMBER:
            options[key] = words.number()
        elif words.here.kind is Kind.WORD:
            options[key] = words.word()
        elif words.at("("):
            options[key] = words.listed(words.step)
        else:
            options[key] = words.string()
    return options


@handles("CREATE COMPUTE POOL")
def create_pool(words: Words, context: Context) -> Result:
    """``CREATE COMPUTE POOL [IF NOT EXISTS] <name> <option> = <value> …``."""
    may_exist = words.take("IF", "NOT", "EXISTS")
    name = words.identifier()
    options = read_options(words)
    if may_exist and name in context.account.pools:
        return Result.status(f"{name} already exists, statement succeeded.")
    for key in ("MIN_NODES", "MAX_NODES", "INSTANCE_FAMILY"):
        if key not in options:
            raise compilation_error(f"Missing option(s): [{key}]", number=2029)
    family = str(options.pop("INSTANCE_FAMILY")).upper()
    if family not in FAMILIES:
        raise compilation_error(f"invalid value [{family}] for parameter 'INSTANCE_FAMILY'")
    least, most = options.pop("MIN_NODES"), options.pop("MAX_NODES")
    if not 1 <= least <= most:
        raise compilation_error(
            f"invalid value [{least}] for parameter 'MIN_NODES'; 1 to MAX_NODES is allowed"
        )
    pool = ComputePool(
        name=name,
        family=family,
        min_nodes=least,
        max_nodes=most,
        created=context.account.now(),
        owner=context.session.role,
        auto_suspend_secs=options.pop("AUTO_SUSPEND_SECS", 3600),
        auto_resume=options.pop("AUTO_RESUME", True),
        suspended=options.pop("INITIALLY_SUSPENDED", False),
        comment=options.pop("COMMENT", None),
    )
    _refuse(options)
    context.account.add_pool(pool)
    return Result.status(f"Compute pool {name} successfully created.")


def _refuse(options: dict[str, Any]) -> None:
    if options:
        raise compilation_error(f"invalid property '{next(iter(options))}'", number=1420)


def _row(pool: ComputePool, context: Context) -> dict[str, Any]:
    jobs = [job for job in context.account.jobs.values() if job.compute_pool == pool.name]
    busy = pool.busy_nodes
    idle = 0 if pool.state == "SUSPENDED" else max(0, pool.min_nodes - busy)
    return {
        "name": pool.name,
        "state": pool.state,
        "min_nodes": pool.min_nodes,
        "max_nodes": pool.max_nodes,
        "instance_family": pool.family,
        "num_services": 0,
        "num_jobs": sum(1 for job in jobs if not job.status.is_final),
        "auto_suspend_secs": pool.auto_suspend_secs,
        "auto_resume": pool.auto_resume,
        "active_nodes": busy,
        "idle_nodes": idle,
        "target_nodes": busy + idle,
        "created_on": pool.created,
        "resumed_on": pool.resumed,
        "updated_on": pool.updated or pool.created,
        "owner": pool.owner,
        "comment": pool.comment,
        "is_exclusive": False,
        "application": None,
    }


_SHOWN = (
    "name state min_nodes max_nodes instance_family num_services num_jobs auto_suspend_secs"
    " auto_resume active_nodes idle_nodes target_nodes created_on resumed_on updated_on owner"
    " comment is_exclusive application"
).split()


@handles("SHOW COMPUTE POOLS")
def show_pools(words: Words, context: Context) -> Result:
    """``SHOW COMPUTE POOLS [LIKE …] [STARTS WITH …] [LIMIT … [FROM …]]``."""
    pattern = like_clause(words)
    selection = Selection.read(words, pattern)
    words.end()
    pools = sorted(context.account.pools.values(), key=lambda pool: pool.name)
    rows = [_row(pool, context) for pool in selection.of(pools, lambda pool: pool.name)]
    names = [*_SHOWN, "placement_group", "backup_instance_families"]
    return Result.table(rows, names, _TYPES)


@handles("DESCRIBE COMPUTE POOL", "DESC COMPUTE POOL")
def describe_pool(words: Words, context: Context) -> Result:
    """``DESCRIBE COMPUTE POOL <name>``."""
    pool = context.account.pool(words.identifier())
    words.end()
    names = [*_SHOWN, "budget", "error_code", "status_message", "placement_group"]
    return Result.table([_row(pool, context)], names, _TYPES)


@handles("ALTER COMPUTE POOL")
async def alter_pool(words: Words, context: Context) -> Result:
    """``ALTER COMPUTE POOL [IF EXISTS] <name> { SUSPEND | RESUME | STOP ALL | SET | UNSET }``."""
    may_be_absent = words.take("IF", "EXISTS")
    name = words.identifier()
    if may_be_absent and name not in context.account.pools:
        return Result.status("Statement executed successfully.")
    pool = context.account.pool(name)
    if words.take("SUSPEND"):
        pool.suspended = True  # jobs run to their end
    elif words.take("RESUME"):
        pool.suspended = False
        pool.resumed = context.account.now()
    elif words.take("STOP", "ALL"):
        for job in [job for job in context.account.jobs.values() if job.compute_pool == name]:
            await drop(job, context)
    elif words.take("UNSET"):
        _unset(words, pool)
    else:
        words.expect("SET")
        options = read_options(words)
        least = options.pop("MIN_NODES", pool.min_nodes)
        most = options.pop("MAX_NODES", pool.max_nodes)
        pool.auto_resume = options.pop("AUTO_RESUME", pool.auto_resume)
        pool.auto_suspend_secs = options.pop("AUTO_SUSPEND_SECS", pool.auto_suspend_secs)
        pool.comment = options.pop("COMMENT", pool.comment)
        _refuse(options)
        pool.resize(least, most)
    words.end()
    pool.updated = context.account.now()
    context.account.save_pool(pool)
    return Result.status("Statement executed successfully.")


def _unset(words: Words, pool: ComputePool) -> None:
    while words.here.kind is not Kind.END:
        match words.word():
            case "COMMENT":
                pool.comment = None
            case "AUTO_SUSPEND_SECS":
                pool.auto_suspend_secs = 3600
            case "AUTO_RESUME":
                pool.auto_resume = True
            case option:
                raise compilation_error(f"invalid property '{option}'", number=1420)
        words.take(",")


@handles("DROP COMPUTE POOL")
def drop_pool(words: Words, context: Context) -> Result:
    """``DROP COMPUTE POOL [IF EXISTS] <name>``; refused while jobs exist on it."""
    may_be_absent = words.take("IF", "EXISTS")
    name = words.identifier()
    words.end()
    if may_be_absent and name not in context.account.pools:
        return already_dropped(name)
    context.account.drop_pool(name)
    return Result.status(f"{name} successfully dropped.")


@handles("SHOW COMPUTE POOL INSTANCE FAMILIES")
def show_families(words: Words, context: Context) -> Result:
    """``SHOW COMPUTE POOL INSTANCE FAMILIES``."""
    words.end()
    numbers = {"vcpu", "memory_gib", "storage_gib", "gpu_count", "gpu_memory_gib"}
    names = (
        "name description vcpu memory_gib storage_gib gpu gpu_count gpu_memory_gib"
        " current_node_usage message"
    ).split()
    rows = [
        [name, "", family.vcpu, family.memory_gib, 100, None, family.gpus, None, None, None]
        for name, family in FAMILIES.items()
    ]
    return Result(
        tuple(Column(name, "fixed" if name in numbers else "text") for name in names), rows
    )


def pool_status(words: Words, context: Context) -> Result:
    """``SYSTEM$GET_COMPUTE_POOL_STATUS('<name>')``: JSON; the keys clients print."""
    pool = context.account.pool(Words(words.string()).identifier())
    words.expect(")")
    words.end()
    status = {"name": pool.name, "status": pool.state, "message": ""}
    return Result.value("SYSTEM$GET_COMPUTE_POOL_STATUS", json.dumps(status))


SYSTEM_FUNCTIONS["SYSTEM$GET_COMPUTE_POOL_STATUS"] = pool_status
