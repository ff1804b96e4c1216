"""``make demo`` from outside: to its end, and interrupted."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow


@contextmanager
def demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the demo as the leader of a group, as a terminal does."""
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "definitions.demo"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(folder), "SNOWFLAKE_ACCOUNT": "not-this-one"},
    ) as started:
        yield started


def test_demo_tells_what_it_did(tmp_path: Path) -> None:
    """Exit code 0, a line a job, both jobs in parallel, one materialization each."""
    with demo(tmp_path) as started:
        output, _ = started.communicate()

    assert started.returncode == 0, output
    for part in (
        "266 reviews loaded",
        "DAGSTER_SUMMARIZATION_RESULTS_",
        "DAGSTER_SENTIMENT_RESULTS_",
        "One run submitted both jobs in",
        "Both jobs together took",
        "Materializations: summarization_results 1, sentiment_results 1, review_insights 1",
    ):
        assert part in output
    assert "Traceback" not in output, output
    assert list(tmp_path.iterdir()) == []


IN_THE_MIDDLE_OF_LOGGING = """
import logging, os, signal
from definitions.interruption import Interrupted, interruptible

class Interrupting(logging.Handler):
    def emit(self, record):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):  # where the exception would come
            pass
        print("logged", flush=True)

logging.getLogger().addHandler(Interrupting())
try:
    with interruptible():
        logging.warning("now")
        signal.pause()
        signal.pause()
except Interrupted:
    print("interrupted", flush=True)
"""


def test_interrupted_in_the_middle_of_logging() -> None:
    """It ends a moment later: an exception there would leave the lock of logging taken."""
    done = subprocess.run(
        [sys.executable, "-c", IN_THE_MIDDLE_OF_LOGGING], capture_output=True, text=True
    )
    assert done.stdout.split() == ["logged", "interrupted"], done.stderr


@pytest.mark.parametrize(
    ("number", "line", "times"),
    [
        pytest.param(signal.SIGINT, "Emulator on", 1, id="ctrl-c-at-the-start"),
        pytest.param(signal.SIGINT, "reviews loaded", 1, id="ctrl-c-while-submitting"),
        pytest.param(signal.SIGINT, "submitted both jobs", 2, id="ctrl-c-twice-at-work"),
        pytest.param(signal.SIGINT, "Summary", 1, id="ctrl-c-at-the-end"),
        pytest.param(signal.SIGTERM, "submitted both jobs", 1, id="terminated"),
        pytest.param(signal.SIGHUP, "submitted both jobs", 1, id="terminal-closed"),
    ],
)
def test_interrupted_demo_leaves_nothing(
    tmp_path: Path, number: signal.Signals, line: str, times: int
) -> None:
    """However it is ended, it says so in two lines, and leaves no process and no folder."""
    with demo(tmp_path) as started:
        assert started.stdout is not None
        seen = []
        for text in started.stdout:
            seen.append(text)
            if line in text:
                break
        children = psutil.Process(started.pid).children(recursive=True)
        for _ in range(times):
            os.killpg(started.pid, number)
        rest, _ = started.communicate()

    output = "".join(seen) + rest
    if line == "Summary" and started.returncode == 0:
        return  # it was over before the signal came
    assert started.returncode == 128 + number, output
    told = [text for text in output.splitlines() if text]
    begun = told.index("Interrupted: ending the jobs, the Dagster daemon and the emulator …")
    [ended] = told[begun + 1 :]
    assert ended.startswith("Ended. Cancelled jobs: "), output
    assert all(text.startswith("[") for text in told[:begun] if "Summary" not in output), output
    if line == "submitted both jobs":
        assert ended == "Ended. Cancelled jobs: summarization_results, sentiment_results."
    assert not [child for child in children if child.is_running() and child.status() != "zombie"]
    assert list(tmp_path.iterdir()) == []
