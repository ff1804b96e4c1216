"""The life of a job as SQL shows it: status, waiting, cancelling, dropping (facts 2, 3 and 7)."""

import json
import re
import uuid
from pathlib import Path

import pytest
from snowflake.connector.errors import DatabaseError, ProgrammingError

from dagster_spcs.emulator import Emulator
from tests.support.emulators import (
    POOL,
    PYTHON,
    Lab,
    container,
    execute_job,
    open_lab,
    processes_with,
    result_of,
    spec_of,
    until,
)

LOOP = "while :; do sleep 0.01; done"


def gate(path: Path) -> str:
    """Return a script that ends well once ``path`` exists."""
    return f"until [ -e {path} ]; do sleep 0.01; done"


def test_pending_is_seen(lab: Lab) -> None:
    """Right after an asynchronous submission the job is PENDING, as facts 1.7 describe it."""
    name = lab.submit("true")
    row = lab.describe(name)
    assert (row["status"], row["current_instances"], row["target_instances"]) == ("PENDING", 0, 1)
    assert (row["auto_resume"], row["auto_suspend_secs"], row["owner_role_type"]) == (
        True, 0, "ROLE",
    )  # fmt: skip
    assert (row["is_job"], row["is_async_job"], row["is_upgrading"]) == (True, True, False)
    unset = "resumed_on suspended_on comment external_access_integrations query_warehouse"
    assert [row[column] for column in unset.split()] == [None] * 5
    assert re.fullmatch(r"[a-z0-9-]+\.\w+\.svc\.spcs\.internal", row["dns_name"])
    assert row["created_on"] <= row["updated_on"]
    lab.wait(name)


def test_the_columns_follow_the_life(lab: Lab, tmp_path: Path) -> None:
    """Job, instance and container move together from PENDING over RUNNING to their ends."""
    name = lab.submit(gate(tmp_path / "gate"))
    (pending,) = lab.containers(name)
    assert (pending["status"], pending["message"], pending["start_time"]) == (
        "PENDING", "Waiting to start", None,
    )  # fmt: skip
    lab.wait(name, "RUNNING")
    (running,) = lab.containers(name)
    assert (running["service_status"], running["instance_status"]) == ("RUNNING", "READY")
    assert (running["status"], running["message"]) == ("READY", "Running")
    assert (running["last_exit_code"], running["start_time"][-1]) == (None, "Z")
    assert lab.describe(name)["current_instances"] == 1
    assert lab.history(name)[0]["COMPLETED_TIME"] is None
    (tmp_path / "gate").touch()
    lab.wait(name)
    (done,) = lab.containers(name)
    assert (done["service_status"], done["instance_status"]) == ("DONE", "SUCCEEDED")
    assert (done["status"], done["message"], done["last_exit_code"]) == (
        "DONE", "Completed successfully", 0,
    )  # fmt: skip
    assert lab.describe(name)["current_instances"] == 0


@pytest.mark.parametrize(
    ("script", "code"),
    [
        pytest.param("exit 1", 1, id="exit-1"),
        pytest.param("exit 42", 42, id="exit-42"),
        pytest.param("kill -KILL $$", 137, id="killed"),
        pytest.param("kill -SEGV $$", 139, id="segmentation-fault"),
    ],
)
def test_failure(lab: Lab, script: str, code: int) -> None:
    """A container that does not exit with 0 fails its job, and its exit code is shown."""
    name = lab.submit(script)
    lab.wait(name, "FAILED")
    (row,) = lab.containers(name)
    assert (row["status"], row["last_exit_code"]) == ("FAILED", code)
    (history,) = lab.history(name)
    assert (history["STATUS"], history["MESSAGE"]) == ("FAILED", "Job has failed")
    statuses = json.loads(history["INSTANCE_STATUSES"])
    assert (statuses["failedInstances"], statuses["totalInstances"]) == (1, 1)
    assert statuses["instances"][0]["containers"][0]["lastExitCode"] == code


def test_an_asynchronous_job_outlives_its_session(
    lab: Lab, account: Emulator, tmp_path: Path
) -> None:
    """Closing the session that submitted a job does not touch it."""
    with open_lab(account) as connection:
        name = Lab(connection).submit(gate(tmp_path / "gate"))
    (tmp_path / "gate").touch()
    lab.wait(name)


def test_a_synchronous_job_blocks(lab: Lab, account: Emulator, tmp_path: Path, name: str) -> None:
    """ASYNC = FALSE answers when the job has ended, and not before."""
    spec = spec_of(container(gate(tmp_path / "gate")))
    with open_lab(account) as connection, connection.cursor() as cursor:
        cursor.execute_async(execute_job(spec, name, "ASYNC = FALSE"))
        until(lambda: lab.rows(f"SHOW JOB SERVICES LIKE '{name}'"))
        lab.wait(name, "RUNNING")
        assert connection.is_still_running(connection.get_query_status(cursor.sfqid))
        assert lab.describe(name)["is_async_job"] is False
        (tmp_path / "gate").touch()
        cursor.get_results_from_sfqid(cursor.sfqid)
        assert cursor.fetchone() == (f"Job {name} completed successfully with status: DONE.",)


def test_replicas(lab: Lab) -> None:
    """Each replica knows its index and how many there are, and has a log of its own."""
    name = lab.submit(
        "echo $SNOWFLAKE_JOB_INDEX of $SNOWFLAKE_JOBS_COUNT", "ASYNC = TRUE REPLICAS = 3"
    )
    lab.wait(name)
    assert [lab.log(name, instance) for instance in range(3)] == [
        ["0 of 3"], ["1 of 3"], ["2 of 3"],
    ]  # fmt: skip
    row = lab.describe(name)
    assert {row[f"{which}_instances"] for which in ("target", "min", "max", "min_ready")} == {3}
    (history,) = lab.history(name)
    assert json.loads(history["PARAMETERS"]) == {"ASYNC": True, "REPLICAS": 3}
    logs = lab.rows(f"SELECT INSTANCE_ID, LOG FROM TABLE({name}!SPCS_GET_LOGS()) ORDER BY 1")
    assert [tuple(row.values()) for row in logs] == [(0, "0 of 3"), (1, "1 of 3"), (2, "2 of 3")]


@pytest.mark.parametrize(
    ("script", "status"),
    [
        pytest.param("true", "DONE", id="done"),
        pytest.param("false", "FAILED", id="failed"),
        pytest.param("sleep 600", "RUNNING", id="running"),
    ],
)
def test_waiting_ends_well(lab: Lab, script: str, status: str) -> None:
    """SPCS_WAIT_FOR answers one text when the status is there, and again when it already was."""
    name = lab.submit(script)
    for qualified in (name, f"lab.public.{name.lower()}"):
        assert status in lab.wait(qualified, status)
    lab.rows(f"DROP SERVICE {name}")


@pytest.mark.parametrize(
    ("script", "wanted", "seconds", "current"),
    [
        pytest.param("sleep 600", "DONE", 0, "PENDING|RUNNING", id="no-time"),
        pytest.param("sleep 600", "DONE", 1, "RUNNING", id="time-is-up"),
        pytest.param("exit 1", "DONE", 600, "FAILED", id="failed-instead"),
        pytest.param("true", "RUNNING", 600, "DONE", id="too-late"),
        pytest.param("sleep 600", "SUSPENDED", 600, "PENDING|RUNNING", id="never-a-jobs"),
        pytest.param("sleep 600", "NONSENSE", 600, "PENDING|RUNNING", id="no-status"),
    ],
)
def test_waiting_ends_badly(lab: Lab, script: str, wanted: str, seconds: int, current: str) -> None:
    """A wait in vain is an error with the current status: when time is up, or as soon as known."""
    name = lab.submit(script)
    if current in ("DONE", "FAILED"):
        lab.wait(name, current)
    with pytest.raises(ProgrammingError, match=current):
        lab.rows(f"CALL {name}!SPCS_WAIT_FOR('{wanted}', {seconds})")
    lab.rows(f"DROP SERVICE {name}")


def test_waiting_stops_when_the_job_fails(lab: Lab, tmp_path: Path) -> None:
    """A wait that becomes pointless ends at once, long before its time is up."""
    name = lab.submit(f"{gate(tmp_path / 'gate')}; exit 1")
    with lab.connection.cursor() as cursor:
        cursor.execute_async(f"CALL {name}!SPCS_WAIT_FOR('DONE', 3600)")
        (tmp_path / "gate").touch()
        with pytest.raises(DatabaseError, match="FAILED"):
            result_of(cursor)


@pytest.mark.parametrize("verb", ["CALL", "SELECT"])
def test_cancelling(lab: Lab, verb: str) -> None:
    """The container gets TERM, may finish, and the job is CANCELLED whatever it exits with."""
    name = lab.submit(f"trap 'echo bye; exit 0' TERM; echo up; {LOOP}")
    lab.wait(name, "RUNNING")
    until(lambda: lab.log(name) == ["up"])
    assert name in lab.value(f"{verb} {name}!SPCS_CANCEL_JOB()")
    lab.wait(name, "CANCELLED")
    assert [line for line in lab.log(name) if line != "Terminated"] == ["up", "bye"]
    (row,) = lab.containers(name)
    assert (row["service_status"], row["last_exit_code"]) == ("CANCELLED", 0)
    (history,) = lab.history(name)
    assert (history["STATUS"], history["DELETED_TIME"]) == ("CANCELLED", None)


def test_cancelling_after_the_end(lab: Lab) -> None:
    """Cancelling a job that has ended changes nothing and says so."""
    name = lab.run("true")
    answer = lab.value(f"CALL {name}!SPCS_CANCEL_JOB()")
    assert "not cancelled" in answer
    assert "DONE" in answer
    assert lab.describe(name)["status"] == "DONE"


def test_cancelling_twice(lab: Lab) -> None:
    """A second cancel while the first is under way is harmless."""
    name = lab.submit(f"trap '' TERM; echo up; until [ -e ~/go ]; do sleep 0.01; done; {LOOP}")
    lab.wait(name, "RUNNING")
    until(lambda: lab.log(name) == ["up"])
    lab.value(f"CALL {name}!SPCS_CANCEL_JOB()")
    assert lab.describe(name)["status"] == "CANCELLING"
    lab.value(f"CALL {name}!SPCS_CANCEL_JOB()")
    assert lab.describe(name)["status"] == "CANCELLING"
    assert lab.row(f"DROP SERVICE {name}") == {"status": f"{name} successfully dropped."}


@pytest.mark.parametrize("clause", ["", "IF EXISTS", "FORCE"])
@pytest.mark.parametrize("state", ["running", "finished"])
def test_dropping(lab: Lab, clause: str, state: str) -> None:
    """A dropped job is gone from SHOW and DESCRIBE and stays in history, with its DELETED_TIME."""
    name = lab.run("true") if state == "finished" else lab.submit(LOOP)
    if state == "running":
        lab.wait(name, "RUNNING")
    before, after = ("", clause) if clause == "FORCE" else (clause, "")
    assert lab.row(f"DROP SERVICE {before} {name} {after}") == {
        "status": f"{name} successfully dropped."
    }
    assert lab.rows(f"SHOW SERVICES LIKE '{name}'") == []
    with pytest.raises(ProgrammingError, match="does not exist"):
        lab.describe(name)
    with pytest.raises(ProgrammingError, match="does not exist"):
        lab.rows(f"SELECT * FROM TABLE({name}!SPCS_GET_LOGS())")
    (row,) = lab.history(name)
    assert row["STATUS"] == ("DONE" if state == "finished" else "DELETED")
    assert row["CREATED_TIME"] <= row["COMPLETED_TIME"] <= row["DELETED_TIME"] or (
        state == "running" and row["COMPLETED_TIME"] >= row["CREATED_TIME"]
    )


def test_dropping_what_is_not_there(lab: Lab, name: str) -> None:
    """IF EXISTS makes a missing job no error."""
    assert lab.row(f"DROP SERVICE IF EXISTS {name}") == {
        "status": f"Drop statement executed successfully ({name} already dropped)."
    }


def test_stopping_all_of_a_pool(lab: Lab) -> None:
    """STOP ALL removes the pool's jobs, after which the pool can be dropped."""
    lab.rows("CREATE COMPUTE POOL DOOMED MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
    statement = execute_job(spec_of(container(LOOP)), "ON_DOOMED").replace(POOL, "DOOMED")
    lab.rows(statement)
    with pytest.raises(ProgrammingError):
        lab.rows("DROP COMPUTE POOL DOOMED")
    lab.rows("ALTER COMPUTE POOL DOOMED STOP ALL")
    assert lab.rows("SHOW SERVICES LIKE 'ON_DOOMED'") == []
    assert lab.row("DROP COMPUTE POOL DOOMED") == {"status": "DOOMED successfully dropped."}


def test_altering_a_job_is_refused(lab: Lab) -> None:
    """Jobs cannot be suspended."""
    name = lab.submit(LOOP)
    with pytest.raises(ProgrammingError):
        lab.rows(f"ALTER SERVICE {name} SUSPEND")
    lab.rows(f"DROP SERVICE {name}")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_job_leaves_no_process(lab: Lab) -> None:
    """Children of a container end with it, daemons too, and the job does not wait for them."""
    mark = f"600.{uuid.uuid4().int}"
    children = f"sleep {mark} & setsid sleep {mark} & (setsid sleep {mark} &)"
    words = "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'"
    seen = f"[ $({words} | grep -c '^{mark}$') = 3 ]"
    name = lab.run(f"{children}; until {seen}; do sleep 0.01; done; echo three")
    assert lab.log(name) == ["three"]
    until(lambda: not processes_with(mark))


def test_the_containers_environment(lab: Lab) -> None:
    """What the platform sets is exactly what facts 9 list; the author's own comes on top."""
    name = lab.submit("env", env={"MINE": "a b", "N": 1})
    lab.wait(name)
    environment = dict(line.split("=", 1) for line in lab.log(name))
    ours = {key: value for key, value in environment.items() if key.startswith("SNOWFLAKE_")}
    assert ours == {
        "SNOWFLAKE_ACCOUNT": "SPCSEMU01",
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_DATABASE": "LAB",
        "SNOWFLAKE_SCHEMA": "PUBLIC",
        "SNOWFLAKE_SERVICE_NAME": name,
        "SNOWFLAKE_JOBS_COUNT": "1",
        "SNOWFLAKE_JOB_INDEX": "0",
    }
    assert {key for key in environment if key.startswith("OTEL_")} == {
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    }
    assert (environment["MINE"], environment["N"]) == ("a b", "1")


CONNECT = """
import os
import snowflake.connector

def get_login_token():
    with open("/snowflake/session/token", "r") as f:
        return f.read()

connection = snowflake.connector.connect(
    host=os.getenv("SNOWFLAKE_HOST"),
    account=os.getenv("SNOWFLAKE_ACCOUNT"),
    token=get_login_token(),
    authenticator="oauth",
    database=os.getenv("SNOWFLAKE_DATABASE"),
    schema=os.getenv("SNOWFLAKE_SCHEMA"),
)
"""
"""The connection code of the documentation's tutorial, unchanged."""


def test_the_documented_connection_code(lab: Lab, name: str) -> None:
    """A container logs in with its token file and environment, as its job's user."""
    program = CONNECT + (
        "cursor = connection.cursor()\n"
        "cursor.execute('CREATE OR REPLACE TABLE FROM_INSIDE AS SELECT 42 AS N')\n"
        "print(*cursor.execute('SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_WAREHOUSE(),"
        " CURRENT_DATABASE(), CURRENT_SCHEMA()').fetchone())\n"
    )
    spec = spec_of(container(program, image=PYTHON))
    lab.rows(execute_job(spec, name, "QUERY_WAREHOUSE = WH"))
    # Connector 5 warns of a default of its own besides.
    assert f"{name} ACCOUNTADMIN WH LAB PUBLIC" in lab.log(name)
    assert lab.value("SELECT N FROM FROM_INSIDE") == 42


def test_a_mounted_connection(lab: Lab) -> None:
    """With ``mountConnectionConfig`` the default connection is ready."""
    program = (
        "import snowflake.connector\n"
        "connection = snowflake.connector.connect(connection_name='default')\n"
        "print(*connection.cursor().execute('SELECT CURRENT_USER()').fetchone())\n"
    )
    token = {"mountConnectionConfig": True}
    name = lab.run(program, image=PYTHON, sessionTokenConfig=token)
    assert name in lab.log(name)
