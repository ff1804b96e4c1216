"""Data frames: made from rows, queried, collected."""

from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pytest
from snowflake.snowpark import Row, Session
from snowflake.snowpark.exceptions import SnowparkSQLException
from snowflake.snowpark.functions import (
    avg,
    col,
    count,
    lit,
    row_number,
    upper,
    when,
)
from snowflake.snowpark.functions import (
    max as max_,
)
from snowflake.snowpark.functions import (
    sum as sum_,
)
from snowflake.snowpark.types import (
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)
from snowflake.snowpark.window import Window

PEOPLE = [(1, "Ada", "x"), (2, "Bo", "y"), (3, "Cy", "x")]
NAMES = ["ID", "NAME", "TEAM"]


def test_sql(session: Session) -> None:
    assert session.sql("SELECT 1 AS A, 'x' AS B").collect() == [Row(A=1, B="x")]


def test_sql_with_parameters(session: Session) -> None:
    rows = session.sql("SELECT ? AS A, ? AS B", params=[1, "x"]).collect()
    assert rows == [Row(A=1, B="x")]


def test_from_rows(session: Session) -> None:
    frame = session.create_dataframe(PEOPLE, schema=NAMES)
    assert frame.columns == NAMES
    assert frame.count() == 3
    assert frame.sort("ID").collect()[0] == Row(ID=1, NAME="Ada", TEAM="x")


def test_from_rows_with_a_schema(session: Session) -> None:
    schema = StructType([StructField("a", IntegerType()), StructField("b", StringType())])
    frame = session.create_dataframe([[1, "x"], [2, None]], schema)
    assert frame.collect() == [Row(A=1, B="x"), Row(A=2, B=None)]
    assert [type(field.datatype) for field in frame.schema.fields] == [LongType, StringType]


def test_from_values_of_one_column(session: Session) -> None:
    assert session.create_dataframe([1, 2, 3], schema=["n"]).collect() == [
        Row(N=1),
        Row(N=2),
        Row(N=3),
    ]


def test_from_dicts(session: Session) -> None:
    frame = session.create_dataframe([{"a": 1, "b": "x"}])
    assert frame.collect() == [Row(A=1, B="x")]


def test_types_of_values(session: Session) -> None:
    row = (1.5, Decimal("1.25"), True, date(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5), b"\x01")
    [found] = session.create_dataframe([row], schema=list("fdbtsy")).collect()
    assert tuple(found) == row


def test_from_many_rows(session: Session) -> None:
    frame = session.create_dataframe([(n, f"t{n}") for n in range(1000)], schema=["N", "T"])
    assert frame.count() == 1000
    assert frame.agg(sum_("N")).collect()[0][0] == 499500


def test_from_pandas(session: Session) -> None:
    frame = session.create_dataframe(pd.DataFrame({"A": [1, 2], "B": ["x", "y"]}))
    assert frame.sort("A").collect() == [Row(A=1, B="x"), Row(A=2, B="y")]


def test_range(session: Session) -> None:
    assert [row[0] for row in session.range(1, 10, 3).collect()] == [1, 4, 7]


def test_table(session: Session) -> None:
    session.sql("CREATE TABLE T (A INT, B VARCHAR)").collect()
    session.sql("INSERT INTO T VALUES (1, 'x')").collect()
    assert session.table("T").collect() == [Row(A=1, B="x")]


def test_table_that_is_not_there(session: Session) -> None:
    with pytest.raises(SnowparkSQLException) as refused:
        session.table("NOWHERE").collect()
    assert refused.value.sql_error_code == 2003


def test_filter_and_select(session: Session) -> None:
    frame = session.create_dataframe(PEOPLE, schema=NAMES)
    found = frame.filter(col("TEAM") == "x").select(upper("NAME").alias("N")).sort("N").collect()
    assert found == [Row(N="ADA"), Row(N="CY")]


def test_join(session: Session) -> None:
    people = session.create_dataframe(PEOPLE, schema=NAMES)
    teams = session.create_dataframe([("x", "Red")], schema=["TEAM", "COLOUR"])
    joined = people.join(teams, "TEAM").select("ID", "COLOUR").sort("ID").collect()
    assert joined == [Row(ID=1, COLOUR="Red"), Row(ID=3, COLOUR="Red")]
    left = people.join(teams, people["TEAM"] == teams["TEAM"], "left")
    assert left.filter(col("COLOUR").is_null()).count() == 1


def test_group_by(session: Session) -> None:
    frame = session.create_dataframe(PEOPLE, schema=NAMES)
    counted = frame.group_by("TEAM").agg(count("*").alias("N"), max_("ID").alias("M"))
    assert counted.sort("TEAM").collect() == [Row(TEAM="x", N=2, M=3), Row(TEAM="y", N=1, M=2)]


def test_aggregate_all(session: Session) -> None:
    frame = session.create_dataframe([(1.0,), (3.0,)], schema=["A"])
    assert frame.agg(avg("A").alias("M")).collect() == [Row(M=2.0)]


def test_union_and_distinct(session: Session) -> None:
    one = session.create_dataframe([1, 2], schema=["A"])
    two = session.create_dataframe([2, 3], schema=["A"])
    assert one.union_all(two).count() == 4
    assert sorted(row[0] for row in one.union(two).collect()) == [1, 2, 3]


def test_with_column(session: Session) -> None:
    frame = session.create_dataframe([(1,), (20,)], schema=["A"])
    sized = frame.with_column("SIZE", when(col("A") > 10, lit("big")).otherwise(lit("small")))
    assert sized.sort("A").collect() == [Row(A=1, SIZE="small"), Row(A=20, SIZE="big")]
    assert sized.with_column_renamed("SIZE", "S").drop("A").columns == ["S"]


def test_window(session: Session) -> None:
    frame = session.create_dataframe(PEOPLE, schema=NAMES)
    ranked = frame.select(
        "ID", row_number().over(Window.partition_by("TEAM").order_by(col("ID").desc())).alias("R")
    )
    assert ranked.sort("ID").collect() == [Row(ID=1, R=2), Row(ID=2, R=1), Row(ID=3, R=1)]


def test_sort_and_limit(session: Session) -> None:
    frame = session.create_dataframe(PEOPLE, schema=NAMES)
    assert frame.sort(col("ID").desc()).limit(1).collect()[0]["NAME"] == "Cy"
    assert frame.sort("ID").first()["NAME"] == "Ada"


def test_show(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    session.create_dataframe(PEOPLE, schema=NAMES).sort("ID").show()
    printed = capsys.readouterr().out
    assert '|"ID"' in printed and "Ada" in printed


def test_schema_of_a_query(session: Session) -> None:
    frame = session.sql("SELECT 1 AS A, 'x' AS B, 1.5::FLOAT AS C")
    assert [(field.name, type(field.datatype)) for field in frame.schema.fields] == [
        ("A", LongType),
        ("B", StringType),
        ("C", DoubleType),
    ]


def test_describe(session: Session) -> None:
    frame = session.create_dataframe([(1, "a"), (3, "b")], schema=["A", "B"])
    found = {row["SUMMARY"]: row["A"] for row in frame.describe().collect()}
    assert (found["count"], found["min"], found["max"], found["mean"]) == (2.0, 1.0, 3.0, 2.0)


def test_missing_values(session: Session) -> None:
    frame = session.create_dataframe([(1, "a"), (None, "b")], schema=["A", "B"])
    assert frame.na.drop().count() == 1
    assert frame.na.fill({"A": 0}).sort("B").collect()[1]["A"] == 0


def test_views(session: Session) -> None:
    frame = session.create_dataframe(PEOPLE, schema=NAMES)
    frame.write.save_as_table("PEOPLE")
    session.table("PEOPLE").filter(col("ID") > 1).create_or_replace_view("SOME")
    assert session.table("SOME").count() == 2
    session.table("PEOPLE").create_or_replace_temp_view("ALL_OF_THEM")
    assert session.sql("SELECT * FROM ALL_OF_THEM").count() == 3


def test_iterate(session: Session) -> None:
    frame = session.create_dataframe(PEOPLE, schema=NAMES).sort("ID")
    assert [row["ID"] for row in frame.to_local_iterator()] == [1, 2, 3]


def test_explain(session: Session) -> None:
    frame = session.create_dataframe(PEOPLE, schema=NAMES)
    assert len(frame.queries["queries"]) >= 1
