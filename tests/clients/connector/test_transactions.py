"""Transactions."""

import pytest
from snowflake.connector.errors import DatabaseError


@pytest.fixture
def table(cursor):
    """A table with no rows."""
    cursor.execute("CREATE TABLE T (N INT)")
    return "T"


def count(connection) -> int:
    """Return how many rows the table has."""
    return connection.cursor().execute("SELECT COUNT(*) FROM T").fetchone()[0]


def test_begin_and_commit(connect, table):
    connection, other = connect(), connect()
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO T VALUES (1)")
    assert (count(connection), count(other)) == (1, 0)
    cursor.execute("COMMIT")
    assert count(other) == 1


def test_begin_transaction_and_rollback(connection, table):
    cursor = connection.cursor()
    cursor.execute("BEGIN TRANSACTION")
    cursor.execute("INSERT INTO T VALUES (1)")
    cursor.execute("ROLLBACK")
    assert count(connection) == 0


def test_start_transaction_with_a_name(connection, table):
    cursor = connection.cursor()
    cursor.execute("START TRANSACTION NAME LOADING")
    cursor.execute("INSERT INTO T VALUES (1)")
    cursor.execute("COMMIT WORK")
    assert count(connection) == 1


def test_methods_of_the_connection(connect, table):
    connection = connect(autocommit=False)
    connection.cursor().execute("INSERT INTO T VALUES (1)")
    connection.rollback()
    assert count(connection) == 0
    connection.cursor().execute("INSERT INTO T VALUES (2)")
    connection.commit()
    assert count(connect()) == 1


def test_autocommit_can_be_changed(connect, table):
    connection = connect()
    connection.autocommit(False)
    connection.cursor().execute("INSERT INTO T VALUES (1)")
    connection.rollback()
    assert count(connection) == 0
    connection.autocommit(True)
    connection.cursor().execute("INSERT INTO T VALUES (1)")
    assert count(connect()) == 1


def test_alter_session_autocommit(connect, table):
    connection = connect()
    connection.cursor().execute("ALTER SESSION SET AUTOCOMMIT = FALSE")
    connection.cursor().execute("INSERT INTO T VALUES (1)")
    connection.cursor().execute("ROLLBACK")
    assert count(connection) == 0


def test_error_inside_leaves_the_transaction_usable(connection, table):
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO T VALUES (1)")
    with pytest.raises(DatabaseError):
        cursor.execute("SELECT * FROM NOWHERE")
    with pytest.raises(DatabaseError):
        cursor.execute("INSERT INTO T VALUES ('not a number')")
    cursor.execute("INSERT INTO T VALUES (2)")
    cursor.execute("COMMIT")
    assert count(connection) == 2


@pytest.mark.xfail(reason="DuckDB answers NULL")
def test_division_by_zero_inside(connection, table):
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO T VALUES (1)")
    with pytest.raises(DatabaseError):
        cursor.execute("SELECT 1 / 0")
    assert count(connection) == 1
    cursor.execute("ROLLBACK")
    assert count(connection) == 0


def test_current_transaction(cursor):
    assert cursor.execute("SELECT CURRENT_TRANSACTION()").fetchone() == (None,)
    cursor.execute("BEGIN")
    assert int(cursor.execute("SELECT CURRENT_TRANSACTION()").fetchone()[0]) > 0
    cursor.execute("ROLLBACK")


def test_commit_without_begin(connection, table):
    connection.cursor().execute("COMMIT")
    connection.cursor().execute("ROLLBACK")
    connection.commit()
    connection.rollback()
    assert count(connection) == 0


def test_a_definition_commits(connection, table):
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO T VALUES (1)")
    cursor.execute("CREATE TABLE U (N INT)")
    cursor.execute("ROLLBACK")
    assert count(connection) == 1


def test_begin_twice(connection, table):
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO T VALUES (1)")
    cursor.execute("BEGIN")
    cursor.execute("ROLLBACK")
    assert count(connection) == 0


def test_closing_rolls_back(connect, table):
    connection = connect(autocommit=False)
    connection.cursor().execute("INSERT INTO T VALUES (1)")
    connection.close()
    assert count(connect()) == 0


def test_with_connection_commits(connect, table):
    with connect(autocommit=False) as connection:
        connection.cursor().execute("INSERT INTO T VALUES (1)")
    assert count(connect()) == 1


def test_show_transactions(connection, table):
    cursor = connection.cursor()
    cursor.execute("BEGIN NAME MINE")
    cursor.execute("INSERT INTO T VALUES (1)")
    rows = cursor.execute("SHOW TRANSACTIONS").fetchall()
    assert len(rows) == 1
    cursor.execute("ROLLBACK")
