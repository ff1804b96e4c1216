"""State on disk: what is there after a stop, and after a kill."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import snowflake.connector

from dagster_spcs.emulator import DataFolderInUse
from tests.support.emulators import POOL, Lab, new_emulator, open_lab, until

SERVE = """
import sys, json, threading
from pathlib import Path
from tests.support.emulators import new_emulator

with new_emulator(Path(sys.argv[1]), data_dir=Path(sys.argv[2])) as emulator:
    print(json.dumps(emulator.connection_parameters()), flush=True)
    threading.Event().wait()
"""
"""A program that serves an emulator until it is killed."""
UNTIL_ORPHANED = "echo up; while kill -0 $PPID 2>/dev/null; do sleep 0.02; done"
"""A container's script that ends with the emulator."""


def test_everything_is_there_after_a_stop(tmp_path: Path) -> None:
    """Tables, jobs, history, logs, pools, warehouses and roles outlive the emulator."""
    data = tmp_path / "data"
    with new_emulator(tmp_path / "1", data_dir=data) as emulator, open_lab(emulator) as connection:
        lab = Lab(connection)
        lab.rows("CREATE TABLE T (N NUMBER, S VARCHAR)")
        lab.rows("INSERT INTO T VALUES (1, 'eins'), (2, NULL)")
        lab.rows("CREATE SCHEMA LAB.OTHER")
        lab.rows("USE SCHEMA PUBLIC")
        lab.rows(
            "CREATE COMPUTE POOL BIG MIN_NODES = 1 MAX_NODES = 7 INSTANCE_FAMILY = CPU_X64_L"
            " COMMENT = 'it''s big'"
        )
        lab.rows("ALTER COMPUTE POOL BIG SUSPEND")
        lab.rows("CREATE WAREHOUSE WH")
        lab.rows("CREATE ROLE ANALYST")
        kept = lab.run("echo kept; echo 'ä€😀' >&2; exit 0", name="KEPT")
        dropped = lab.run("echo dropped", name="DROPPED")
        lab.rows(f"DROP SERVICE {dropped}")
        failed = lab.submit("exit 3", name="FAILED_3")
        lab.wait(failed, "FAILED")
        before = [lab.history(name) for name in (kept, dropped, failed)]
        described = lab.describe(kept)
    with new_emulator(tmp_path / "2", data_dir=data) as emulator, open_lab(emulator) as connection:
        lab = Lab(connection)
        assert lab.rows("SELECT * FROM T ORDER BY N") == [
            {"N": 1, "S": "eins"},
            {"N": 2, "S": None},
        ]
        assert lab.rows("SHOW SCHEMAS LIKE 'OTHER' IN DATABASE LAB")
        assert [lab.history(name) for name in (kept, dropped, failed)] == before
        assert lab.describe(kept) == described
        assert lab.log(kept) == ["kept", "ä€😀"]
        assert lab.value(f"SELECT COUNT(*) FROM TABLE({kept}!SPCS_GET_LOGS())") == 2
        pool = lab.row("DESCRIBE COMPUTE POOL BIG")
        assert (pool["max_nodes"], pool["comment"], pool["state"]) == (7, "it's big", "SUSPENDED")
        assert lab.row(f"DESCRIBE COMPUTE POOL {POOL}")["max_nodes"] == 50
        lab.rows("USE WAREHOUSE WH")
        lab.rows("USE ROLE ANALYST")
        new = lab.run("true")
        (row,) = lab.history(new)
        assert row["ID"] > max(rows[0]["ID"] for rows in before)


def test_jobs_at_work_when_the_emulator_is_killed(tmp_path: Path) -> None:
    """After ``kill -9`` they are INTERNAL_ERROR, in history too; what was final stays as it was."""
    data = tmp_path / "data"
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path / "1"), str(data)],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    try:
        assert process.stdout is not None
        arguments = snowflake_arguments(process.stdout.readline())
        with closing(snowflake.connector.connect(**arguments)) as connection:
            connection.cursor().execute("CREATE DATABASE LAB")
        with closing(snowflake.connector.connect(**arguments, database="LAB")) as connection:
            lab = Lab(connection)
            lab.rows("CREATE TABLE T AS SELECT 42 AS N")
            done = lab.run("echo done", name="BEFORE")
            running = lab.submit(UNTIL_ORPHANED, name="AT_WORK")
            lab.wait(running, "RUNNING")
            until(lambda: lab.log(running) == ["up"])
            process.send_signal(signal.SIGKILL)
            process.wait()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    with new_emulator(tmp_path / "2", data_dir=data) as emulator, open_lab(emulator) as connection:
        lab = Lab(connection)
        assert lab.value("SELECT N FROM T") == 42
        assert lab.describe(done)["status"] == "DONE"
        assert lab.describe(running)["status"] == "INTERNAL_ERROR"
        (row,) = lab.history(running)
        assert row["STATUS"] == "INTERNAL_ERROR"
        assert row["COMPLETED_TIME"] >= row["CREATED_TIME"]
        (container,) = lab.containers(running)
        assert (container["status"], container["last_exit_code"]) == ("FAILED", None)
        assert lab.log(running) == ["up"]
        with pytest.raises(snowflake.connector.errors.ProgrammingError, match="already exists"):
            lab.submit("true", name=running)


def snowflake_arguments(line: bytes) -> dict[str, object]:
    """Read the connection parameters a served emulator printed."""
    return json.loads(line)


def test_nothing_is_kept_without_a_folder(tmp_path: Path) -> None:
    """Without ``data_dir`` an emulator starts empty."""
    with new_emulator(tmp_path / "1") as emulator, open_lab(emulator) as connection:
        lab = Lab(connection)
        lab.rows("CREATE TABLE T AS SELECT 1 AS N")
        name = lab.run("true")
    with new_emulator(tmp_path / "2") as emulator, open_lab(emulator) as connection:
        lab = Lab(connection)
        assert lab.rows("SHOW TABLES LIKE 'T'") == []
        assert lab.history(name) == []


def test_second_emulator_on_one_folder_is_refused(tmp_path: Path) -> None:
    """Who comes second is told so, and what the first runs is left alone."""
    data = tmp_path / "data"
    with new_emulator(tmp_path / "first", data_dir=data) as first, open_lab(first) as connection:
        lab = Lab(connection)
        job = lab.submit("sleep 60")
        lab.wait(job, "RUNNING")

        with pytest.raises(DataFolderInUse, match="in use by another emulator"):
            new_emulator(tmp_path / "second", data_dir=data).start()

        assert lab.describe(job)["status"] == "RUNNING"
    with new_emulator(tmp_path / "third", data_dir=data) as third, open_lab(third) as connection:
        assert Lab(connection).describe(job)["status"] == "INTERNAL_ERROR"
