"""pandas over an engine."""

import datetime

import pandas as pd
import pytest
from snowflake.connector.pandas_tools import make_pd_writer, pd_writer
from sqlalchemy import inspect, text


@pytest.fixture
def frame() -> pd.DataFrame:
    """Three rows."""
    return pd.DataFrame(
        {
            "id": [1, 2, 3],
            "name": ["a", None, "c"],
            "score": [0.5, 1.5, 2.5],
            "day": [datetime.date(2024, 1, n) for n in (1, 2, 3)],
        }
    )


def test_to_sql_and_read_sql(engine, frame):
    frame.to_sql("scores", engine, index=False)
    back = pd.read_sql("SELECT * FROM scores ORDER BY id", engine)
    assert list(back.columns) == ["id", "name", "score", "day"]
    assert back["score"].tolist() == [0.5, 1.5, 2.5]
    assert back["name"].isna().tolist() == [False, True, False]


def test_to_sql_replace_and_append(engine, frame):
    frame.to_sql("scores", engine, index=False)
    frame.to_sql("scores", engine, index=False, if_exists="append")
    count = "SELECT COUNT(*) AS n FROM scores"
    assert pd.read_sql(count, engine)["n"].tolist() == [6]
    frame.to_sql("scores", engine, index=False, if_exists="replace")
    assert pd.read_sql(count, engine)["n"].tolist() == [3]
    with pytest.raises(ValueError, match="already exists"):
        frame.to_sql("scores", engine, index=False)


def test_to_sql_multi(engine, frame):
    frame.to_sql("scores", engine, index=False, method="multi", chunksize=2)
    assert len(pd.read_sql_table("scores", engine)) == 3


def test_read_sql_table(engine, frame):
    frame.to_sql("scores", engine, index=False)
    back = pd.read_sql_table("scores", engine, columns=["id", "name"], index_col="id")
    assert sorted(back.index) == [1, 2, 3]


def test_read_sql_with_parameters(engine, frame):
    frame.to_sql("scores", engine, index=False)
    back = pd.read_sql(text("SELECT name FROM scores WHERE id = :id"), engine, params={"id": 3})
    assert back["name"].tolist() == ["c"]


def test_read_sql_in_chunks(engine, frame):
    frame.to_sql("scores", engine, index=False)
    chunks = list(pd.read_sql("SELECT id FROM scores", engine, chunksize=2))
    assert sum(len(chunk) for chunk in chunks) == 3


def test_pd_writer(engine, frame):
    upper = frame.rename(columns=str.upper)[["ID", "NAME", "SCORE"]]
    upper.to_sql("scores", engine, index=False, method=pd_writer)
    back = pd.read_sql("SELECT * FROM scores ORDER BY id", engine)
    assert back["score"].tolist() == [0.5, 1.5, 2.5]


def test_pd_writer_in_parallel(engine, frame):
    upper = frame.rename(columns=str.upper)[["ID", "SCORE"]]
    upper.to_sql("scores", engine, index=False, method=make_pd_writer(parallel=2))
    assert len(pd.read_sql("SELECT * FROM scores", engine)) == 3


def test_has_the_right_columns(engine, frame):
    frame.to_sql("scores", engine, index=False)
    types = {c["name"]: str(c["type"]) for c in inspect(engine).get_columns("scores")}
    assert types["score"].startswith("FLOAT")
    assert types["day"] == "DATE"
