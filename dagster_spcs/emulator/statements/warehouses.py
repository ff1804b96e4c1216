"""Warehouses: they exist, can be chosen, and cost nothing."""

from typing import Any

from dagster_spcs.emulator.account.account import Warehouse
from dagster_spcs.emulator.sql.answers import (
    Column,
    ColumnType,
    Result,
    already_exists,
    compilation_error,
    does_not_exist,
)
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.patterns import like
from dagster_spcs.emulator.statements.pools import read_options
from dagster_spcs.emulator.statements.registry import Context, handles

_TYPES: dict[str, ColumnType] = {"n": "fixed", "t": "timestamp_ltz"}
_COLUMNS = tuple(
    Column(name, _TYPES.get(kind, "text"))
    for name, _, kind in (
        column.partition(":")
        for column in (
            "name state type size min_cluster_count:n max_cluster_count:n started_clusters:n"
            " running:n queued:n is_default is_current auto_suspend:n auto_resume available"
            " provisioning quiescing other created_on:t resumed_on:t updated_on:t owner comment"
            " enable_query_acceleration query_acceleration_max_scale_factor:n resource_monitor"
            " actives:n pendings:n failed:n suspended:n uuid scaling_policy budget owner_role_type"
            " resource_constraint"
        ).split()
    )
)


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
    """``SHOW WAREHOUSES [LIKE …]``."""
    pattern = like(words.string()) if words.take("LIKE") else None
    words.end()
    current = context.session.warehouse
    return Result(
        _COLUMNS,
        [
            _row(each, is_current=each.name == current)
            for each in context.account.warehouses.values()
            if pattern is None or pattern.fullmatch(each.name)
        ],
    )


def _row(warehouse: Warehouse, *, is_current: bool) -> tuple[Any, ...]:
    """Return a row in the order of the page "SHOW WAREHOUSES"; nothing here runs or waits."""
    created = warehouse.created
    return (
        warehouse.name, "STARTED", "STANDARD", warehouse.size, 1, 1, 1, 0, 0, "N",
        "Y" if is_current else "N", 600, "true", "100", "0", "0", "0", created, created, created,
        warehouse.owner, warehouse.comment or "", "false", 8, "null", 0, 0, 0, 0, "0", "STANDARD",
        None, "ROLE", None,
    )  # fmt: skip
