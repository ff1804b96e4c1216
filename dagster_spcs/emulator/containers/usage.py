"""What the processes of a container use, as Linux tells it."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

_PROCESSES = Path("/proc")
_GROUP, _USER, _SYSTEM, _RESIDENT = 2, 11, 12, 21
"""Fields of ``stat`` behind the program's name."""


@dataclass(frozen=True)
class Usage:
    """Sums over a process group."""

    cpu_seconds: float
    memory_bytes: int


def usage_of(group: int) -> Usage | None:
    """Return what a process group uses; None while there is none, or without ``/proc``."""
    if not _PROCESSES.is_dir():
        return None
    ticks = pages = 0
    for file in _PROCESSES.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            fields = file.read_text().rpartition(")")[2].split()
            if int(fields[_GROUP]) == group and not _is_ours(file.parent):
                ticks += int(fields[_USER]) + int(fields[_SYSTEM])
                pages += int(fields[_RESIDENT])
    if not pages:  # the container's own command has not begun, or has ended
        return None
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE"))


def _is_ours(process: Path) -> bool:
    """Whether a process is one of those that watch over the container (``launcher``)."""
    words = (process / "cmdline").read_bytes().split(b"\0")
    return any(word.endswith(b"/launcher.py") for word in words[:4])
