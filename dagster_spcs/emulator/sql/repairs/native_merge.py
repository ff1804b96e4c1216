"""MERGE is DuckDB's own; fakesnow 0.12 takes it apart into several statements.

Taken apart, it wants an alias for the source, takes unqualified columns for ambiguous ones, leaves
a half behind when it fails, and does not see that two rows of the source meet one of the target.
"""

from typing import Any

from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr, exp, parse_one

_explode = FakeSnowflakeCursor._transform_explode
_execute = FakeSnowflakeCursor._execute
_KINDS = ("INSERT", "UPDATE", "DELETE")
"""In the order in which an account counts them."""
NONDETERMINISTIC = "_spcs_nondeterministic_merge"
"""The attribute of a connection that may choose any of several rows of the source."""


def _as_one(self: FakeSnowflakeCursor, expression: Expr) -> list[Expr]:
    if not isinstance(expression, exp.Merge) or getattr(self._conn, NONDETERMINISTIC, False):
        return _explode(self, expression)
    _unqualify(expression)
    return [expression]


def _unqualify(merge: exp.Merge) -> None:
    """Name the columns that are set without their table, as DuckDB wants them."""
    for when in merge.args["whens"].expressions:
        then = when.args["then"]
        if not isinstance(then, exp.Update):
            continue
        for assignment in then.expressions:
            if isinstance(assignment.this, exp.Column):
                assignment.set("this", exp.column(assignment.this.this.copy()))


def _counted(self: FakeSnowflakeCursor, transformed: Expr, params: Any = None) -> None:
    if not isinstance(transformed, exp.Merge):
        _execute(self, transformed, params)
        return
    if not self._conn._autocommit and not self._conn._in_transaction:
        self._duck_conn.begin()
        self._conn._in_transaction = True
    sql = f"{transformed.sql(dialect='duckdb')} RETURNING merge_action"
    done = [action for (action,) in self._duck_conn.execute(sql, params).fetchall()]
    kinds = {_kind(when) for when in transformed.args["whens"].expressions}
    counts = ", ".join(
        f'{done.count(kind)} AS "number of rows {_past(kind)}"' for kind in _KINDS if kind in kinds
    )
    answer = parse_one(f"SELECT {counts}", read="duckdb")
    answer.set("merge_counts", True)
    _execute(self, answer)
    self._last_transformed = transformed  # type: ignore[assignment]


def _kind(when: Expr) -> str:
    then = when.args["then"]
    if isinstance(then, exp.Insert):
        return "INSERT"
    return "UPDATE" if isinstance(then, exp.Update) else "DELETE"


def _past(kind: str) -> str:
    return {"INSERT": "inserted", "UPDATE": "updated", "DELETE": "deleted"}[kind]


FakeSnowflakeCursor._transform_explode = _as_one  # type: ignore[method-assign]
FakeSnowflakeCursor._execute = _counted  # type: ignore[method-assign]
