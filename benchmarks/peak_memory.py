"""The most memory that this process holds while something is done."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_BETWEEN_LOOKS_SECONDS = 0.002


@dataclass
class Peak:
    """What was seen, in megabytes of resident memory."""

    megabytes: float = 0.0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Look at the process's memory again and again, on a thread of its own."""
    peak, process, is_over = Peak(), psutil.Process(), threading.Event()

    def look() -> None:
        while not is_over.wait(_BETWEEN_LOOKS_SECONDS):
            peak.megabytes = max(peak.megabytes, process.memory_info().rss / 1e6)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        is_over.set()
        watcher.join()
