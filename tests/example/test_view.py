"""What ``make demo`` shows on a real terminal, and in a pipe."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator

import pyte
import pytest

PROGRAM = """
import sys
from definitions.view import Row, View

view = View(sys.stdout)
view.say("begun")
with view.watching() as show:
    for look in range(8):
        status = ("PENDING", "RUNNING", "RUNNING", "materialized")[look // 2]
        show([
            Row("summarization_results", status, 99.96, "batch 1:\\t64 rows \\x1b[A of 266 " * 9),
            Row("sentiment_results", "RUNNING", 7.25, "評価" * 90),
            Row("review_insights", "waiting"),
        ])
view.write("word " * 40)
view.columns([["A product with a long name", "33", "0.094"], ["B", "5", "-1.250"]])
"""
ASSETS = ("summarization_results", "sentiment_results", "review_insights")


def output_of(terminal: int, columns: int) -> Iterator[bytes]:
    """Run the program on a terminal and give what it writes there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", terminal, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm-256color"},
    ):
        os.close(theirs)
        try:
            while output := os.read(ours, 65_536):
                yield output
        except OSError:
            return  # the other side is closed
        finally:
            os.close(ours)


@pytest.mark.parametrize("columns", [40, 60, 80, 136])
def test_table_is_drawn_in_place(columns: int) -> None:
    """After eight drawings each asset is on the screen once, in one line, whatever its width."""
    screen = pyte.Screen(columns, 40)
    stream = pyte.ByteStream(screen)
    for output in output_of(40, columns):
        stream.feed(output)

    lines = [line.rstrip() for line in screen.display if line.strip()]
    assert lines[0].endswith("begun")
    for line, asset in zip(lines[1:4], ASSETS, strict=True):
        assert line.startswith(asset)
    assert "materialized" in lines[1]
    assert ("batch 1: 64 rows" in lines[1]) == (columns >= 60)
    assert "7.2s" in lines[2]
    words, numbers = lines[4:-2], lines[-2:]
    assert " ".join(words).split() == ["word"] * 40
    assert numbers[0].startswith("A product")
    assert numbers[0].endswith("33  0.094")
    assert numbers[1].split() == ["B", "5", "-1.250"]


def test_pipe_gets_a_line_for_each_new_status() -> None:
    """No control characters, no cut lines, and nothing twice."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "FORCE_COLOR": "1"},
    )
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    shown = [line.split("] ")[1].split()[:2] for line in lines if line.startswith("[")]
    assert shown == [
        ["begun"],
        ["summarization_results", "PENDING"],
        ["sentiment_results", "RUNNING"],
        ["review_insights", "waiting"],
        ["summarization_results", "RUNNING"],
        ["summarization_results", "materialized"],
    ]
    assert lines[1].count("of 266") == 9
    assert "word " * 39 in done.stdout
