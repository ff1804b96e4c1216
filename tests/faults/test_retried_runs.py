"""A run whose worker is killed and that is executed again goes on with the jobs that are there."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from dagster_spcs.emulator import Emulator
from tests.faults import retried
from tests.faults.account import write_settings
from tests.support.emulators import Lab, new_emulator, open_lab, until

# Dagster's own Pipes session warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore:AssetExecutionContext:DeprecationWarning")
FROM_FAILURE = "from failure"
ALL_STEPS = "all steps"


class Retried:
    """A run that is killed while it waits, and what follows."""

    def __init__(self, emulator: Emulator, folder: Path, lab: Lab) -> None:
        self._emulator = emulator
        self._home = folder / "home"
        self._home.mkdir()
        self._gate = folder / "gate"
        self._settings = str(write_settings(emulator, folder, gate=str(self._gate)))
        self._lab = lab
        self.instance = dg.DagsterInstance.from_config(str(self._home))

    def start(self, parts: str, *, jobs: int) -> "subprocess.Popen[bytes]":
        """Start a run in a process of its own; return that once it looks at its jobs."""
        before = len(self._emulator.statements)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.retried", self._settings, parts],
            env={**os.environ, "DAGSTER_HOME": str(self._home)},
            start_new_session=True,
        )

        def waits() -> bool:
            texts = [each.text for each in self._emulator.statements[before:]]
            started = [text.startswith("EXECUTE JOB SERVICE") for text in texts]
            return sum(started) == jobs and any(
                text.startswith("SHOW JOB SERVICES") for text in texts[started.index(True) :]
            )

        try:
            until(waits)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process

    def kill_while_it_waits(self, parts: str, *, jobs: int) -> dg.DagsterRun:
        """Start a run, KILL its process once it looks at its jobs, and return it as failed."""
        process = self.start(parts, jobs=jobs)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        [run] = self.instance.get_runs()
        # What run monitoring does when it finds no worker.
        self.instance.report_run_failed(run, "the worker is gone")
        return run

    def open_gate(self) -> None:
        """Let the containers end."""
        self._gate.touch()

    def wait_for_the_end(self) -> None:
        """Wait until no job is at work."""
        history = "SELECT STATUS FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY())"
        until(lambda: {row["STATUS"] for row in self._lab.rows(history)} == {"DONE"})

    def retry(self, run: dg.DagsterRun, parts: str, how: str = FROM_FAILURE) -> bool:
        """Execute the run again, as a retry does; return whether it succeeded."""
        options = (
            dg.ReexecutionOptions.from_failure(run.run_id, self.instance)
            if how == FROM_FAILURE
            else dg.ReexecutionOptions(run.run_id)
        )
        return retried.execute(self.instance, self._settings, parts, reexecution_options=options)

    def jobs(self) -> int:
        """Return how many jobs there ever were."""
        return len(self._lab.rows("SELECT NAME FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY())"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Retried]:
    with new_emulator(tmp_path) as emulator, open_lab(emulator) as connection:
        made = Retried(emulator, tmp_path, Lab(connection))
        yield made
        made.open_gate()
        made.instance.dispose()


@pytest.mark.parametrize("how", [FROM_FAILURE, ALL_STEPS])
@pytest.mark.parametrize(("parts", "jobs"), [("whole", 1), ("each", 2), ("batch", 1)])
@pytest.mark.parametrize("is_over", [False, True], ids=["at-work", "done"])
def test_job_asset_of_a_retried_run(
    world: Retried, how: str, parts: str, jobs: int, is_over: bool
) -> None:
    """The retry waits for the jobs of the killed run, or finds them done, and builds from them."""
    killed = world.kill_while_it_waits(parts, jobs=jobs)
    world.open_gate()
    if is_over:
        world.wait_for_the_end()
    assert world.retry(killed, parts, how)
    assert world.jobs() == jobs
    for asset in ("waited_for", "downstream"):
        records = world.instance.fetch_materializations(dg.AssetKey(asset), limit=9).records
        assert len(records) == (1 if parts == "whole" else 2)


@pytest.mark.parametrize("is_over", [False, True], ids=["at-work", "done"])
def test_pipes_calls_of_a_retried_run(world: Retried, is_over: bool) -> None:
    """A call finds its own job of the killed run; the call after it starts one."""
    killed = world.kill_while_it_waits("piped", jobs=1)
    world.open_gate()
    if is_over:
        world.wait_for_the_end()
    assert world.retry(killed, "piped")
    assert world.jobs() == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_old_worker_ends_after_its_run_was_repeated(world: Retried, number: signal.Signals) -> None:
    """A run that is over for Dagster alone leaves the job to the run that goes on with it."""
    worker = world.start("whole", jobs=1)
    [run] = world.instance.get_runs()
    world.instance.report_run_canceled(run)  # as "Force termination immediately" does

    def starts() -> int:
        return len(world.instance.fetch_observations(dg.AssetKey("waited_for"), limit=9).records)

    with ThreadPoolExecutor(1) as pool:
        repeated = pool.submit(world.retry, run, "whole", ALL_STEPS)
        until(lambda: starts() == 2)
        worker.send_signal(number)
        worker.wait()
        world.open_gate()
        assert repeated.result()
    assert world.jobs() == 1
