"""Roles, grants and integrations: accepted, so that set-up scripts run, and not enforced.

Whoever holds the emulator's password may do everything (listed in the README among what differs).
"""

from dagster_spcs.emulator.sql.answers import Column, Result, does_not_exist
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.objects import Selection, like_clause, limit_clause
from dagster_spcs.emulator.statements.registry import Context, handles

_ROLES = (
    Column("created_on", "timestamp_ltz"),
    *map(Column, ("name", "is_default", "is_current", "is_inherited")),
    *(Column(name, "fixed") for name in ("assigned_to_users", "granted_to_roles", "granted_roles")),
    *map(Column, ("owner", "comment")),
)


@handles("USE ROLE")
def use_role(words: Words, context: Context) -> Result:
    """``USE ROLE <name>``."""
    name = words.identifier()
    words.end()
    if name not in context.account.roles:
        raise does_not_exist("Role", name)
    context.session.role = name
    return Result.status("Statement executed successfully.")


@handles("USE SECONDARY ROLES")
def use_secondary_roles(words: Words, context: Context) -> Result:
    """``USE SECONDARY ROLES { ALL | NONE }``."""
    words.word()
    words.end()
    return Result.status("Statement executed successfully.")


@handles("CREATE ROLE", "CREATE OR REPLACE ROLE")
def create_role(words: Words, context: Context) -> Result:
    """``CREATE [OR REPLACE] ROLE [IF NOT EXISTS] <name>``."""
    may_exist = words.take("IF", "NOT", "EXISTS")
    name = words.identifier()
    words.rest()
    if may_exist and name in context.account.roles:
        return Result.status(f"{name} already exists, statement succeeded.")
    context.account.add_role(name)
    return Result.status(f"Role {name} successfully created.")


@handles("DROP ROLE")
def drop_role(words: Words, context: Context) -> Result:
    """``DROP ROLE [IF EXISTS] <name>``."""
    words.take("IF", "EXISTS")
    name = words.identifier()
    words.end()
    context.account.roles.discard(name)
    context.account.store.remove("role", name)
    return Result.status(f"{name} successfully dropped.")


@handles("SHOW ROLES")
def show_roles(words: Words, context: Context) -> Result:
    """``SHOW ROLES [LIKE …] [LIMIT …]``."""
    pattern = like_clause(words)
    selection = Selection(pattern, "", *limit_clause(words))
    words.end()
    rows = [
        (None, name, "N", "Y" if name == context.session.role else "N", "Y", 0, 0, 0, "", "")
        for name in selection.of(sorted(context.account.roles), str)
    ]
    return Result(_ROLES, rows)


@handles("GRANT", "REVOKE")
def grant(words: Words, context: Context) -> Result:
    """Any GRANT or REVOKE."""
    words.rest()
    return Result.status("Statement executed successfully.")


@handles(
    "CREATE SECURITY INTEGRATION",
    "CREATE OR REPLACE SECURITY INTEGRATION",
    "CREATE EXTERNAL ACCESS INTEGRATION",
    "CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION",
    "CREATE NETWORK RULE",
    "CREATE OR REPLACE NETWORK RULE",
)
def create_integration(words: Words, context: Context) -> Result:
    """Integrations and network rules: containers here reach whatever this machine reaches."""
    words.take("IF", "NOT", "EXISTS")
    name = words.object_name()[-1]
    words.rest()
    return Result.status(f"Integration {name} successfully created.")
