"""A name that is a word of DuckDB's SQL and none of Snowflake's, like AT, is quoted."""

from functools import cache
from typing import Any

import duckdb
from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr, exp

_transform = FakeSnowflakeCursor._transform


@cache
def _keywords() -> frozenset[str]:
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT upper(keyword_name) FROM duckdb_keywords()").fetchall()
    return frozenset(word for (word,) in rows)


def _quoted(self: FakeSnowflakeCursor, expression: Expr, params: Any) -> Expr:
    transformed = _transform(self, expression, params)
    for name in transformed.find_all(exp.Identifier):
        if isinstance(name.parent, exp.Column | exp.ColumnDef) and name.name.upper() in _keywords():
            name.set("quoted", True)
    return transformed


FakeSnowflakeCursor._transform = _quoted  # type: ignore[method-assign]
