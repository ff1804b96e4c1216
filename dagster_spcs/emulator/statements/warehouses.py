"""Warehouses: they exist, can be chosen, and cost nothing."""

import re
from typing import Any

from dagster_spcs.emulator.account.account import Warehouse
from dagster_spcs.emulator.sql.answers import (
    Column,
    ColumnType,
    Result,
    already_exists,
    does_not_exist,
    nothing_to_show,
)
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.objects import already_dropped, like_clause
from dagster_spcs.emulator.statements.pools import read_options
from dagster_spcs.emulator.statements.registry import Context, handles

_SIZES = {
    "XSMALL": "X-Small",
    "SMALL": "Small",
    "MEDIUM": "Medium",
    "LARGE": "Large",
    "XLARGE": "X-Large",
    "XXLARGE": "2X-Large",
}
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
    warehouse = Warehouse(name, "X-Small", account.now(), context.session.role)
    warehouse.suspended = bool(options.pop("INITIALLY_SUSPENDED", False))
    _set(warehouse, options)
    account.add_warehouse(warehouse)
    context.session.warehouse = name
    return Result.status(f"Warehouse {name} successfully created.")


def _set(warehouse: Warehouse, options: dict[str, Any]) -> None:
    """Take those options that are shown; what makes a warehouse fast or dear is for an account."""
    size = str(options.get("WAREHOUSE_SIZE", warehouse.size))
    warehouse.size = _SIZES.get(re.sub(r"[-_]", "", size.upper()), size)
    warehouse.kind = str(options.get("WAREHOUSE_TYPE", warehouse.kind)).upper()
    warehouse.auto_suspend = int(options.get("AUTO_SUSPEND") or warehouse.auto_suspend)
    warehouse.auto_resume = str(options.get("AUTO_RESUME", warehouse.auto_resume)).lower() == "true"
    warehouse.comment = options.get("COMMENT", warehouse.comment)


@handles("USE WAREHOUSE")
def use_warehouse(words: Words, context: Context) -> Result:
    """``USE WAREHOUSE <name>``."""
    name = words.identifier()
    words.end()
    if name not in context.account.warehouses:
        raise nothing_to_show()
    context.session.warehouse = name
    return Result.status("Statement executed successfully.")


@handles("ALTER WAREHOUSE")
def alter_warehouse(words: Words, context: Context) -> Result:
    """``ALTER WAREHOUSE [IF EXISTS] <name> { SUSPEND | RESUME | SET … | RENAME TO … | … }``."""
    may_be_absent = words.take("IF", "EXISTS")
    name = words.identifier()
    account = context.account
    warehouse = account.warehouses.get(name)
    if warehouse is None:
        if may_be_absent:
            return Result.status("Statement executed successfully.")
        raise does_not_exist("Warehouse", name)
    if words.take("SUSPEND"):
        warehouse.suspended = True
    elif words.take("RESUME"):
        words.take("IF", "SUSPENDED")
        warehouse.suspended = False
    elif words.take("ABORT", "ALL", "QUERIES"):
        pass  # none runs on it
    elif words.take("RENAME", "TO"):
        new = words.identifier()
        if new in account.warehouses:
            raise already_exists(new)
        account.drop_warehouse(name)
        warehouse.name = new
    elif words.take("UNSET", "COMMENT"):
        warehouse.comment = None
    else:
        words.expect("SET")
        _set(warehouse, read_options(words))
    words.end()
    account.add_warehouse(warehouse)
    return Result.status("Statement executed successfully.")


@handles("DROP WAREHOUSE")
def drop_warehouse(words: Words, context: Context) -> Result:
    """``DROP WAREHOUSE [IF EXISTS] <name>``."""
    may_be_absent = words.take("IF", "EXISTS")
    name = words.identifier()
    words.end()
    if not context.account.drop_warehouse(name):
        if not may_be_absent:
            raise does_not_exist("Warehouse", name)
        return already_dropped(name)
    return Result.status(f"{name} successfully dropped.")


@handles("SHOW WAREHOUSES")
def show_warehouses(words: Words, context: Context) -> Result:
    """``SHOW WAREHOUSES [LIKE …]``."""
    pattern = like_clause(words)
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
        warehouse.name, "SUSPENDED" if warehouse.suspended else "STARTED", warehouse.kind,
        warehouse.size, 1, 1, 0 if warehouse.suspended else 1, 0, 0, "N",
        "Y" if is_current else "N", warehouse.auto_suspend, str(warehouse.auto_resume).lower(),
        "" if warehouse.suspended else "100", "", "", "", created, created, created,
        warehouse.owner, warehouse.comment or "", "false", 8, "null", 0, 0, 0, 0, "0", "STANDARD",
        None, "ROLE", None,
    )  # fmt: skip
