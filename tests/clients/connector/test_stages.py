"""Files on stages: PUT, GET, LIST, REMOVE, loading, unloading, reading in place."""

import gzip
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from snowflake.connector import DictCursor
from snowflake.connector.errors import DatabaseError


@pytest.fixture
def stage(cursor, tmp_path: Path) -> Path:
    """A stage S and a folder with files."""
    cursor.execute("CREATE STAGE S")
    (tmp_path / "a.csv").write_text("id,name\n1,one\n2,two\n")
    (tmp_path / "b.csv").write_text("id,name\n3,three\n")
    (tmp_path / "c.json").write_text('{"id": 1, "tags": ["x"]}\n{"id": 2, "tags": []}\n')
    pd.DataFrame({"ID": [1, 2], "NAME": ["p", "q"]}).to_parquet(tmp_path / "d.parquet")
    return tmp_path


def put(cursor, pattern, target="@S", options="AUTO_COMPRESS=FALSE"):
    """Upload files."""
    return cursor.execute(f"PUT 'file://{pattern}' {target} {options}").fetchall()


def test_put_answers(cursor, stage):
    cursor.execute(f"PUT 'file://{stage}/a.csv' @S")
    assert [c.name for c in cursor.description] == [
        "source", "target", "source_size", "target_size", "source_compression",
        "target_compression", "status", "message",
    ]  # fmt: skip
    row = cursor.fetchone()
    assert (row[0], row[1], row[4], row[5], row[6]) == (
        "a.csv", "a.csv.gz", "NONE", "GZIP", "UPLOADED",
    )  # fmt: skip


def test_put_again_with_overwrite(cursor, stage):
    put(cursor, f"{stage}/a.csv")
    (stage / "a.csv").write_text("id,name\n9,nine\n")
    assert put(cursor, f"{stage}/a.csv", options="AUTO_COMPRESS=FALSE OVERWRITE=TRUE")[0][6] == (
        "UPLOADED"
    )
    (stage / "back").mkdir()
    cursor.execute(f"GET @S/a.csv 'file://{stage}/back/'")
    assert (stage / "back" / "a.csv").read_text().endswith("9,nine\n")


def test_put_of_several_files_and_list(connection, stage):
    cursor = connection.cursor()
    rows = put(cursor, f"{stage}/*.csv", "@S/in/")
    assert sorted(row[0] for row in rows) == ["a.csv", "b.csv"]
    listed = connection.cursor(DictCursor).execute("LIST @S").fetchall()
    assert [row["name"] for row in listed] == ["s/in/a.csv", "s/in/b.csv"]
    assert listed[0]["size"] == (stage / "a.csv").stat().st_size
    assert len(listed[0]["md5"]) == 32
    assert listed[0]["last_modified"].endswith("GMT")


def test_list_with_pattern(cursor, stage):
    put(cursor, f"{stage}/*.csv")
    rows = cursor.execute("LS @S PATTERN = '.*b[.]csv'").fetchall()
    assert [row[0] for row in rows] == ["s/b.csv"]


def test_get(cursor, stage, tmp_path):
    put(cursor, f"{stage}/*.csv", "@S/in")
    target = tmp_path / "target"
    target.mkdir()
    cursor.execute(f"GET @S/in 'file://{target}/'")
    assert [c.name for c in cursor.description] == ["file", "size", "status", "message"]
    assert sorted(row[2] for row in cursor.fetchall()) == ["DOWNLOADED", "DOWNLOADED"]
    assert (target / "a.csv").read_text() == (stage / "a.csv").read_text()
    assert (target / "b.csv").exists()


def test_get_with_pattern(cursor, stage, tmp_path):
    put(cursor, f"{stage}/*.csv")
    target = tmp_path / "target"
    target.mkdir()
    cursor.execute(f"GET @S 'file://{target}/' PATTERN = '.*a[.]csv'")
    assert [file.name for file in target.iterdir()] == ["a.csv"]


def test_remove(cursor, stage):
    put(cursor, f"{stage}/*.csv")
    cursor.execute("REMOVE @S/a.csv")
    assert [c.name for c in cursor.description] == ["name", "result"]
    assert cursor.fetchall() == [("s/a.csv", "removed")]
    assert [row[0] for row in cursor.execute("LIST @S").fetchall()] == ["s/b.csv"]


def test_put_from_a_stream(cursor, stage):
    cursor.execute(
        "PUT file://stream.csv @S AUTO_COMPRESS=FALSE", file_stream=io.BytesIO(b"5,five\n")
    )
    assert cursor.execute("LIST @S").fetchall()[0][0] == "s/stream.csv"


def test_user_and_table_stage(cursor, stage):
    cursor.execute("CREATE TABLE T (ID INT, NAME VARCHAR)")
    put(cursor, f"{stage}/a.csv", "@%T")
    put(cursor, f"{stage}/b.csv", "@~/mine")
    assert len(cursor.execute("LIST @%T").fetchall()) == 1
    assert cursor.execute("LIST @~/mine").fetchall()[0][0] == "mine/b.csv"
    cursor.execute("REMOVE @~/mine")
    cursor.execute("COPY INTO T FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1)")
    assert cursor.execute("SELECT COUNT(*) FROM T").fetchone() == (2,)


def test_copy_into_answers(connection, stage):
    cursor = connection.cursor(DictCursor)
    cursor.execute("CREATE TABLE T (ID INT, NAME VARCHAR)")
    put(cursor, f"{stage}/a.csv")
    cursor.execute("COPY INTO T FROM @S FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1)")
    row = cursor.fetchone()
    assert row["file"] == "s/a.csv"
    assert (row["status"], row["rows_parsed"], row["rows_loaded"]) == ("LOADED", 2, 2)
    assert (row["errors_seen"], row["first_error"]) == (0, None)


def test_copy_into_with_compressed_files(cursor, stage):
    cursor.execute("CREATE TABLE T (ID INT, NAME VARCHAR)")
    put(cursor, f"{stage}/*.csv", options="")
    cursor.execute("COPY INTO T FROM @S FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1)")
    assert cursor.execute("SELECT SUM(ID) FROM T").fetchone() == (6,)


def test_copy_into_with_pattern(cursor, stage):
    cursor.execute("CREATE TABLE T (ID INT, NAME VARCHAR)")
    put(cursor, f"{stage}/*")
    cursor.execute(
        "COPY INTO T FROM @S PATTERN = '.*[.]csv' FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1)"
    )
    assert cursor.execute("SELECT SUM(ID) FROM T").fetchone() == (6,)


def test_copy_into_with_files_and_named_format(cursor, stage):
    cursor.execute("CREATE TABLE T (ID INT, NAME VARCHAR)")
    cursor.execute("CREATE FILE FORMAT CSV_1 TYPE = CSV SKIP_HEADER = 1 FIELD_DELIMITER = ','")
    put(cursor, f"{stage}/*.csv")
    cursor.execute("COPY INTO T FROM @S FILES = ('a.csv') FILE_FORMAT = (FORMAT_NAME = 'CSV_1')")
    assert cursor.execute("SELECT COUNT(*) FROM T").fetchone() == (2,)
    cursor.execute("COPY INTO T FROM @S FILES = ('b.csv') FILE_FORMAT = (FORMAT_NAME = CSV_1)")
    assert cursor.execute("SELECT COUNT(*) FROM T").fetchone() == (3,)


def test_copy_does_not_load_twice(cursor, stage):
    cursor.execute("CREATE TABLE T (ID INT, NAME VARCHAR)")
    put(cursor, f"{stage}/a.csv")
    text = "COPY INTO T FROM @S FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1)"
    cursor.execute(text)
    cursor.execute(text)
    assert cursor.fetchall() == [("Copy executed with 0 files processed.",)]
    cursor.execute(f"{text} FORCE = TRUE")
    assert cursor.execute("SELECT COUNT(*) FROM T").fetchone() == (4,)


@pytest.mark.xfail(reason="the text is DuckDB's; the number is an account's")
def test_copy_with_on_error_and_purge(cursor, stage):
    cursor.execute("CREATE TABLE T (ID INT, NAME VARCHAR)")
    (stage / "bad.csv").write_text("1,one\nx,bad\n3,three\n")
    put(cursor, f"{stage}/bad.csv")
    with pytest.raises(DatabaseError, match="Numeric value 'x' is not recognized"):
        cursor.execute("COPY INTO T FROM @S FILE_FORMAT = (TYPE = CSV)")
    cursor.execute(
        "COPY INTO T FROM @S FILE_FORMAT = (TYPE = CSV) ON_ERROR = CONTINUE PURGE = TRUE"
    )
    row = cursor.fetchone()
    assert row[1:4] == ("PARTIALLY_LOADED", 3, 2)
    assert cursor.execute("SELECT ID FROM T ORDER BY ID").fetchall() == [(1,), (3,)]
    assert cursor.execute("LIST @S").fetchall() == []


def test_copy_of_a_transformation(cursor, stage):
    cursor.execute("CREATE TABLE T (ID INT, NAME VARCHAR, FILE VARCHAR)")
    put(cursor, f"{stage}/a.csv")
    cursor.execute(
        "COPY INTO T FROM (SELECT $1, UPPER($2), METADATA$FILENAME FROM @S)"
        " FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1)"
    )
    cursor.execute("SELECT * FROM T ORDER BY ID")
    assert cursor.fetchall() == [(1, "ONE", "a.csv"), (2, "TWO", "a.csv")]


def test_copy_json(cursor, stage):
    cursor.execute("CREATE TABLE T (V VARIANT)")
    put(cursor, f"{stage}/c.json")
    cursor.execute("COPY INTO T FROM @S FILE_FORMAT = (TYPE = JSON)")
    assert cursor.execute("SELECT V:id::INT FROM T ORDER BY 1").fetchall() == [(1,), (2,)]


def test_copy_json_by_column_name(cursor, stage):
    cursor.execute("CREATE TABLE T (ID INT, TAGS VARIANT)")
    put(cursor, f"{stage}/c.json")
    cursor.execute(
        "COPY INTO T FROM @S FILE_FORMAT = (TYPE = JSON) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
    )
    assert cursor.execute("SELECT ID FROM T ORDER BY 1").fetchall() == [(1,), (2,)]


def test_copy_parquet_by_column_name(cursor, stage):
    cursor.execute("CREATE TABLE T (ID INT, NAME VARCHAR)")
    put(cursor, f"{stage}/d.parquet")
    cursor.execute(
        "COPY INTO T FROM @S FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_SENSITIVE"
    )
    assert cursor.execute("SELECT * FROM T ORDER BY 1").fetchall() == [(1, "p"), (2, "q")]


def test_copy_parquet_of_a_transformation(cursor, stage):
    cursor.execute("CREATE TABLE T (ID INT, NAME VARCHAR)")
    put(cursor, f"{stage}/d.parquet")
    cursor.execute(
        "COPY INTO T FROM (SELECT $1:ID::INT, $1:NAME::VARCHAR FROM @S)"
        " FILE_FORMAT = (TYPE = PARQUET)"
    )
    assert cursor.execute("SELECT * FROM T ORDER BY 1").fetchall() == [(1, "p"), (2, "q")]


def test_select_from_csv(cursor, stage):
    put(cursor, f"{stage}/a.csv")
    cursor.execute("CREATE FILE FORMAT F TYPE = CSV SKIP_HEADER = 1")
    cursor.execute("SELECT $1, $2 FROM @S/a.csv (FILE_FORMAT => 'F') ORDER BY $1")
    assert cursor.fetchall() == [("1", "one"), ("2", "two")]


def test_select_from_csv_with_metadata(cursor, stage):
    put(cursor, f"{stage}/*.csv")
    cursor.execute(
        "SELECT METADATA$FILENAME, METADATA$FILE_ROW_NUMBER, T.$1 FROM @S"
        " (PATTERN => '.*[.]csv') T ORDER BY 1, 2"
    )
    rows = cursor.fetchall()
    assert rows[0] == ("a.csv", 1, "id")
    assert len(rows) == 5


def test_select_from_json(cursor, stage):
    put(cursor, f"{stage}/c.json")
    cursor.execute("CREATE FILE FORMAT F TYPE = JSON")
    cursor.execute("SELECT $1:id::INT, $1 FROM @S/c.json (FILE_FORMAT => F) ORDER BY 1")
    rows = cursor.fetchall()
    assert [row[0] for row in rows] == [1, 2]
    assert json.loads(rows[0][1]) == {"id": 1, "tags": ["x"]}


def test_select_from_parquet(cursor, stage):
    put(cursor, f"{stage}/d.parquet")
    cursor.execute("CREATE FILE FORMAT F TYPE = PARQUET")
    cursor.execute("SELECT $1:ID::INT, $1:NAME::VARCHAR FROM @S/d.parquet (FILE_FORMAT => 'F')")
    assert sorted(cursor.fetchall()) == [(1, "p"), (2, "q")]


def test_infer_schema(cursor, stage):
    put(cursor, f"{stage}/d.parquet")
    cursor.execute("CREATE FILE FORMAT F TYPE = PARQUET")
    cursor.execute(
        "SELECT COLUMN_NAME, TYPE FROM TABLE(INFER_SCHEMA("
        "LOCATION => '@S/d.parquet', FILE_FORMAT => 'F')) ORDER BY ORDER_ID"
    )
    assert cursor.fetchall() == [("ID", "NUMBER(38, 0)"), ("NAME", "TEXT")]


def test_unload_csv(cursor, stage, tmp_path):
    cursor.execute("CREATE TABLE T AS SELECT 1 AS ID, 'one' AS NAME")
    cursor.execute(
        "COPY INTO @S/out/ FROM T FILE_FORMAT = (TYPE = CSV COMPRESSION = NONE) HEADER = TRUE"
    )
    assert [c.name for c in cursor.description] == ["rows_unloaded", "input_bytes", "output_bytes"]
    assert cursor.fetchone()[0] == 1
    names = [row[0] for row in cursor.execute("LIST @S/out").fetchall()]
    assert names == ["s/out/data_0_0_0.csv"]
    target = tmp_path / "got"
    target.mkdir()
    cursor.execute(f"GET @S/out 'file://{target}/'")
    lines = next(target.iterdir()).read_text().splitlines()
    assert lines[0].replace('"', "") == "ID,NAME"
    assert lines[1] == "1,one"


def test_unload_gzip_by_default(cursor, stage, tmp_path):
    cursor.execute("COPY INTO @S/out/x FROM (SELECT 1, 2) FILE_FORMAT = (TYPE = CSV)")
    assert cursor.execute("LIST @S/out").fetchall()[0][0] == "s/out/x_0_0_0.csv.gz"
    target = tmp_path / "got"
    target.mkdir()
    cursor.execute(f"GET @S/out 'file://{target}/'")
    assert gzip.decompress(next(target.iterdir()).read_bytes()) == b"1,2\n"


def test_unload_single_parquet(cursor, stage, tmp_path):
    cursor.execute(
        "COPY INTO @S/one.parquet FROM (SELECT 1 AS ID, 'x' AS NAME)"
        " FILE_FORMAT = (TYPE = PARQUET) SINGLE = TRUE HEADER = TRUE OVERWRITE = TRUE"
    )
    target = tmp_path / "got"
    target.mkdir()
    cursor.execute(f"GET @S/one.parquet 'file://{target}/'")
    frame = pd.read_parquet(target / "one.parquet")
    assert frame.to_dict("records") == [{"ID": 1, "NAME": "x"}]


def test_unload_json(cursor, stage):
    cursor.execute(
        "COPY INTO @S/rows.json FROM (SELECT OBJECT_CONSTRUCT('a', 1))"
        " FILE_FORMAT = (TYPE = JSON COMPRESSION = NONE) SINGLE = TRUE"
    )
    assert cursor.execute("LIST @S").fetchall()[0][0] == "s/rows.json"


def test_show_and_describe_stage(connection, stage, place):
    cursor = connection.cursor(DictCursor)
    rows = cursor.execute("SHOW STAGES").fetchall()
    assert [(r["name"], r["database_name"], r["schema_name"], r["type"]) for r in rows] == [
        ("S", *place, "INTERNAL")
    ]
    rows = cursor.execute("DESCRIBE STAGE S").fetchall()
    assert {"parent_property", "property", "property_type", "property_value"} <= set(rows[0])


def test_show_file_formats(connection):
    cursor = connection.cursor(DictCursor)
    cursor.execute("CREATE OR REPLACE FILE FORMAT F TYPE = CSV SKIP_HEADER = 1")
    rows = cursor.execute("SHOW FILE FORMATS").fetchall()
    assert [(r["name"], r["type"]) for r in rows] == [("F", "CSV")]


def test_drop_stage_removes_its_files(cursor, stage):
    put(cursor, f"{stage}/a.csv")
    assert cursor.execute("DROP STAGE S").fetchall() == [("S successfully dropped.",)]
    cursor.execute("CREATE STAGE S")
    assert cursor.execute("LIST @S").fetchall() == []


@pytest.mark.xfail(reason="directory tables are not emulated")
def test_directory_table(cursor, stage):
    cursor.execute("CREATE STAGE W DIRECTORY = (ENABLE = TRUE)")
    put(cursor, f"{stage}/a.csv", "@W")
    cursor.execute("ALTER STAGE W REFRESH")
    cursor.execute("SELECT RELATIVE_PATH, SIZE FROM DIRECTORY(@W)")
    assert cursor.fetchall() == [("a.csv", (stage / "a.csv").stat().st_size)]
