"""Two hundred jobs while Dagster's own processes are killed: daemon, code server, run workers.

What is killed when is drawn from one seeded generator and bound to how many statements the account
has seen, so that each kill falls into work. The account goes away as well, and its sessions expire.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

import dagster as dg
import psutil
import pytest

from definitions.local import tool
from tests.acceptance.dagster_web import wait_for
from tests.faults.account import count, write_settings
from tests.support.emulators import Lab, new_emulator, open_lab
from tests.support.postgres import postgres_storage

pytestmark = pytest.mark.slow

ASSETS = ("deferred", "waited_for")
POLLING = "spcs_polling_sensor"
TICKS_OF_AN_OUTAGE = 12
PLAN = ("run worker", "code server", "outage", "daemon", "expire")
LOCATION = Path("tests/faults/location.py")
DAGSTER_YAML = "telemetry: {enabled: false}\n"
"""All else is Dagster's default; run monitoring is off."""


class Processes:
    """Dagster's daemon and code server, each of which can be killed and started again."""

    def __init__(self, home: Path, settings: Path, storage: str) -> None:
        self._home = home
        self._env = {
            **os.environ,
            "DAGSTER_HOME": str(home),
            "FAULTS_SETTINGS": str(settings),
            "PYTHONPATH": str(Path.cwd()),
            "PYTHONWARNINGS": "ignore",
        }
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._workers: set[psutil.Process] = set()
        self._orphans: set[psutil.Process] = set()
        self.killed: list[str] = []
        (home / "dagster.yaml").write_text(DAGSTER_YAML + storage)
        (home / "workspace.yaml").write_text(
            "load_from:\n"
            f"- grpc_server: {{host: 127.0.0.1, port: {self._port}, location_name: faults}}\n"
        )

    def start(self, name: str) -> None:
        """Start the daemon or the code server."""
        commands = {
            "code server": [
                sys.executable, "-m", "dagster", "api", "grpc", "--python-file", str(LOCATION),
                "--host", "127.0.0.1", "--port", str(self._port), "--location-name", "faults",
                "--container-image", "none",
            ],
            "daemon": [tool("dagster-daemon"), "run", "-w", str(self._home / "workspace.yaml")],
        }  # fmt: skip
        with (self._home / f"{name}.txt").open("ab") as log:
            self._running[name] = subprocess.Popen(
                commands[name], env=self._env, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        """KILL the daemon or the code server; run workers of the latter go on."""
        process = self._running.pop(name)
        self._workers.update(psutil.Process(process.pid).children(recursive=True))
        process.kill()
        process.wait()
        self.killed.append(name)

    def kill_worker(self, chance: random.Random) -> bool:
        """KILL one of the run workers that are at work; False if there is none."""
        workers = self.workers()
        if not workers:
            return False
        chosen = chance.choice(sorted(workers, key=lambda each: each.pid))
        self._orphans.update(
            chosen.children(recursive=True)
        )  # what it started does not end with it
        chosen.kill()
        self.killed.append("run worker")
        return True

    def workers(self) -> list[psutil.Process]:
        """Return the run workers that are at work, those of killed code servers too."""
        own = psutil.Process(self._running["code server"].pid).children(recursive=True)
        return [each for each in {*own, *self._workers} if _is_run_worker(each)]

    def end(self) -> None:
        """KILL everything that was started."""
        for name in list(self._running):
            group = self._running[name].pid
            self.kill(name)
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in self._workers | self._orphans:
            if process.is_running():
                process.kill()


def _is_run_worker(process: psutil.Process) -> bool:
    # A server has another child, which keeps track of what its workers share.
    try:
        return "spawn_main" in " ".join(process.cmdline())  # empty for a zombie
    except psutil.NoSuchProcess:
        return False


@contextmanager
def processes(home: Path, settings: Path, storage: str) -> Iterator[Processes]:
    started = Processes(home, settings, storage)
    try:
        yield started
    finally:
        started.end()


class Asked:
    """The runs the code location's own sensor is asked to start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._runs: list[dict[str, object]] = []
        self._write()

    @property
    def count(self) -> int:
        """How many runs were asked for."""
        return len(self._runs)

    def all(self, why: str) -> None:
        """Ask for a run over all partitions of each asset."""
        for asset in ASSETS:
            self._runs.append({"key": f"{why}-{asset}", "asset": asset, "ranges": [0, 3]})
        self._write()

    def _write(self) -> None:
        written = self._path.with_suffix(".new")
        written.write_text(json.dumps(self._runs))
        written.replace(self._path)


@pytest.mark.parametrize(
    "storage",
    [
        pytest.param(nullcontext(""), id="sqlite"),
        pytest.param(postgres_storage(), id="postgresql"),
    ],
)
def test_exactly_one_event_for_each_job(
    tmp_path: Path, storage: AbstractContextManager[str]
) -> None:
    """Nothing is lost, doubled, orphaned or recorded as another end, at Dagster's defaults."""
    chance = random.Random(1)
    home = tmp_path / "home"
    home.mkdir()
    log = home / "daemon.txt"
    with ExitStack() as stack:
        emulator = stack.enter_context(new_emulator(tmp_path))
        lab = Lab(stack.enter_context(open_lab(emulator)))
        settings = write_settings(emulator, tmp_path)
        asked = Asked(tmp_path / "asked.json")
        running = stack.enter_context(processes(home, settings, stack.enter_context(storage)))
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
        running.start("code server")
        running.start("daemon")
        asked.all("first")

        def progress(statements: int, of: str = "") -> None:
            """Wait until the account has seen some statements more."""
            sent = emulator.statements
            wait_for(
                f"{statements} statements {of}",
                lambda: (
                    sum(each.text.startswith(of) for each in emulator.statements[len(sent) :])
                    >= statements
                ),
                log,
            )

        def is_idle() -> bool:
            # A run whose worker was killed stays STARTED for good once its code server is gone.
            runs = instance.get_runs()
            begun = [run for run in runs if run.is_finished or run.status.value == "STARTED"]
            return len(begun) == asked.count and not running.workers()

        def settled() -> bool:
            if not is_idle():
                return False
            found = count(lab, instance, ASSETS)
            return not found.orphaned and not found.lost

        def failed_ticks() -> int:
            return sum(
                tick.status.value == "FAILURE"
                for state in instance.all_instigator_state()
                if state.name == POLLING
                for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
            )

        progress(10, of="EXECUTE JOB SERVICE")
        for number, what in enumerate(PLAN):
            if is_idle():  # a kill is to fall into work
                asked.all(f"more-{number}")
            progress(chance.randint(3, 15))
            if what == "run worker":
                wait_for("a run worker", lambda: running.kill_worker(chance), log)
            elif what == "expire":
                emulator.faults.expire_sessions()
                emulator.faults.lose_answer("EXECUTE", times=5)
            elif what == "outage":
                with emulator.faults.outage():
                    # A tick gives up after seconds and the next one follows: these are minutes.
                    enough = failed_ticks() + TICKS_OF_AN_OUTAGE
                    wait_for("outage", lambda enough=enough: failed_ticks() >= enough, log)
            else:
                running.kill(what)
                running.start(what)
        asked.all("again")
        # A killed run counts as dead after three minutes without a sign of life.
        wait_for("the end of all jobs", settled, log, patience_seconds=600)
        progress(2, of="SHOW JOB SERVICES")  # two more ticks find nothing more to tell
        found = count(lab, instance, ASSETS)
        print(f"{found.jobs} jobs, killed: {running.killed}")
    assert found.jobs >= 200
    assert {"daemon", "code server", "run worker"} <= set(running.killed)
    assert (found.lost, found.doubled, found.orphaned, found.wrong) == ([], [], [], [])
