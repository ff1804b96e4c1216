"""Comments, TRANSIENT, lengths of texts and keys that are not enforced.

DuckDB has no place for most of them, and enforces keys; fakesnow keeps comments in memory and
leaves the others out. Here they are a JSON document in the comment of DuckDB's table, so they last.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from string import Template
from typing import Any

import duckdb
from fakesnow import info_schema, transforms
from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr, exp

from dagster_spcs.emulator.sql.repairs.temporary_tables import FullName, full_name, stored

_transform = FakeSnowflakeCursor._transform
_execute = FakeSnowflakeCursor._execute
_AFTERWARDS = "spcs_afterwards"
_TEMPORARY = ("temp", "main")
Change = Callable[["Note"], None]


@dataclass
class Key:
    """A primary, unique or foreign key; a foreign one has a table and columns that it means."""

    kind: str
    columns: list[str]
    name: str = ""
    table: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)


@dataclass
class Note:
    """What is known of a table or view beside its columns."""

    comment: str = ""
    transient: bool = False
    keys: list[Key] = field(default_factory=list)
    lengths: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> "Note":
        """Read DuckDB's comment; a text of another origin is taken for the comment."""
        try:
            found = json.loads(text or "{}")
            return cls(**{**found, "keys": [Key(**key) for key in found.get("keys", [])]})
        except (ValueError, TypeError, AttributeError):
            return cls(comment=text or "")


def note_of(duck: duckdb.DuckDBPyConnection, name: FullName) -> Note:
    """Return what is known of a table or view."""
    for relation, column in (("duckdb_tables", "table_name"), ("duckdb_views", "view_name")):
        rows = duck.execute(
            f"SELECT comment FROM {relation}() WHERE database_name = ? AND schema_name = ?"
            f" AND {column} = ?",
            list(name),
        ).fetchall()
        if rows:
            return Note.read(rows[0][0])
    return Note()


def _with_notes(self: FakeSnowflakeCursor, expression: Expr, params: Any) -> Expr:
    afterwards: list[str] | tuple[FullName, str, Change] | None = None
    columns: dict[str, str] = {}
    kind, name, change = _created(expression, self)
    if name is None:
        kind, name, change, columns = _changed(expression, self)
        if name is not None:
            expression = transforms.SUCCESS_NOP.copy()
    elif isinstance(expression.this, exp.Schema):
        columns = dict(_column_comments(expression.this))
    transformed = _transform(self, expression, params)
    if name is not None:
        afterwards = (name, kind, change)
        transformed.args[_AFTERWARDS] = (*afterwards, columns)
    return transformed


def _noted(self: FakeSnowflakeCursor, transformed: Expr, params: Any = None) -> None:
    afterwards = transformed.args.pop(_AFTERWARDS, None)
    _execute(self, transformed, params)
    if afterwards is None:
        return
    name, kind, change, columns = afterwards
    duck = self._duck_conn
    place = ".".join(map(_quoted, name))
    if change is not _nothing:
        note = note_of(duck, name)
        change(note)
        duck.execute(f"COMMENT ON {kind} {place} IS {_literal(json.dumps(asdict(note)))}")
    for column, comment in columns.items():
        duck.execute(f"COMMENT ON COLUMN {place}.{_quoted(column)} IS {_literal(comment)}")
    # The answer is what DuckDB did last.
    duck.execute(self._last_sql or "SELECT 1", self._last_params).fetchall()


def _created(expression: Expr, cursor: FakeSnowflakeCursor) -> tuple[str, FullName | None, Change]:
    """Take comments, keys and lengths out of a CREATE; return what to note of it."""
    kind = expression.args.get("kind")
    table = expression.find(exp.Table) if isinstance(expression, exp.Create) else None
    if table is None or kind not in ("TABLE", "VIEW") or expression.args.get("clone"):
        return "", None, _nothing
    name = full_name(table, cursor._conn)
    if expression.find(exp.TemporaryProperty):
        name = (*_TEMPORARY, table.name)
    note = Note()
    for comment in list(expression.find_all(exp.SchemaCommentProperty)):
        note.comment = str(comment.this.name)
        comment.pop()
    for transient in list(expression.find_all(exp.TransientProperty)):
        note.transient = True
        transient.pop()
    properties = expression.args.get("properties")
    if properties is not None and not properties.expressions:
        expression.set("properties", None)
    schema = expression.this
    if isinstance(schema, exp.Schema):
        note.lengths = dict(_lengths(schema))
        note.keys = list(_keys(schema, cursor))

    def change(known: Note) -> None:
        known.__dict__.update(vars(note))

    return str(kind), name, change


def _nothing(_: Note) -> None:
    return None


def _lengths(schema: exp.Schema) -> Iterator[tuple[str, int]]:
    for column in schema.find_all(exp.ColumnDef):
        kind = column.kind
        if isinstance(kind, exp.DataType) and kind.this in exp.DataType.TEXT_TYPES:
            for parameter in kind.expressions:
                if parameter.name.isdigit():
                    yield stored(column.this) or "", int(parameter.name)


def _column_comments(schema: exp.Schema) -> Iterator[tuple[str, str]]:
    """Take the comments of columns out."""
    for column in schema.find_all(exp.ColumnDef):
        for constraint in list(column.args.get("constraints") or []):
            if isinstance(constraint.kind, exp.CommentColumnConstraint):
                yield stored(column.this) or "", str(constraint.kind.name)
                constraint.pop()


def _keys(schema: exp.Schema, cursor: FakeSnowflakeCursor) -> Iterator[Key]:
    """Take the keys out; the columns of a primary key stay NOT NULL."""
    columns = {stored(column.this) or "": column for column in schema.find_all(exp.ColumnDef)}
    for name, column in columns.items():
        for constraint in list(column.args.get("constraints") or []):
            key = _column_key(name, constraint.kind, cursor)
            if key is not None:
                constraint.pop()
                yield from _with_not_null(key, columns)
    for part in list(schema.expressions):
        key = _table_key(part, cursor)
        if key is not None:
            part.pop()
            yield from _with_not_null(key, columns)


def _with_not_null(key: Key, columns: dict[str, exp.ColumnDef]) -> Iterator[Key]:
    if key.kind == "PRIMARY":
        for name in key.columns:
            if name in columns:
                columns[name].append(
                    "constraints", exp.ColumnConstraint(kind=exp.NotNullColumnConstraint())
                )
    yield key


def _column_key(column: str, kind: Expr, cursor: FakeSnowflakeCursor) -> Key | None:
    if isinstance(kind, exp.PrimaryKeyColumnConstraint):
        return Key("PRIMARY", [column])
    if isinstance(kind, exp.UniqueColumnConstraint):
        return Key("UNIQUE", [column])
    return _foreign([column], kind, cursor) if isinstance(kind, exp.Reference) else None


def _table_key(part: Expr, cursor: FakeSnowflakeCursor) -> Key | None:
    name = ""
    if isinstance(part, exp.Constraint):
        name = stored(part.this) or ""
        part = part.expressions[0]
    key: Key | None = None
    if isinstance(part, exp.PrimaryKey):
        key = Key("PRIMARY", _names(part.expressions))
    elif isinstance(part, exp.UniqueColumnConstraint):
        key = Key("UNIQUE", _names(part.this.expressions if part.this else part.expressions))
    elif isinstance(part, exp.ForeignKey):
        reference = part.args.get("reference")
        if isinstance(reference, exp.Reference):
            key = _foreign(_names(part.expressions), reference, cursor)
    if key is not None:
        key.name = name
    return key


def _foreign(columns: list[str], reference: exp.Reference, cursor: FakeSnowflakeCursor) -> Key:
    target = reference.this
    table = target.this if isinstance(target, exp.Schema) else target
    meant = _names(target.expressions) if isinstance(target, exp.Schema) else []
    return Key("FOREIGN", columns, "", list(full_name(table, cursor._conn) or ()), meant)


def _names(parts: list[Any]) -> list[str]:
    found = [part.find(exp.Identifier) if isinstance(part, Expr) else None for part in parts]
    return [stored(part) or "" for part in found if part is not None]


def _changed(
    expression: Expr, cursor: FakeSnowflakeCursor
) -> tuple[str, FullName | None, Change, dict[str, str]]:
    """Return what an ALTER or COMMENT notes, if that is all it does."""
    if isinstance(expression, exp.Comment):
        return _commented(expression, cursor)
    actions = expression.args.get("actions") or []
    table = expression.this
    if not isinstance(expression, exp.Alter) or not isinstance(table, exp.Table) or not actions:
        return "", None, _nothing, {}
    name = full_name(table, cursor._conn)
    kind = str(expression.args.get("kind") or "TABLE")
    columns = _commented_columns(actions)
    if columns:
        return kind, name, _nothing, columns
    change = _commented_table(actions) or _added_keys(actions, cursor) or _dropped_keys(actions)
    if change is None:
        return "", None, _nothing, {}
    return kind, name, change, {}


def _commented_columns(actions: list[Expr]) -> dict[str, str]:
    return {
        stored(action.this) or "": str(action.args["comment"].name)
        for action in actions
        if isinstance(action, exp.AlterColumn) and action.args.get("comment") is not None
    }


def _commented_table(actions: list[Expr]) -> Change | None:
    comments = [each for action in actions for each in action.find_all(exp.SchemaCommentProperty)]
    if not comments:
        return None
    return lambda note: setattr(note, "comment", str(comments[0].this.name))


def _added_keys(actions: list[Expr], cursor: FakeSnowflakeCursor) -> Change | None:
    added = [_table_key(part, cursor) for action in actions for part in _added(action)]
    keys = [key for key in added if key is not None]
    return (lambda note: note.keys.extend(keys)) if keys else None


def _dropped_keys(actions: list[Expr]) -> Change | None:
    dropped = [action for action in actions if _drops_key(action)]
    gone = {stored(each.this) for action in dropped for each in action.args["tables"]}
    return (lambda note: _without(note, gone)) if gone else None


def _added(action: Expr) -> list[Expr]:
    return list(action.expressions) if isinstance(action, exp.AddConstraint) else []


def _drops_key(action: Expr) -> bool:
    return isinstance(action, exp.Drop) and action.args.get("kind") == "CONSTRAINT"


def _without(note: Note, names: set[str | None]) -> None:
    note.keys = [key for key in note.keys if key.name not in names]


def _commented(
    expression: exp.Comment, cursor: FakeSnowflakeCursor
) -> tuple[str, FullName | None, Change, dict[str, str]]:
    kind, text = str(expression.args["kind"]).upper(), str(expression.expression.name)
    target = expression.this
    if kind == "COLUMN" and isinstance(target, exp.Column):
        table = exp.Table(
            this=target.args.get("table"),
            db=target.args.get("db"),
            catalog=target.args.get("catalog"),
        )
        name = full_name(table, cursor._conn)
        return "TABLE", name, _nothing, {stored(target.this) or "": text}
    if kind in ("TABLE", "VIEW") and isinstance(target, exp.Table):
        name = full_name(target, cursor._conn)
        return kind, name, lambda note: setattr(note, "comment", text), {}
    return "", None, _nothing, {}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


FakeSnowflakeCursor._transform = _with_notes  # type: ignore[method-assign]
FakeSnowflakeCursor._execute = _noted  # type: ignore[method-assign]

# Views are tables too, and both have comments.
info_schema.SQL_CREATE_INFORMATION_SCHEMA_TABLES_VIEW = Template(
    """
create view if not exists ${catalog}._fs_information_schema._fs_tables AS
select
    database_name AS "TABLE_CATALOG",
    schema_name AS "TABLE_SCHEMA",
    name AS "TABLE_NAME",
    'SYSADMIN' AS "TABLE_OWNER",
    kind AS "TABLE_TYPE",
    CASE note ->> '$$.transient' WHEN 'true' THEN 'YES' ELSE 'NO' END AS "IS_TRANSIENT",
    NULL::VARCHAR AS "CLUSTERING_KEY",
    size AS "ROW_COUNT",
    0 AS "BYTES",
    1 AS "RETENTION_TIME",
    NULL::VARCHAR AS "SELF_REFERENCING_COLUMN_NAME",
    NULL::VARCHAR AS "REFERENCE_GENERATION",
    NULL::VARCHAR AS "USER_DEFINED_TYPE_CATALOG",
    NULL::VARCHAR AS "USER_DEFINED_TYPE_SCHEMA",
    NULL::VARCHAR AS "USER_DEFINED_TYPE_NAME",
    'YES' AS "IS_INSERTABLE_INTO",
    'YES' AS "IS_TYPED",
    NULL::VARCHAR AS "COMMIT_ACTION",
    to_timestamp(0)::timestamptz AS "CREATED",
    to_timestamp(0)::timestamptz AS "LAST_ALTERED",
    to_timestamp(0)::timestamptz AS "LAST_DDL",
    NULL::VARCHAR AS "LAST_DDL_BY",
    'NO' AS "AUTO_CLUSTERING_ON",
    nullif(note ->> '$$.comment', '') AS "COMMENT",
    'NO' AS "IS_TEMPORARY",
    'NO' AS "IS_ICEBERG",
    'NO' AS "IS_DYNAMIC",
    'NO' AS "IS_IMMUTABLE",
    'NO' AS "IS_HYBRID"
from (
    select database_name, schema_name, table_name AS name, 'BASE TABLE' AS kind,
        estimated_size AS size, try_cast(comment AS JSON) AS note
    from duckdb_tables()
    union all
    select database_name, schema_name, view_name, 'VIEW', NULL, try_cast(comment AS JSON)
    from duckdb_views() where not internal
)
where database_name = '${catalog}' and schema_name not in ('_fs_information_schema', 'main')
"""
)
