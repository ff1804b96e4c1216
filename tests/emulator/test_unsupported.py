"""What nobody here has is refused by name, and leaves nothing behind."""

import pytest
from snowflake.connector.errors import ProgrammingError

from tests.support.emulators import Lab


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE FUNCTION F(X INT) RETURNS INT AS 'X + 1'", "CREATE FUNCTION"),
        ("create or replace /* ours */ secure function F(X INT) returns INT as $$X$$",
         "CREATE FUNCTION"),
        ("CREATE TEMPORARY FUNCTION F(X INT) RETURNS INT AS 'X'", "CREATE FUNCTION"),
        ("CREATE PROCEDURE F() RETURNS INT LANGUAGE SQL AS 'BEGIN RETURN 1; END'",
         "CREATE PROCEDURE"),
        ("CREATE DYNAMIC TABLE F TARGET_LAG = '1 minute' WAREHOUSE = W AS SELECT 1 AS A",
         "CREATE DYNAMIC TABLE"),
        ("CREATE EXTERNAL TABLE F (A INT) LOCATION = @S", "CREATE EXTERNAL TABLE"),
        ("CREATE STREAM F ON TABLE T", "CREATE STREAM"),
        ("CREATE MACRO F(X) AS X", "CREATE MACRO"),
        ("CREATE TYPE F AS INT", "CREATE TYPE"),
        ("UNDROP TABLE F", "UNDROP"),
    ],
)  # fmt: skip
def test_creating_what_is_not_emulated(lab: Lab, statement: str, named: str) -> None:
    """Neither DuckDB's namesake nor an ordinary table is made in its place."""
    with pytest.raises(ProgrammingError, match=f"Unsupported feature '{named}") as caught:
        lab.rows(statement)
    assert caught.value.errno == 2
    for left in ("SELECT F(1)", "SELECT F()", "SELECT * FROM F", "DROP TABLE F"):
        with pytest.raises(ProgrammingError):
            lab.rows(left)
