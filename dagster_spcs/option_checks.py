"""Refusing, where it is written, an option that cannot be meant.

Each function raises ``dagster.DagsterInvalidDefinitionError`` with the option's name, its value and
what to write instead.
"""

import math
from collections.abc import Iterable

import dagster as dg

from dagster_spcs.errors import InvalidName
from dagster_spcs.spcs.names import split_name


def refuse_unknown_word(name: str, value: object, known: Iterable[str]) -> None:
    """Take only one of some words."""
    words = list(known)
    if value not in words:
        raise _refusal(name, value, f"write one of {', '.join(map(repr, words))}")


def refuse_unless_flag(name: str, value: object) -> None:
    """Take only True and False."""
    if not isinstance(value, bool):
        raise _refusal(name, value, "write True or False")


def refuse_unless_whole(name: str, value: object, *, least: int, what: str) -> None:
    """Take only a whole number, from ``least`` on."""
    if not _is_number(value, (int,)) or value < least:  # type: ignore[operator]
        raise _refusal(name, value, f"write {what}")


def refuse_unless_seconds(name: str, value: object, *, positive: bool = False) -> None:
    """Take only a finite number of seconds, 0 or more, or above 0."""
    if not _is_number(value, (int, float)) or (positive and value == 0):
        least = "above 0" if positive else "0 or more"
        raise _refusal(name, value, f"write a number of seconds, {least}")


def refuse_unless_name(name: str, value: object, *, example: str) -> None:
    """Take only a single name, as Snowflake's SQL writes it, or None."""
    if value is None:
        return
    if not isinstance(value, str):
        raise _refusal(name, value, f'write a name, like "{example}"')
    try:
        parts = split_name(value)
    except InvalidName as error:
        raise _refusal(name, value, error.reason) from None
    if len(parts) != 1:
        raise _refusal(name, value, f'write one name without dots, like "{example}"')


def _refusal(name: str, value: object, advice: str) -> dg.DagsterInvalidDefinitionError:
    return dg.DagsterInvalidDefinitionError(f"{name}={value!r}: {advice}")


def _is_number(value: object, kinds: tuple[type[int | float], ...]) -> bool:
    """Whether a value is a number of these kinds, finite and not below 0."""
    return isinstance(value, kinds) and not isinstance(value, bool) and 0 <= value < math.inf
