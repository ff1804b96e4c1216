"""Messages of the Dagster Pipes protocol among the lines a container printed.

A message is one line of JSON on standard output. What stands between it and us is a log: lines
may come twice or in another order, several writers may share a line, and a record holds at most
16 KiB (page "Event table columns"), so a long message comes in pieces.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dagster_spcs.spcs.records import LogLine

MARK = '{"__dagster_pipes_version"'
"""How every message begins."""
_LONGEST = 32 * 1024 * 1024
"""Characters of the longest message that is put together from pieces."""
_MOST_TRIES = 200
"""Lines that may end a message; where so many did not, a broken one is followed by other JSON."""
_MOST_DECODED = 4 * _LONGEST
"""Characters that are decoded, over all tries, to put one message together."""
_decoder = json.JSONDecoder()


@dataclass(frozen=True)
class PipesMessage:
    """One message."""

    method: str
    params: dict[str, Any]

    @property
    def log_lines(self) -> list[str]:
        """What ``PipesContext.log`` was given, with its level; empty for another message."""
        text = self.params.get("message")
        if self.method != "log" or not isinstance(text, str):
            return []
        level = self.params.get("level")
        return [
            f"{level if isinstance(level, str) else 'INFO'}: {line}" for line in text.split("\n")
        ]


@dataclass(frozen=True)
class PipesMessages:
    """What the lines of a log were."""

    messages: tuple[PipesMessage, ...]
    shown: tuple[LogLine, ...]
    """What is for people: the lines that are no messages, and the texts of those of the method
    ``log``, with their levels."""
    broken: int = 0
    """Beginnings of messages whose end never came; they stand among the lines that are shown."""

    @property
    def has_opened(self) -> bool:
        """Whether the container speaks Pipes."""
        return any(message.method == "opened" for message in self.messages)

    @property
    def has_closed(self) -> bool:
        """Whether every writer said its last word."""
        methods = [message.method for message in self.messages]
        return 0 < methods.count("opened") <= methods.count("closed")


def read_messages(lines: Sequence[LogLine]) -> PipesMessages:
    """Tell messages from other lines; lines with equal time stamp and text count once."""
    readers: dict[tuple[int, str, str | None], _Reader] = {}
    seen: set[LogLine] = set()
    found: list[tuple[int, PipesMessage]] = []
    shown: list[tuple[int, LogLine]] = []
    for position, line in enumerate(lines):
        if line.timestamp is not None:
            if line in seen:
                continue
            seen.add(line)
        source = (line.instance_id, line.container, line.stream)
        readers.setdefault(source, _Reader(found, shown)).read(position, line)
    broken = sum(reader.end() for reader in readers.values())
    return PipesMessages(
        tuple(message for _, message in sorted(found, key=lambda each: each[0])),
        tuple(line for _, line in sorted(shown, key=lambda each: each[0])),
        broken,
    )


class _Reader:
    """Reads the lines of one stream of one container."""

    def __init__(
        self, found: list[tuple[int, PipesMessage]], shown: list[tuple[int, LogLine]]
    ) -> None:
        self._found = found
        self._shown = shown
        self._pieces: list[tuple[int, LogLine]] = []
        self._size = self._tries = self._decoded = 0
        self._broken = 0

    def read(self, position: int, line: LogLine) -> None:
        if self._pieces and MARK not in line.text:
            self._pieces.append((position, line))
            self._size += len(line.text)
            if line.text.endswith("}"):  # only there can it be whole; decoding each would be slow
                self._tries += 1
                self._try_pieces()
            if self._size > _LONGEST or self._tries > _MOST_TRIES or self._decoded > _MOST_DECODED:
                self._give_up()
            return
        self._give_up()
        rest = line.text
        while MARK in rest:
            before, mark, after = rest.partition(MARK)
            if before.strip():
                self._shown.append((position, _with_text(line, before)))
            message, rest = _decode(mark + after)
            if message is None:
                self._begin(position, _with_text(line, mark + after))
                return
            self._take(position, message, line)
        if rest.strip() or rest == line.text:
            self._shown.append((position, _with_text(line, rest)))

    def end(self) -> int:
        """Return how many messages have no end."""
        self._give_up()
        return self._broken

    def _begin(self, position: int, line: LogLine) -> None:
        self._pieces = [(position, line)]
        self._size, self._tries, self._decoded = len(line.text), 0, 0

    def _take(self, position: int, message: PipesMessage, line: LogLine) -> None:
        self._found.append((position, message))
        self._shown += [(position, _with_text(line, text)) for text in message.log_lines]

    def _try_pieces(self) -> None:
        self._decoded += self._size
        message, rest = _decode("".join(piece.text for _, piece in self._pieces))
        if message is not None and not rest:
            position, line = self._pieces[0]
            self._take(position, message, line)
            self._pieces = []

    def _give_up(self) -> None:
        self._broken += bool(self._pieces)
        self._shown += self._pieces
        self._pieces = []


def _decode(text: str) -> tuple[PipesMessage | None, str]:
    try:
        value, end = _decoder.raw_decode(text)
    except (ValueError, RecursionError):
        return None, ""
    method, params = value.get("method"), value.get("params")
    if not isinstance(method, str):
        return None, ""
    return PipesMessage(method, params if isinstance(params, dict) else {}), text[end:]


def _with_text(line: LogLine, text: str) -> LogLine:
    return LogLine(text, line.instance_id, line.container, line.timestamp, line.stream)
