"""What a session is, knows and can be told."""

from pathlib import Path

import pytest
import snowflake.connector
from conftest import parameters
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from snowflake.connector import DictCursor
from snowflake.connector.errors import DatabaseError


def value_of(connection, name):
    """Return a parameter's value as SHOW PARAMETERS tells it."""
    cursor = connection.cursor(DictCursor)
    rows = cursor.execute(f"SHOW PARAMETERS LIKE '{name}'").fetchall()
    assert [row["key"] for row in rows] == [name]
    return rows[0]["value"]


def test_select_one(cursor):
    assert cursor.execute("SELECT 1").fetchone() == (1,)


def test_version_is_told(cursor):
    version = cursor.execute("SELECT CURRENT_VERSION()").fetchone()[0]
    assert version.split(".")[0].isdecimal()


def test_context_functions(cursor, place):
    row = cursor.execute(
        "SELECT CURRENT_DATABASE(), CURRENT_SCHEMA(), CURRENT_USER(), CURRENT_ROLE(),"
        " CURRENT_ACCOUNT(), CURRENT_SESSION(), CURRENT_STATEMENT(), CURRENT_TIMESTAMP()"
    ).fetchone()
    assert row[:2] == place
    assert row[2] == parameters()["user"]
    assert row[3] == "ACCOUNTADMIN"
    assert row[4] == parameters()["account"]
    assert int(row[5]) > 0
    assert row[6].startswith("SELECT CURRENT_DATABASE()")
    assert row[7].tzinfo is not None


def test_session_id_is_the_one_of_the_connection(connection):
    told = connection.cursor().execute("SELECT CURRENT_SESSION()").fetchone()[0]
    assert int(told) == int(connection.session_id)


def test_other_context_functions(cursor):
    row = cursor.execute(
        "SELECT CURRENT_REGION(), CURRENT_CLIENT(), CURRENT_DATE(), CURRENT_TRANSACTION(),"
        " CURRENT_AVAILABLE_ROLES(), CURRENT_ORGANIZATION_NAME(), CURRENT_ACCOUNT_NAME()"
    ).fetchone()
    assert row[0]
    assert row[3] is None
    assert "ACCOUNTADMIN" in row[4]


def test_connection_tells_where_it_is(connection, place):
    assert (connection.database, connection.schema) == place
    assert connection.role == "ACCOUNTADMIN"


def test_use_changes_what_the_connection_tells(connection, place):
    cursor = connection.cursor()
    cursor.execute("CREATE SCHEMA OTHER")
    cursor.execute("USE SCHEMA WORK")
    cursor.execute("USE SCHEMA OTHER")
    assert connection.schema == "OTHER"
    cursor.execute(f"USE {place[0]}.WORK")
    assert connection.schema == "WORK"


def test_use_warehouse(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE OR REPLACE WAREHOUSE WH_OF_TEST WAREHOUSE_SIZE = XSMALL")
    cursor.execute("USE WAREHOUSE WH_OF_TEST")
    assert cursor.execute("SELECT CURRENT_WAREHOUSE()").fetchone() == ("WH_OF_TEST",)
    assert connection.warehouse == "WH_OF_TEST"


def test_alter_session_set_and_unset(connection):
    cursor = connection.cursor()
    before = value_of(connection, "STATEMENT_TIMEOUT_IN_SECONDS")
    cursor.execute("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 77")
    assert value_of(connection, "STATEMENT_TIMEOUT_IN_SECONDS") == "77"
    cursor.execute("ALTER SESSION UNSET STATEMENT_TIMEOUT_IN_SECONDS")
    assert value_of(connection, "STATEMENT_TIMEOUT_IN_SECONDS") == before


def test_alter_session_answers(cursor):
    cursor.execute("ALTER SESSION SET QUERY_TAG = 'mine'")
    assert cursor.fetchall() == [("Statement executed successfully.",)]


def test_alter_session_of_several_parameters(connection):
    connection.cursor().execute("ALTER SESSION SET QUERY_TAG = 'a b', LOCK_TIMEOUT = 5")
    assert value_of(connection, "QUERY_TAG") == "a b"
    assert value_of(connection, "LOCK_TIMEOUT") == "5"


def test_session_parameters_at_connect(connect):
    connection = connect(session_parameters={"QUERY_TAG": "nightly", "LOCK_TIMEOUT": 9})
    assert value_of(connection, "QUERY_TAG") == "nightly"
    assert value_of(connection, "LOCK_TIMEOUT") == "9"


def test_session_parameters_stay_in_their_session(connect):
    first, second = connect(), connect()
    first.cursor().execute("ALTER SESSION SET QUERY_TAG = 'first'")
    assert value_of(second, "QUERY_TAG") == ""


def test_show_parameters_columns(connection):
    cursor = connection.cursor()
    rows = cursor.execute("SHOW PARAMETERS").fetchall()
    names = [column.name for column in cursor.description]
    assert names == ["key", "value", "default", "level", "description", "type"]
    assert {"TIMEZONE", "AUTOCOMMIT", "QUERY_TAG"} <= {row[0] for row in rows}


def test_show_parameters_like_in_session(connection):
    cursor = connection.cursor()
    cursor.execute("ALTER SESSION SET TIMEZONE = 'UTC'")
    rows = cursor.execute("SHOW PARAMETERS LIKE 'TIMEZONE' IN SESSION").fetchall()
    assert rows[0][:2] == ("TIMEZONE", "UTC")
    assert rows[0][3] == "SESSION"


def test_show_parameters_in_account(cursor):
    rows = cursor.execute("SHOW PARAMETERS LIKE 'TIMEZONE' IN ACCOUNT").fetchall()
    assert len(rows) == 1
    assert rows[0][0] == "TIMEZONE"


def test_session_variables(cursor):
    cursor.execute("SET least = 3")
    cursor.execute("SET name = 'x'")
    assert cursor.execute("SELECT $least, $name").fetchone() == (3, "x")
    cursor.execute("UNSET least")
    with pytest.raises(DatabaseError, match="(?i)least"):
        cursor.execute("SELECT $least")


def test_wrong_password_is_refused():
    with pytest.raises(DatabaseError) as caught:
        snowflake.connector.connect(**parameters(password="wrong", login_timeout=10))
    assert "Incorrect username or password" in str(caught.value)


def test_is_valid(connection):
    assert connection.is_valid()
    assert not connection.is_closed()


def test_closed_connection_refuses(connect):
    connection = connect()
    connection.close()
    assert connection.is_closed()
    with pytest.raises(DatabaseError):
        connection.cursor().execute("SELECT 1")


def test_heartbeat_keeps_a_session_alive(connect):
    connection = connect(client_session_keep_alive=True)
    assert connection.cursor().execute("SELECT 1").fetchone() == (1,)


def test_key_pair_with_private_key_bytes(cursor, place):
    key, public = _key_pair()
    cursor.execute(f"ALTER USER {parameters()['user']} SET RSA_PUBLIC_KEY = '{public}'")
    settings = parameters(private_key=_der(key), authenticator="SNOWFLAKE_JWT")
    del settings["password"]
    with snowflake.connector.connect(**settings) as connection:
        assert connection.cursor().execute("SELECT CURRENT_USER()").fetchone()[0] == "SPCS"


def test_key_pair_with_private_key_file(cursor, tmp_path: Path):
    key, public = _key_pair()
    cursor.execute(f"ALTER USER {parameters()['user']} SET RSA_PUBLIC_KEY = '{public}'")
    file = tmp_path / "key.p8"
    file.write_bytes(_pem(key))
    settings = parameters(private_key_file=str(file), authenticator="SNOWFLAKE_JWT")
    del settings["password"]
    with snowflake.connector.connect(**settings) as connection:
        assert connection.cursor().execute("SELECT 1").fetchone() == (1,)


def test_another_key_is_refused(cursor):
    _, public = _key_pair()
    cursor.execute(f"ALTER USER {parameters()['user']} SET RSA_PUBLIC_KEY = '{public}'")
    settings = parameters(
        private_key=_der(_key_pair()[0]), authenticator="SNOWFLAKE_JWT", login_timeout=10
    )
    del settings["password"]
    with pytest.raises(DatabaseError, match="JWT token is invalid"):
        snowflake.connector.connect(**settings)


def _key_pair() -> tuple[rsa.RSAPrivateKey, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return key, "".join(pem.decode().splitlines()[1:-1])


def _der(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
