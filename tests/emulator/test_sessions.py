"""Sessions: parameters, several statements in one text, transactions after an error, keys."""

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from snowflake.connector import DatabaseError, ProgrammingError

from dagster_spcs.emulator import Emulator
from tests.support.emulators import Lab, connect, new_name, open_lab


def shown(lab: Lab, name: str, place: str = "") -> tuple[str, str]:
    """Return value and level of a parameter."""
    row = lab.row(f"SHOW PARAMETERS LIKE '{name}' {place}")
    assert list(row) == ["key", "value", "default", "level", "description", "type"]
    return row["value"], row["level"]


def test_setting_and_unsetting(lab: Lab) -> None:
    """A parameter is kept, shown, and goes back to its default."""
    lab.rows(
        "ALTER SESSION SET QUERY_TAG = 'nightly, 2', LOCK_TIMEOUT = 7 USE_CACHED_RESULT = false"
    )
    assert shown(lab, "query_tag") == ("nightly, 2", "SESSION")
    assert shown(lab, "LOCK_TIMEOUT", "IN SESSION") == ("7", "SESSION")
    assert shown(lab, "USE_CACHED%") == ("false", "SESSION")
    lab.rows("ALTER SESSION UNSET QUERY_TAG, LOCK_TIMEOUT")
    assert shown(lab, "QUERY_TAG") == ("", "")
    assert shown(lab, "LOCK_TIMEOUT") == ("43200", "")


def test_parameters_of_the_login(emulator: Emulator) -> None:
    """What the client gives when it connects holds for the session."""
    given = {"QUERY_TAG": "from login", "statement_timeout_in_seconds": 77, "NOBODY_KNOWS": 1}
    with open_lab(emulator, session_parameters=given) as connection:
        assert shown(Lab(connection), "QUERY_TAG") == ("from login", "SESSION")
        assert shown(Lab(connection), "STATEMENT_TIMEOUT%") == ("77", "SESSION")


def test_parameters_of_the_account(emulator: Emulator, lab: Lab) -> None:
    """They hold for every session that has no value of its own."""
    assert shown(lab, "event_table", "IN ACCOUNT") == ("snowflake.telemetry.events", "")
    lab.rows("ALTER ACCOUNT SET LOCK_TIMEOUT = 12")
    try:
        with open_lab(emulator) as other:
            assert shown(Lab(other), "LOCK_TIMEOUT") == ("12", "ACCOUNT")
            assert shown(Lab(other), "LOCK_TIMEOUT", "IN ACCOUNT") == ("12", "ACCOUNT")
    finally:
        lab.rows("ALTER ACCOUNT UNSET LOCK_TIMEOUT")
    assert shown(lab, "LOCK_TIMEOUT") == ("43200", "")


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("ALTER SESSION SET NO_SUCH_THING = 1", 1420),
        ("ALTER SESSION UNSET NO_SUCH_THING", 1420),
        ("ALTER SESSION SET LOCK_TIMEOUT = 'soon'", 1008),
        ("ALTER SESSION SET AUTOCOMMIT = perhaps", 1008),
    ],
)
def test_a_wrong_parameter(lab: Lab, statement: str, number: int) -> None:
    """It is refused by name."""
    with pytest.raises(ProgrammingError) as caught:
        lab.rows(statement)
    assert caught.value.errno == number


def test_a_statement_that_takes_too_long(lab: Lab) -> None:
    """STATEMENT_TIMEOUT_IN_SECONDS ends it, and the session works on."""
    lab.rows("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1")
    for statement in ("CALL SYSTEM$WAIT(1, 'HOURS')", "SELECT count(*) FROM range(1000000000000)"):
        with pytest.raises(DatabaseError) as caught:
            lab.rows(statement)
        assert caught.value.errno == 630
    assert lab.value("SELECT 1") == 1


def test_several_statements(lab: Lab) -> None:
    """They run one by one; each has a result."""
    name = new_name("SEVERAL")
    text = f"CREATE TABLE {name} (A INT);\nINSERT INTO {name} VALUES (1), (2);"
    text += f" SELECT ';', A FROM {name};"
    with lab.connection.cursor() as cursor:
        cursor.execute(text, num_statements=3)
        seen = [cursor.fetchall()]
        while cursor.nextset():
            seen.append(cursor.fetchall())
    assert seen == [[(f"Table {name} successfully created.",)], [(2,)], [(";", 1), (";", 2)]]


@pytest.mark.parametrize("count", [None, 1, 3])
def test_a_wrong_number_of_statements(lab: Lab, count: int | None) -> None:
    """It is refused before anything happens."""
    name = new_name("WRONG")
    with pytest.raises(ProgrammingError) as caught, lab.connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (A INT); SELECT 1", num_statements=count)
    assert caught.value.errno == 8
    assert lab.rows(f"SHOW TABLES LIKE '{name}'") == []


def test_several_statements_stop_at_an_error(lab: Lab) -> None:
    """What was done before it stays."""
    name = new_name("STOPPED")
    text = f"CREATE TABLE {name} (A INT); INSERT INTO {name} VALUES (1); SELEC 2; DROP TABLE {name}"
    with pytest.raises(ProgrammingError), lab.connection.cursor() as cursor:
        cursor.execute(text, num_statements=0)
    assert lab.value(f"SELECT count(*) FROM {name}") == 1


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param("INSERT INTO {} VALUES ('x')", id="conversion"),
        pytest.param("SELECT nothing FROM {}", id="column"),
        pytest.param("SELECT * FROM NOWHERE", id="table"),
        pytest.param("SELEC 1", id="syntax"),
        pytest.param("INSERT INTO {} VALUES (NULL)", id="constraint"),
    ],
)
@pytest.mark.parametrize("autocommit", [True, False])
def test_an_error_in_a_transaction(
    emulator: Emulator, lab: Lab, mistake: str, autocommit: bool
) -> None:
    """It undoes its own statement only; what was changed before is there and can be committed."""
    name = new_name("T")
    lab.rows(f"CREATE TABLE {name} (N INT NOT NULL)")
    with open_lab(emulator, autocommit=autocommit) as connection:
        inside = Lab(connection)
        if autocommit:
            inside.rows("BEGIN")
        inside.rows(f"INSERT INTO {name} VALUES (1), (2)")
        inside.rows(f"UPDATE {name} SET N = 3 WHERE N = 2")
        with pytest.raises(DatabaseError):
            inside.rows(mistake.format(name))
        assert inside.value(f"SELECT sum(N) FROM {name}") == 4
        assert lab.value(f"SELECT count(*) FROM {name}") == 0
        inside.rows(f"INSERT INTO {name} VALUES (5)")
        inside.rows("COMMIT")
    assert lab.value(f"SELECT sum(N) FROM {name}") == 9


@pytest.mark.parametrize(
    ("statement", "number", "state", "words"),
    [
        ("CREATE TABLE {} (A INT)", 2002, "42710", "already exists"),
        ("CREATE VIEW {} AS SELECT 1 AS X", 2002, "42710", "already exists"),
        ("CREATE SCHEMA PUBLIC", 2002, "42710", "already exists"),
        ("CREATE DATABASE LAB", 2002, "42710", "already exists"),
        ("SELECT * FROM NOT_THERE", 2003, "42S02", "does not exist or not authorized"),
        ("SELECT * FROM NOWHERE.NOT_THERE", 2003, "02000", "does not exist or not authorized"),
        ("SELECT * FROM NO_DB.NOWHERE.X", 2003, "02000", "does not exist or not authorized"),
        ("DROP TABLE NOT_THERE", 2003, "42S02", "does not exist or not authorized"),
        ("DROP VIEW NOT_THERE", 2003, "42S02", "does not exist or not authorized"),
        ("DROP SCHEMA NOT_THERE", 2003, "02000", "does not exist or not authorized"),
        ("DESCRIBE TABLE NOT_THERE", 2003, "42S02", "does not exist or not authorized"),
        ("TRUNCATE TABLE NOT_THERE", 2003, "42S02", "does not exist or not authorized"),
        ("INSERT INTO NOT_THERE VALUES (1)", 2003, "42S02", "does not exist or not authorized"),
        ("USE SCHEMA NOT_THERE", 2043, "02000", "does not exist"),
        ("SELECT NOT_A_COLUMN FROM {}", 904, "42000", "invalid identifier 'NOT_A_COLUMN'"),
        ("SELECT X.A FROM {}", 904, "42000", ""),
        ("INSERT INTO {} (ZZ) VALUES (1)", 904, "42000", ""),
        ("UPDATE {} SET ZZ = 1", 904, "42000", ""),
        ("SELEC 1", 1003, "42000", "syntax error"),
        ("SELECT 1 FROM", 1003, "42000", ""),
        ("SELECT NOT_A_FUNCTION(1)", 2140, "42601", "Unknown function NOT_A_FUNCTION"),
        ("SELECT 'x'::INT", 100038, "22018", ""),
        ("", 900, "42601", "Empty SQL statement"),
        ("-- nothing\n", 900, "42601", "Empty SQL statement"),
        ("UNDROP TABLE {}", 2, "0A000", "UNDROP"),
        ("BEGIN LET X := 1; RETURN X; END", 2, "0A000", "Snowflake Scripting"),
    ],
)
def test_errors_that_clients_branch_on(
    lab: Lab, statement: str, number: int, state: str, words: str
) -> None:
    """Number, SQL state and the words that clients look for."""
    name = new_name("E")
    lab.rows(f"CREATE TABLE {name} (A INT)")
    with pytest.raises(ProgrammingError) as caught:
        lab.rows(statement.format(name)) if statement else lab.connection.cursor().execute(" ;")
    assert (caught.value.errno, caught.value.sqlstate) == (number, state), caught.value.msg
    assert words in str(caught.value.msg)
    assert "exception_type" not in str(caught.value.msg)


def test_functions_about_the_session(emulator: Emulator, lab: Lab) -> None:
    """Those that clients ask for when they have connected."""
    row = lab.row(
        "SELECT CURRENT_USER() U, CURRENT_ROLE() R, CURRENT_ACCOUNT() A, CURRENT_DATABASE() D,"
        " CURRENT_SCHEMA() S, CURRENT_VERSION() V, CURRENT_SESSION() I, CURRENT_CLIENT() C"
    )
    assert row == {
        "U": emulator.settings.user,
        "R": "ACCOUNTADMIN",
        "A": emulator.settings.account,
        "D": "LAB",
        "S": "PUBLIC",
        "V": row["V"],
        "I": str(lab.connection.session_id),
        "C": row["C"],
    }
    assert row["V"].count(".") == 2
    assert row["C"].startswith("PythonConnector")


@pytest.fixture
def key(tmp_path: Path) -> Any:
    """A private key, its file, and what ALTER USER takes of its public half."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    der = private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return der, base64.b64encode(public).decode()


def test_key_pair_login(emulator: Emulator, lab: Lab, key: tuple[bytes, str]) -> None:
    """With a key that ALTER USER has set, until it is taken away (page "Key-pair …")."""
    private, public = key
    user = emulator.settings.user

    def log_in() -> Any:
        with connect(
            emulator, authenticator="SNOWFLAKE_JWT", private_key=private, password=None
        ) as connection:
            return Lab(connection).value("SELECT CURRENT_USER()")

    with pytest.raises(DatabaseError):
        log_in()
    lab.rows(f"ALTER USER {user} SET RSA_PUBLIC_KEY = '{public}'")
    assert log_in() == user
    lab.rows(f"ALTER USER {user} UNSET RSA_PUBLIC_KEY")
    with pytest.raises(DatabaseError):
        log_in()


def test_execute_immediate(lab: Lab) -> None:
    """A text runs as it stands; of several statements the last one answers."""
    name = new_name("NOW")
    assert lab.value("EXECUTE IMMEDIATE $$SELECT 'it''s'$$") == "it's"
    text = f"CREATE TABLE {name} (N INT); INSERT INTO {name} VALUES (4); SELECT N FROM {name}"
    assert lab.value(f"EXECUTE IMMEDIATE '{text}'") == 4
    with pytest.raises(ProgrammingError) as caught:
        lab.rows("EXECUTE IMMEDIATE 'SELEC 1'")
    assert caught.value.errno == 1003


def test_execute_immediate_from_a_stage(lab: Lab, tmp_path: Path) -> None:
    """A file runs with its variables filled in."""
    stage = new_name("SCRIPTS")
    lab.rows(f"CREATE STAGE {stage}")
    (tmp_path / "a.sql").write_text("SELECT '{{ who }}' AS WHO; -- last\nSELECT {{ n }} + 1 AS N;")
    lab.rows(f"PUT file://{tmp_path}/a.sql @{stage} AUTO_COMPRESS = FALSE")
    assert lab.value(f"EXECUTE IMMEDIATE FROM @{stage}/a.sql USING (who => 'me', n => 41)") == 42
    with pytest.raises(ProgrammingError, match="has no value"):
        lab.rows(f"EXECUTE IMMEDIATE FROM @{stage}/a.sql")
    with pytest.raises(ProgrammingError, match="does not exist"):
        lab.rows(f"EXECUTE IMMEDIATE FROM @{stage}/b.sql")
