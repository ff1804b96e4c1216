"""Stages: files put, got, read, loaded and unloaded."""

import gzip
import io
from pathlib import Path

import pandas as pd
import pytest
from snowflake.snowpark import Row, Session
from snowflake.snowpark.functions import col
from snowflake.snowpark.types import (
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
)

SCHEMA = StructType([StructField("ID", LongType()), StructField("NAME", StringType())])


@pytest.fixture
def stage(session: Session) -> str:
    """An internal stage."""
    session.sql("CREATE STAGE FILES").collect()
    return "@FILES"


@pytest.fixture
def people(session: Session, stage: str, tmp_path: Path) -> str:
    """A CSV file on the stage."""
    file = tmp_path / "people.csv"
    file.write_text("ID,NAME\n1,Ada\n2,Bo\n")
    session.file.put(str(file), stage, auto_compress=False)
    return f"{stage}/people.csv"


def test_put(session: Session, stage: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    [result] = session.file.put(str(tmp_path / "a.txt"), stage)
    assert (result.source, result.target, result.status) == ("a.txt", "a.txt.gz", "UPLOADED")
    assert [row["name"] for row in session.sql(f"LIST {stage}").collect()] == ["files/a.txt.gz"]


def test_put_several(session: Session, stage: str, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    results = session.file.put(str(tmp_path / "*.txt"), f"{stage}/sub", auto_compress=False)
    assert sorted(result.target for result in results) == ["a.txt", "b.txt"]


def test_get(session: Session, stage: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    session.file.put(str(tmp_path / "a.txt"), stage, auto_compress=False)
    [result] = session.file.get(f"{stage}/a.txt", str(tmp_path / "back"))
    assert result.file == "a.txt"
    assert (tmp_path / "back" / "a.txt").read_text() == "hello"


def test_put_stream(session: Session, stage: str) -> None:
    result = session.file.put_stream(io.BytesIO(b"hello"), f"{stage}/s.txt", auto_compress=False)
    assert (result.target, result.status) == ("s.txt", "UPLOADED")


def test_get_stream(session: Session, stage: str) -> None:
    session.file.put_stream(io.BytesIO(b"hello"), f"{stage}/s.txt", auto_compress=False)
    with session.file.get_stream(f"{stage}/s.txt") as stream:
        assert stream.read() == b"hello"


def test_get_stream_decompressed(session: Session, stage: str) -> None:
    session.file.put_stream(io.BytesIO(gzip.compress(b"hello")), f"{stage}/s.txt.gz")
    with session.file.get_stream(f"{stage}/s.txt.gz", decompress=True) as stream:
        assert stream.read() == b"hello"


def test_remove(session: Session, people: str, stage: str) -> None:
    session.sql(f"REMOVE {people}").collect()
    assert session.sql(f"LIST {stage}").collect() == []


def test_file_remove(session: Session, people: str, stage: str) -> None:
    session.file.remove(people)
    assert session.sql(f"LIST {stage}").collect() == []


def test_session_stage(session: Session, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    stage = session.get_session_stage()
    [result] = session.file.put(str(tmp_path / "a.txt"), stage, auto_compress=False)
    assert result.status == "UPLOADED"


def test_read_csv(session: Session, people: str) -> None:
    frame = session.read.schema(SCHEMA).option("skip_header", 1).csv(people)
    assert frame.sort("ID").collect() == [Row(ID=1, NAME="Ada"), Row(ID=2, NAME="Bo")]


def test_read_csv_and_its_schema(session: Session, people: str) -> None:
    frame = session.read.options({"infer_schema": True, "parse_header": True}).csv(people)
    assert frame.columns == ["ID", "NAME"]
    assert frame.count() == 2


def test_read_csv_and_filter(session: Session, people: str) -> None:
    frame = session.read.schema(SCHEMA).options({"skip_header": 1, "field_delimiter": ","})
    assert frame.csv(people).filter(col("ID") == 2).select("NAME").collect() == [Row(NAME="Bo")]


def test_read_json(session: Session, stage: str) -> None:
    session.file.put_stream(
        io.BytesIO(b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'),
        f"{stage}/rows.json",
        auto_compress=False,
    )
    frame = session.read.json(f"{stage}/rows.json")
    found = frame.select(col("$1")["a"].cast("int").alias("A")).sort("A").collect()
    assert found == [Row(A=1), Row(A=2)]


def test_read_parquet(session: Session, stage: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pd.DataFrame({"ID": [1, 2], "NAME": ["Ada", "Bo"]}).to_parquet(file)
    session.file.put(str(file), stage, auto_compress=False)
    frame = session.read.parquet(f"{stage}/rows.parquet")
    assert frame.sort('"ID"').collect() == [Row(ID=1, NAME="Ada"), Row(ID=2, NAME="Bo")]


def test_copy_csv_into_table(session: Session, people: str) -> None:
    session.sql("CREATE TABLE PEOPLE (ID INT, NAME VARCHAR)").collect()
    frame = session.read.schema(SCHEMA).option("skip_header", 1).csv(people)
    frame.copy_into_table("PEOPLE")
    assert session.table("PEOPLE").sort("ID").collect()[0] == Row(ID=1, NAME="Ada")


def test_copy_makes_the_table(session: Session, people: str) -> None:
    frame = session.read.schema(SCHEMA).option("skip_header", 1).csv(people)
    frame.copy_into_table("NEW_PEOPLE")
    assert session.table("NEW_PEOPLE").count() == 2


def test_copy_with_a_transformation(session: Session, people: str) -> None:
    session.sql("CREATE TABLE PEOPLE (ID INT)").collect()
    frame = session.read.schema(SCHEMA).option("skip_header", 1).csv(people)
    frame.copy_into_table("PEOPLE", transformations=[col("$1").cast("int") * 10])
    assert sorted(row[0] for row in session.table("PEOPLE").collect()) == [10, 20]


def test_unload_csv(session: Session, stage: str) -> None:
    frame = session.create_dataframe([(1, "Ada"), (2, "Bo")], schema=["ID", "NAME"])
    [result] = frame.write.copy_into_location(
        f"{stage}/out/", file_format_type="csv", header=True, overwrite=True, single=False
    )
    assert result["rows_unloaded"] == 2
    assert len(session.sql(f"LIST {stage}/out").collect()) == 1


def test_unload_one_csv(session: Session, stage: str) -> None:
    frame = session.create_dataframe([(1, "Ada"), (2, "Bo")], schema=["ID", "NAME"]).sort("ID")
    frame.write.csv(
        f"{stage}/out.csv",
        header=True,
        overwrite=True,
        single=True,
        format_type_options={"compression": "none"},
    )
    with session.file.get_stream(f"{stage}/out.csv") as stream:
        assert stream.read().decode().splitlines() == ["ID,NAME", "1,Ada", "2,Bo"]


def test_unload_parquet(session: Session, stage: str, tmp_path: Path) -> None:
    frame = session.create_dataframe([(1, 0.5), (2, 1.5)], schema=["ID", "X"])
    frame.write.parquet(f"{stage}/out.parquet", header=True, overwrite=True, single=True)
    session.file.get(f"{stage}/out.parquet", str(tmp_path))
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 2


def test_unload_and_read(session: Session, stage: str) -> None:
    schema = StructType([StructField("ID", LongType()), StructField("X", DoubleType())])
    session.create_dataframe([(1, 0.5)], schema).write.csv(f"{stage}/back/", overwrite=True)
    assert session.read.schema(schema).csv(f"{stage}/back/").collect() == [Row(ID=1, X=0.5)]
