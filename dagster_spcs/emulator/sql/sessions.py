"""Sessions: who is logged in, and where in the account they stand."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

from fakesnow.fakes import FakeSnowflakeConnection

from dagster_spcs.emulator.sql.answers import no_current_database, no_current_schema
from dagster_spcs.emulator.sql.object_name import ObjectName
from dagster_spcs.emulator.sql.parameters import Parameters

SERVER_VERSION = "9.40.0"


@dataclass
class Session:
    """One login. Database and schema are the connection's own, so USE works as it does there."""

    connection: FakeSnowflakeConnection
    user: str
    role: str
    warehouse: str | None
    parameters: Parameters
    takes_endpoint: bool = False
    """Whether the client moves files to an endpoint of plain HTTP, as connector 5 does."""
    client: str = ""
    """Name and version of the client, as it gave them."""
    takes_arrow: bool = True
    """Whether the client reads rows in Arrow's format; others get JSON."""
    id: int = field(default_factory=lambda: secrets.randbits(48))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    master_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    last_query_id: str = ""
    expiry: int = 0
    """The count of ``Faults.expired_sessions`` when its tokens were given out."""
    changes: list[tuple[str, Any]] | None = None
    """What the open transaction changed, statement by statement; None without a transaction."""
    transaction_id: str | None = None
    """Of the open transaction: its begin in nanoseconds, as an account numbers them."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """A connection below runs one statement at a time."""

    def renew(self) -> None:
        """Take new tokens; all else of the session goes on."""
        self.token = secrets.token_urlsafe(32)
        self.master_token = secrets.token_urlsafe(32)

    def resolve(self, parts: tuple[str, ...], verb: str = "statement") -> ObjectName:
        """Return the full name for one of one to three parts; 90105 or 90106 if it cannot be."""
        *place, name = parts
        if len(place) == 2:
            return place[0], place[1], name
        database = self.connection.database if self.connection.database_set else None
        if not database:
            raise no_current_database(verb)
        if place:
            return database, place[0], name
        schema = self.connection.schema if self.connection.schema_set else None
        if not schema:
            raise no_current_schema(verb)
        return database, schema, name
