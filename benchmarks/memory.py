"""Processes and memory that a run holds while its jobs are in flight."""

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import dagster as dg
import psutil

from benchmarks import account
from benchmarks.dagster_home import dagster_home, process
from benchmarks.emulator_process import Account
from benchmarks.location_settings import PARTITIONS, LocationSettings
from benchmarks.table import Bar, Table, say

_MOST_ABOVE_EMPTY = 100.0
_LOOKS = 4
"""Listings of the waiting jobs before they may run: by then the run has settled."""
_LONGEST_SECONDS = 3600.0
_RANGE = "dagster/asset_partition_range"


@dataclass(frozen=True)
class _Run:
    """What to run, and how."""

    what: str
    executor: str = "in-process"
    jobs: int = 0
    blocking: bool = True

    @property
    def arguments(self) -> list[str]:
        """Of ``benchmarks.worker``; the tags are those that Dagster gives such runs."""
        if self.what == "empty run":
            return ["run_empty"]
        tags = [f"{_RANGE}_start={PARTITIONS[0]}", f"{_RANGE}_end={PARTITIONS[self.jobs - 1]}"]
        return ["run_parted", *tags, *(["dagster/backfill=measured"] if self.blocking else [])]


@dataclass
class _Held:
    """What the run's processes held, in megabytes."""

    processes: int = 0
    megabytes: float = 0.0
    """While all jobs were in flight."""
    peak: float = 0.0
    seconds: float = 0.0
    statements: int = 0
    of_warehouse: int = 0


def run(*, quick: bool) -> list[Table]:
    """Measure the empty run, deferred ones and blocking ones."""
    table = Table(
        "memory: what a run holds while its jobs are in flight",
        [
            "run", "executor", "jobs", "processes", "MB held", "MB at most", "above empty",
            "KB a job", "seconds", "statements", "of warehouse",
        ],
    )  # fmt: skip
    say(table.title)
    runs = [
        _Run("empty run"),
        _Run("deferred", jobs=10 if quick else 100, blocking=False),
        *(_Run("blocking", jobs=jobs) for jobs in ((10,) if quick else (1, 10, 100, 1_000))),
    ]
    if not quick:
        runs += [_Run("empty run", "multiprocess"), _Run("blocking", "multiprocess", 100)]
    empty: dict[str, _Held] = {}
    single: _Held | None = None
    with account.account() as opened:
        for each in runs:
            held = _measure(opened, each)
            if each.what == "empty run":
                empty[each.executor] = held
            elif each.jobs == 1:
                single = held
            above = held.peak - empty[each.executor].peak
            per_job = None
            if each.blocking and each.jobs > 1 and each.executor == "in-process" and single:
                per_job = (held.peak - single.peak) * 1024 / (each.jobs - 1)
            table.add(
                each.what, each.executor, each.jobs, held.processes, held.megabytes, held.peak,
                above if each.blocking and each.jobs else None, per_job, held.seconds,
                held.statements, held.of_warehouse,
                bars=_bars(each, held, above),
            )  # fmt: skip
    table.notes += [
        "Resident memory of the run's process and its children. held: while every job is in"
        " flight; at most: at any time of the run; above empty and a job are of the latter, the"
        " last one against one job.",
        "Four of five processes are Dagster's own helpers that capture a step's output.",
        "blocking: one run of a single-run backfill, as Dagster tags it, one job a partition. No"
        " job begins before all were submitted and listed four times; then 24 at a time run.",
        "seconds, statements: from the process's start to its end, with all its jobs; a look at"
        " the jobs each second.",
    ]
    return [table]


def _bars(each: _Run, held: _Held, above: float) -> list[Bar]:
    if not each.blocking:
        return [Bar("no process", held.processes == 0)]
    if each.jobs == 1_000:
        return [Bar(f"at most {_MOST_ABOVE_EMPTY:.0f} MB above", above <= _MOST_ABOVE_EMPTY)]
    return []


def _measure(opened: Account, each: _Run) -> _Held:
    opened.renew()
    settings = LocationSettings(opened.parameters, account.FULL, each.executor)
    arguments = [sys.executable, "-m", "benchmarks.worker", *each.arguments]
    with dagster_home() as home, process(home, arguments, settings.environment()) as worker:
        own = len(opened.statements())
        held = _watch(opened, each, worker)
        sent = [one for one in opened.statements(own) if not one.text.startswith("ALTER")]
        held.statements = len(sent)
        held.of_warehouse = sum(one.needs_warehouse for one in sent)
        if worker.returncode != 0:
            raise RuntimeError(f"the run ended with exit code {worker.returncode}")
        with dg.DagsterInstance.from_config(str(home)) as instance:
            done = instance.get_materialized_partitions(dg.AssetKey("parted"))
        if not each.blocking:
            _check_in_flight(opened, each.jobs)
        if done != set(PARTITIONS[: each.jobs] if each.blocking else ()):
            raise RuntimeError(f"{len(done)} partitions of {each.jobs} are materialized")
    return held


def _watch(opened: Account, each: _Run, worker: "subprocess.Popen[bytes]") -> _Held:
    """Look at a run until it ends, and let its jobs run once all are in flight."""
    held = _Held()
    begun = time.monotonic()
    family: set[psutil.Process] = set()
    looked = 0
    submitted = listed = 0
    while worker.poll() is None:
        if time.monotonic() - begun > _LONGEST_SECONDS:
            raise RuntimeError(f"the run did not end within {_LONGEST_SECONDS:.0f} s")
        now = _family(worker.pid)
        family |= set(now)
        megabytes = _megabytes(now)
        held.peak = max(held.peak, megabytes)
        if not each.jobs and megabytes >= held.megabytes:
            held.processes, held.megabytes = len(now), megabytes
        if each.jobs and each.blocking and listed < _LOOKS:
            sent = opened.statements(looked)
            looked += len(sent)
            for statement in sent:
                submitted += statement.text.startswith("EXECUTE JOB SERVICE")
                listed += submitted >= each.jobs and statement.text.startswith("SHOW JOB SERVICES")
            if listed >= _LOOKS:
                held.processes, held.megabytes = len(now), megabytes
                _let_jobs_run(opened)
        time.sleep(0.05)
    held.seconds = time.monotonic() - begun
    if not each.blocking:
        held.processes = sum(member.is_running() for member in family)
    return held


def _family(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        worker = psutil.Process(pid)
        return [worker, *worker.children(recursive=True)]
    return []


def _megabytes(family: Sequence[psutil.Process]) -> float:
    total = 0
    own: list[str] = []
    for member in family:
        with suppress(psutil.NoSuchProcess):
            command = member.cmdline()
            # A child that was just forked shows its parent's memory, and its parent's command,
            # until it runs its own program.
            if command != own:
                total += member.memory_info().rss
            own = own or command
    return total / 1024 / 1024


def _let_jobs_run(opened: Account) -> None:
    with account.session(opened) as connection:
        connection.cursor().execute(f"ALTER COMPUTE POOL {account.FULL} SET MAX_NODES = 4")


def _check_in_flight(opened: Account, jobs: int) -> None:
    with account.session(opened) as connection:
        cursor = connection.cursor()
        cursor.execute("SHOW JOB SERVICES")
        rows = cursor.fetchall()
    if len(rows) != jobs:
        raise RuntimeError(f"{len(rows)} jobs of {jobs} are in flight")
