"""What statements about objects of any kind have in common: the clauses of SHOW, and DROP."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dagster_spcs.emulator.sql.answers import Result, does_not_exist
from dagster_spcs.emulator.sql.object_name import ObjectName
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.patterns import like
from dagster_spcs.emulator.statements.registry import Context

MAX_ROWS = 10_000
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Selection:
    """What a SHOW command asks for, by name."""

    pattern: re.Pattern[str] | None = None
    start: str = ""
    limit: int = MAX_ROWS
    after: str | None = None

    @classmethod
    def read(cls, words: Words, pattern: re.Pattern[str] | None) -> "Selection":
        """Read ``[STARTS WITH '…'] [LIMIT <n> [FROM '…']]``, behind LIKE and IN."""
        return cls(pattern, starts_with_clause(words), *limit_clause(words))

    def of(self, items: Sequence[_Item], name: Callable[[_Item], str]) -> list[_Item]:
        """Return the selected items.

        Args:
            items: in the order of their names.
            name: returns an item's unqualified name.
        """
        return [item for item in items if self._takes(name(item))][: self.limit]

    def _takes(self, name: str) -> bool:
        return (
            (self.pattern is None or self.pattern.fullmatch(name) is not None)
            and name.startswith(self.start)
            and (self.after is None or name > self.after)
        )


def like_clause(words: Words) -> re.Pattern[str] | None:
    """Read ``[LIKE '<pattern>']``."""
    return like(words.string()) if words.take("LIKE") else None


def starts_with_clause(words: Words) -> str:
    """Read ``[STARTS WITH '<text>']``; empty without it."""
    return words.string() if words.take("STARTS", "WITH") else ""


def limit_clause(words: Words) -> tuple[int, str | None]:
    """``[LIMIT <n> [FROM '<name>']]``: how many rows, and the name they come after."""
    if not words.take("LIMIT"):
        return MAX_ROWS, None
    limit = min(words.number(), MAX_ROWS)
    return limit, words.string() if words.take("FROM") else None


def drop_object(
    words: Words, context: Context, kind: str, drop: Callable[[ObjectName], bool]
) -> Result:
    """Answer ``DROP <kind> [IF EXISTS] <name>`` for an object of a schema.

    Args:
        words: behind the kind.
        context: who asks.
        kind: as a refusal names it.
        drop: removes the object; False if there is none.

    Raises:
        SqlError: 2003 if there is none.
    """
    may_be_absent = words.take("IF", "EXISTS")
    name = context.session.resolve(words.object_name(), "DROP")
    words.end()
    if drop(name):
        return Result.status(f"{name[2]} successfully dropped.")
    if not may_be_absent:
        raise does_not_exist(kind, ".".join(name))
    return already_dropped(name[2])


def already_dropped(name: str) -> Result:
    """Return the answer to a DROP … IF EXISTS of what is not there."""
    return Result.status(f"Drop statement executed successfully ({name} already dropped).")


def require_schema(name: ObjectName, context: Context) -> None:
    """Refuse, with 2003, an object in a schema that is not there."""
    if not context.tables.schema_exists(name[0], name[1]):
        raise does_not_exist("Schema", f"{name[0]}.{name[1]}")
