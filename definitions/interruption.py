"""Ctrl-C and its like: the end of everything that was started, whenever the signal comes.

Light on purpose, so that it is in place before anything heavy is imported.
"""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """A signal asked for the end."""


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN_SECONDS = 0.02
_received: list[int] = []
_held: list[None] = []


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first signal into ``Interrupted``; later ones do not stop the clean-up.

    Other libraries put handlers of their own around their work and raise errors of their own;
    ``interrupted_by`` tells whether a signal was behind one.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        _received.append(number)
        _ignore()
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


def note_interruption() -> None:
    """Remember that somebody else's handler took the signal."""
    _received.append(signal.SIGINT)
    _ignore()


def _ignore() -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
