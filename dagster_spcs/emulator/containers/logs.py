"""What containers printed: one file a container, line by line, with time and stream."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

MAX_LINE = 16 * 1024
"""Bytes of one log record (page "Event table columns"); a longer line becomes several records,
so nothing is lost (chosen: what an account does with the rest was not seen)."""
_BLOCK = 1 << 16
_MOST_UNWRITTEN = 64 << 20
"""Bytes that are kept in memory while the disk is full."""
_EPOCH = datetime.fromtimestamp(0, timezone.utc)


@dataclass(frozen=True)
class LogRecord:
    """One line."""

    time_ns: int
    stream: str
    text: str

    @property
    def timestamp(self) -> datetime:
        """When the line came, in UTC."""
        return datetime.fromtimestamp(self.time_ns // 1000 / 1_000_000, timezone.utc)

    @property
    def stamp(self) -> str:
        """The time as SYSTEM$GET_SERVICE_LOGS prints it."""
        whole = datetime.fromtimestamp(self.time_ns // 1_000_000_000, timezone.utc)
        return f"{whole:%Y-%m-%dT%H:%M:%S}.{self.time_ns % 1_000_000_000:09d}Z"


class ContainerLog:
    """The log of one container; written by one event loop, read by anyone.

    Args:
        path: the file.
        now: the clock that stamps the lines.
    """

    def __init__(
        self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    ) -> None:
        self._path = path
        self._now = now
        self._file: BinaryIO | None = None
        self._last_ns = 0
        self._unwritten = bytearray()
        self._lost = 0

    def append(self, stream: str, *lines: bytes) -> None:
        """Add lines; each is later than every earlier one by a microsecond at least.

        What finds no room on the disk is kept and written with what comes later.
        """
        now = _nanoseconds(self._now())
        records = []
        for line in lines:
            for piece in _pieces(line):
                now = self._last_ns = max(now, self._last_ns + 1000)
                text = json.dumps(piece, ensure_ascii=False)
                records.append(f"{now} {stream} {text}\n")
        if len(self._unwritten) > _MOST_UNWRITTEN:
            self._lost += len(records)
        else:
            self._unwritten += "".join(records).encode()
        self.flush()

    def flush(self) -> bool:
        """Write what is not written yet; False if the disk takes no more."""
        try:
            if self._file is None and self._unwritten:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
            while self._unwritten and self._file is not None:
                del self._unwritten[: self._file.write(self._unwritten)]
        except OSError:
            return False
        if self._lost:
            lost, self._lost = self._lost, 0
            self.append("stderr", f"{lost} lines are lost: the disk was full".encode())
        return True

    def close(self) -> None:
        """Let go of the file; reading goes on working."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def records(self) -> Iterator[LogRecord]:
        """Every line, oldest first."""
        if self._path.exists():
            with self._path.open("rb") as file:
                for line in file:
                    if line.endswith(b"\n"):  # else it is being written, or a crash cut it
                        record = _parsed(line)
                        if record is not None:
                            yield record

    def tail(self, max_bytes: int, max_lines: int | None = None) -> list[LogRecord]:
        """The last lines whose texts fit in ``max_bytes``, oldest first; reads from the end."""
        found: list[LogRecord] = []
        budget = max_bytes
        for line in self._backwards():
            record = _parsed(line)
            if record is None:
                continue
            budget -= len(record.text.encode()) + 1
            if budget < 0 or (max_lines is not None and len(found) >= max_lines):
                break
            found.append(record)
        return found[::-1]

    def _backwards(self) -> Iterator[bytes]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            position = file.seek(0, 2)
            rest = b""
            is_end = True
            while position > 0:
                start = max(0, position - _BLOCK)
                file.seek(start)
                lines = (file.read(position - start) + rest).split(b"\n")
                position = start
                if is_end and len(lines) > 1:
                    # The piece behind the last newline is empty, or a line that is being written
                    # or that a crash cut.
                    lines.pop()
                    is_end = False
                rest = lines[0]
                yield from reversed(lines[1:])
            if not is_end:
                yield rest


def _nanoseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def _pieces(line: bytes) -> Iterator[str]:
    text = line.decode("utf-8", "replace")
    if len(line) <= MAX_LINE:
        yield text
        return
    # Cut by characters, at most four bytes each, so that no character is torn.
    step = MAX_LINE // 4
    for start in range(0, len(text), step):
        yield text[start : start + step]


def _parsed(line: bytes) -> LogRecord | None:
    """Return a record; None for a line that is damaged, which costs no other one."""
    try:
        stamp, stream, text = line.decode().split(" ", 2)
        return LogRecord(int(stamp), stream, str(json.loads(text)))
    except ValueError:
        return None
