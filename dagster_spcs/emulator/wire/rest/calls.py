"""One call of the REST API: what it names, what it asks for, how it reads and writes values."""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Any, TypeVar

from dagster_spcs.emulator.account.account import Account
from dagster_spcs.emulator.sql.answers import SqlError
from dagster_spcs.emulator.sql.object_name import ObjectName
from dagster_spcs.emulator.sql.quoting import literal, quoted
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.patterns import like

Row = dict[str, Any]
_PLAIN = re.compile(r"[A-Z_][A-Z0-9_$]*")
_STATUS = {
    2002: HTTPStatus.CONFLICT,
    2003: HTTPStatus.NOT_FOUND,
    2043: HTTPStatus.NOT_FOUND,
    3001: HTTPStatus.FORBIDDEN,
}


def http_status(error: SqlError) -> HTTPStatus:
    """Return the status of an answer to a statement that was refused."""
    return _STATUS.get(error.number, HTTPStatus.BAD_REQUEST)


@dataclass(frozen=True)
class Call:
    """One request.

    Args:
        places: the names in the address, as the client spelled them.
        query: what stands behind the question mark.
        body: the JSON object that was sent.
        account: what exists.
        run: carries a statement out and returns its rows by column.
    """

    places: dict[str, str]
    query: dict[str, str]
    body: Row
    account: Account
    run: Callable[[str], Awaitable[list[Row]]]

    def stored(self, place: str) -> str:
        """Return a name of the address in stored form."""
        return Words(self.places[place]).identifier()

    def full_name(self, place: str = "name") -> ObjectName:
        """Return the name of an object in a schema, in stored form."""
        return self.stored("database"), self.stored("schema"), self.stored(place)

    def schema(self) -> str:
        """Return the schema of the address as SQL."""
        return quoted(self.stored("database"), self.stored("schema"))

    def name(self, place: str = "name") -> str:
        """Return the object of the address as SQL: of its schema, its database or the account."""
        levels = [each for each in ("database", "schema") if each in self.places and each != place]
        return quoted(*map(self.stored, levels), self.stored(place))

    def new_name(self) -> str:
        """Return the object of the body as SQL, in the place that the address names."""
        own = Words(str(self.body.get("name") or "")).identifier()
        levels = [each for each in ("database", "schema") if each in self.places]
        return quoted(*map(self.stored, levels), own)

    def flag(self, name: str) -> bool:
        """Return a flag of the query."""
        return self.query.get(name, "").lower() == "true"

    def create(self, kind: str) -> str:
        """Return how a CREATE begins, by the mode that the call asks for."""
        replace = " OR REPLACE" if self.query.get("createMode") == "orReplace" else ""
        absent = " IF NOT EXISTS" if self.query.get("createMode") == "ifNotExists" else ""
        return f"CREATE{replace} {kind}{absent} {self.new_name()}"

    def options(self, **names: str) -> str:
        """Return those options of the body that were given, as SQL: ``NAME = value``."""
        return "".join(
            f" {names[key]} = {_option(self.body[key])}"
            for key in names
            if self.body.get(key) is not None
        )

    async def status(self, statement: str) -> Row:
        """Carry out a statement that answers a sentence."""
        (row,) = await self.run(statement)
        return {"status": str(next(iter(row.values())))}

    async def drop(self, kind: str) -> Row:
        """Drop the object of the address."""
        absent = "IF EXISTS " if self.flag("ifExists") else ""
        return await self.status(f"DROP {kind} {absent}{self.name()}")

    def selected(self, rows: Iterable[Row], key: str = "name") -> Iterator[Row]:
        """Return those rows of a listing that the query asks for."""
        found = list(rows)
        if "like" in self.query:
            pattern = like(self.query["like"])
            found = [row for row in found if pattern.fullmatch(row[key])]
        if "startsWith" in self.query:
            found = [row for row in found if row[key].startswith(self.query["startsWith"])]
        if "fromName" in self.query:
            found = [row for row in found if row[key] > self.query["fromName"]]
        limit = self.query.get("showLimit")
        yield from found[: None if limit is None else int(limit)]

    def one(self, rows: Iterable[Row], kind: str) -> Row:
        """Return the row of the object that the address names.

        Raises:
            SqlError: 2003 if there is none.
        """
        wanted = self.stored("name")
        for row in rows:
            if row["name"] == wanted:
                return row
        raise SqlError(2003, "02000", f"{kind} '{wanted}' does not exist or not authorized.")


Handler = Callable[[Call], Awaitable[Any]]
ROUTES: dict[tuple[str, tuple[str, ...], str], Handler] = {}
"""By method, segments of the address (``{place}`` for a name) and action behind the colon."""


Registered = TypeVar("Registered", bound=Handler)


def route(method: str, address: str) -> Callable[[Registered], Registered]:
    """Register a handler, as ``POST`` at ``databases/{name}:undrop``."""

    def register(handler: Registered) -> Registered:
        path, _, action = address.partition(":")
        ROUTES[method, tuple(path.split("/")), action] = handler
        return handler

    return register


async def is_there(found: Awaitable[Any]) -> bool:
    """Whether what is looked for exists."""
    try:
        await found
    except SqlError as error:
        if http_status(error) is HTTPStatus.NOT_FOUND:
            return False
        raise
    return True


def spelled(name: Any) -> str | None:
    """Return a stored name as the API spells it: quoted unless it is plain."""
    if name is None:
        return None
    return str(name) if _PLAIN.fullmatch(str(name)) else quoted(str(name))


def moment(value: Any) -> str | None:
    """Return a time as the API writes it."""
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=value.tzinfo or timezone.utc).isoformat()


def flag(value: Any) -> bool | None:
    """Return a truth that SHOW may tell in words."""
    if value is None or isinstance(value, bool):
        return value
    return str(value).lower() in ("true", "y", "yes", "1")


def number(value: Any) -> int | None:
    """Return a whole number that SHOW may tell as a text."""
    return None if value in (None, "") else int(value)


def text(value: Any) -> str | None:
    """Return a text; None for an empty one."""
    return None if value in (None, "") else str(value)


def _option(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    return str(value) if isinstance(value, int) else literal(str(value))
