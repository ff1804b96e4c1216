"""The wire protocol, as Snowflake's connector speaks it."""

import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector import DictCursor
from snowflake.connector.errors import DatabaseError, ProgrammingError

from dagster_spcs.emulator import Emulator
from dagster_spcs.emulator.wire import routes as wire
from tests.support.emulators import (
    POOL,
    Lab,
    connect,
    container,
    execute_job,
    new_emulator,
    new_name,
    open_lab,
    result_of,
    spec_of,
    until,
)

LOOP = "while :; do sleep 0.01; done"


def in_background(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Start work on a thread; its result, or the error it raised, comes into the list."""
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append(work())
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, ended


def gate(path: Path) -> str:
    """Return a script that ends well once ``path`` exists."""
    return f"until [ -e {path} ]; do sleep 0.01; done"


def test_an_asynchronous_query(lab: Lab) -> None:
    """``execute_async`` answers at once; status and result come by the query's id."""
    cursor = lab.connection.cursor()
    cursor.execute_async("SELECT 1 AS ONE, 'x' AS X")
    query_id = cursor.sfqid
    until(lambda: not lab.connection.is_still_running(lab.connection.get_query_status(query_id)))
    cursor.get_results_from_sfqid(query_id)
    assert cursor.fetchall() == [(1, "x")]


def test_an_asynchronous_job(lab: Lab, tmp_path: Path) -> None:
    """A synchronous job in an asynchronous query runs until the job ends."""
    name = new_name()
    spec = spec_of(container(gate(tmp_path / "gate")))
    cursor = lab.connection.cursor()
    cursor.execute_async(execute_job(spec, name, ""))
    until(lambda: lab.rows(f"SHOW JOB SERVICES LIKE '{name}'"))
    status = lab.connection.get_query_status(cursor.sfqid)
    assert lab.connection.is_still_running(status)
    (tmp_path / "gate").touch()
    cursor.get_results_from_sfqid(cursor.sfqid)
    assert cursor.fetchone() == (f"Job {name} completed successfully with status: DONE.",)


def test_an_asynchronous_query_that_fails(lab: Lab) -> None:
    """The error of an asynchronous query comes with its result."""
    cursor = lab.connection.cursor()
    cursor.execute_async("DESCRIBE SERVICE NO_SUCH_JOB")
    with pytest.raises(DatabaseError, match="NO_SUCH_JOB"):
        result_of(cursor)


def test_another_session_fetches_the_result(emulator: Emulator, lab: Lab) -> None:
    """A result belongs to the user, not to the session that asked for it."""
    cursor = lab.connection.cursor()
    cursor.execute_async("SELECT 7")
    with open_lab(emulator) as other, other.cursor() as fetching:
        fetching.get_results_from_sfqid(cursor.sfqid)
        assert fetching.fetchall() == [(7,)]


def test_a_query_longer_than_one_answer(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A statement that takes long is answered "in progress", and the client polls to its end."""
    monkeypatch.setattr(wire, "ANSWER_WITHIN_SECONDS", 0.05)
    name = new_name()
    spec = spec_of(container(gate(tmp_path / "gate")))
    thread, ended = in_background(lambda: lab.value(execute_job(spec, name, "")))
    until(lambda: (tmp_path / "gate").touch() or ended)
    thread.join()
    assert ended == [f"Job {name} completed successfully with status: DONE."]


def test_a_statements_time_limit_cancels_its_job(emulator: Emulator, lab: Lab) -> None:
    """The connector aborts a statement that takes too long, and its synchronous job is cancelled.

    Connector 4 tells of it with the account's error 604, connector 5 with one of its own.
    """
    name = new_name()
    with open_lab(emulator, network_timeout=1) as hasty, pytest.raises(DatabaseError) as caught:
        hasty.cursor().execute(execute_job(spec_of(container(LOOP)), name, ""))
    assert caught.value.errno == 604 or caught.value.sqlstate == "HYT00"
    lab.wait(name, "CANCELLED")


def test_a_time_limit_of_one_statement(lab: Lab) -> None:
    """Connector 4 aborts the statement; connector 5 lets it end (docs/emulator.md)."""
    name = new_name()
    statement = execute_job(spec_of(container("sleep 4")), name, "")
    if snowflake.connector.__version__.startswith("4."):
        with pytest.raises(DatabaseError) as caught:
            lab.connection.cursor().execute(statement, timeout=1)
        assert caught.value.errno == 604
        lab.wait(name, "CANCELLED")
    else:
        lab.connection.cursor().execute(statement, timeout=1)
        assert lab.describe(name)["status"] == "DONE"


def test_closing_the_session_cancels_its_job(emulator: Emulator, lab: Lab) -> None:
    """A synchronous job ends with its session; an asynchronous one does not."""
    other = Lab(open_lab(emulator))
    lasting = other.submit(LOOP)
    name = new_name()
    spec = spec_of(container(LOOP))
    thread, _ = in_background(lambda: other.value(execute_job(spec, name, "")))
    until(lambda: lab.rows(f"SHOW JOB SERVICES LIKE '{name}'"))
    other.connection.close()
    thread.join()
    lab.wait(name, "CANCELLED")
    assert lab.describe(lasting)["status"] == "RUNNING"
    lab.rows(f"DROP SERVICE {lasting}")


def test_two_emulators_share_nothing(emulator: Emulator, lab: Lab, tmp_path: Path) -> None:
    """Two emulators in one process have their own data, jobs, pools, sessions and passwords."""
    with new_emulator(tmp_path, nodes=3) as second, open_lab(second) as connection:
        other = Lab(connection)
        lab.rows("CREATE OR REPLACE TABLE HERE AS SELECT 1 AS N")
        lab.rows("CREATE WAREHOUSE IF NOT EXISTS HERE")
        name = lab.run("true")
        assert other.rows("SHOW TABLES LIKE 'HERE'") == []
        assert other.rows("SHOW WAREHOUSES LIKE 'HERE'") == []
        assert other.history(name) == []
        assert other.rows(f"SHOW JOB SERVICES LIKE '{name}'") == []
        assert other.row(f"DESCRIBE COMPUTE POOL {POOL}")["max_nodes"] == 3
        with pytest.raises(DatabaseError):
            connect(second, password=emulator.password)
        other.submit("true", name=name)
        other.wait(name)
    assert lab.value("SELECT N FROM HERE") == 1
    assert lab.describe(name)["status"] == "DONE"


def test_many_statements_on_one_session(lab: Lab) -> None:
    """Statements of one session may be sent at once; each gets its own answer."""
    lab.rows("CREATE OR REPLACE TABLE MANY (N NUMBER)")
    name = lab.run("echo x")

    def ask(number: int) -> Any:
        kind = number % 4
        if kind == 0:
            return lab.value(f"SELECT {number}") == number
        if kind == 1:
            return lab.describe(name)["name"] == name
        if kind == 2:
            return lab.log(name) == ["x"]
        return lab.value(f"INSERT INTO MANY VALUES ({number})") == 1

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(200)))
    assert lab.value("SELECT COUNT(DISTINCT N) FROM MANY") == 50


def test_changes_at_once(emulator: Emulator, lab: Lab, stack: ExitStack) -> None:
    """Sessions that change one table at the same time wait for each other, as an account's do."""
    lab.rows("CREATE OR REPLACE TABLE CHANGED (ID INT, N INT)")
    merge = (
        "MERGE INTO CHANGED USING (SELECT 1 AS ID) AS GIVEN ON CHANGED.ID = GIVEN.ID"
        " WHEN MATCHED THEN UPDATE SET N = N + 1 WHEN NOT MATCHED THEN INSERT VALUES (1, 1)"
    )
    sessions = [Lab(stack.enter_context(open_lab(emulator))) for _ in range(4)]

    def change(session: Lab) -> None:
        for _ in range(40):
            session.rows(merge)

    with ThreadPoolExecutor(len(sessions)) as threads:
        assert len(list(threads.map(change, sessions))) == 4
    assert lab.rows("SELECT ID, N FROM CHANGED") == [{"ID": 1, "N": 160}]


def test_client_that_goes_away(
    emulator: Emulator, lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that ends in the middle of a request is no error of the emulator's."""
    with socket.create_connection((emulator.host, emulator.port)) as client:
        client.sendall(
            b"POST /session/v1/login-request HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
        )
        client.shutdown(socket.SHUT_WR)
        # The server closes once it has seen the end; an answer to nobody may come before that.
        while client.recv(4096):
            pass
    assert lab.value("SELECT 1") == 1
    assert not caplog.records


def test_submissions_at_once(lab: Lab) -> None:
    """Jobs submitted at the same time on one session all run."""
    with ThreadPoolExecutor(16) as threads:
        names = list(threads.map(lambda _: lab.submit("true"), range(30)))
    for name in names:
        lab.wait(name)


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        pytest.param("SELECT 1 AS A, 'x' AS B", ["A", "B"], id="select"),
        pytest.param("SHOW JOB SERVICES", ["name", "status", "database_name"], id="show"),
        pytest.param(
            "SELECT NAME FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY())", ["NAME"], id="history"
        ),
    ],
)
def test_describing_a_query(lab: Lab, statement: str, columns: list[str]) -> None:
    """``describe`` gives the columns without rows."""
    described = lab.connection.cursor().describe(statement)
    assert [column.name for column in described][: len(columns)] == columns


def test_describing_changes_nothing(lab: Lab) -> None:
    """Asking for a statement's columns does not carry it out."""
    cursor = lab.connection.cursor()
    described = cursor.describe(execute_job(spec_of(container("true")), "ONLY_DESCRIBED"))
    assert [column.name for column in described] == ["status"]
    assert lab.rows("SHOW JOB SERVICES LIKE 'ONLY_DESCRIBED'") == []
    name = lab.submit(LOOP)
    lab.wait(name, "RUNNING")
    cursor.describe(f"CALL {name}!SPCS_CANCEL_JOB()")
    cursor.describe(f"DROP SERVICE {name}")
    assert lab.describe(name)["status"] == "RUNNING"
    lab.rows(f"DROP SERVICE {name}")


def test_both_cursors(lab: Lab) -> None:
    """Rows come as tuples or by column, with the same values and types."""
    name = lab.run("true")
    statement = f"DESCRIBE SERVICE {name}"
    with lab.connection.cursor() as cursor, lab.connection.cursor(DictCursor) as by_column:
        (row,) = cursor.execute(statement).fetchall()
        names = [column.name for column in cursor.description]
        (mapping,) = by_column.execute(statement).fetchall()
    assert dict(zip(names, row, strict=True)) == mapping
    assert cursor.rowcount == 1
    assert cursor.sfqid != by_column.sfqid


def test_the_query_id_is_the_jobs(lab: Lab) -> None:
    """The id the client is told is the QUERY_ID in the job's history."""
    name = new_name()
    with lab.connection.cursor() as cursor:
        cursor.execute(execute_job(spec_of(container("true")), name))
        (row,) = lab.history(name)
        assert row["QUERY_ID"] == cursor.sfqid


def test_a_null_moment_is_null(lab: Lab) -> None:
    """A NULL timestamp comes as None, with SHOW and with SELECT."""
    name = lab.run("true")
    assert lab.describe(name)["suspended_on"] is None
    assert lab.history(name)[0]["DELETED_TIME"] is None
    assert lab.row("SELECT NULL::TIMESTAMP_LTZ AS A, NULL::TIMESTAMP_NTZ AS B") == {
        "A": None,
        "B": None,
    }


@pytest.mark.parametrize(
    ("statement", "binds", "rows"),
    [
        pytest.param(
            "SELECT NAME FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY(RESULT_LIMIT => ?))"
            " WHERE NAME = ?",
            [10_000, "{name}"],
            [{"NAME": "{name}"}],
            id="inside-and-behind",
        ),
        pytest.param(
            "SELECT ? AS X FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY(RESULT_LIMIT => ?)) LIMIT 1",
            ["x", 10],
            [{"X": "x"}],
            id="before-and-inside",
        ),
        pytest.param(
            "SELECT ? AS X FROM TABLE({name}!SPCS_GET_LOGS()) WHERE LOG = ?",
            [3, "hello"],
            [{"X": 3}],
            id="around",
        ),
        pytest.param(
            "SELECT COUNT(*) AS N FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY(RESULT_LIMIT => ?))",
            [1],
            [{"N": 1}],
            id="only-inside",
        ),
    ],
)
def test_binds_around_our_functions(
    qmark: Lab, statement: str, binds: list[Any], rows: list[dict[str, Any]]
) -> None:
    """Each bind goes to its own place, whoever reads it."""
    name = qmark.run("echo hello")
    filled = json.loads(json.dumps([statement, binds, rows]).replace("{name}", name))
    assert qmark.rows(filled[0], filled[1]) == filled[2]


@pytest.fixture
def stage(lab: Lab, tmp_path: Path) -> str:
    """A stage with a specification and a template, put there by PUT."""
    name = new_name("STAGE")
    lab.rows(f"CREATE STAGE LAB.PUBLIC.{name}")
    (tmp_path / "job.yaml").write_text(spec_of(container("echo from the stage")))
    (tmp_path / "template.yaml").write_text(spec_of(container("echo {{ text }}")))
    for folder in ("", "/sub/folder"):
        for file in ("job.yaml", "template.yaml"):
            (row,) = lab.rows(
                f"PUT file://{tmp_path}/{file} @{name}{folder} AUTO_COMPRESS=FALSE OVERWRITE=TRUE"
            )
            assert row["status"] == "UPLOADED"
    return name


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("@{stage} SPECIFICATION_FILE = 'job.yaml'", id="bare"),
        pytest.param("@LAB.PUBLIC.{stage} SPEC = 'job.yaml'", id="qualified-and-alias"),
        pytest.param("@{stage}/sub/folder SPEC = 'job.yaml'", id="folder-in-the-location"),
        pytest.param("@{stage}/sub SPECIFICATION_FILE='folder/job.yaml'", id="folder-in-both"),
        pytest.param(
            '\'@"LAB"."PUBLIC"."{stage}"/sub/folder\' SPECIFICATION_FILE = \'job.yaml\'',
            id="one-string",
        ),
        pytest.param(
            "@{stage} SPECIFICATION_TEMPLATE_FILE = 'template.yaml'"
            " USING (text => ' \"from the stage\" ')",
            id="template",
        ),
    ],
)
def test_a_specification_on_a_stage(lab: Lab, stage: str, source: str) -> None:
    """A specification that was PUT on a stage is found in every form of the location."""
    name = new_name()
    lab.rows(
        f"EXECUTE JOB SERVICE IN COMPUTE POOL {POOL} NAME = {name}"
        f" FROM {source.format(stage=stage)}"
    )
    assert lab.log(name) == ["from the stage"]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("@{stage} SPEC = 'missing.yaml'", id="file"),
        pytest.param("@NO_SUCH_STAGE SPEC = 'job.yaml'", id="stage"),
        pytest.param("@{stage} SPEC = '../../../../../../etc/hostname'", id="outside"),
    ],
)
def test_a_missing_specification(lab: Lab, stage: str, source: str) -> None:
    """What is not on the stage does not exist, whatever else this machine has."""
    with pytest.raises(ProgrammingError) as caught:
        lab.rows(f"EXECUTE JOB SERVICE IN COMPUTE POOL {POOL} FROM {source.format(stage=stage)}")
    assert caught.value.errno == 2003


def test_scanning_a_result(lab: Lab) -> None:
    """The result of SHOW, DESCRIBE or a query can be selected from, by id or as the last one."""
    name = lab.run("true")
    with lab.connection.cursor() as cursor:
        cursor.execute(f"SHOW JOB SERVICES LIKE '{name}'")
        shown = cursor.sfqid
    scanned = 'SELECT "name", "status" FROM TABLE(RESULT_SCAN({}))'
    assert lab.rows(scanned.format("LAST_QUERY_ID()")) == [{"name": name, "status": "DONE"}]
    assert lab.rows(scanned.format(f"'{shown}'")) == [{"name": name, "status": "DONE"}]
    lab.rows("SELECT 5 AS FIVE")
    assert lab.rows("SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))") == [{"FIVE": 5}]


def test_statements_are_listed(emulator: Emulator, lab: Lab) -> None:
    """Every statement is recorded in order, refused ones included."""
    before = len(emulator.statements)
    lab.rows("SHOW JOB SERVICES")
    with pytest.raises(ProgrammingError):
        lab.rows("DESCRIBE SERVICE NOT_THERE")
    lab.rows("SELECT 1")
    sent = emulator.statements[before:]
    assert [each.text for each in sent] == [
        "SHOW JOB SERVICES",
        "DESCRIBE SERVICE NOT_THERE",
        "SELECT 1",
    ]


def test_where_a_session_stands(emulator: Emulator, stack: ExitStack) -> None:
    """Creating and using databases and schemas moves the session, and the client knows it."""
    connection = stack.enter_context(open_lab(emulator))
    lab = Lab(connection)
    lab.rows("CREATE OR REPLACE DATABASE MOVES")
    assert (connection.database, connection.schema) == ("MOVES", "PUBLIC")
    lab.rows("CREATE SCHEMA INNER_ONE")
    assert (connection.database, connection.schema) == ("MOVES", "INNER_ONE")
    lab.rows("USE SCHEMA PUBLIC")
    assert lab.row("SELECT CURRENT_DATABASE() AS D, CURRENT_SCHEMA() AS S") == {
        "D": "MOVES",
        "S": "PUBLIC",
    }


def test_failed_query_over_our_rows_in_a_transaction(lab: Lab) -> None:
    """A query over rows of ours may fail in a transaction; nothing of it is left behind."""
    logs = f"FROM TABLE({lab.run('echo hello')}!SPCS_GET_LOGS())"
    lab.rows("BEGIN")
    with pytest.raises(ProgrammingError, match="hello"):
        lab.rows(f"SELECT LOG::NUMBER AS N {logs}")
    lab.rows("ROLLBACK")
    both = f"SELECT 1 AS N, LOG {logs} UNION ALL SELECT 2, LOG {logs} ORDER BY N"
    assert lab.rows(both) == [{"N": 1, "LOG": "hello"}, {"N": 2, "LOG": "hello"}]
    lab.rows("BEGIN")
    assert lab.rows(f"SELECT LOG {logs}") == [{"LOG": "hello"}]
    lab.rows("COMMIT")
    assert lab.rows(f"SELECT LOG {logs}") == [{"LOG": "hello"}]
