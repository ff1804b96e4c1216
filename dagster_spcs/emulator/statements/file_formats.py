"""CREATE, ALTER, SHOW, DESCRIBE and DROP FILE FORMAT (pages of these names)."""

import json
from typing import Any

from dagster_spcs.emulator.account.account import Account, NamedFormat
from dagster_spcs.emulator.sql.answers import (
    Column,
    Result,
    already_exists,
)
from dagster_spcs.emulator.sql.file_formats import FileFormat, Value, read_format_options
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.objects import (
    Selection,
    drop_object,
    like_clause,
    require_schema,
)
from dagster_spcs.emulator.statements.places import scope_of
from dagster_spcs.emulator.statements.registry import Context, handles

_TEMPORARY = ("", "TEMPORARY ", "TEMP ", "SCOPED TEMPORARY ")
_COLUMNS = (
    Column("created_on", "timestamp_ltz"),
    *map(Column, "name database_name schema_name type owner comment format_options".split()),
    Column("owner_role_type"),
)


@handles(
    *(
        f"CREATE {replace}{temporary}FILE FORMAT"
        for replace in ("", "OR REPLACE ")
        for temporary in _TEMPORARY
    )
)
def create_file_format(words: Words, context: Context) -> Result:
    """``CREATE [OR REPLACE] [TEMPORARY] FILE FORMAT [IF NOT EXISTS] <name> [option …]``."""
    leading = words.text[: words.here.start].upper().split()
    may_exist = words.take("IF", "NOT", "EXISTS")
    name = context.session.resolve(words.object_name(), "CREATE FILE FORMAT")
    require_schema(name, context)
    options = read_format_options(words)
    words.end()
    account = context.account
    if name in account.file_formats and "REPLACE" not in leading:
        if may_exist:
            return Result.status(f"{name[2]} already exists, statement succeeded.")
        raise already_exists(name[2])
    _keep(account, name, options, context.session.role)
    return Result.status(f"File format {name[2]} successfully created.")


def _keep(
    account: Account, name: tuple[str, str, str], options: dict[str, Value], owner: str
) -> None:
    FileFormat.of(options)  # refuses what cannot be
    comment = str(options.pop("COMMENT", ""))
    account.add_file_format(NamedFormat(name, account.now(), owner, options, comment))


@handles("ALTER FILE FORMAT")
def alter_file_format(words: Words, context: Context) -> Result:
    """``ALTER FILE FORMAT [IF EXISTS] <name> SET <option> = <value> …``."""
    may_be_absent = words.take("IF", "EXISTS")
    name = context.session.resolve(words.object_name(), "ALTER")
    words.expect("SET")
    account = context.account
    if name not in account.file_formats and may_be_absent:
        words.rest()
        return Result.status("Statement executed successfully.")
    known = account.file_format(name)
    options: dict[str, Value] = {**known.options, "COMMENT": known.comment}
    options.update(read_format_options(words))
    _keep(account, name, options, known.owner)
    return Result.status("Statement executed successfully.")


@handles("DROP FILE FORMAT")
def drop_file_format(words: Words, context: Context) -> Result:
    """``DROP FILE FORMAT [IF EXISTS] <name>``."""
    return drop_object(words, context, "File format", context.account.drop_file_format)


@handles("SHOW FILE FORMATS")
def show_file_formats(words: Words, context: Context) -> Result:
    """``SHOW FILE FORMATS [LIKE …] [IN { ACCOUNT | DATABASE | SCHEMA } [<name>]]``."""
    pattern = like_clause(words)
    scope = scope_of(words, context)
    words.end()
    formats = sorted(context.account.file_formats.items())
    found = [each for name, each in formats if name[: len(scope)] == scope]
    chosen = Selection(pattern).of(found, lambda each: each.name[2])
    return Result(_COLUMNS, list(map(_shown, chosen)))


def _shown(found: NamedFormat) -> tuple[Any, ...]:
    database, schema, name = found.name
    kind = FileFormat.of(found.options).type
    options = json.dumps({"TYPE": kind, **found.options})
    return (
        found.created, name, database, schema, kind, found.owner, found.comment, options, "ROLE"
    )  # fmt: skip


@handles("DESCRIBE FILE FORMAT", "DESC FILE FORMAT")
def describe_file_format(words: Words, context: Context) -> Result:
    """``DESCRIBE FILE FORMAT <name>``: the options that were given."""
    name = context.session.resolve(words.object_name(), "DESCRIBE")
    words.end()
    options = context.account.file_format(name).options
    names = ("property", "property_type", "property_value", "property_default")
    given = {"TYPE": FileFormat.of(options).type, **options}
    rows = [(key, type(value).__name__, str(value), None) for key, value in given.items()]
    return Result(tuple(map(Column, names)), rows)
