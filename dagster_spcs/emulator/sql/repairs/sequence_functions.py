"""``ROW_NUMBER() OVER (ORDER BY SEQ8())``, as Snowpark's ``range`` has it, numbers the rows.

For DuckDB the function becomes a window of its own, and a window may not be within another.
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
    return _transform(self, expression, params)


FakeSnowflakeCursor._transform = _in_any_order  # type: ignore[method-assign]
