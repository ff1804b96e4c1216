"""The emulator's own cost: each statement beside the bare server underneath, and jobs to DONE."""

import contextlib
import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from snowflake.connector import SnowflakeConnection, connect

from benchmarks import account
from benchmarks.emulator_process import Account
from benchmarks.table import Bar, Table, say
from dagster_spcs import JobName, JobStatus, SpcsClient, Submission

_MOST_TIMES_BARE = 1.2
_STARTS_WITHIN_SECONDS = 60.0
_ENDS_WITHIN_SECONDS = 300.0
_LINE = "{number},text of row {number},{number}.25\n"


def run(*, quick: bool) -> list[Table]:
    """Measure statements side by side, then jobs."""
    with account.account() as opened, TemporaryDirectory("-emulator") as folder:
        statements = _statements(opened, Path(folder), quick=quick)
        jobs = _jobs(opened, quick=quick)
    return [statements, jobs]


def _statements(opened: Account, folder: Path, *, quick: bool) -> Table:
    table = Table(
        "emulator: seconds for statements",
        ["statements", "emulator", "bare server", "times bare"],
    )
    say(table.title)
    megabytes = 10 if quick else 100
    lines = _lines(folder / "rows.csv", megabytes * 1_000_000)
    rounds = 3 if quick else 5
    with _bare_server() as bare, account.session(opened) as ours, connect(**bare) as theirs:
        sides = [_Side(ours), _Side(theirs)]
        for side in sides:
            side.prepare(folder / "rows.csv")
        works: list[tuple[str, Callable[[_Side], None]]] = [
            ("100 times SELECT 1", _Side.select_one),
            ("a page of 10,000 rows", _Side.page),
            ("executemany of 5,000 rows", _Side.insert_many),
            (f"COPY of {megabytes} MB", lambda side: side.copy(lines)),
        ]
        for name, work in works:
            measured = []
            for number in range(rounds + 1):  # the first is not counted: caches fill
                # Each side begins every other round, so that neither always comes second.
                seconds = {side: _seconds(work, side) for side in sides[:: 1 - 2 * (number % 2)]}
                measured.append([seconds[side] for side in sides])
            emulator, server = (median(way) for way in zip(*measured[1:], strict=True))
            times = emulator / server
            bar = Bar(f"at most {_MOST_TIMES_BARE} times bare", times <= _MOST_TIMES_BARE)
            table.add(name, emulator, server, times, bars=[bar])
    table.notes += [
        f"Medians of {rounds} rounds, both sides in turn, each server in a process of its own.",
        "The bare server is fakesnow's: no account, no jobs, no transactions to replay.",
    ]
    return table


class _Side:
    """The same work through one of the two servers."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self._connection = connection

    def prepare(self, file: Path) -> None:
        for statement in (
            "CREATE TABLE PAGE AS SELECT SEQ4() AS N, 'text of a row' AS T"
            " FROM TABLE(GENERATOR(ROWCOUNT => 10000))",
            "CREATE TABLE INSERTED (N INT, T TEXT)",
            "CREATE TABLE COPIED (N INT, T TEXT, X FLOAT)",
            "CREATE STAGE FILES",
            f"PUT 'file://{file}' @FILES AUTO_COMPRESS = FALSE",
        ):
            self._rows(statement)

    def select_one(self) -> None:
        for _ in range(100):
            if self._rows("SELECT 1") != [(1,)]:
                raise AssertionError("not 1")

    def page(self) -> None:
        if len(self._rows("SELECT N, T FROM PAGE")) != 10_000:
            raise AssertionError("not the page")

    def insert_many(self) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO INSERTED VALUES (%s, %s)",
                [(number, f"text {number}") for number in range(5_000)],
            )

    def copy(self, lines: int) -> None:
        self._rows("TRUNCATE TABLE COPIED")
        self._rows("COPY INTO COPIED FROM @FILES/rows.csv FILE_FORMAT = (TYPE = CSV) FORCE = TRUE")
        if self._rows("SELECT COUNT(*) FROM COPIED") != [(lines,)]:
            raise AssertionError("not all lines were copied")

    def _rows(self, statement: str) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


def _seconds(work: Callable[[_Side], None], side: _Side) -> float:
    begun = time.perf_counter()
    work(side)
    return time.perf_counter() - begun


def _lines(file: Path, size: int) -> int:
    """Write a CSV file of about so many bytes and return how many lines it has."""
    written = 0
    with file.open("w", encoding="ascii") as opened:
        for number in itertools.count():
            if written >= size:
                return number
            written += opened.write(_LINE.format(number=number))
    raise AssertionError("not reached")


@contextlib.contextmanager
def _bare_server() -> Iterator[dict[str, Any]]:
    """Run fakesnow's own server and yield what the connector takes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "fakesnow", "--server", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    parameters = {
        "account": "fakesnow", "user": "fake", "password": "snow", "host": "127.0.0.1",
        "port": port, "protocol": "http", "login_timeout": 5,
    }  # fmt: skip
    try:
        _wait_for(process, port)
        with connect(**parameters) as connection:
            connection.cursor().execute(f"CREATE DATABASE {account.DATABASE}")
        yield {**parameters, "database": account.DATABASE, "schema": account.SCHEMA}
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + _STARTS_WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("fakesnow's server did not start")


def _jobs(opened: Account, *, quick: bool) -> Table:
    table = Table("emulator: seconds from submission to DONE", ["jobs", "seconds", "ms a job"])
    say(table.title)
    with account.spcs_resource(opened.parameters).get_client() as client:
        _until_done(client, 1, "FIRST")  # opens the session and imports what it needs
        for jobs in (1, 20 if quick else 200):
            seconds = median(
                _until_done(client, jobs, f"OF_{jobs}_{number}") for number in range(3)
            )
            table.add(jobs, seconds, seconds / jobs * 1000)
    table.notes += [
        "Medians of three rounds; all jobs are submitted at once, 32 statements in flight.",
        "Each job is a shell that ends at once; the pool has room for"
        " as many as its six nodes hold, and the others wait for it.",
    ]
    return table


def _until_done(client: SpcsClient, jobs: int, stem: str) -> float:
    names = [
        JobName(f"BENCH_{stem}_{number}", account.SCHEMA, account.DATABASE)
        for number in range(jobs)
    ]
    request = account.script("true")
    begun = time.perf_counter()
    client.submit_many([Submission(request, name, account.ROOMY, "") for name in names])
    until = begun + _ENDS_WITHIN_SECONDS
    while time.perf_counter() < until:
        listed = client.list_jobs(database=account.DATABASE, schema=account.SCHEMA)
        if sum(job.status is JobStatus.DONE for job in listed) == jobs:
            took = time.perf_counter() - begun
            for name in names:
                client.drop(name)
            return took
        time.sleep(0.02)
    raise AssertionError(f"{jobs} jobs did not end")
