"""``ROW_NUMBER() OVER (ORDER BY SEQ8())`` and ``DEFAULT S.NEXTVAL`` number rows.

For DuckDB the first becomes a window within a window, the second gets an alias; neither may be.
"""

from typing import Any

from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr, exp

_transform = FakeSnowflakeCursor._transform
_SEQUENCES = (exp.Seq1, exp.Seq2, exp.Seq4, exp.Seq8)


def _in_any_order(self: FakeSnowflakeCursor, expression: Expr, params: Any) -> Expr:
    for order in expression.find_all(exp.Order):
        if isinstance(order.parent, exp.Window):
            for sequence in list(order.find_all(*_SEQUENCES)):
                sequence.replace(exp.Null())
    transformed = _transform(self, expression, params)
    for default in transformed.find_all(exp.DefaultColumnConstraint):
        if isinstance(default.this, exp.Alias):
            default.set("this", default.this.this)
    return transformed


FakeSnowflakeCursor._transform = _in_any_order  # type: ignore[method-assign]
