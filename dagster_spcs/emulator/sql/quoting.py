"""Names and texts as SQL has them: Snowflake's and DuckDB's."""

from typing import Any


def quoted(*parts: str) -> str:
    """Return a name of these parts, in stored form, as SQL of either."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(value: str | None) -> str:
    """Return a text as Snowflake's SQL writes it."""
    if value is None:
        return "NULL"
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def duckdb_literal(text: Any) -> str:
    """Return a text as DuckDB's SQL writes it, in which a backslash is one."""
    return "'" + str(text).replace("'", "''") + "'"
