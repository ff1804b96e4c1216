"""``ARRAY_CONSTRUCT(1, 'b')`` holds values of any types; a list of DuckDB's has one type."""

from typing import Any

from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr, exp

_transform = FakeSnowflakeCursor._transform


def _of_any_types(self: FakeSnowflakeCursor, expression: Expr, params: Any) -> Expr:
    for array in list(expression.find_all(exp.Array)):
        kinds = {
            (type(part), part.is_string if isinstance(part, exp.Literal) else None)
            for part in array.expressions
            if not isinstance(part, exp.Null)
        }
        if len(kinds) > 1:
            parts = [part.copy() for part in array.expressions]
            array.replace(exp.Anonymous(this="json_array", expressions=parts))
    return _transform(self, expression, params)


FakeSnowflakeCursor._transform = _of_any_types  # type: ignore[method-assign]
