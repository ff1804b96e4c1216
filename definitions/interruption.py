"""Ctrl-C and its like: the end of everything that was started, whenever the signal comes.

Light on purpose, so that it is in place before anything heavy is imported.
"""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class Interrupted(BaseException):
    """A signal asked for the end."""


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN_SECONDS = 0.02
_STDERR = 2
_received: list[int] = []
_held: list[None] = []
_announcements: list[str] = []


@contextmanager
def interruptible(announcement: str = "") -> Iterator[None]:
    """Turn the first signal into ``Interrupted``; later ones do not stop the clean-up.

    Args:
        announcement: what the interruption does. It is printed at once while signals are held
            back; else ``announce`` prints it.
    """
    if announcement:
        _announcements.append(announcement)

    def interrupt(number: int, frame: FrameType | None) -> None:
        _received.append(number)
        _ignore()
        if _held:
            announce()
        end(number, frame)

    def end(_: int, frame: FrameType | None) -> None:
        # An exception in the middle of logging leaves its lock taken: whoever logs next, as the
        # emulator's thread does, would wait for ever.
        if _is_logging(frame):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        elif not _held:
            raise Interrupted

    signal.signal(signal.SIGALRM, end)
    for each in _SIGNALS:
        signal.signal(each, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        _received.append(signal.SIGINT)
        raise Interrupted from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _ignore()


def _is_logging(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == logging.__file__:
            return True
        frame = frame.f_back
    return False


def interrupted_by() -> int | None:
    """Return the signal that asked for the end, if one did."""
    return _received[0] if _received else None


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold a signal back while something starts that nobody could end yet, or is imported.

    Follow it with ``end_if_interrupted``, once there is somebody who can.
    """
    _held.append(None)
    try:
        yield
    finally:
        _held.pop()


def end_if_interrupted() -> None:
    """Raise ``Interrupted`` if a signal came whose exception was lost.

    One raised while a destructor or a callback runs is printed by Python and dropped.
    """
    if _received:
        raise Interrupted


def call_undisturbed(work: Callable[[], T]) -> T:
    """Return what ``work`` returns; a signal that comes meanwhile counts after that.

    It runs on another thread. On the main thread Dagster replaces the signal handlers while it
    executes a run: a signal then gets lost, or becomes a failure with a long traceback.
    """
    try:
        with undisturbed(), ThreadPoolExecutor(1) as pool:
            return pool.submit(work).result()
    finally:
        end_if_interrupted()


def announce() -> None:
    """Print what the interruption does, unless it was printed."""
    while _announcements:
        # Not with print(): the signal may have come in the middle of one.
        with suppress(OSError):
            os.write(_STDERR, f"\n{_announcements.pop()}\n".encode())


def _ignore() -> None:
    # A function, not SIG_IGN: that one a process started later would inherit, and not end by TERM.
    for each in _SIGNALS:
        signal.signal(each, lambda *_: None)
