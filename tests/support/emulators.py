"""Builders for tests that run containers: tiny images, specifications, jobs, and waiting."""

import contextlib
import itertools
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import snowflake.connector
from snowflake.connector import DictCursor, SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

from dagster_spcs.emulator import Emulator, Settings

SHELL = "/lab/public/images/shell:1"
"""An image whose one argument is a shell script."""
PYTHON = "/lab/public/images/python:1"
"""An image whose one argument is a Python program; it costs a Python start."""
POOL = "CPU_S"
DEADLINE_SECONDS = 30.0
"""How long a test waits for what should come at once; only a failing test waits so long."""

Seen = TypeVar("Seen")
_numbers = itertools.count(1)


def new_name(prefix: str = "JOB") -> str:
    """Return a name no test has used."""
    return f"{prefix}_{next(_numbers)}"


def build_context(folder: Path, dockerfile: str, **files: str) -> Path:
    """Write a build context; a file's dots are underscores in its keyword."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Dockerfile").write_text(dockerfile)
    for keyword, text in files.items():
        (folder / keyword.replace("_", ".")).write_text(text)
    return folder


def images(folder: Path) -> list[tuple[str, Path]]:
    """Return the build contexts of the images above."""
    shell = build_context(folder / "shell", 'FROM scratch\nENTRYPOINT ["/bin/sh", "-c"]\n')
    python = build_context(folder / "python", 'FROM python:3.11\nENTRYPOINT ["python", "-c"]\n')
    return [(SHELL, shell), (PYTHON, python)]


def new_emulator(
    folder: Path,
    *,
    nodes: int = 50,
    more_images: Iterable[tuple[str, Path]] = (),
    **arguments: Any,
) -> Emulator:
    """Return an emulator with the images above and one pool; its jobs start soon."""
    settings = arguments.pop("settings", Settings(start_delay_seconds=0.03, grace_seconds=10))
    return Emulator(
        images=[*images(folder / "images"), *more_images],
        compute_pools={POOL: nodes},
        settings=settings,
        **arguments,
    )


def connect(emulator: Emulator, **arguments: Any) -> SnowflakeConnection:
    """Open a session in the emulator."""
    # The connector asks which cloud it is in; where there is none that can take seconds.
    quick = {"platform_detection_timeout_seconds": 0.0}
    return snowflake.connector.connect(**{**emulator.connection_parameters(), **quick, **arguments})


def open_lab(emulator: Emulator, **arguments: Any) -> SnowflakeConnection:
    """Open a session in ``LAB.PUBLIC``, creating the database if it is not there."""
    with connect(emulator) as connection:
        connection.cursor().execute("CREATE DATABASE IF NOT EXISTS LAB")
    return connect(emulator, database="LAB", schema="PUBLIC", **arguments)


def container(script: str, name: str = "main", image: str = SHELL, **fields: Any) -> dict[str, Any]:
    """Return one entry of a specification's ``containers``."""
    return {"name": name, "image": image, "args": [script], **fields}


def spec_of(*containers: dict[str, Any], **fields: Any) -> str:
    """Return a specification as JSON text, without ``$``, so that it fits between ``$$``."""
    text = json.dumps({"spec": {"containers": list(containers), **fields}})
    return text.replace("$", "\\u0024")


def execute_job(spec: str, name: str, properties: str = "ASYNC = TRUE") -> str:
    """Return the statement in the order most clients use: pool, properties, specification."""
    return (
        f"EXECUTE JOB SERVICE IN COMPUTE POOL {POOL} NAME = {name} {properties}"
        f" FROM SPECIFICATION $${spec}$$"
    )


class Lab:
    """One session, and the statements most tests send."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self.connection = connection

    def rows(self, statement: str, binds: Any = None) -> list[dict[str, Any]]:
        """Run a statement and return its rows by column."""
        with self.connection.cursor(DictCursor) as cursor:
            cursor.execute(statement, binds)
            return cursor.fetchall()

    def row(self, statement: str, binds: Any = None) -> dict[str, Any]:
        """Run a statement that answers one row."""
        (row,) = self.rows(statement, binds)
        return row

    def value(self, statement: str, binds: Any = None) -> Any:
        """Run a statement that answers one value."""
        (value,) = self.row(statement, binds).values()
        return value

    def submit(
        self, script: str, properties: str = "ASYNC = TRUE", name: str | None = None, **fields: Any
    ) -> str:
        """Start a job of one container and return the job's name."""
        name = name or new_name()
        spec = spec_of(container(script, image=fields.pop("image", SHELL), **fields))
        self.rows(execute_job(spec, name, properties))
        return name

    def submit_spec(self, spec: str, properties: str = "ASYNC = TRUE") -> str:
        """Start a job and return its name."""
        name = new_name()
        self.rows(execute_job(spec, name, properties))
        return name

    def wait(self, name: str, status: str = "DONE") -> str:
        """Wait for a job's status and return the answer of SPCS_WAIT_FOR."""
        return self.value(f"CALL {name}!SPCS_WAIT_FOR('{status}', {DEADLINE_SECONDS:.0f})")

    def run(self, script: str, **fields: Any) -> str:
        """Run a job of one container to DONE and return the job's name."""
        name = self.submit(script, **fields)
        self.wait(name)
        return name

    def describe(self, name: str) -> dict[str, Any]:
        """Describe a job."""
        return self.row(f"DESCRIBE SERVICE {name}")

    def containers(self, name: str) -> list[dict[str, Any]]:
        """Show a job's containers."""
        return self.rows(f"SHOW SERVICE CONTAINERS IN SERVICE {name}")

    def log(self, name: str, instance: int = 0, container: str = "main") -> list[str]:
        """Return the last lines a container printed."""
        text = self.value(f"SELECT SYSTEM$GET_SERVICE_LOGS('{name}', {instance}, '{container}')")
        return text.split("\n")

    def history(self, name: str) -> list[dict[str, Any]]:
        """Return a job's rows of GET_JOB_HISTORY."""
        return self.rows(
            "SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY(RESULT_LIMIT => 10000))"
            f" WHERE NAME = '{name}'"
        )


def result_of(cursor: SnowflakeCursor) -> list[Any]:
    """Wait for an asynchronous query and return its rows, or raise its error."""
    cursor.get_results_from_sfqid(cursor.sfqid)
    return cursor.fetchall()


def is_gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except ProcessLookupError:
        return True
    except FileNotFoundError:
        return Path("/proc/self").exists()


def processes_with(mark: str) -> list[int]:
    """Return the processes whose command line holds a mark, but this one."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            if mark.encode() in file.read_bytes() and int(file.parent.name) != os.getpid():
                found.append(int(file.parent.name))
    return found


def until(look: Callable[[], Seen | None], what: str = "the awaited state") -> Seen:
    """Look again and again until something is seen; fail when the deadline has passed."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {DEADLINE_SECONDS:.0f} s")
        time.sleep(0.01)
    return seen
