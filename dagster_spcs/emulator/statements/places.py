"""Databases, schemas and stages as things that are created, commented and shown.

What is in them is fakesnow's. fakesnow shows them without comment, time and filter.
"""

from typing import Any

from dagster_spcs.emulator.account.places import Place
from dagster_spcs.emulator.sql.answers import (
    ColumnType,
    Result,
    already_exists,
    does_not_exist,
    not_emulated,
    nothing_to_show,
)
from dagster_spcs.emulator.sql.given_rows import Rewritten
from dagster_spcs.emulator.sql.quoting import quoted
from dagster_spcs.emulator.sql.words import Kind, Words
from dagster_spcs.emulator.statements.jobs import drop
from dagster_spcs.emulator.statements.objects import Selection, already_dropped, like_clause
from dagster_spcs.emulator.statements.registry import Context, handles

_TYPES: dict[str, ColumnType] = {"created_on": "timestamp_ltz"}
_DATABASE_COLUMNS = (
    "created_on name is_default is_current origin owner comment options retention_time kind budget"
    " owner_role_type"
).split()
_SCHEMA_COLUMNS = (
    "created_on name is_default is_current database_name owner comment options retention_time"
    " owner_role_type budget"
).split()
_STAGE_COLUMNS = (
    "created_on name database_name schema_name url has_credentials has_encryption_key owner comment"
    " region type cloud notification_channel storage_integration endpoint owner_role_type"
    " directory_enabled"
).split()
_TERSE_COLUMNS = "created_on name kind database_name schema_name".split()
_IGNORED_OPTIONS = ("DATA_RETENTION_TIME_IN_DAYS", "MAX_DATA_EXTENSION_TIME_IN_DAYS")
"""Of time travel, which is not emulated (docs/emulator.md)."""


@handles(
    *(
        f"CREATE {replace}{transient}{kind}"
        for replace in ("", "OR REPLACE ")
        for transient in ("", "TRANSIENT ")
        for kind in ("DATABASE", "SCHEMA")
    )
)
async def create(words: Words, context: Context) -> Result | Rewritten | None:
    """``CREATE [OR REPLACE] [TRANSIENT] { DATABASE | SCHEMA } [IF NOT EXISTS] <name> …``."""
    leading = words.text[: words.here.start].upper().split()
    kind = leading[-1]
    may_exist = words.take("IF", "NOT", "EXISTS")
    name = _full_name(words, context, kind, "CREATE")
    if words.at("CLONE") or words.at("FROM"):
        return None
    comment = _options(words)
    if kind == "SCHEMA" and not context.tables.database_exists(name[0]):
        raise does_not_exist("Database", name[0])
    if _exists(name, context):
        if may_exist:
            return Result.status(f"{name[-1]} already exists, statement succeeded.")
        if "REPLACE" not in leading:
            raise already_exists(name[-1])
        await remove(name, context)
    session = context.session
    place = Place(context.account.now(), session.role, comment, "TRANSIENT" in leading)
    context.account.places.put(place, *name)
    return Rewritten(f"CREATE {kind} {quoted(*name)}")


def _options(words: Words) -> str:
    comment = ""
    words.take("WITH", "MANAGED", "ACCESS")
    while words.here.kind is not Kind.END:
        if words.take("COMMENT", "="):
            comment = words.string()
        elif any(words.take(option, "=") for option in _IGNORED_OPTIONS):
            words.number()
        elif words.here.kind is Kind.WORD:
            raise not_emulated(f"{words.word()} of a database or schema")
        else:
            raise words.unexpected()
    return comment


@handles("DROP DATABASE")
async def drop_database(words: Words, context: Context) -> Result:
    """``DROP DATABASE [IF EXISTS] <name> [CASCADE | RESTRICT]``: its jobs go with it."""
    return await _drop(words, context, "DATABASE")


@handles("DROP SCHEMA")
async def drop_schema(words: Words, context: Context) -> Result:
    """``DROP SCHEMA [IF EXISTS] <name> [CASCADE | RESTRICT]``: its jobs go with it."""
    return await _drop(words, context, "SCHEMA")


async def _drop(words: Words, context: Context, kind: str) -> Result:
    may_be_absent = words.take("IF", "EXISTS")
    name = _full_name(words, context, kind, "DROP")
    words.take("CASCADE")
    words.take("RESTRICT")
    words.end()
    if not _exists(name, context):
        if may_be_absent:
            return already_dropped(name[-1])
        raise does_not_exist(kind.capitalize(), ".".join(name))
    await remove(name, context)
    return Result.status(f"{name[-1]} successfully dropped.")


async def remove(name: tuple[str, ...], context: Context) -> None:
    """Take a database or a schema away with all that is in it."""
    account = context.account
    for job in [job for job in account.jobs.values() if job.name[: len(name)] == name]:
        await drop(job, context)
    for named in [each for each in account.file_formats if each[: len(name)] == name]:
        account.drop_file_format(named)
    for secret in [each for each in account.secrets if each[: len(name)] == name]:
        account.drop_secret(secret)
    account.tasks.drop(*name)
    for repository in [each for each in account.repositories if each[: len(name)] == name]:
        account.drop_repository(repository)
    async with context.session.lock:
        if len(name) == 1:
            context.tables.drop_database(name[0], context.session)
        else:
            context.tables.drop_schema(name[0], name[1], context.session)
    account.places.forget(*name)


@handles("ALTER DATABASE", "ALTER SCHEMA")
def alter(words: Words, context: Context) -> Result | None:
    """``ALTER { DATABASE | SCHEMA } [IF EXISTS] <name> { SET | UNSET } COMMENT``."""
    kind = words.text[: words.here.start].upper().split()[-1]
    may_be_absent = words.take("IF", "EXISTS")
    name = _full_name(words, context, kind, "ALTER")
    if not _exists(name, context):
        if may_be_absent:
            return Result.status("Statement executed successfully.")
        raise does_not_exist(kind.capitalize(), ".".join(name))
    if words.take("SET"):
        comment = _options(words)
    elif words.take("UNSET", "COMMENT"):
        comment = ""
    else:
        return None
    words.end()
    context.account.places.comment(comment, *name)
    return Result.status("Statement executed successfully.")


@handles(
    *(
        f"COMMENT {absent}ON {kind}"
        for absent in ("", "IF EXISTS ")
        for kind in ("DATABASE", "SCHEMA", "STAGE")
    )
)
def comment_on(words: Words, context: Context) -> Result:
    """``COMMENT [IF EXISTS] ON { DATABASE | SCHEMA | STAGE } <name> IS '<text>'``."""
    kind = words.text[: words.here.start].upper().split()[-1]
    name = (
        context.session.resolve(words.object_name(), "COMMENT")
        if kind == "STAGE"
        else _full_name(words, context, kind, "COMMENT")
    )
    words.expect("IS")
    comment = words.string()
    words.end()
    context.account.places.comment(comment, *name)
    return Result.status("Statement executed successfully.")


@handles("SHOW DATABASES", "SHOW TERSE DATABASES")
def show_databases(words: Words, context: Context) -> Result:
    """``SHOW [TERSE] DATABASES [HISTORY] [LIKE …] [IN ACCOUNT] [STARTS WITH …] [LIMIT …]``."""
    is_terse = words.began("SHOW", "TERSE")
    words.take("HISTORY")
    pattern = like_clause(words)
    words.take("IN", "ACCOUNT")
    selection = Selection.read(words, pattern)
    words.end()
    current = _current(context)[0]
    rows = []
    for name in context.tables.databases():
        place = context.account.places.get(name)
        rows.append(
            {
                "created_on": place.created,
                "name": name,
                "is_default": "N",
                "is_current": "Y" if name == current else "N",
                "origin": "",
                "owner": place.owner,
                "comment": place.comment,
                "options": "TRANSIENT" if place.is_transient else "",
                "retention_time": "1",
                "kind": "TRANSIENT" if place.is_transient else "STANDARD",
                "owner_role_type": "ROLE",
            }
        )
    return _shown(selection, rows, _TERSE_COLUMNS if is_terse else _DATABASE_COLUMNS)


@handles("SHOW SCHEMAS", "SHOW TERSE SCHEMAS")
def show_schemas(words: Words, context: Context) -> Result:
    """``SHOW [TERSE] SCHEMAS [HISTORY] [LIKE …] [IN { ACCOUNT | [DATABASE] <name> }] …``."""
    is_terse = words.began("SHOW", "TERSE")
    words.take("HISTORY")
    pattern = like_clause(words)
    current = _current(context)
    database = current[0]
    if words.take("IN", "ACCOUNT"):
        database = None
    elif words.take("IN"):
        words.take("DATABASE")
        if at_name(words):
            database = words.identifier()
        if database is None or not context.tables.database_exists(database):
            raise nothing_to_show()
    selection = Selection.read(words, pattern)
    words.end()
    rows = []
    for place_name in context.tables.schemas(database):
        place = context.account.places.get(*place_name)
        rows.append(
            {
                "created_on": place.created,
                "name": place_name[1],
                "is_default": "N",
                "is_current": "Y" if place_name == current else "N",
                "kind": None,
                "database_name": place_name[0],
                "owner": place.owner,
                "comment": place.comment,
                "options": "TRANSIENT" if place.is_transient else "",
                "retention_time": "1",
                "owner_role_type": "ROLE",
            }
        )
    return _shown(selection, rows, _TERSE_COLUMNS if is_terse else _SCHEMA_COLUMNS)


@handles("SHOW STAGES", "SHOW TERSE STAGES")
def show_stages(words: Words, context: Context) -> Result:
    """``SHOW [TERSE] STAGES [LIKE …] [IN { ACCOUNT | DATABASE | SCHEMA } [<name>]] …``."""
    pattern = like_clause(words)
    scope = scope_of(words, context)
    selection = Selection.read(words, pattern)
    words.end()
    rows = []
    for database, schema, name, is_temporary in context.tables.named_stages():
        if (database, schema)[: len(scope)] != scope:
            continue
        place = context.account.places.get(database, schema, name)
        rows.append(
            {
                "created_on": place.created,
                "name": name,
                "database_name": database,
                "schema_name": schema,
                "url": "",
                "has_credentials": "N",
                "has_encryption_key": "N",
                "owner": place.owner,
                "comment": place.comment,
                "type": "INTERNAL TEMPORARY" if is_temporary else "INTERNAL",
                "owner_role_type": "ROLE",
                "directory_enabled": "N",
            }
        )
    return _shown(selection, rows, _STAGE_COLUMNS)


def _shown(selection: Selection, rows: list[dict[str, Any]], names: list[str]) -> Result:
    return Result.table(selection.of(rows, lambda row: str(row["name"])), names, _TYPES)


def scope_of(words: Words, context: Context) -> tuple[str, ...]:
    """Read ``IN …``; return database and schema, as far as they are named or current."""
    current = tuple(each for each in _current(context) if each is not None)
    if words.take("IN", "ACCOUNT"):
        return ()
    if words.take("IN", "DATABASE"):
        scope = words.object_name() if at_name(words) else current[:1]
    elif words.take("IN"):
        words.take("SCHEMA")
        scope = words.object_name() if at_name(words) else current
        if len(scope) == 1:
            scope = (*current[:1], *scope)
    else:
        return current
    if not scope or not _exists(scope, context):
        raise nothing_to_show()
    return scope


def _current(context: Context) -> tuple[str | None, str | None]:
    connection = context.session.connection
    database = connection.database if connection.database_set else None
    return database, connection.schema if database and connection.schema_set else None


def _full_name(words: Words, context: Context, kind: str, verb: str) -> tuple[str, ...]:
    name = words.object_name()
    if kind == "DATABASE" or len(name) == 2:
        return name
    return context.session.resolve((*name, "X"), f"{verb} SCHEMA")[:2]


def _exists(name: tuple[str, ...], context: Context) -> bool:
    if len(name) == 1:
        return context.tables.database_exists(name[0])
    return context.tables.schema_exists(name[0], name[1])


def at_name(words: Words) -> bool:
    """Whether a name comes next, and none of the clauses that may follow ``IN``."""
    is_option = words.at("STARTS", "WITH") or words.at("LIMIT") or words.at("LIKE")
    return words.here.kind in (Kind.WORD, Kind.QUOTED) and not is_option
