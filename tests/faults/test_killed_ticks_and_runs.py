"""Two hundred jobs while ticks and runs are killed, and the account is slow, faulty and away.

Everything that happens is drawn from one seeded generator. A kill comes at a random moment of a
tick's or run's life, so the moments themselves differ from one machine to the next; what must hold
does not.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

import dagster as dg
import pytest

from dagster_spcs.emulator import Emulator
from tests.faults.account import count, write_settings
from tests.support.emulators import Lab, new_emulator, open_lab
from tests.support.postgres import postgres_storage

pytestmark = pytest.mark.slow

GROUPS = {"deferred": 4, "waited_for": 4, "batched": 3, "spoken": 2}
"""How many ranges of partitions of each asset are made, in a run that is killed and another one."""


class Forks:
    """Ticks and runs in processes of their own, some of them killed."""

    def __init__(self, process: subprocess.Popen[str], chance: random.Random) -> None:
        self._process = process
        self._chance = chance
        self.killed = 0
        self.ended: list[int] = []

    def do(self, kill_within: float | None, **asked: object) -> int:
        """Have a tick or run done; with ``kill_within`` it is killed at a moment before that."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        after = None if kill_within is None else self._chance.uniform(0, kill_within)
        self._process.stdin.write(json.dumps({**asked, "kill_after": after}) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        self.killed += code == -signal.SIGKILL
        self.ended.append(code)
        return code


@contextmanager
def forks(home: Path, settings: Path, storage: str, chance: random.Random) -> Iterator[Forks]:
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n" + storage)
    with (
        (home / "stderr").open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.faults.forks"],
            env={**os.environ, "DAGSTER_HOME": str(home), "FAULTS_SETTINGS": str(settings)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        yield Forks(process, chance)
        assert process.stdin is not None
        process.stdin.close()


def disturb(emulator: Emulator, lab: Lab, chance: random.Random, cursor: Path) -> str:
    """Do one of the things that go wrong; return what."""
    what = chance.choice(
        ["nothing", "nothing", "slow", "refuse", "lose", "expire", "drop", "cancel", "no cursor",
         "bad cursor"]
    )  # fmt: skip
    faults = emulator.faults
    if what == "slow":
        faults.slow("SHOW", seconds=0.3, times=2)
    elif what == "refuse":
        faults.refuse("", times=None, chance=0.05)
        faults.refuse("SELECT", times=1)
    elif what == "lose":
        faults.lose_answer("EXECUTE", times=3)
        faults.lose_answer("SHOW", times=1)
        faults.lose_request("SELECT", times=1)
    elif what == "expire":
        faults.expire_sessions()
    elif what in ("drop", "cancel"):
        at_work = [
            row["name"] for row in lab.rows("SHOW JOB SERVICES") if row["status"] == "RUNNING"
        ]
        for name in chance.sample(sorted(at_work), min(2, len(at_work))):
            lab.rows(f"DROP SERVICE {name}" if what == "drop" else f"CALL {name}!SPCS_CANCEL_JOB()")
    elif what == "no cursor":
        cursor.unlink(missing_ok=True)
    elif what == "bad cursor":
        cursor.write_text("{not a cursor")
    return what


@pytest.mark.parametrize(
    ("seed", "storage"),
    [
        pytest.param(1, nullcontext(""), id="1-sqlite"),
        pytest.param(2, postgres_storage(), id="2-postgresql"),
    ],
)
def test_exactly_one_event_for_each_job(
    tmp_path: Path, seed: int, storage: AbstractContextManager[str]
) -> None:
    """Nothing is lost, doubled, orphaned or recorded as another end."""
    chance = random.Random(seed)
    home = tmp_path / "home"
    home.mkdir()
    cursor = tmp_path / "cursor.json"
    with ExitStack() as stack:
        emulator = stack.enter_context(new_emulator(tmp_path))
        lab = Lab(stack.enter_context(open_lab(emulator)))
        emulator.faults.history_lag_seconds = 0.5
        emulator.faults.log_lag_seconds = 1.0
        settings = write_settings(emulator, tmp_path)
        forked = stack.enter_context(forks(home, settings, stack.enter_context(storage), chance))
        happened = []

        def settle() -> None:
            emulator.faults.clear()
            emulator.faults.history_lag_seconds = 0.5
            if cursor.exists() and cursor.read_text().startswith("{not"):
                # An unreadable cursor is an error; who runs the sensor resets it.
                assert forked.do(None, do="tick") == 1
                cursor.unlink()

        for asset, groups in GROUPS.items():
            for group in range(groups):
                # Killed at some moment, and started again by somebody.
                forked.do(1.5, do="run", asset=asset, range=group)
                forked.do(None, do="run", asset=asset, range=group)
                for _ in range(3):
                    happened.append(disturb(emulator, lab, chance, cursor))
                    with ExitStack() as away:
                        if chance.random() < 0.1:
                            away.enter_context(emulator.faults.outage())
                        forked.do(chance.choice([0.3, 0.6, 1.0, None]), do="tick")
                    settle()
        # All is well again, and stays so: catch up.
        for _ in range(30):
            assert forked.do(None, do="tick") == 0, (home / "stderr").read_text()
            at_work = [row["status"] for row in lab.rows("SHOW JOB SERVICES")]
            if not {"PENDING", "RUNNING", "CANCELLING"} & set(at_work):
                break
        # The runs that were killed look as if they were at work, until they are silent for long.
        for minutes in range(12):
            forked.do(None, do="tick", minutes=minutes)

        with dg.DagsterInstance.from_config(str(home)) as instance:
            found = count(lab, instance, tuple(GROUPS))
    print(
        f"{found.jobs} jobs, {forked.killed} kills, {len(forked.ended)} ticks and runs; {happened}"
    )
    assert found.jobs >= 200
    assert forked.killed >= 10
    assert (found.lost, found.doubled, found.orphaned, found.wrong) == ([], [], [], [])
