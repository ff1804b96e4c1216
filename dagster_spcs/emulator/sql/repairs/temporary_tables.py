"""Temporary tables and views have a schema, and may be named with it; DuckDB's have none.

Each is one of DuckDB's temporary tables under a name of its own, and every full name that means it
is replaced by that. So it hides a permanent table of its name, and only in its session.
"""

from typing import Any

from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.fakes import FakeSnowflakeConnection
from sqlglot import Expr, exp

FullName = tuple[str, str, str]
_transform = FakeSnowflakeCursor._transform
_execute = FakeSnowflakeCursor._execute
_ATTRIBUTE = "_spcs_temporaries"


def temporaries(connection: FakeSnowflakeConnection) -> dict[FullName, str]:
    """Return the temporary tables and views of a session: their names in DuckDB by full name."""
    found: dict[FullName, str] | None = getattr(connection, _ATTRIBUTE, None)
    if found is None:
        found = {}
        setattr(connection, _ATTRIBUTE, found)
    return found


def _with_own_names(self: FakeSnowflakeCursor, expression: Expr, params: Any) -> Expr:
    known = temporaries(self._conn)
    made = expression.find(exp.Table) if _makes_temporary(expression) else None
    name = None if made is None else full_name(made, self._conn)
    if made is not None and name is not None:
        _place(made, known.setdefault(name, _free_name(name, known)), is_new=True)
    if known:
        ctes = {cte.alias_or_name.upper() for cte in expression.find_all(exp.CTE)}
        for table in [each for each in expression.find_all(exp.Table) if each is not made]:
            name = full_name(table, self._conn)
            is_cte = not table.db and table.name.upper() in ctes
            if name in known and not is_cte:
                _place(table, known[name])
        _rename(expression, self._conn)
    return _transform(self, expression, params)


def _forget_dropped(self: FakeSnowflakeCursor, transformed: Expr, params: Any = None) -> None:
    _execute(self, transformed, params)
    known = temporaries(self._conn)
    if known and isinstance(transformed, exp.Drop):
        gone = {table.name for table in transformed.find_all(exp.Table) if table.db == "main"}
        for name in [name for name, own in known.items() if own in gone]:
            del known[name]


def _makes_temporary(expression: Expr) -> bool:
    return (
        isinstance(expression, exp.Create)
        and expression.args.get("kind") in ("TABLE", "VIEW")
        and expression.find(exp.TemporaryProperty) is not None
    )


def full_name(table: exp.Table, connection: FakeSnowflakeConnection) -> FullName | None:
    """Return database, schema and name of a table; None where one is neither given nor current."""
    if not isinstance(table.this, exp.Identifier):
        return None
    database = stored(table.args.get("catalog")) or connection.database
    schema = stored(table.args.get("db")) or connection.schema
    if database is None or schema is None:
        return None
    return database, schema, stored(table.this) or ""


def stored(part: Any) -> str | None:
    """Return an identifier in stored form; None for what is none."""
    if not isinstance(part, exp.Identifier):
        return None
    return str(part.this) if part.args.get("quoted") else str(part.this).upper()


def _free_name(name: FullName, known: dict[FullName, str]) -> str:
    taken = set(known.values())
    own = name[2]
    while own in taken:
        own += "~"
    return own


def _place(table: exp.Table, own: str, *, is_new: bool = False) -> None:
    """Let a table's name mean a temporary table."""
    if not table.alias and isinstance(table.parent, exp.From | exp.Join):
        # What the statement calls by the table's name is still called so.
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
    table.set("this", exp.to_identifier(own, quoted=True))
    table.set("db", None if is_new else exp.to_identifier("main", quoted=True))
    table.set("catalog", None if is_new else exp.to_identifier("temp", quoted=True))


def _rename(expression: Expr, connection: FakeSnowflakeConnection) -> None:
    """Keep a temporary table known that ALTER TABLE renames."""
    if not isinstance(expression, exp.Alter):
        return
    renaming = expression.find(exp.AlterRename)
    table = expression.this
    if renaming is None or not isinstance(table, exp.Table) or table.db != "main":
        return
    known = temporaries(connection)
    new = full_name(renaming.this, connection)
    old = next((name for name, own in known.items() if own == table.name), None)
    if old is not None and new is not None:
        del known[old]
        known[new] = _free_name(new, known)
        renaming.set("this", exp.Table(this=exp.to_identifier(known[new], quoted=True)))


FakeSnowflakeCursor._transform = _with_own_names  # type: ignore[method-assign]
FakeSnowflakeCursor._execute = _forget_dropped  # type: ignore[method-assign]
