"""Tasks: statements that the account runs by itself (page "Introduction to tasks")."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector import ProgrammingError

from dagster_spcs.emulator.account.tasks import next_time
from dagster_spcs.emulator.sql.answers import SqlError
from tests.support.emulators import (
    POOL,
    Lab,
    container,
    new_emulator,
    new_name,
    open_lab,
    spec_of,
    until,
)


def job(script: str) -> str:
    """Return a job as a task runs it: without a name, so that it can run again."""
    spec = spec_of(container(script))
    return f"EXECUTE JOB SERVICE IN COMPUTE POOL {POOL} FROM SPECIFICATION $${spec}$$"


def runs(lab: Lab, task: str, state: str) -> list[dict[str, Any]]:
    """Return the runs of a task that have come to a state."""
    return lab.rows(
        f"SELECT * FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => '{task}'))"
        f" WHERE STATE = '{state}'"
    )


def test_a_job_as_a_task(lab: Lab) -> None:
    """EXECUTE TASK starts it; the run ends when the job has."""
    name = new_name("TASK")
    lab.rows(f"CREATE TASK {name} AS {job('echo from a task')}")
    assert lab.row(f"SHOW TASKS LIKE '{name}'")["state"] == "suspended"
    lab.rows(f"EXECUTE TASK {name}")
    (run,) = until(lambda: runs(lab, name, "SUCCEEDED"))
    assert run["SCHEDULED_FROM"] == "EXECUTE TASK"
    assert run["COMPLETED_TIME"] >= run["QUERY_START_TIME"] >= run["SCHEDULED_TIME"]
    history = lab.rows(
        "SELECT NAME, STATUS FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY())"
        " WHERE DATABASE_NAME = 'LAB' ORDER BY CREATED_TIME DESC LIMIT 1"
    )
    assert history[0]["STATUS"] == "DONE"
    assert lab.log(history[0]["NAME"]) == ["from a task"]


def test_a_job_that_fails(lab: Lab) -> None:
    """The run fails with the job's error."""
    name = new_name("TASK")
    lab.rows(f"CREATE TASK {name} AS {job('exit 3')}")
    lab.rows(f"EXECUTE TASK {name}")
    (run,) = until(lambda: runs(lab, name, "FAILED"))
    assert run["ERROR_CODE"] == "395019"
    assert "failed with status: FAILED" in run["ERROR_MESSAGE"]


def test_plain_sql_on_a_schedule(lab: Lab) -> None:
    """It runs in its own schema, again and again until it is suspended."""
    table, name = new_name("SEEN"), new_name("TASK")
    lab.rows(f"CREATE TABLE {table} (N INT)")
    lab.rows(
        f"CREATE TASK {name} WAREHOUSE = WH SCHEDULE = '1 SECOND' COMMENT = 'counts'"
        f" AS INSERT INTO {table} VALUES (1)"
    )
    shown = lab.row(f"SHOW TASKS LIKE '{name}' IN SCHEMA LAB.PUBLIC")
    assert (shown["schedule"], shown["comment"], shown["warehouse"]) == ("1 SECOND", "counts", "WH")
    lab.rows(f"ALTER TASK {name} RESUME")
    assert lab.row(f"DESCRIBE TASK {name}")["state"] == "started"
    assert runs(lab, name, "SCHEDULED")[0]["SCHEDULED_FROM"] == "SCHEDULE"
    until(lambda: lab.value(f"SELECT count(*) FROM {table}") >= 2)
    lab.rows(f"ALTER TASK {name} SUSPEND")
    assert runs(lab, name, "SCHEDULED") == []
    done = len(runs(lab, name, "SUCCEEDED"))
    assert lab.value(f"SELECT count(*) FROM {table}") == done


def test_a_run_that_would_overlap_is_skipped(lab: Lab) -> None:
    """Unless the task says otherwise."""
    name = new_name("TASK")
    lab.rows(f"CREATE TASK {name} SCHEDULE = '1 SECOND' AS CALL SYSTEM$WAIT(1, 'HOURS')")
    lab.rows(f"ALTER TASK {name} RESUME")
    until(lambda: runs(lab, name, "SKIPPED"))
    assert len(runs(lab, name, "EXECUTING")) == 1
    lab.rows(f"DROP TASK {name}")


def test_a_run_that_takes_too_long(lab: Lab) -> None:
    """USER_TASK_TIMEOUT_MS cancels it."""
    name = new_name("TASK")
    lab.rows(f"CREATE TASK {name} USER_TASK_TIMEOUT_MS = 100 AS {job('sleep 600')}")
    lab.rows(f"EXECUTE TASK {name}")
    until(lambda: runs(lab, name, "CANCELLED"))


def test_changing_a_task(lab: Lab) -> None:
    """SET, UNSET and MODIFY."""
    name = new_name("TASK")
    lab.rows(f"CREATE TASK {name} AS SELECT 1")
    lab.rows(f"ALTER TASK {name} SET SCHEDULE = 'USING CRON 0 9 * * MON Europe/Berlin' COMMENT='x'")
    lab.rows(f"ALTER TASK {name} MODIFY AS SELECT 'two;'")
    shown = lab.row(f"DESCRIBE TASK {name}")
    assert shown["definition"] == "SELECT 'two;'"
    assert shown["schedule"].startswith("USING CRON")
    lab.rows(f"ALTER TASK {name} UNSET COMMENT, SCHEDULE")
    assert lab.row(f"DESCRIBE TASK {name}")["schedule"] is None
    lab.rows(f"DROP TASK {name}")
    assert lab.rows(f"SHOW TASKS LIKE '{name}'") == []
    lab.rows(f"DROP TASK IF EXISTS {name}")


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("CREATE TASK {} AS SELECT 1", 2002),
        ("EXECUTE TASK NOT_THERE", 2003),
        ("ALTER TASK NOT_THERE RESUME", 2003),
        ("DROP TASK NOT_THERE", 2003),
        ("CREATE TASK NOWHERE.T AS SELECT 1", 2003),
        ("CREATE TASK OTHER SCHEDULE = 'soon' AS SELECT 1", 1003),
        ("CREATE TASK OTHER SCHEDULE = '0 MINUTE' AS SELECT 1", 1003),
        ("CREATE TASK OTHER SCHEDULE = 'USING CRON 99 * * * * UTC' AS SELECT 1", 1003),
        ("CREATE TASK OTHER SCHEDULE = 'USING CRON * * * * * Mars/Base' AS SELECT 1", 1003),
        ("CREATE TASK OTHER AFTER {} AS SELECT 1", 2),
        ("CREATE TASK OTHER WHEN TRUE AS SELECT 1", 2),
        ("ALTER TASK {} RESUME", 91090),
    ],
)
def test_what_is_wrong_is_refused(lab: Lab, statement: str, number: int) -> None:
    """By the account's number; graphs of tasks are not emulated."""
    name = new_name("TASK")
    lab.rows(f"CREATE TASK {name} AS SELECT 1")
    with pytest.raises(ProgrammingError) as caught:
        lab.rows(statement.format(name))
    assert caught.value.errno == number


def test_tasks_outlive_the_emulator(tmp_path: Path) -> None:
    """A task that was started goes on by its schedule after a restart."""
    data = tmp_path / "data"
    with new_emulator(tmp_path, data_dir=data) as first, open_lab(first) as connection:
        Lab(connection).rows("CREATE TABLE SEEN (N INT)")
        Lab(connection).rows(
            "CREATE TASK LATER SCHEDULE = '1 SECOND' AS INSERT INTO SEEN VALUES (1)"
        )
        Lab(connection).rows("ALTER TASK LATER RESUME")
    with new_emulator(tmp_path, data_dir=data) as second, open_lab(second) as connection:
        lab = Lab(connection)
        assert lab.row("SHOW TASKS")["state"] == "started"
        before = lab.value("SELECT count(*) FROM SEEN")
        until(lambda: lab.value("SELECT count(*) FROM SEEN") > before)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("5 MINUTE", "2026-03-28T12:05"),
        ("2 hours", "2026-03-28T14:00"),
        ("90 S", "2026-03-28T12:01:30"),
        ("USING CRON 30 2 * * * UTC", "2026-03-29T02:30"),
        ("USING CRON 0 9 * * * Europe/Berlin", "2026-03-29T07:00"),
        ("USING CRON 0 0 L * * UTC", "2026-03-31T00:00"),
    ],
)
def test_when_a_schedule_comes_next(schedule: str, expected: str) -> None:
    """Intervals count from the last time; a cron line keeps to its zone's clock."""
    after = datetime(2026, 3, 28, 12, tzinfo=timezone.utc)
    wanted = datetime.fromisoformat(expected).replace(tzinfo=timezone.utc)
    assert next_time(schedule, after) == wanted


def test_a_schedule_that_is_too_long() -> None:
    """More than eight days is refused."""
    with pytest.raises(SqlError):
        next_time("11521 MINUTE", datetime.now(timezone.utc))
