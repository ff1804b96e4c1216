"""From a request to the answer of its statement, or of its several statements."""

import asyncio
import logging
import uuid
from dataclasses import dataclass, replace
from typing import Any

from dagster_spcs.emulator.account.account import Account
from dagster_spcs.emulator.account.faults import Fault, Faults
from dagster_spcs.emulator.account.runner import Runner
from dagster_spcs.emulator.sql.answers import (
    FileTransfer,
    Result,
    Script,
    SqlError,
    empty_statement,
    internal_error,
    not_emulated,
    statement_timeout,
    wrong_count,
)
from dagster_spcs.emulator.sql.execution import Outcome
from dagster_spcs.emulator.sql.given_rows import GivenRows, Rewritten
from dagster_spcs.emulator.sql.queries import Answer, Queries
from dagster_spcs.emulator.sql.sessions import Session
from dagster_spcs.emulator.sql.tables import Tables
from dagster_spcs.emulator.sql.unsupported import is_script, unsupported_creation
from dagster_spcs.emulator.sql.words import is_empty, leading_words, statements_of
from dagster_spcs.emulator.statements import dispatch
from dagster_spcs.emulator.statements.registry import Context
from dagster_spcs.emulator.wire import answers
from dagster_spcs.emulator.wire.transfers import Transfers

_LOGGER = logging.getLogger("dagster_spcs.emulator")
_ANY_COUNT = 0


@dataclass(frozen=True)
class StatementRequest:
    """One request of a client to run something."""

    session: Session
    text: str
    bindings: dict[str, dict[str, Any]]
    only_describe: bool
    count: int | None
    """How many statements the client says there are; None if it does not say."""
    host: str
    """Where the client reaches the emulator."""

    @classmethod
    def read(cls, session: Session, body: dict[str, Any], host: str) -> "StatementRequest":
        """Read the body of a request."""
        parameters = body.get("parameters") or {}
        count = parameters.get("MULTI_STATEMENT_COUNT")
        return cls(
            session,
            str(body.get("sqlText") or ""),
            body.get("bindings") or {},
            bool(body.get("describeOnly")),
            None if count is None else int(count),
            host,
        )

    @property
    def placed(self) -> list[str | None]:
        """The binds by position, for statements of ours; a name has no position."""
        if not all(key.isdigit() for key in self.bindings):
            return []
        return [self.bindings[key]["value"] for key in sorted(self.bindings, key=int)]


class Statements:
    """Runs the statements of all sessions."""

    def __init__(
        self,
        account: Account,
        runner: Runner,
        tables: Tables,
        queries: Queries,
        transfers: Transfers,
        faults: Faults,
    ) -> None:
        self._account = account
        self._runner = runner
        self._tables = tables
        self._queries = queries
        self._transfers = transfers
        self._faults = faults

    async def run(self, request: StatementRequest, query_id: str, struck: list[Fault]) -> Answer:
        """Return the answer, which may be an error; only a cancelled statement raises."""
        session = request.session
        try:
            for fault in struck:
                if fault.effect == "refuse":
                    raise SqlError(fault.number, "XX000", fault.text)
            if is_script(request.text):
                raise not_emulated("Snowflake Scripting")
            if is_empty(request.text):
                raise empty_statement()
            texts = statements_of(request.text)
            wanted = request.count
            if wanted is None:
                wanted = int(session.parameters.get("MULTI_STATEMENT_COUNT"))
            if len(texts) > 1 and wanted not in (_ANY_COUNT, len(texts)):
                raise wrong_count(len(texts), wanted)
            if len(texts) > 1 and not request.only_describe:
                return await self._several(texts, request, query_id)
            seconds = int(session.parameters.get("STATEMENT_TIMEOUT_IN_SECONDS"))
            async with asyncio.timeout(seconds or None) as limit:
                return await self._one(request, query_id)
        except SqlError as error:
            return answers.failure(error, query_id)
        except TimeoutError as error:
            if not limit.expired():
                return self._internal(error, request, query_id)
            return answers.failure(statement_timeout(seconds), query_id)
        except Exception as error:
            return self._internal(error, request, query_id)
        finally:
            session.last_query_id = query_id

    def _internal(self, error: Exception, request: StatementRequest, query_id: str) -> Answer:
        # A 500 would make clients repeat the statement; an internal error is told once.
        # Only how it begins: a specification may hold secrets.
        _LOGGER.error(
            "internal error at: %s …", " ".join(leading_words(request.text, 4)), exc_info=error
        )
        return answers.failure(internal_error(error), query_id)

    async def _several(self, texts: list[str], request: StatementRequest, query_id: str) -> Answer:
        """Run several statements one by one; each is a query of its own, with a result."""
        done = []
        for text in texts:
            own_id = str(uuid.uuid4())
            work = self.run(
                StatementRequest(request.session, text, {}, False, None, request.host), own_id, []
            )
            query = self._queries.start(own_id, request.session, "", work)
            try:
                answer = await query.task
            except asyncio.CancelledError:
                query.cancel()
                raise
            if not answer["success"]:
                return answer
            done.append(query)
        return answers.several_statements(done, request.session, query_id)

    async def rows(self, session: Session, text: str) -> list[dict[str, Any]]:
        """Run a statement and return its rows by column, for the REST API.

        Raises:
            SqlError: as the account would refuse it.
        """
        request = StatementRequest(session, text, {}, False, None, "")
        result = await self._result(request, str(uuid.uuid4()))
        if isinstance(result, Outcome):
            rows: list[dict[str, Any]] = result.table.to_pylist()
            return rows
        assert isinstance(result, Result)
        names = [column.name for column in result.columns]
        return [dict(zip(names, row, strict=True)) for row in result.rows]

    async def _one(self, request: StatementRequest, query_id: str) -> Answer:
        session = request.session
        result = await self._result(request, query_id)
        if isinstance(result, Result):
            self._tables.keep(query_id, result)
            return answers.rows_of_ours(result, session, query_id)
        if isinstance(result, FileTransfer):
            return self._transfers.announce(
                result, request.host, query_id, takes_endpoint=session.takes_endpoint
            )
        if request.only_describe:
            return answers.columns_of_tables(result, session, query_id)
        self._tables.rename_result(result.query_id, query_id)
        return answers.rows_of_tables(result, session, query_id)

    async def _result(
        self, request: StatementRequest, query_id: str
    ) -> Result | FileTransfer | Outcome:
        session, text, bindings = request.session, request.text, request.bindings
        context = Context(
            self._account,
            self._runner,
            self._tables,
            self._queries,
            session,
            query_id,
            self._faults,
            bindings,
            text,
        )
        rows = GivenRows()
        result = await dispatch.answer(
            text, request.placed, context, only_describe=request.only_describe
        )
        if isinstance(result, Result | FileTransfer):
            return result
        if isinstance(result, Script):
            *before, last = result.statements
            for each in before:
                await self._result(replace(request, text=each, bindings={}), query_id)
            return await self._result(replace(request, text=last, bindings={}), query_id)
        if isinstance(result, Rewritten):
            text, rows = result.text, result.rows
            if request.placed:
                left = [bindings[str(place + 1)] for place in result.binds]
                bindings = {str(at): bind for at, bind in enumerate(left, 1)}
        unsupported = unsupported_creation(text)
        if unsupported is not None:
            raise not_emulated(unsupported)
        return await self._tables.run(
            session, text, bindings, rows, only_describe=request.only_describe
        )
