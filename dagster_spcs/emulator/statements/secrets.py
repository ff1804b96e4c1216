"""Secrets for containers (pages "CREATE SECRET", "ALTER SECRET", "SHOW SECRETS").

Nothing shows a value again. What lasts is in the data folder, which is its owner's alone.
"""

from typing import Any

from dagster_spcs.emulator.account.account import Secret
from dagster_spcs.emulator.sql.answers import (
    Column,
    Result,
    already_exists,
    compilation_error,
    not_emulated,
)
from dagster_spcs.emulator.sql.words import Kind, Words
from dagster_spcs.emulator.statements.objects import (
    Selection,
    drop_object,
    like_clause,
    limit_clause,
    require_schema,
)
from dagster_spcs.emulator.statements.places import scope_of
from dagster_spcs.emulator.statements.registry import Context, handles

_KEYS = {"GENERIC_STRING": ("SECRET_STRING",), "PASSWORD": ("USERNAME", "PASSWORD")}
"""What each type of secret holds."""
_COLUMNS = (
    Column("created_on", "timestamp_ltz"),
    *map(
        Column,
        (
            "name schema_name database_name owner comment secret_type oauth_scopes owner_role_type"
        ).split(),
    ),
)


@handles("CREATE SECRET", "CREATE OR REPLACE SECRET")
def create_secret(words: Words, context: Context) -> Result:
    """``CREATE [OR REPLACE] SECRET [IF NOT EXISTS] <name> TYPE = … <key> = '…' …``."""
    replaces = words.began("CREATE", "OR")
    may_exist = words.take("IF", "NOT", "EXISTS")
    name = context.session.resolve(words.object_name(), "CREATE SECRET")
    account = context.account
    if name in account.secrets and not replaces:
        if may_exist:
            return Result.status(f"{name[2]} already exists, statement succeeded.")
        raise already_exists(name[2])
    require_schema(name, context)
    words.expect("TYPE", "=")
    kind = words.word()
    if kind not in _KEYS:
        raise not_emulated(f"secrets of type {kind}")
    values, comment = _values(words, kind)
    missing = [key for key in _KEYS[kind] if key not in values]
    if missing:
        raise compilation_error(f"Missing option(s): [{', '.join(missing)}]", number=2029)
    account.add_secret(
        Secret(name, kind, account.now(), context.session.role, values, comment or "")
    )
    return Result.status(f"Secret {name[2]} successfully created.")


def _values(words: Words, kind: str) -> tuple[dict[str, str], str | None]:
    values: dict[str, str] = {}
    comment = None
    while words.here.kind is not Kind.END:
        key = words.word()
        words.expect("=")
        if key == "COMMENT":
            comment = words.string()
        elif key in _KEYS[kind]:
            values[key] = words.string()
        else:
            raise compilation_error(f"invalid property '{key}' for 'SECRET'", number=1420)
    return values, comment


@handles("ALTER SECRET")
def alter_secret(words: Words, context: Context) -> Result:
    """``ALTER SECRET [IF EXISTS] <name> SET <key> = '…' …``: what is at work keeps what it has."""
    may_be_absent = words.take("IF", "EXISTS")
    name = context.session.resolve(words.object_name(), "ALTER")
    if may_be_absent and name not in context.account.secrets:
        return Result.status("Statement executed successfully.")
    secret = context.account.secret(name)
    words.expect("SET")
    values, comment = _values(words, secret.type)
    secret.values.update(values)
    secret.comment = secret.comment if comment is None else comment
    context.account.add_secret(secret)
    return Result.status("Statement executed successfully.")


@handles("DROP SECRET")
def drop_secret(words: Words, context: Context) -> Result:
    """``DROP SECRET [IF EXISTS] <name>``."""
    return drop_object(words, context, "Secret", context.account.drop_secret)


@handles("SHOW SECRETS")
def show_secrets(words: Words, context: Context) -> Result:
    """``SHOW SECRETS [LIKE …] [IN …] [LIMIT …]``."""
    pattern = like_clause(words)
    scope = scope_of(words, context)
    selection = Selection(pattern, "", *limit_clause(words))
    words.end()
    secrets = sorted(context.account.secrets.items())
    found = [secret for name, secret in secrets if name[: len(scope)] == scope]
    return Result(_COLUMNS, [_row(each) for each in selection.of(found, lambda each: each.name[2])])


@handles("DESCRIBE SECRET", "DESC SECRET")
def describe_secret(words: Words, context: Context) -> Result:
    """``DESCRIBE SECRET <name>``: all but the values."""
    name = context.session.resolve(words.object_name(), "DESCRIBE")
    words.end()
    secret = context.account.secret(name)
    names = ("created_on", "name", "schema_name", "database_name", "owner", "comment")
    columns = (*_COLUMNS[: len(names)], Column("secret_type"), Column("username"))
    row = (*_row(secret)[: len(names)], secret.type, secret.values.get("USERNAME"))
    return Result(columns, [row])


def _row(secret: Secret) -> tuple[Any, ...]:
    database, schema, name = secret.name
    return (
        secret.created, name, schema, database, secret.owner, secret.comment, secret.type, None,
        "ROLE",
    )  # fmt: skip
