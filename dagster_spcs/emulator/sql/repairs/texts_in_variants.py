"""A text inside a VARIANT compares as text: ``V:KEY = 'x'``; fakesnow compares it as JSON.

DuckDB then reads ``x`` as JSON and fails.
"""

from typing import Any

from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr, exp

_transform = FakeSnowflakeCursor._transform
_COMPARING = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Like, exp.ILike)
_JOINING = (exp.DPipe, exp.Concat)


def _as_text(self: FakeSnowflakeCursor, expression: Expr, params: Any) -> Expr:
    found = [each for each in expression.find_all(exp.JSONExtract, exp.Bracket) if _is_text(each)]
    for part in found:
        part.replace(exp.cast(part.copy(), "VARCHAR"))
    return _transform(self, expression, params)


def _is_text(part: Expr) -> bool:
    """Whether a part of a VARIANT stands where a text is compared or joined."""
    around = part.parent
    if not _is_of_variant(part) or not isinstance(around, _COMPARING + _JOINING):
        return False
    if isinstance(around, _JOINING):
        return True
    others = [around.this, around.args.get("expression"), *(around.args.get("expressions") or [])]
    return any(
        other is not None
        and other is not part
        and not _is_of_variant(other)
        and not _is_number(other)
        for other in others
    )


def _is_of_variant(part: Expr) -> bool:
    if isinstance(part, exp.Paren):
        return _is_of_variant(part.this)
    if isinstance(part, exp.Bracket):
        return len(part.expressions) == 1 and isinstance(part.expressions[0], exp.Literal)
    return isinstance(part, exp.JSONExtract)


def _is_number(part: Expr) -> bool:
    return isinstance(part, exp.Boolean | exp.Neg | exp.Null) or (
        isinstance(part, exp.Literal) and not part.is_string
    )


FakeSnowflakeCursor._transform = _as_text  # type: ignore[method-assign]
