"""Which handler answers which statement."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from dagster_spcs.emulator.account.account import Account
from dagster_spcs.emulator.account.faults import Faults
from dagster_spcs.emulator.account.runner import Runner
from dagster_spcs.emulator.sql.answers import FileTransfer, Result, Script
from dagster_spcs.emulator.sql.execution import Bindings
from dagster_spcs.emulator.sql.given_rows import Rewritten
from dagster_spcs.emulator.sql.log_rows import LogRows
from dagster_spcs.emulator.sql.queries import Queries
from dagster_spcs.emulator.sql.sessions import Session
from dagster_spcs.emulator.sql.tables import Tables
from dagster_spcs.emulator.sql.words import Words


@dataclass(frozen=True)
class Context:
    """What a handler works with."""

    account: Account
    runner: Runner
    tables: Tables
    queries: Queries
    session: Session
    query_id: str
    faults: Faults
    bindings: Bindings = field(default_factory=dict)
    """The statement's binds with their types; the words have their values."""
    text: str = ""
    """The whole statement."""
    moments: dict[str, datetime] = field(default_factory=dict)
    """Time expressions of the statement that were computed already: each has one value in it."""

    async def moment(self, expression: str) -> datetime:
        """Return the value of a time expression, as the session computes it."""
        if expression not in self.moments:
            self.moments[expression] = await self.tables.moment(self.session, expression)
        return self.moments[expression]


Answer = Result | Rewritten | FileTransfer | Script | None
"""A result, files to move, other texts to run, or None: this one is fakesnow's as it stands."""
Handler = Callable[[Words, Context], Answer | Awaitable[Answer]]
TableFunction = Callable[[Words, Context], Awaitable[Result | LogRows | pa.Table]]

STATEMENTS: dict[tuple[str, ...], Handler] = {}
"""By leading words."""
METHODS: dict[str, Handler] = {}
"""``<service>!METHOD``; the words stand before the service's name, at ``name!METHOD(``."""
SYSTEM_FUNCTIONS: dict[str, Handler] = {}
"""``SYSTEM$…``; the words stand behind the opening parenthesis."""
SERVICE_TABLES: dict[str, TableFunction] = {}
"""``TABLE(<service>!METHOD(…))``; the words stand before the service's name."""
ACCOUNT_TABLES: dict[str, TableFunction] = {}
"""``TABLE(SNOWFLAKE.SPCS.NAME(…))``; the words stand behind the opening parenthesis."""


async def called(handler: Handler, words: Words, context: Context) -> Answer:
    """Return what a handler answers, whether it waits for something or not."""
    result = handler(words, context)
    return await result if inspect.isawaitable(result) else result


def handles(*phrases: str) -> Callable[[Handler], Handler]:
    """Register a handler for statements that begin with one of these phrases."""

    def register(handler: Handler) -> Handler:
        for phrase in phrases:
            STATEMENTS[tuple(phrase.split())] = handler
        return handler

    return register
