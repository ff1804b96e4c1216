"""Ctrl-C in the example: it counts once, it is never lost, and it says what it does."""

import signal
import subprocess
import sys

import pytest

BEGINNING = """
import os, signal, subprocess, sys
from definitions.interruption import *

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):  # where the exception would come
        pass

try:
    with interruptible("ending"):
"""
ENDING = """
except Interrupted:
    announce()
    print("interrupted by", interrupted_by())
"""


def run(program: str) -> "subprocess.CompletedProcess[str]":
    """Run a program inside ``interruptible`` and return its end; both outputs are one."""
    indented = "".join(f"        {line}\n" for line in program.strip().splitlines())
    return subprocess.run(
        [sys.executable, "-u", "-c", BEGINNING + indented + ENDING],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("program", "lines"),
    [
        pytest.param("interrupt(); print('lost')", ["ending"], id="at-once"),
        pytest.param(
            "with undisturbed():\n  interrupt(); interrupt(); print('held')\nend_if_interrupted()",
            ["ending", "held"],
            id="held-back-and-twice",
        ),
        pytest.param(
            "print(call_undisturbed(lambda: (interrupt(), 'lost')))", ["ending"], id="in-a-thread"
        ),
    ],
)
def test_announced_once(program: str, lines: list[str]) -> None:
    """What the interruption does is said at once, and once."""
    shown = [line for line in run(program).stdout.splitlines() if line]
    assert shown == [*lines, f"interrupted by {signal.SIGINT.value}"]


RUN_OF_DAGSTER = """
import dagster as dg

@dg.op
def work():
    interrupt()

@dg.job
def one():
    work()

result = call_undisturbed(lambda: one.execute_in_process(raise_on_error=False))
print("lost, and the run", "succeeded" if result.success else "failed")
"""


def test_interruption_while_dagster_executes_a_run() -> None:
    """Dagster replaces signal handlers on the main thread: there it would log the interruption."""
    output = run(RUN_OF_DAGSTER).stdout
    assert "ending" in output
    assert "interrupted by 2" in output
    assert "lost" not in output
    assert "Traceback" not in output
    assert "Error" not in output


def test_result_and_error_of_an_undisturbed_call() -> None:
    """Both come back as if it had been called on this thread."""
    output = run(
        "print(call_undisturbed(lambda: 42))\n"
        "try:\n  call_undisturbed(lambda: 1 / 0)\nexcept ZeroDivisionError:\n  print('raised')"
    ).stdout
    assert output.split() == ["42", "raised"]


CHILD_STARTED_AFTERWARDS = """
with undisturbed():
    interrupt()
    code = "import signal; print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
    print(subprocess.check_output([sys.executable, "-c", code], text=True))
"""


def test_process_started_after_the_signal_ends_by_term() -> None:
    """A process that ignores a signal hands that on: the daemon would have to be killed."""
    assert "True" in run(CHILD_STARTED_AFTERWARDS).stdout
