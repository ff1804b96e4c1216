"""What containers printed, on disk."""

from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_spcs.emulator.containers.logs import MAX_LINE, ContainerLog

FAR = 1 << 30


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ContainerLog]:
    """An empty log."""
    log = ContainerLog(tmp_path / "job" / "0.main.log")
    yield log
    log.close()


def texts(records) -> list[str]:
    """Return the lines' texts."""
    return [record.text for record in records]


def test_lines_come_back(log: ContainerLog) -> None:
    """Every line keeps its text and stream, and times never stand still."""
    for number in range(100):
        log.append("stderr" if number % 2 else "stdout", f"line {number}".encode())
    records = list(log.records())
    assert texts(records) == [f"line {number}" for number in range(100)]
    assert [record.stream for record in records[:2]] == ["stdout", "stderr"]
    times = [record.time_ns for record in records]
    assert all(before + 1000 <= after for before, after in pairwise(times))


def test_times(log: ContainerLog) -> None:
    """A record's time is in UTC, and its stamp has nine digits and a Z."""
    log.append("stdout", b"x")
    (record,) = log.records()
    assert abs(datetime.now(timezone.utc) - record.timestamp).total_seconds() < 3600
    assert record.stamp == f"{record.timestamp:%Y-%m-%dT%H:%M:%S.%f}000Z"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"  \t x \r y", id="white-space"),
        pytest.param("ä€😀\u2028\x85".encode(), id="unicode"),
        pytest.param(b'"\\u0041" \x00\x1b[31m', id="escapes"),
    ],
)
def test_awkward_lines(log: ContainerLog, line: bytes) -> None:
    """Nothing in a line is mistaken for the file's own signs."""
    log.append("stdout", line)
    log.append("stdout", b"next")
    assert texts(log.records()) == [line.decode(), "next"]
    assert texts(log.tail(FAR)) == [line.decode(), "next"]


def test_bytes_that_are_no_text(log: ContainerLog) -> None:
    """What is not UTF-8 is shown by the replacement character."""
    log.append("stdout", b"a\xffb")
    assert texts(log.records()) == ["a\ufffdb"]


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
    st.integers(min_value=0, max_value=8),
)
def test_long_lines_become_pieces(tmp_path_factory: pytest.TempPathFactory, unit: str, more: int):
    """A line above 16 KiB is cut between characters, and the pieces together are the line."""
    log = ContainerLog(tmp_path_factory.mktemp("log") / "log")
    line = unit * (MAX_LINE // len(unit.encode())) + "x" * more
    log.append("stdout", line.encode())
    log.close()
    pieces = texts(log.records())
    assert "".join(pieces) == line
    assert all(len(piece.encode()) <= MAX_LINE for piece in pieces)


@pytest.mark.parametrize("length", [1, 999, 70_000], ids=["short", "middle", "above-a-block"])
def test_the_tail_across_blocks(log: ContainerLog, length: int) -> None:
    """The last lines are found from the end, wherever the file is read apart."""
    for number in range(300):
        log.append("stdout", f"{number:03d}{'ä' * (length % 7000)}".encode())
    assert texts(log.tail(FAR)) == texts(log.records())
    assert texts(log.tail(FAR, 7)) == texts(log.records())[-7:]


def test_the_tail_is_bounded(log: ContainerLog) -> None:
    """The tail takes whole lines while they fit, each with its newline."""
    for text in (b"aaaa", b"bbb", b"cc"):
        log.append("stdout", text)
    assert texts(log.tail(7)) == ["bbb", "cc"]
    assert texts(log.tail(6)) == ["cc"]
    assert texts(log.tail(2)) == []
    assert texts(log.tail(FAR, 0)) == []


@pytest.mark.parametrize("complete", [0, 2, 5000], ids=["only-line", "few", "blocks"])
def test_a_line_that_a_crash_cut(tmp_path: Path, complete: int) -> None:
    """A line without its newline is not there yet; the lines before it are."""
    path = tmp_path / "log"
    log = ContainerLog(path)
    for number in range(complete):
        log.append("stdout", f"line {number}".encode())
    log.close()
    with path.open("ab") as file:
        file.write(b'1700000000000000000 stdout "half a li')
    expected = [f"line {number}" for number in range(complete)]
    assert texts(log.records()) == expected
    assert texts(log.tail(FAR)) == expected


def test_no_log(log: ContainerLog) -> None:
    """A container that printed nothing has no lines."""
    assert (list(log.records()), log.tail(FAR)) == ([], [])


def test_writing_goes_on_after_closing(log: ContainerLog) -> None:
    """A closed log can be read and added to."""
    log.append("stdout", b"a")
    log.close()
    log.append("stdout", b"b")
    assert texts(log.records()) == ["a", "b"]
