"""What ``make demo`` shows: lines that stay, and a table that is redrawn while jobs run.

Only a terminal gets the redrawn table. Elsewhere a row is printed once for each new status.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

_PLAIN_WIDTH = 120
_DETAIL_WIDTH = 12
"""A last log line that gets fewer columns than this is left out."""


@dataclass(frozen=True)
class Row:
    """One asset: its status, the seconds of its job and the job's last log line."""

    asset: str
    status: str
    seconds: float | None = None
    detail: str = ""

    @property
    def duration(self) -> str:
        """The seconds in at most five characters."""
        if self.seconds is None:
            return ""
        return f"{self.seconds:.1f}s" if self.seconds < 99.9 else f"{self.seconds:.0f}s"


class View:
    """Writes to a file, as wide as the terminal behind it."""

    def __init__(self, file: TextIO) -> None:
        self._is_terminal = file.isatty()
        self._console = Console(
            file=file,
            force_terminal=self._is_terminal,  # whatever FORCE_COLOR says of a pipe
            width=None if self._is_terminal else _PLAIN_WIDTH,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._redraws = self._is_terminal and not self._console.is_dumb_terminal
        self._begun = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line with the seconds since the start."""
        self.write(f"[{time.monotonic() - self._begun:6.1f} s] {text}")

    def write(self, text: str) -> None:
        """Print a line; a terminal gets it wrapped between words."""
        self._console.print(text, soft_wrap=not self._is_terminal)

    def columns(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows in columns: the first is text and gives way, the others are numbers."""
        grid = Table.grid(padding=(0, 1))
        grid.add_column()
        for _ in rows[0][1:] if rows else ():
            grid.add_column(justify="right", no_wrap=True)
        for first, *numbers in rows:
            grid.add_row(_one_line(first), *numbers)
        self._console.print(grid)

    @contextmanager
    def watching(self) -> Iterator[Callable[[Sequence[Row]], None]]:
        """Give a function that shows the rows as they are now; the last ones stay."""
        if not self._redraws:
            yield self._changes()
            return
        # Drawn by who shows rows, not by a thread of its own: nothing changes in between.
        with Live(console=self._console, auto_refresh=False) as live:
            yield lambda rows: live.update(self._table(rows), refresh=True)

    def _changes(self) -> Callable[[Sequence[Row]], None]:
        shown: dict[str, str] = {}

        def show(rows: Sequence[Row]) -> None:
            for row in rows:
                if shown.get(row.asset) != row.status:
                    shown[row.asset] = row.status
                    head = f"{row.asset:<22} {row.status:<12} {row.duration:>5}"
                    self.say(f"{head} {_printable(row.detail)}".rstrip())

        return show

    def _table(self, rows: Sequence[Row]) -> Table:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, justify="right")
        heads = [(row.asset, row.status, row.duration) for row in rows]
        taken = sum(max(map(len, column)) + 1 for column in zip(*heads, strict=True))
        has_details = self._console.width - taken >= _DETAIL_WIDTH
        if has_details:
            grid.add_column(style="dim")
        for row, head in zip(rows, heads, strict=True):
            grid.add_row(*head, *([_one_line(row.detail)] if has_details else []))
        return grid


def _one_line(text: str) -> Text:
    """Return a cell that is cut where its column ends."""
    return Text(_printable(text), no_wrap=True, overflow="ellipsis")


def _printable(text: str) -> str:
    """Return a text without what would move the cursor."""
    return "".join(each if each.isprintable() else " " for each in text)
