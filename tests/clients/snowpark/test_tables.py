"""Tables: written by data frames, changed through Table."""

import pytest
from snowflake.snowpark import Row, Session
from snowflake.snowpark.exceptions import SnowparkSQLException
from snowflake.snowpark.functions import col, when_matched, when_not_matched


def numbers(session: Session, *values: int) -> None:
    """Make the table NUMBERS."""
    frame = session.create_dataframe([(n, f"t{n}") for n in values], schema=["N", "T"])
    frame.write.mode("overwrite").save_as_table("NUMBERS")


def found(session: Session) -> list[tuple[int, str]]:
    """The rows of NUMBERS."""
    return [tuple(row) for row in session.table("NUMBERS").sort("N").collect()]


def test_overwrite(session: Session) -> None:
    numbers(session, 1, 2)
    numbers(session, 3)
    assert found(session) == [(3, "t3")]


def test_append(session: Session) -> None:
    numbers(session, 1)
    more = session.create_dataframe([(2, "t2")], schema=["N", "T"])
    more.write.mode("append").save_as_table("NUMBERS")
    assert found(session) == [(1, "t1"), (2, "t2")]


def test_append_by_name(session: Session) -> None:
    numbers(session, 1)
    more = session.create_dataframe([("t2", 2)], schema=["T", "N"])
    more.write.mode("append").save_as_table("NUMBERS", column_order="name")
    assert found(session) == [(1, "t1"), (2, "t2")]


def test_append_makes_the_table(session: Session) -> None:
    more = session.create_dataframe([(2, "t2")], schema=["N", "T"])
    more.write.mode("append").save_as_table("NUMBERS")
    assert found(session) == [(2, "t2")]


def test_truncate(session: Session) -> None:
    numbers(session, 1, 2)
    less = session.create_dataframe([(9, "t9")], schema=["N", "T"])
    less.write.mode("truncate").save_as_table("NUMBERS")
    assert found(session) == [(9, "t9")]


def test_errorifexists(session: Session) -> None:
    frame = session.create_dataframe([(1, "t1")], schema=["N", "T"])
    frame.write.mode("errorifexists").save_as_table("NUMBERS")
    with pytest.raises(SnowparkSQLException) as refused:
        frame.write.mode("errorifexists").save_as_table("NUMBERS")
    assert refused.value.sql_error_code == 2002


def test_ignore(session: Session) -> None:
    numbers(session, 1)
    other = session.create_dataframe([(2, "t2")], schema=["N", "T"])
    other.write.mode("ignore").save_as_table("NUMBERS")
    assert found(session) == [(1, "t1")]


@pytest.mark.parametrize("table_type", ["temporary", "transient"])
def test_types_of_tables(session: Session, table_type: str) -> None:
    frame = session.create_dataframe([(1, "t1")], schema=["N", "T"])
    frame.write.save_as_table("NUMBERS", table_type=table_type)
    assert found(session) == [(1, "t1")]


def test_many_rows(session: Session) -> None:
    numbers(session, *range(600))
    assert session.table("NUMBERS").count() == 600


def test_from_a_query(session: Session) -> None:
    numbers(session, 1, 2, 3)
    session.table("NUMBERS").filter(col("N") > 1).write.save_as_table("SOME")
    assert session.table("SOME").count() == 2


def test_full_name(session: Session) -> None:
    frame = session.create_dataframe([(1, "t1")], schema=["N", "T"])
    place = [session.get_current_database(), session.get_current_schema(), "NUMBERS"]
    frame.write.save_as_table(place)
    assert session.table(place).count() == 1


def test_update(session: Session) -> None:
    numbers(session, 1, 2)
    result = session.table("NUMBERS").update({"T": "new"}, col("N") == 1)
    assert (result.rows_updated, result.multi_joined_rows_updated) == (1, 0)
    assert found(session) == [(1, "new"), (2, "t2")]


def test_update_from_another(session: Session) -> None:
    numbers(session, 1, 2)
    source = session.create_dataframe([(1, "from")], schema=["K", "V"])
    target = session.table("NUMBERS")
    assert target.update({"T": source["V"]}, target["N"] == source["K"], source).rows_updated == 1
    assert found(session)[0] == (1, "from")


def test_delete(session: Session) -> None:
    numbers(session, 1, 2)
    assert session.table("NUMBERS").delete(col("N") == 1).rows_deleted == 1
    assert found(session) == [(2, "t2")]


def test_merge(session: Session) -> None:
    numbers(session, 1, 2)
    source = session.create_dataframe([(1, "new"), (3, "three")], schema=["K", "V"])
    target = session.table("NUMBERS")
    result = target.merge(
        source,
        target["N"] == source["K"],
        [
            when_matched().update({"T": source["V"]}),
            when_not_matched().insert({"N": source["K"], "T": source["V"]}),
        ],
    )
    assert (result.rows_inserted, result.rows_updated, result.rows_deleted) == (1, 1, 0)
    assert found(session) == [(1, "new"), (2, "t2"), (3, "three")]


def test_merge_deletes(session: Session) -> None:
    numbers(session, 1, 2)
    source = session.create_dataframe([(1,)], schema=["K"])
    target = session.table("NUMBERS")
    result = target.merge(source, target["N"] == source["K"], [when_matched().delete()])
    assert result.rows_deleted == 1
    assert found(session) == [(2, "t2")]


def test_sample_and_drop(session: Session) -> None:
    numbers(session, 1, 2, 3)
    assert session.table("NUMBERS").sample(n=2).count() == 2
    session.table("NUMBERS").drop_table()
    with pytest.raises(SnowparkSQLException):
        session.table("NUMBERS").collect()


def test_cache_result(session: Session) -> None:
    numbers(session, 1, 2)
    cached = session.table("NUMBERS").filter(col("N") == 1).cache_result()
    session.table("NUMBERS").delete()
    assert cached.collect() == [Row(N=1, T="t1")]


def test_insert_into(session: Session) -> None:
    numbers(session, 1)
    session.create_dataframe([(2, "t2")], schema=["N", "T"]).write.insert_into("NUMBERS")
    assert found(session) == [(1, "t1"), (2, "t2")]


def test_create_by_sql_and_status(session: Session) -> None:
    [row] = session.sql("CREATE TABLE T (A INT)").collect()
    assert row["status"] == "Table T successfully created."
    [row] = session.sql("INSERT INTO T VALUES (1), (2)").collect()
    assert row["number of rows inserted"] == 2
