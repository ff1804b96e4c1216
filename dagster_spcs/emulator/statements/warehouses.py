"""Warehouses: they exist, can be chosen, and cost nothing."""

from dagster_spcs.emulator.account.account import Warehouse
from dagster_spcs.emulator.sql.answers import (
    Column,
    Result,
    already_exists,
    compilation_error,
    does_not_exist,
)
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.jobs import like
from dagster_spcs.emulator.statements.pools import read_options
from dagster_spcs.emulator.statements.registry import Context, handles


@handles("CREATE WAREHOUSE", "CREATE OR REPLACE WAREHOUSE")
def create_warehouse(words: Words, context: Context) -> Result:
    """``CREATE [OR REPLACE] WAREHOUSE [IF NOT EXISTS] <name> [[WITH] option …]``."""
    replace = words.began("CREATE", "OR")
    may_exist = words.take("IF", "NOT", "EXISTS")
    name = words.identifier()
    words.take("WITH")
    options = read_options(words)
    account = context.account
    if name in account.warehouses and not replace:
        if may_exist:
            return Result.status(f"{name} already exists, statement succeeded.")
        raise already_exists(name)
    size = str(options.get("WAREHOUSE_SIZE", "X-Small"))
    account.add_warehouse(
        Warehouse(name, size, account.now(), context.session.role, options.get("COMMENT"))
    )
    context.session.warehouse = name
    return Result.status(f"Warehouse {name} successfully created.")


@handles("USE WAREHOUSE")
def use_warehouse(words: Words, context: Context) -> Result:
    """``USE WAREHOUSE <name>``."""
    name = words.identifier()
    words.end()
    if name not in context.account.warehouses:
        raise compilation_error(
            "Object does not exist, or operation cannot be performed.",
            number=2043,
            sqlstate="02000",
        )
    context.session.warehouse = name
    return Result.status("Statement executed successfully.")


@handles("ALTER WAREHOUSE")
def alter_warehouse(words: Words, context: Context) -> Result:
    """``ALTER WAREHOUSE <name> …``: accepted, without effect."""
    words.take("IF", "EXISTS")
    name = words.identifier()
    words.rest()
    if name not in context.account.warehouses:
        raise does_not_exist("Warehouse", name)
    return Result.status("Statement executed successfully.")


@handles("DROP WAREHOUSE")
def drop_warehouse(words: Words, context: Context) -> Result:
    """``DROP WAREHOUSE [IF EXISTS] <name>``."""
    may_be_absent = words.take("IF", "EXISTS")
    name = words.identifier()
    words.end()
    if context.account.warehouses.pop(name, None) is None:
        if not may_be_absent:
            raise does_not_exist("Warehouse", name)
        return Result.status(f"Drop statement executed successfully ({name} already dropped).")
    context.account.store.remove("warehouse", name)
    return Result.status(f"{name} successfully dropped.")


@handles("SHOW WAREHOUSES")
def show_warehouses(words: Words, context: Context) -> Result:
    """``SHOW WAREHOUSES [LIKE …]``; the columns clients read."""
    pattern = like(words.string()) if words.take("LIKE") else None
    words.end()
    names = (Column("name"), Column("state"), Column("type"), Column("size"))
    rows = [
        (warehouse.name, "STARTED", "STANDARD", warehouse.size)
        for warehouse in context.account.warehouses.values()
        if pattern is None or pattern.fullmatch(warehouse.name)
    ]
    return Result(names, rows)
