"""Snowpark and pandas."""

import pandas as pd
from snowflake.snowpark import Session


def test_to_pandas(session: Session) -> None:
    frame = session.create_dataframe([(1, "a"), (2, None)], schema=["A", "B"]).sort("A")
    found = frame.to_pandas()
    assert list(found.columns) == ["A", "B"]
    assert found["A"].tolist() == [1, 2]
    assert found["B"].tolist() == ["a", None]


def test_sql_to_pandas(session: Session) -> None:
    assert session.sql("SELECT 1 AS A").to_pandas().to_dict("list") == {"A": [1]}


def test_to_pandas_in_batches(session: Session) -> None:
    batches = list(session.range(2000).to_pandas_batches())
    assert sum(len(batch) for batch in batches) == 2000


def test_to_arrow(session: Session) -> None:
    table = session.sql("SELECT 1 AS A").to_arrow()
    assert table.to_pydict() == {"A": [1]}


def test_write_pandas(session: Session) -> None:
    frame = pd.DataFrame({"A": [1, 2], "B": ["x", "y"]})
    written = session.write_pandas(frame, "T", auto_create_table=True)
    assert written.count() == 2


def test_write_pandas_replacing(session: Session) -> None:
    frame = pd.DataFrame({"A": [1, 2]})
    for _ in range(2):
        written = session.write_pandas(frame, "T", auto_create_table=True, overwrite=True)
    assert written.count() == 2


def test_write_pandas_temporary(session: Session) -> None:
    frame = pd.DataFrame({"A": [1, 2]})
    written = session.write_pandas(frame, "T", auto_create_table=True, table_type="temp")
    assert written.count() == 2


def test_write_pandas_into_a_table(session: Session) -> None:
    session.sql("CREATE TABLE T (A INT, B VARCHAR)").collect()
    session.write_pandas(pd.DataFrame({"A": [1], "B": ["x"]}), "T")
    assert session.table("T").count() == 1
