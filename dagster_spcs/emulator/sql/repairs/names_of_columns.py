"""A column without an alias is named after its expression; fakesnow leaves DuckDB's names.

An account names ``SELECT COUNT(*)`` ``COUNT(*)``, where DuckDB says ``count_star()``.
"""

from typing import Any

from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr, exp

_transform = FakeSnowflakeCursor._transform
_NAMED = (exp.Alias, exp.Aliases, exp.Column, exp.Star)
_CALLS = {exp.CurrentDate: "today", exp.CurrentTime: "get_current_time"}
"""Words that DuckDB would take for a column of that name; these functions are the same."""


def _with_names(self: FakeSnowflakeCursor, expression: Expr, params: Any) -> Expr:
    if isinstance(expression, exp.Select):
        for column in expression.expressions:
            if not isinstance(column, _NAMED):
                name = column.sql(dialect="snowflake", comments=False)
                call = _CALLS.get(type(column))
                value = column.copy() if call is None else exp.Anonymous(this=call)
                column.replace(exp.alias_(value, _upper(name), quoted=True))
    return _transform(self, expression, params)


def _upper(text: str) -> str:
    """Return SQL in upper case, except between quotes."""
    pieces = text.split("'")
    pieces[::2] = [piece.upper() for piece in pieces[::2]]
    return "'".join(pieces)


FakeSnowflakeCursor._transform = _with_names  # type: ignore[method-assign]
