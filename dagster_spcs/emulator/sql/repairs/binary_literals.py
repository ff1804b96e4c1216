"""``'01'::BINARY`` reads hexadecimal digits; DuckDB takes the letters themselves."""

from typing import Any

from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr, exp

_transform = FakeSnowflakeCursor._transform
_BINARY = (exp.DataType.Type.BINARY, exp.DataType.Type.VARBINARY)


def _of_digits(self: FakeSnowflakeCursor, expression: Expr, params: Any) -> Expr:
    for cast in list(expression.find_all(exp.Cast)):
        is_text = isinstance(cast.this, exp.Literal) and cast.this.is_string
        if is_text and cast.to.this in _BINARY:
            cast.replace(exp.Unhex(this=cast.this.copy()))
    return _transform(self, expression, params)


FakeSnowflakeCursor._transform = _of_digits  # type: ignore[method-assign]
