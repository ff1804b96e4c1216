"""DESCRIBE TABLE, DESCRIBE VIEW, SHOW TABLES, SHOW VIEWS, SHOW OBJECTS and SHOW … KEYS.

What is in tables is fakesnow's. It shows them without comments, keys and filters.
"""

import re
from collections.abc import Iterator
from typing import Any

from dagster_spcs.emulator.sql.answers import Column, ColumnType, Result, does_not_exist
from dagster_spcs.emulator.sql.event_table import COLUMNS as EVENT_COLUMNS
from dagster_spcs.emulator.sql.execution import run_statement
from dagster_spcs.emulator.sql.object_name import ObjectName
from dagster_spcs.emulator.sql.quoting import literal, quoted
from dagster_spcs.emulator.sql.repairs.table_notes import Key, Note
from dagster_spcs.emulator.sql.tables import Relation, TableColumn
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.events import is_event_table
from dagster_spcs.emulator.statements.objects import Selection, like_clause
from dagster_spcs.emulator.statements.places import at_name, scope_of
from dagster_spcs.emulator.statements.registry import Context, handles

_DESCRIBED = tuple(
    map(
        Column,
        (
            *("name", "type", "kind", "null?", "default", "primary key", "unique key", "check"),
            *("expression", "comment", "policy name", "privacy domain"),
        ),
    )
)
_TABLES = (
    "created_on name database_name schema_name kind comment cluster_by rows bytes owner"
    " retention_time automatic_clustering change_tracking search_optimization"
    " search_optimization_progress search_optimization_bytes is_external enable_schema_evolution"
    " owner_role_type is_event budget is_hybrid is_iceberg is_dynamic is_immutable"
).split()
_VIEWS = (
    "created_on name reserved database_name schema_name owner comment text is_secure"
    " is_materialized owner_role_type change_tracking"
).split()
_OBJECTS = (
    "created_on name database_name schema_name kind comment cluster_by rows bytes owner"
    " retention_time owner_role_type budget is_hybrid is_dynamic is_iceberg"
).split()
_TERSE = "created_on name kind database_name schema_name".split()
_OWN_KEYS = (
    "created_on database_name schema_name table_name column_name key_sequence constraint_name rely"
    " comment"
).split()
_FOREIGN_KEYS = (
    "created_on pk_database_name pk_schema_name pk_table_name pk_column_name fk_database_name"
    " fk_schema_name fk_table_name fk_column_name key_sequence update_rule delete_rule fk_name"
    " pk_name deferrability rely comment"
).split()
_COLUMN_TYPES: dict[str, ColumnType] = {
    "created_on": "timestamp_ltz",
    "rows": "fixed",
    "bytes": "fixed",
    "key_sequence": "fixed",
}
_NAMES_OF_TYPES = {
    "VARCHAR": "VARCHAR(16777216)",
    "DOUBLE": "FLOAT",
    "FLOAT": "FLOAT",
    "BLOB": "BINARY(8388608)",
    "JSON": "VARIANT",
    "TIME": "TIME(9)",
    "TIMESTAMP": "TIMESTAMP_NTZ(9)",
    "TIMESTAMP_NS": "TIMESTAMP_NTZ(9)",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ(9)",
}


@handles(
    *(
        f"{verb} {kind}"
        for verb in ("DESCRIBE", "DESC")
        for kind in ("TABLE", "VIEW", "EVENT TABLE")
    )
)
def describe(words: Words, context: Context) -> Result | None:
    """``DESCRIBE { TABLE | VIEW } <name> [TYPE = COLUMNS]``."""
    if is_event_table(words):
        words.end()
        rows = [
            (name, kind, "COLUMN", "Y", None, "N", "N", None, None, None, None, None)
            for name, kind in EVENT_COLUMNS
        ]
        return Result(_DESCRIBED, rows)
    name = context.session.resolve(words.object_name(), "DESCRIBE")
    if name[1] == "INFORMATION_SCHEMA":
        return None
    if words.take("TYPE", "="):
        words.expect("COLUMNS")
    words.end()
    columns = context.tables.columns(name, context.session)
    if columns is None:
        raise does_not_exist("Table", ".".join(name), sqlstate="42S02")
    note = context.tables.note(name, context.session)
    return Result(_DESCRIBED, [_described(column, note) for column in columns])


def _described(column: TableColumn, note: Note) -> tuple[Any, ...]:
    length = note.lengths.get(column.name)
    kind = f"VARCHAR({length})" if length is not None else type_name(column.type)
    return (
        column.name,
        kind,
        "COLUMN",
        "Y" if column.is_nullable else "N",
        column.default,
        *(
            "Y"
            if any(key.kind == wanted and column.name in key.columns for key in note.keys)
            else "N"
            for wanted in ("PRIMARY", "UNIQUE")
        ),
        None,
        None,
        column.comment or None,
        None,
        None,
    )


def type_name(kind: str) -> str:
    """Return how an account calls a type of DuckDB's."""
    match = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind)
    if match is not None:
        return f"NUMBER({match[1]},{match[2]})"
    return (
        "NUMBER(38,0)"
        if kind.endswith("INT") or kind == "INTEGER"
        else _NAMES_OF_TYPES.get(kind, kind)
    )


@handles("ALTER TABLE", "ALTER VIEW")
async def comment_columns(words: Words, context: Context) -> Result | None:
    """``ALTER … { ALTER | MODIFY } [COLUMN] <column> COMMENT '…' [, …]``; else fakesnow's."""
    words.take("IF", "EXISTS")
    name = context.session.resolve(words.object_name(), "ALTER")
    if not (words.take("ALTER") or words.take("MODIFY")):
        return None
    comments: dict[str, str] = {}
    while True:
        words.take("ALTER")
        words.take("COLUMN")
        column = words.identifier()
        if not words.take("COMMENT"):
            return None
        comments[column] = words.string()
        if not words.take(","):
            break
    words.end()
    statements = [
        f"COMMENT ON COLUMN {quoted(*name, column)} IS {literal(comment)}"
        for column, comment in comments.items()
    ]

    def work() -> None:
        for statement in statements:
            run_statement(context.session, statement, {})

    await context.tables.work(context.session, work)
    return Result.status("Statement executed successfully.")


@handles("SHOW TABLES", "SHOW TERSE TABLES")
def show_tables(words: Words, context: Context) -> Result:
    """``SHOW [TERSE] TABLES [HISTORY] [LIKE …] [IN …] [STARTS WITH …] [LIMIT …]``."""
    is_terse = words.began("SHOW", "TERSE")
    found = _shown(words, context, "TABLE", "TEMPORARY")
    return Result.table(
        [_row(each, context) for each in found], _TERSE if is_terse else _TABLES, _COLUMN_TYPES
    )


@handles("SHOW VIEWS", "SHOW TERSE VIEWS")
def show_views(words: Words, context: Context) -> Result:
    """``SHOW [TERSE] VIEWS [LIKE …] [IN …] [STARTS WITH …] [LIMIT …]``."""
    is_terse = words.began("SHOW", "TERSE")
    found = _shown(words, context, "VIEW")
    return Result.table(
        [_row(each, context) for each in found], _TERSE if is_terse else _VIEWS, _COLUMN_TYPES
    )


@handles("SHOW OBJECTS", "SHOW TERSE OBJECTS")
def show_objects(words: Words, context: Context) -> Result:
    """``SHOW [TERSE] OBJECTS [LIKE …] [IN …] [STARTS WITH …] [LIMIT …]``: tables and views."""
    is_terse = words.began("SHOW", "TERSE")
    found = _shown(words, context, "TABLE", "TEMPORARY", "VIEW")
    rows = [
        # Here, and not in SHOW TABLES, a table is a table however long it lasts.
        {**_row(each, context), "kind": "VIEW" if each.kind == "VIEW" else "TABLE"}
        for each in found
    ]
    return Result.table(rows, _TERSE if is_terse else _OBJECTS, _COLUMN_TYPES)


def _shown(words: Words, context: Context, *kinds: str) -> list[Relation]:
    words.take("HISTORY")
    pattern = like_clause(words)
    scope = scope_of(words, context)
    selection = Selection.read(words, pattern)
    words.end()
    found = [
        each
        for each in context.tables.relations(context.session)
        if each.kind in kinds and each.name[: len(scope)] == scope
    ]
    return selection.of(found, lambda each: each.name[2])


def _row(relation: Relation, context: Context) -> dict[str, Any]:
    database, schema, name = relation.name
    kind = "TRANSIENT" if relation.note.transient and relation.kind == "TABLE" else relation.kind
    off = ("automatic_clustering", "change_tracking", "search_optimization")
    no = ("is_external", "enable_schema_evolution", "is_event", "is_hybrid", "is_iceberg")
    return {
        **dict.fromkeys(off, "OFF"),
        **dict.fromkeys((*no, "is_dynamic", "is_immutable"), "N"),
        "created_on": context.account.places.get(database, schema, name).created,
        "name": name,
        "database_name": database,
        "schema_name": schema,
        "kind": kind,
        "comment": relation.note.comment,
        "cluster_by": "",
        "rows": relation.rows,
        "bytes": None if relation.rows is None else 0,
        "owner": "ACCOUNTADMIN",
        "retention_time": "1",
        "owner_role_type": "ROLE",
        "reserved": "",
        "text": relation.text,
        "is_secure": "false",
        "is_materialized": "false",
    }


@handles("SHOW PRIMARY KEYS")
def show_primary_keys(words: Words, context: Context) -> Result:
    """``SHOW PRIMARY KEYS [IN …]``."""
    return _own_keys(words, context, "PRIMARY")


@handles("SHOW UNIQUE KEYS")
def show_unique_keys(words: Words, context: Context) -> Result:
    """``SHOW UNIQUE KEYS [IN …]``."""
    return _own_keys(words, context, "UNIQUE")


def _own_keys(words: Words, context: Context, kind: str) -> Result:
    rows = [
        {
            "created_on": context.account.places.get(*name).created,
            "database_name": name[0],
            "schema_name": name[1],
            "table_name": name[2],
            "column_name": column,
            "key_sequence": place,
            "constraint_name": _key_name(name, key),
            "rely": "false",
            "comment": None,
        }
        for name, key in _keys(words, context)
        if key.kind == kind
        for place, column in enumerate(key.columns, 1)
    ]
    return Result.table(rows, _OWN_KEYS, _COLUMN_TYPES)


@handles("SHOW IMPORTED KEYS", "SHOW EXPORTED KEYS")
def show_foreign_keys(words: Words, context: Context) -> Result:
    """``SHOW { IMPORTED | EXPORTED } KEYS [IN …]``: by the table that has them, or is meant."""
    is_exported = "EXPORTED" in words.text[: words.here.start].upper()
    everything = list(_keys(None, context))
    wanted = {name for name, _ in everything}
    if not words.ended:
        wanted = set(_scoped(words, context))
    primary = {name: key for name, key in everything if key.kind == "PRIMARY"}
    rows = []
    for name, key in everything:
        if key.kind != "FOREIGN" or len(key.table) != 3:
            continue
        meant: ObjectName = (key.table[0], key.table[1], key.table[2])
        if (meant if is_exported else name) not in wanted:
            continue
        own = primary.get(meant)
        references = key.references or (own.columns if own is not None else [])
        pairs = zip(key.columns, references, strict=False)
        for place, (column, referenced) in enumerate(pairs, 1):
            rows.append(
                {
                    "created_on": context.account.places.get(*name).created,
                    **dict(zip(_FOREIGN_KEYS[1:5], (*meant, referenced), strict=True)),
                    **dict(zip(_FOREIGN_KEYS[5:9], (*name, column), strict=True)),
                    "key_sequence": place,
                    "update_rule": "NO ACTION",
                    "delete_rule": "NO ACTION",
                    "fk_name": _key_name(name, key),
                    "pk_name": "" if own is None else _key_name(meant, own),
                    "deferrability": "NOT DEFERRABLE",
                    "rely": "false",
                }
            )
    return Result.table(rows, _FOREIGN_KEYS, _COLUMN_TYPES)


def _keys(words: Words | None, context: Context) -> Iterator[tuple[ObjectName, Key]]:
    wanted = None if words is None or words.ended else set(_scoped(words, context))
    for each in context.tables.relations(context.session):
        if wanted is None or each.name in wanted:
            for key in each.note.keys:
                yield each.name, key


def _scoped(words: Words, context: Context) -> list[ObjectName]:
    """Read ``IN { ACCOUNT | DATABASE … | SCHEMA … | [TABLE] <name> }``; return its tables."""
    relations = context.tables.relations(context.session)
    ahead = words.ahead()
    ahead.expect("IN")
    if ahead.take("TABLE") or not any(ahead.at(kind) for kind in ("ACCOUNT", "DATABASE", "SCHEMA")):
        name = context.session.resolve(ahead.object_name(), "SHOW") if at_name(ahead) else None
        words.catch_up(ahead)
        words.end()
        if name is None or all(each.name != name for each in relations):
            raise does_not_exist("Table", ".".join(name or ()), sqlstate="42S02")
        return [name]
    scope = scope_of(words, context)
    words.end()
    return [each.name for each in relations if each.name[: len(scope)] == scope]


def _key_name(table: ObjectName, key: Key) -> str:
    """Return a key's name; one that was given none has one of the account's own."""
    return key.name or f"SYS_CONSTRAINT_{table[2]}_{'_'.join(key.columns)}"
