"""Sessions: where they stand, tags, transactions, asynchronous queries."""

import json
import time

import pytest
from conftest import settings
from snowflake.snowpark import Row, Session


def test_where_it_stands(session: Session, database: str) -> None:
    assert session.get_current_database() == f'"{database}"'
    assert session.get_current_schema().startswith('"S_')
    assert session.get_current_user() == f'"{settings()["user"].upper()}"'
    assert session.get_current_role() is not None
    assert session.get_current_account() is not None
    assert session.get_fully_qualified_current_schema().startswith(f'"{database}"."S_')
    assert session.session_id is not None


def test_use(session: Session, database: str) -> None:
    session.sql("CREATE SCHEMA OTHER").collect()
    session.use_schema("OTHER")
    assert session.get_current_schema() == '"OTHER"'
    session.use_database(database)
    assert session.get_current_database() == f'"{database}"'
    session.use_schema(f"{database}.OTHER")
    assert session.get_current_schema() == '"OTHER"'


def test_use_warehouse_and_role(session: Session) -> None:
    session.sql("CREATE WAREHOUSE IF NOT EXISTS LAPTOP_WH").collect()
    session.use_warehouse("LAPTOP_WH")
    assert session.get_current_warehouse() == '"LAPTOP_WH"'
    session.use_role("ACCOUNTADMIN")
    assert session.get_current_role() == '"ACCOUNTADMIN"'


def test_query_tag(session: Session) -> None:
    assert session.query_tag is None
    session.query_tag = "nightly"
    assert session.query_tag == "nightly"
    assert session.sql("SELECT 1").collect()[0][0] == 1
    session.query_tag = None
    assert session.query_tag is None


def test_update_query_tag(session: Session) -> None:
    session.append_query_tag("one")
    session.append_query_tag("two")
    assert session.query_tag == "one,two"
    session.query_tag = None
    session.update_query_tag({"step": "1"})
    assert json.loads(session.query_tag or "") == {"step": "1"}


def test_transaction_committed(session: Session) -> None:
    session.sql("CREATE TABLE T (A INT)").collect()
    session.sql("BEGIN").collect()
    session.sql("INSERT INTO T VALUES (1)").collect()
    session.sql("COMMIT").collect()
    assert session.table("T").count() == 1


def test_transaction_rolled_back(session: Session) -> None:
    session.sql("CREATE TABLE T (A INT)").collect()
    session.sql("BEGIN TRANSACTION").collect()
    session.sql("INSERT INTO T VALUES (1)").collect()
    session.sql("ROLLBACK").collect()
    assert session.table("T").count() == 0


def test_collect_later(session: Session) -> None:
    job = session.sql("SELECT 1 AS A").collect_nowait()
    assert job.query_id
    assert job.result() == [Row(A=1)]
    assert job.is_done()


def test_collect_later_by_block(session: Session) -> None:
    frame = session.create_dataframe([1, 2], schema=["A"])
    assert frame.collect(block=False).result() == [Row(A=1), Row(A=2)]
    assert frame.count(block=False).result() == 2


def test_to_pandas_later(session: Session) -> None:
    job = session.sql("SELECT 1 AS A").to_pandas(block=False)
    assert job.result().to_dict("list") == {"A": [1]}


def test_rows_of_a_job_as_pandas(session: Session) -> None:
    job = session.sql("SELECT 1 AS A").collect_nowait()
    assert job.to_df().collect() == [Row(A=1)]
    assert job.result("pandas").to_dict("list") == {"A": [1]}


def test_job_of_a_query_id(session: Session) -> None:
    job = session.sql("SELECT 7 AS A").collect_nowait()
    same = session.create_async_job(job.query_id)
    assert same.result() == [Row(A=7)]


def test_save_later(session: Session) -> None:
    frame = session.create_dataframe([1, 2], schema=["A"])
    job = frame.write.save_as_table("T", block=False)
    job.result()
    assert session.table("T").count() == 2


def test_not_done_yet(session: Session) -> None:
    job = session.sql("SELECT SYSTEM$WAIT(2)").collect_nowait()
    assert not job.is_done()
    deadline = time.monotonic() + 20
    while not job.is_done():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert job.status() == "SUCCESS"


def test_cancel(session: Session) -> None:
    job = session.sql("SELECT SYSTEM$WAIT(60)").collect_nowait()
    job.cancel()
    deadline = time.monotonic() + 20
    while not job.is_done():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert job.is_failed()


def test_failed_later(session: Session) -> None:
    job = session.sql("SELECT * FROM NOWHERE").collect_nowait()
    with pytest.raises(Exception, match="NOWHERE"):
        job.result()
    assert job.is_failed()


def test_cancel_all(session: Session) -> None:
    session.cancel_all()
    assert session.sql("SELECT 1").collect()[0][0] == 1


def test_query_history(session: Session) -> None:
    with session.query_history() as history:
        session.sql("SELECT 41").collect()
        session.sql("SELECT 42").collect()
    assert [query.sql_text for query in history.queries] == ["SELECT 41", "SELECT 42"]
    assert all(query.query_id for query in history.queries)


def test_result_scan(session: Session) -> None:
    with session.query_history() as history:
        session.sql("SELECT 5 AS A").collect()
    query_id = history.queries[0].query_id
    assert session.sql(f"SELECT * FROM TABLE(RESULT_SCAN('{query_id}'))").collect() == [Row(A=5)]


def test_from_a_connection(database: str) -> None:
    import snowflake.connector

    connection = snowflake.connector.connect(**settings(), database=database)
    session = Session.builder.configs({"connection": connection}).create()
    assert session.sql("SELECT 1").collect()[0][0] == 1
    session.close()
