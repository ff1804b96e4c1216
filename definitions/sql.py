"""The example's own SQL. Names are constants of this project, values are bound."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dagster_snowflake import SnowflakeResource
from snowflake.connector import SnowflakeConnection

CREATE_REVIEWS = """
CREATE TABLE IF NOT EXISTS REVIEWS (
  REVIEW_ID INTEGER, PRODUCT VARCHAR, LANGUAGE VARCHAR, REVIEW_TEXT VARCHAR, WRITTEN_ON DATE,
  LOADED_AT TIMESTAMP_NTZ
)
"""

REVIEW_IDS = "SELECT REVIEW_ID FROM REVIEWS"

INSERT_REVIEW = """
INSERT INTO REVIEWS (REVIEW_ID, PRODUCT, LANGUAGE, REVIEW_TEXT, WRITTEN_ON, LOADED_AT)
VALUES (%s, %s, %s, %s, %s, %s)
"""

SOURCE_STATE = "SELECT COUNT(*), MAX(LOADED_AT) FROM REVIEWS"

INSIGHTS = """
CREATE OR REPLACE TABLE REVIEW_INSIGHTS AS
SELECT
  r.PRODUCT AS PRODUCT,
  COUNT(*) AS REVIEWS,
  SUM(CASE WHEN s.LABEL = 'positive' THEN 1 ELSE 0 END) AS POSITIVE,
  SUM(CASE WHEN s.LABEL = 'neutral' THEN 1 ELSE 0 END) AS NEUTRAL,
  SUM(CASE WHEN s.LABEL = 'negative' THEN 1 ELSE 0 END) AS NEGATIVE,
  ROUND(AVG(s.SCORE), 3) AS MEAN_SCORE,
  ROUND(AVG(LENGTH(r.REVIEW_TEXT)), 0) AS MEAN_LENGTH,
  ROUND(AVG(LENGTH(z.SUMMARY)), 0) AS MEAN_SUMMARY_LENGTH
FROM REVIEWS r
JOIN SENTIMENT_RESULTS s ON s.REVIEW_ID = r.REVIEW_ID
JOIN SUMMARIZATION_RESULTS z ON z.REVIEW_ID = r.REVIEW_ID
GROUP BY r.PRODUCT
"""

READ_INSIGHTS = """
SELECT PRODUCT, REVIEWS, POSITIVE, NEUTRAL, NEGATIVE, MEAN_SCORE, MEAN_LENGTH, MEAN_SUMMARY_LENGTH
FROM REVIEW_INSIGHTS ORDER BY MEAN_SCORE DESC
"""

SCORES = "SELECT SCORE FROM SENTIMENT_RESULTS WHERE SCORE IS NOT NULL"

UNANALYSED = """
SELECT COUNT(*) FROM REVIEWS r
WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE t.REVIEW_ID = r.REVIEW_ID)
"""

MISSING_LABELS = "SELECT COUNT(*) FROM SENTIMENT_RESULTS WHERE LABEL IS NULL OR LABEL = ''"


def unanalysed(table: str) -> str:
    """Return the query for the number of reviews without a row in a result table."""
    assert table in ("SENTIMENT_RESULTS", "SUMMARIZATION_RESULTS")
    return UNANALYSED.format(table=table)


class Warehouse:
    """Runs SQL over one connection."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self._connection = connection

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        with self._connection.cursor() as cursor:
            cursor.execute(text)
            return [tuple(row) for row in cursor.fetchall()]

    def value(self, text: str) -> Any:
        """Run a query and return the one value it gives."""
        return self.rows(text)[0][0]

    def insert(self, text: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows in one statement; nothing for no rows."""
        if rows:
            with self._connection.cursor() as cursor:
                cursor.executemany(text, rows)


@contextmanager
def warehouse(resource: SnowflakeResource) -> Iterator[Warehouse]:
    """Connect and give a ``Warehouse``."""
    with resource.get_connection() as connection:
        yield Warehouse(connection)
