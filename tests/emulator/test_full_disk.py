"""A data folder that takes no more for a while, and one that cannot be read."""

import json
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import snowflake.connector
from snowflake.connector import ProgrammingError

from tests.support.emulators import POOL, Lab, build_context, until

IMAGE = "/lab/public/images/shell:1"
UNLIMITED = resource.RLIM_INFINITY


class Served:
    """An emulator in a process of its own, with a data folder."""

    def __init__(self, folder: Path) -> None:
        context = folder / "shell"
        if not context.exists():
            build_context(context, 'FROM scratch\nENTRYPOINT ["/bin/sh", "-c"]\n')
        self._connections = folder / "connections.toml"
        self._connections.unlink(missing_ok=True)
        command = [sys.executable, "-m", "dagster_spcs.emulator", "--port", "0"]
        command += [
            "--connections-file",
            str(self._connections),
            "--data-dir",
            str(folder / "data"),
        ]
        command += ["--image", f"{IMAGE}={context}", "--compute-pool", f"{POOL}=20"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    @contextmanager
    def lab(self, database: str | None = "LAB") -> Iterator[Lab]:
        """Open a session."""
        text = until(lambda: self._connections.exists() and self._connections.read_text())
        lines = (line.partition(" = ") for line in str(text).splitlines()[1:])
        settings = {key: json.loads(value) for key, _, value in lines if value}
        with closing(snowflake.connector.connect(**settings, database=database)) as connection:
            yield Lab(connection)

    def set_disk_full(self, is_full: bool) -> None:
        """Let the process write into no file any more, or into all again."""
        limit = 0 if is_full else UNLIMITED
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (limit, UNLIMITED))

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A running emulator with an empty database LAB."""
    served = Served(tmp_path)
    try:
        with served.lab(None) as lab:
            lab.rows("CREATE DATABASE LAB")
        yield served
    finally:
        served.kill()


def test_nothing_is_lost(served: Served, tmp_path: Path) -> None:
    """What was at work ends as it ended, with its lines; what cannot be stored is refused."""
    gate = tmp_path / "gate"
    with served.lab() as lab:
        lab.rows("CREATE TABLE T AS SELECT 1 AS N")
        done = lab.run("echo before", image=IMAGE)
        script = f"echo first; while ! test -e {gate}; do sleep 0.05; done; echo last; exit "
        ending = [lab.submit(f"{script}{code}", image=IMAGE) for code in (0, 0, 3)]
        for name in ending:
            lab.wait(name, "RUNNING")
        served.set_disk_full(True)
        for statement in (
            f"DROP SERVICE {done}",
            "CREATE WAREHOUSE W",
            "CREATE ROLE ANALYST",
            "CREATE TASK K AS SELECT 1",
            "CREATE SECRET S TYPE = GENERIC_STRING SECRET_STRING = 'x'",
        ):
            with pytest.raises(ProgrammingError) as caught:
                lab.rows(statement)
            assert caught.value.errno == 100357
        with pytest.raises(ProgrammingError) as caught:
            lab.submit("true", name="REFUSED", image=IMAGE)
        assert caught.value.errno == 100357
        gate.touch()
        statuses = ["DONE", "DONE", "FAILED"]
        for name, status in zip(ending, statuses, strict=True):
            lab.wait(name, status)
        served.set_disk_full(False)
        until(lambda: all(lab.log(name) == ["first", "last"] for name in ending))
        lab.rows(f"DROP SERVICE {done}")
        after = lab.run("echo after", image=IMAGE)
    until(lambda: _stored(tmp_path, ending[0]) == "DONE", "the end of a job on the disk")
    served.kill()
    served.__init__(tmp_path)  # type: ignore[misc]
    with served.lab() as lab:
        assert [lab.describe(name)["status"] for name in ending] == statuses
        assert [lab.log(name) for name in ending] == [["first", "last"]] * 3
        assert lab.log(after) == ["after"]
        assert lab.rows(f"SHOW JOB SERVICES LIKE '{done}'") == []
        assert lab.history(done)[0]["DELETED_TIME"] is not None
        assert lab.rows("SHOW JOB SERVICES LIKE 'REFUSED'") == []
        assert lab.rows("SHOW WAREHOUSES") == []
        assert lab.value("SELECT N FROM T") == 1


def _stored(folder: Path, name: str) -> str:
    with closing(sqlite3.connect(folder / "data" / "account.sqlite")) as database:
        bodies = database.execute("SELECT body FROM documents WHERE kind = 'job'").fetchall()
    jobs = (json.loads(body) for (body,) in bodies)
    return next(job["status"] for job in jobs if job["name"][2] == name)


@pytest.mark.parametrize("is_foreign", [True, False], ids=["foreign", "damaged"])
@pytest.mark.parametrize("file", ["account.sqlite", "tables/LAB.db"])
def test_a_file_that_cannot_be_read(tmp_path: Path, file: str, is_foreign: bool) -> None:
    """One sentence names it, and the exit code is 1."""
    served = Served(tmp_path)
    with served.lab(None) as lab:
        lab.rows("CREATE DATABASE LAB")
        lab.rows("CREATE TABLE LAB.PUBLIC.T AS SELECT 1 AS N")
    served.process.terminate()
    served.process.wait()
    path = tmp_path / "data" / file
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()
    data = path.read_bytes()
    path.write_bytes(b"a text of another program\n" * 400 if is_foreign else b"\0" * 50 + data[50:])
    command = [sys.executable, "-m", "dagster_spcs.emulator", "--data-dir", str(tmp_path / "data")]
    command += ["--connections-file", str(tmp_path / "c.toml")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert str(path) in line
    assert "--data-dir" in line


def test_a_document_that_is_none(tmp_path: Path) -> None:
    """Of a job, say: the file is named."""
    served = Served(tmp_path)
    with served.lab(None) as lab:
        lab.rows("CREATE ROLE ANALYST")
    served.process.terminate()
    served.process.wait()
    path = tmp_path / "data" / "account.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO documents VALUES ('job', '1', '{\"id\": 1}')")
        database.commit()
    command = [sys.executable, "-m", "dagster_spcs.emulator", "--data-dir", str(tmp_path / "data")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert str(path) in ended.stderr
