"""What Dagster can store and show of the JSON that a container sent."""

import math
from typing import Any

from dagster_spcs.spcs.unreadable import replace_what_is_no_text

MAX_DEPTH = 64
"""Levels of lists and maps inside each other; Dagster's own functions fail at some hundreds."""
_CONTROLS_OF_TEXT = "\t\n\r"


class NotStorable(ValueError):
    """A value that cannot be stored in any form that says the same."""


def storable(value: Any, depth: int = 0) -> Any:
    """Return JSON as it can be stored and shown.

    Lone surrogates and control characters are no text: no database or page takes all of them, and
    each becomes U+FFFD. Numbers that JSON does not have (``NaN``, ``Infinity``) become text.

    Raises:
        NotStorable: if lists and maps are nested deeper than ``MAX_DEPTH``.
    """
    if depth > MAX_DEPTH:
        raise NotStorable(f"it is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [storable(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {_text(str(key)): storable(each, depth + 1) for key, each in value.items()}
    return value


def _text(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        letter if letter in _CONTROLS_OF_TEXT else replace_what_is_no_text(letter)
        for letter in text
    )
