"""What came from outside and could not be read: a value with a reason instead of an exception.

Three things come from outside: what a container prints, what the account answers, and what stands
in Dagster's event log. One bad piece of any of them must cost its own job a note and nothing else.
So the functions that read them return ``Unreadable`` where they cannot return a value.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

_LONGEST_REASON = 300
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_STORED = re.compile("[\x00\ud800-\udfff]")
Given = ParamSpec("Given")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Unreadable:
    """Something from outside that could not be read."""

    what: str
    """What was being read, for people."""
    reason: str
    """Why it could not be read; one line without control characters."""
    name: str = ""
    """The job it belongs to, as far as that could be told."""

    def __str__(self) -> str:
        return f"{self.what} could not be read: {self.reason}"


def read_safely(
    what: str, read: Callable[Given, Value], *args: Given.args, **kwargs: Given.kwargs
) -> Value | Unreadable:
    """Return what ``read`` returns, or ``Unreadable`` if it raises.

    This is the one place where any exception becomes a value: ``read`` must only look at its
    arguments, so whatever it raises is about them.
    """
    try:
        return read(*args, **kwargs)
    except Exception as error:
        return Unreadable(what, one_line(f"{type(error).__name__}: {error}"))


def one_line(text: str) -> str:
    """Return text as one short line that can be stored and shown anywhere."""
    return replace_what_is_no_text(text)[:_LONGEST_REASON]


def as_note(what: str, error: Exception) -> str:
    """Return why something is not known, as a note: the first line of the error."""
    return f"{what}: {one_line(str(error).partition(chr(10))[0])}"


def is_text(value: str) -> bool:
    """Whether every database stores a text: it has no NUL and no halves of surrogate pairs."""
    return value.isprintable() or _NOT_STORED.search(value) is None


def replace_what_is_no_text(text: str) -> str:
    """Return ``text`` with control characters and lone surrogates replaced by U+FFFD."""
    return text if text.isprintable() else _NOT_TEXT.sub("\ufffd", text)
