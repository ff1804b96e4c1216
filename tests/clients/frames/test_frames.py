"""write_pandas, and results as data frames and Arrow tables."""

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from snowflake.connector import ProgrammingError, SnowflakeConnection
from snowflake.connector.pandas_tools import write_pandas


def rows(connection: SnowflakeConnection, statement: str) -> list[Any]:
    """All rows of a query."""
    return connection.cursor().execute(statement).fetchall()


@pytest.fixture
def people() -> pd.DataFrame:
    """Three rows."""
    return pd.DataFrame({"ID": [1, 2, 3], "NAME": ["Ada", "Bo", "Cy"]})


def test_write_into_a_table_that_exists(
    connection: SnowflakeConnection, people: pd.DataFrame
) -> None:
    connection.cursor().execute("CREATE TABLE PEOPLE (ID INT, NAME VARCHAR)")
    success, chunks, written, output = write_pandas(connection, people, "PEOPLE")
    assert (success, chunks, written) == (True, 1, 3)
    assert output[0][1] == "LOADED"
    assert rows(connection, "SELECT * FROM PEOPLE ORDER BY ID") == [
        (1, "Ada"),
        (2, "Bo"),
        (3, "Cy"),
    ]


def test_write_twice_appends(connection: SnowflakeConnection, people: pd.DataFrame) -> None:
    connection.cursor().execute("CREATE TABLE PEOPLE (ID INT, NAME VARCHAR)")
    write_pandas(connection, people, "PEOPLE")
    write_pandas(connection, people, "PEOPLE")
    assert rows(connection, "SELECT COUNT(*) FROM PEOPLE") == [(6,)]


def test_create_the_table(connection: SnowflakeConnection, people: pd.DataFrame) -> None:
    success, chunks, written, _ = write_pandas(connection, people, "PEOPLE", auto_create_table=True)
    assert (success, chunks, written) == (True, 1, 3)
    assert rows(connection, "SELECT * FROM PEOPLE ORDER BY ID")[0] == (1, "Ada")


def test_create_the_table_and_append(connection: SnowflakeConnection, people: pd.DataFrame) -> None:
    for _ in range(2):
        write_pandas(connection, people, "PEOPLE", auto_create_table=True)
    assert rows(connection, "SELECT COUNT(*) FROM PEOPLE") == [(6,)]


def test_replace_the_table(connection: SnowflakeConnection, people: pd.DataFrame) -> None:
    write_pandas(connection, people, "PEOPLE", auto_create_table=True, overwrite=True)
    other = pd.DataFrame({"ID": [9], "AGE": [40]})
    write_pandas(connection, other, "PEOPLE", auto_create_table=True, overwrite=True)
    cursor = connection.cursor().execute("SELECT * FROM PEOPLE")
    assert [column.name for column in cursor.description] == ["ID", "AGE"]
    assert cursor.fetchall() == [(9, 40)]


def test_replace_the_rows(connection: SnowflakeConnection, people: pd.DataFrame) -> None:
    connection.cursor().execute("CREATE TABLE PEOPLE (ID INT, NAME VARCHAR)")
    write_pandas(connection, people, "PEOPLE")
    write_pandas(connection, people.head(1), "PEOPLE", overwrite=True)
    assert rows(connection, "SELECT * FROM PEOPLE") == [(1, "Ada")]


def test_write_into_another_schema(
    connection: SnowflakeConnection, people: pd.DataFrame, database: str
) -> None:
    connection.cursor().execute("CREATE SCHEMA IF NOT EXISTS ELSEWHERE")
    write_pandas(
        connection,
        people,
        "PEOPLE",
        database=database,
        schema="ELSEWHERE",
        auto_create_table=True,
        overwrite=True,
    )
    assert rows(connection, f"SELECT COUNT(*) FROM {database}.ELSEWHERE.PEOPLE") == [(3,)]


def test_write_from_a_session_without_schema(
    database: str, schema: str, people: pd.DataFrame
) -> None:
    import snowflake.connector
    from conftest import settings

    with snowflake.connector.connect(**settings()) as nowhere:
        write_pandas(
            nowhere, people, "PEOPLE", database=database, schema=schema, auto_create_table=True
        )
        assert rows(nowhere, f"SELECT COUNT(*) FROM {database}.{schema}.PEOPLE") == [(3,)]


@pytest.mark.parametrize("table_type", ["temporary", "transient"])
def test_type_of_the_table(
    connection: SnowflakeConnection, people: pd.DataFrame, table_type: str
) -> None:
    write_pandas(connection, people, "PEOPLE", auto_create_table=True, table_type=table_type)
    assert rows(connection, "SELECT COUNT(*) FROM PEOPLE") == [(3,)]


def test_temporary_table_is_the_session_s(
    connection: SnowflakeConnection, people: pd.DataFrame, database: str, schema: str
) -> None:
    import snowflake.connector
    from conftest import settings

    write_pandas(connection, people, "PEOPLE", auto_create_table=True, table_type="temp")
    with snowflake.connector.connect(**settings(), database=database, schema=schema) as other:
        with pytest.raises(ProgrammingError) as refused:
            other.cursor().execute("SELECT * FROM PEOPLE")
    assert refused.value.errno == 2003


def test_names_as_they_are(connection: SnowflakeConnection) -> None:
    frame = pd.DataFrame({"first name": ["Ada"], "Id": [1]})
    write_pandas(connection, frame, "My people", auto_create_table=True)
    cursor = connection.cursor().execute('SELECT * FROM "My people"')
    assert [column.name for column in cursor.description] == ["first name", "Id"]
    assert cursor.fetchall() == [("Ada", 1)]


def test_names_in_upper_case(connection: SnowflakeConnection) -> None:
    frame = pd.DataFrame({"name": ["Ada"], "id": [1]})
    write_pandas(connection, frame, "people", auto_create_table=True, quote_identifiers=False)
    cursor = connection.cursor().execute("SELECT NAME, ID FROM PEOPLE")
    assert cursor.fetchall() == [("Ada", 1)]


def test_names_in_upper_case_into_a_table_that_exists(connection: SnowflakeConnection) -> None:
    connection.cursor().execute("CREATE TABLE PEOPLE (NAME VARCHAR, ID INT)")
    frame = pd.DataFrame({"name": ["Ada"], "id": [1]})
    write_pandas(connection, frame, "people", quote_identifiers=False)
    assert rows(connection, "SELECT NAME, ID FROM PEOPLE") == [("Ada", 1)]


def test_in_chunks(connection: SnowflakeConnection) -> None:
    connection.cursor().execute("CREATE TABLE NUMBERS (N INT)")
    frame = pd.DataFrame({"N": range(1000)})
    success, chunks, written, output = write_pandas(connection, frame, "NUMBERS", chunk_size=300)
    assert (success, chunks, written) == (True, 4, 1000)
    assert sorted(int(each[3]) for each in output) == [100, 300, 300, 300]
    assert rows(connection, "SELECT COUNT(DISTINCT N), MAX(N) FROM NUMBERS") == [(1000, 999)]


def test_in_chunks_with_a_new_table(connection: SnowflakeConnection) -> None:
    frame = pd.DataFrame({"N": range(10), "T": list("abcdefghij")})
    _, chunks, written, _ = write_pandas(
        connection, frame, "NUMBERS", chunk_size=4, auto_create_table=True
    )
    assert (chunks, written) == (3, 10)


def test_bulk_upload_of_chunks(connection: SnowflakeConnection) -> None:
    connection.cursor().execute("CREATE TABLE NUMBERS (N INT)")
    frame = pd.DataFrame({"N": range(10)})
    _, chunks, written, _ = write_pandas(
        connection, frame, "NUMBERS", chunk_size=5, bulk_upload_chunks=True
    )
    assert (chunks, written) == (2, 10)


def test_snappy(connection: SnowflakeConnection, people: pd.DataFrame) -> None:
    _, _, written, _ = write_pandas(
        connection, people, "PEOPLE", auto_create_table=True, compression="snappy"
    )
    assert written == 3


def test_missing_values(connection: SnowflakeConnection) -> None:
    connection.cursor().execute("CREATE TABLE GAPS (A FLOAT, B VARCHAR, C TIMESTAMP_NTZ, D INT)")
    frame = pd.DataFrame(
        {
            "A": [1.5, np.nan],
            "B": ["x", None],
            "C": [pd.Timestamp("2024-01-02 03:04:05"), pd.NaT],
            "D": pd.array([7, None], dtype="Int64"),
        }
    )
    write_pandas(connection, frame, "GAPS", use_logical_type=True)
    assert rows(connection, "SELECT * FROM GAPS ORDER BY D NULLS LAST") == [
        (1.5, "x", datetime(2024, 1, 2, 3, 4, 5), 7),
        (None, None, None, None),
    ]


def test_types_of_a_new_table(connection: SnowflakeConnection) -> None:
    frame = pd.DataFrame(
        {
            "I": [1],
            "F": [1.5],
            "T": ["x"],
            "B": [True],
            "D": [date(2024, 1, 2)],
            "TS": [pd.Timestamp("2024-01-02 03:04:05")],
        }
    )
    write_pandas(connection, frame, "TYPES", auto_create_table=True, use_logical_type=True)
    assert rows(connection, "SELECT * FROM TYPES") == [
        (1, 1.5, "x", True, date(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5))
    ]
    described = {row[0]: row[1] for row in rows(connection, "DESCRIBE TABLE TYPES")}
    assert described["I"].startswith("NUMBER")
    assert described["F"] == "FLOAT"
    assert described["T"].startswith("VARCHAR")
    assert described["B"] == "BOOLEAN"
    assert described["D"] == "DATE"
    assert described["TS"].startswith("TIMESTAMP_NTZ")


def test_timestamps_with_a_zone(connection: SnowflakeConnection) -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    frame = pd.DataFrame({"TS": [pd.Timestamp(moment)]})
    connection.cursor().execute("CREATE TABLE MOMENTS (TS TIMESTAMP_TZ)")
    write_pandas(connection, frame, "MOMENTS", use_logical_type=True)
    [(found,)] = rows(connection, "SELECT TS FROM MOMENTS")
    assert found == moment


def test_decimals_and_bytes(connection: SnowflakeConnection) -> None:
    connection.cursor().execute("CREATE TABLE T (D NUMBER(10, 2), B BINARY)")
    frame = pd.DataFrame({"D": [Decimal("12.34")], "B": [b"\x00\x01"]})
    write_pandas(connection, frame, "T")
    assert rows(connection, "SELECT * FROM T") == [(Decimal("12.34"), b"\x00\x01")]


def test_lists_and_dicts_into_variant(connection: SnowflakeConnection) -> None:
    connection.cursor().execute("CREATE TABLE T (L VARIANT)")
    write_pandas(connection, pd.DataFrame({"L": [[1, 2], [3]]}), "T")
    assert rows(connection, "SELECT L[0]::INT FROM T ORDER BY 1") == [(1,), (3,)]


def test_part_of_the_columns(connection: SnowflakeConnection) -> None:
    connection.cursor().execute(
        "CREATE TABLE T (ID INT AUTOINCREMENT, NAME VARCHAR, STATE VARCHAR DEFAULT 'new')"
    )
    write_pandas(connection, pd.DataFrame({"NAME": ["Ada"]}), "T")
    assert rows(connection, "SELECT NAME, STATE FROM T") == [("Ada", "new")]


def test_column_that_the_table_lacks(connection: SnowflakeConnection, people: pd.DataFrame) -> None:
    connection.cursor().execute("CREATE TABLE PEOPLE (ID INT)")
    with pytest.raises(ProgrammingError) as refused:
        write_pandas(connection, people, "PEOPLE")
    assert refused.value.errno == 904


def test_table_that_is_not_there(connection: SnowflakeConnection, people: pd.DataFrame) -> None:
    with pytest.raises(ProgrammingError) as refused:
        write_pandas(connection, people, "NOWHERE")
    assert refused.value.errno in (2003, 2043)


def test_write_within_a_transaction(connection: SnowflakeConnection, people: pd.DataFrame) -> None:
    connection.cursor().execute("CREATE TABLE PEOPLE (ID INT, NAME VARCHAR)")
    connection.cursor().execute("BEGIN")
    write_pandas(connection, people, "PEOPLE")
    connection.commit()
    assert rows(connection, "SELECT COUNT(*) FROM PEOPLE") == [(3,)]


def test_column_named_at(connection: SnowflakeConnection) -> None:
    frame = pd.DataFrame({"AT": [1]})
    write_pandas(connection, frame, "T", auto_create_table=True)
    assert rows(connection, "SELECT AT FROM T") == [(1,)]


def test_fetch_a_frame(connection: SnowflakeConnection) -> None:
    cursor = connection.cursor().execute(
        "SELECT * FROM VALUES (1, 'a', 1.5::FLOAT, TRUE), (2, NULL, NULL, FALSE) AS T (I, S, F, B)"
    )
    frame = cursor.fetch_pandas_all()
    assert list(frame.columns) == ["I", "S", "F", "B"]
    assert frame["I"].tolist() == [1, 2]
    assert frame["S"].tolist() == ["a", None]
    assert frame["F"].dtype == np.float64
    assert frame["B"].tolist() == [True, False]


def test_fetch_timestamps(connection: SnowflakeConnection) -> None:
    cursor = connection.cursor().execute(
        "SELECT '2024-01-02 03:04:05'::TIMESTAMP_NTZ AS TS, '2024-01-02'::DATE AS D"
    )
    frame = cursor.fetch_pandas_all()
    assert frame["TS"].tolist() == [pd.Timestamp("2024-01-02 03:04:05")]
    assert frame["D"].tolist() == [date(2024, 1, 2)]


def test_fetch_an_empty_frame(connection: SnowflakeConnection) -> None:
    connection.cursor().execute("CREATE TABLE T (A INT, B VARCHAR)")
    frame = connection.cursor().execute("SELECT * FROM T").fetch_pandas_all()
    assert frame.empty
    assert list(frame.columns) == ["A", "B"]


def test_fetch_in_batches(connection: SnowflakeConnection) -> None:
    cursor = connection.cursor().execute(
        "SELECT SEQ4() AS N FROM TABLE(GENERATOR(ROWCOUNT => 10000))"
    )
    frames = list(cursor.fetch_pandas_batches())
    assert sum(len(frame) for frame in frames) == 10000
    assert sorted(pd.concat(frames)["N"])[-1] == 9999


def test_fetch_an_arrow_table(connection: SnowflakeConnection) -> None:
    cursor = connection.cursor().execute("SELECT * FROM VALUES (1, 'a'), (2, 'b') AS T (I, S)")
    table = cursor.fetch_arrow_all()
    assert isinstance(table, pa.Table)
    assert table.to_pydict() == {"I": [1, 2], "S": ["a", "b"]}


def test_fetch_an_arrow_table_without_rows(connection: SnowflakeConnection) -> None:
    connection.cursor().execute("CREATE TABLE T (A INT)")
    cursor = connection.cursor().execute("SELECT * FROM T")
    table = cursor.fetch_arrow_all(force_return_table=True)
    assert (table.num_rows, table.column_names) == (0, ["A"])


def test_fetch_arrow_batches(connection: SnowflakeConnection) -> None:
    cursor = connection.cursor().execute(
        "SELECT SEQ4() AS N FROM TABLE(GENERATOR(ROWCOUNT => 5000))"
    )
    assert sum(table.num_rows for table in cursor.fetch_arrow_batches()) == 5000


def test_result_batches(connection: SnowflakeConnection) -> None:
    cursor = connection.cursor().execute("SELECT * FROM VALUES (1), (2), (3) AS T (N)")
    batches = cursor.get_result_batches()
    assert sum(len(batch.to_pandas()) for batch in batches) == 3


def test_round_trip(connection: SnowflakeConnection) -> None:
    frame = pd.DataFrame({"A": [1, 2], "B": ["x", "y"], "C": [0.5, 1.5]})
    write_pandas(connection, frame, "T", auto_create_table=True)
    back = connection.cursor().execute("SELECT * FROM T ORDER BY A").fetch_pandas_all()
    assert back.to_dict("list") == frame.to_dict("list")


def test_read_sql(connection: SnowflakeConnection) -> None:
    frame = pd.read_sql("SELECT 1 AS A, 'x' AS B", connection)
    assert frame.to_dict("list") == {"A": [1], "B": ["x"]}
