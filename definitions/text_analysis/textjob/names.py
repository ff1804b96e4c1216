"""Names of tables and columns: read once from the arguments, then always sent quoted.

Names cannot be bound, so they are the one place where an argument could become SQL. An argument
that is not a name is refused here, and what passes is written out quoted.
"""

import re
from dataclasses import dataclass

from textjob.errors import JobError

# One part of a name: plain (folded to upper case, as Snowflake does) or quoted (kept as it is,
# with "" for a quote inside). Non-ASCII letters need quotes in Snowflake, hence re.ASCII.
_PART = re.compile(r'(?P<plain>[A-Za-z_][A-Za-z0-9_$]*)|"(?P<quoted>(?:[^"]|"")+)"', re.ASCII)
_LONGEST_PART = 255


def quote(name: str) -> str:
    """Return a resolved name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Column:
    """A column by its resolved name, e.g. ``ID`` for the argument ``id``."""

    name: str

    @property
    def sql(self) -> str:
        """The quoted identifier."""
        return quote(self.name)

    @classmethod
    def parse(cls, argument: str, option: str) -> "Column":
        """Read a column name.

        Args:
            argument: What the user wrote, plain or in double quotes.
            option: The option it came with, for the error message.
        """
        parts = _split(argument, option, "a column name such as review_id")
        if len(parts) != 1:
            raise _refused(argument, option, "a column name such as review_id")
        return cls(parts[0])


@dataclass(frozen=True)
class Table:
    """A table by its one to three resolved parts: database, schema, table."""

    parts: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The quoted, dotted identifier."""
        return ".".join(quote(part) for part in self.parts)

    @classmethod
    def parse(cls, argument: str, option: str) -> "Table":
        """Read a table name; parts that are left out come from the session."""
        wanted = "a table name such as reviews, sales.reviews or prod.sales.reviews"
        parts = _split(argument, option, wanted)
        if len(parts) > 3:
            raise _refused(argument, option, wanted)
        return cls(tuple(parts))


def _split(argument: str, option: str, wanted: str) -> list[str]:
    parts: list[str] = []
    at = 0
    while True:
        match = _PART.match(argument, at)
        if match is None:
            raise _refused(argument, option, wanted)
        plain = match["plain"]
        part = plain.upper() if plain is not None else match["quoted"].replace('""', '"')
        if len(part) > _LONGEST_PART or "\0" in part:
            raise _refused(argument, option, wanted)
        parts.append(part)
        at = match.end()
        if at == len(argument):
            return parts
        if argument[at] != ".":
            raise _refused(argument, option, wanted)
        at += 1


def _refused(argument: str, option: str, wanted: str) -> JobError:
    return JobError(
        f"{option} {argument!r} is not {wanted}: use letters, digits, _ and $,"
        " or put a name with other characters in double quotes"
    )
