"""Snowflake's wire protocol as ASGI routes: login, queries, polling, abort.

No statement is known here. Every route but login asks for a session's token.
"""

import asyncio
import uuid
from collections import deque
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dagster_spcs.emulator.account.account import Account
from dagster_spcs.emulator.account.faults import Effect, Fault, Faults
from dagster_spcs.emulator.account.runner import Runner
from dagster_spcs.emulator.account.tasks import Task
from dagster_spcs.emulator.sql.answers import cancelled, not_executing
from dagster_spcs.emulator.sql.parameters import Parameters
from dagster_spcs.emulator.sql.queries import Queries, Query
from dagster_spcs.emulator.sql.sessions import Session
from dagster_spcs.emulator.sql.tables import Tables
from dagster_spcs.emulator.wire.answers import (
    IN_PROGRESS,
    IN_PROGRESS_ASYNC,
    failure,
    in_progress,
)
from dagster_spcs.emulator.wire.connections import Connections
from dagster_spcs.emulator.wire.guard import LOGIN_BYTES, ForeignPages
from dagster_spcs.emulator.wire.logins import Logins, login_data
from dagster_spcs.emulator.wire.requests import OddRequest, Refused, body_of, token_of
from dagster_spcs.emulator.wire.rest.app import RestApi
from dagster_spcs.emulator.wire.statement_log import SentStatement, without_secrets
from dagster_spcs.emulator.wire.statements import StatementRequest, Statements
from dagster_spcs.emulator.wire.transfers import Transfers

ANSWER_WITHIN_SECONDS = 45.0
"""A query that takes longer is answered "in progress", and the client polls for its result."""
_KEPT_STATEMENTS = 100_000
_LARGE = 100_000
"""Bytes of an answer that is not kept for a client that may have lost it."""


class _ConnectionLost(Exception):
    """The client is to find its connection broken."""


class Wire:
    """The routes of one emulator."""

    def __init__(
        self,
        account: Account,
        runner: Runner,
        tables: Tables,
        password: str,
        faults: Faults,
        host: str = "127.0.0.1",
    ) -> None:
        self._account = account
        self._tables = tables
        self._faults = faults
        self.connections = Connections(faults.turns_away)
        self._sessions: dict[str, Session] = {}
        self._queries = Queries()
        self._logins = Logins(account, tables, password)
        transfers = Transfers()
        self._statements = Statements(account, runner, tables, self._queries, transfers, faults)
        self._rest = RestApi(account, self._statements, tables, self._known)
        self.statements: deque[SentStatement] = deque(maxlen=_KEPT_STATEMENTS)
        self.app = Starlette(
            routes=[
                Route("/session/v1/login-request", self._login, methods=["POST"]),
                Route("/session/token-request", self._renew, methods=["POST"]),
                Route("/session", self._session, methods=["POST"]),
                Route("/session/heartbeat", self._session, methods=["POST"]),
                Route("/queries/v1/query-request", self._query, methods=["POST"]),
                Route("/queries/v1/abort-request", self._abort, methods=["POST"]),
                Route("/queries/{query_id}/result", self._result, methods=["GET"]),
                Route("/queries/{query_id}/abort-request", self._abort_query, methods=["POST"]),
                Route("/monitoring/queries/{query_id}", self._monitor, methods=["GET"]),
                # Connector 5 puts two slashes there.
                Route("/monitoring/queries//{query_id}", self._monitor, methods=["GET"]),
                Route("/telemetry/send", self._telemetry, methods=["POST"]),
                *transfers.routes,
                *self._rest.routes,
            ],
            exception_handlers={
                Refused: _refusal,
                ClientDisconnect: _gone,
                _ConnectionLost: self._break,
                OddRequest: _odd,
            },
            middleware=[Middleware(ForeignPages, host=host)],
        )

    def begin(self) -> None:
        """Let tasks run; called on the event loop."""
        self._account.tasks.begin(self._run_task)

    async def _run_task(self, task: Task, query_id: str) -> None:
        """Run a task's statement in a session of its own."""
        database, schema, _ = task.name
        session = Session(
            self._tables.connect(database, schema),
            "SYSTEM",
            task.owner,
            task.warehouse,
            Parameters(self._account.parameters),
        )
        self.statements.append(
            SentStatement(query_id, session.user, task.definition, self._account.now())
        )
        try:
            await self._statements.rows(session, task.definition)
        finally:
            self._tables.forget(session)

    def close(self) -> None:
        """End every session."""
        self._account.tasks.close()
        self._queries.cancel_all()
        self._rest.close()
        for session in list(self._sessions.values()):
            self._tables.forget(session)
        self._sessions.clear()
        self._tables.close()

    async def _login(self, request: Request) -> Response:
        data = (await body_of(request, LOGIN_BYTES)).get("data")
        if not isinstance(data, dict):
            raise OddRequest("the body has no data")
        session = self._logins.open(data, request.query_params)
        session.expiry = self._faults.expired_sessions
        self._sessions[session.token] = session
        return JSONResponse({"success": True, "data": login_data(session)})

    async def _renew(self, request: Request) -> Response:
        token = token_of(request)
        session = next((s for s in self._sessions.values() if s.master_token == token), None)
        if session is None:
            raise Refused(
                "390114", "Authentication token has expired. The user must sign in again."
            )
        old = session.token
        del self._sessions[old]
        session.renew()
        session.expiry = self._faults.expired_sessions
        self._sessions[session.token] = session
        data = {
            "sessionId": session.id,
            "sessionToken": session.token,
            "masterToken": session.master_token,
            "validityInSecondsST": 3600,
            "validityInSecondsMT": 14400,
        }
        return JSONResponse({"success": True, "data": data})

    async def _session(self, request: Request) -> Response:
        session = self._known(request)
        if request.query_params.get("delete"):
            self._queries.cancel_all(session)
            del self._sessions[session.token]
            self._tables.forget(session)
        return JSONResponse({"success": True, "data": None, "code": None, "message": None})

    async def _query(self, request: Request) -> Response:
        if self._faults.turns_away():
            raise _ConnectionLost
        session = self._known(request)
        body = await body_of(request)
        request_id = request.query_params.get("requestId", "")
        # A connector that lost the answer sends its request again under the same id.
        await asyncio.sleep(self._faults.latency_seconds)
        # From here to the start nothing waits: the same request, sent again, finds this one.
        query = self._queries.sent_before(request_id, session)
        if query is None:
            query_id = str(uuid.uuid4())
            text = str(body.get("sqlText") or "")
            now = self._account.now()
            sent = SentStatement(query_id, session.user, without_secrets(text), now)
            self.statements.append(sent)
            struck = self._faults.strike(text)
            _break_if(struck, "lose request")
            asked = StatementRequest.read(session, body, request.headers.get("host", ""))
            work = self._statements.run(asked, query_id, struck)
            query = self._queries.start(query_id, session, request_id, work)
            if body.get("asyncExec"):
                query.is_async = True
                return JSONResponse(in_progress(query, IN_PROGRESS_ASYNC))
            if struck:
                await asyncio.wait({query.task})
                await asyncio.sleep(sum(fault.seconds for fault in struck))
            _break_if(struck, "lose answer")
        return await self._answer(query)

    async def _result(self, request: Request) -> Response:
        session = self._known(request)
        query = self._queries.find(request.path_params["query_id"], session.user)
        if query is None:
            raise Refused("000709", "Statement not found.")
        return await self._answer(query)

    async def _answer(self, query: Query) -> Response:
        done, _ = await asyncio.wait({query.task}, timeout=ANSWER_WITHIN_SECONDS)
        if not done:
            return JSONResponse(in_progress(query, IN_PROGRESS))
        if query.task.cancelled():
            return JSONResponse(failure(cancelled(), query.id))
        answer = query.task.result()
        response = JSONResponse(answer)
        if not query.is_async and len(response.body) > _LARGE:
            # Delivered. Should the client have lost it, it asks anew, under the same request id.
            self._queries.forget(query)
        return response

    async def _monitor(self, request: Request) -> Response:
        session = self._known(request)
        query = self._queries.find(request.path_params["query_id"], session.user)
        if query is None:
            return JSONResponse({"success": True, "data": {"queries": []}})
        if not query.task.done():
            status = {"status": "RUNNING"}
        elif query.task.cancelled():
            status = {"status": "ABORTED", "errorCode": "000604"}
        elif query.task.result()["success"]:
            status = {"status": "SUCCESS"}
        else:
            answer = query.task.result()
            status = {
                "status": "FAILED_WITH_ERROR",
                "errorCode": answer["code"],
                "errorMessage": answer["message"],
            }
        return JSONResponse({"success": True, "data": {"queries": [{"id": query.id, **status}]}})

    async def _abort(self, request: Request) -> Response:
        session = self._known(request)
        request_id = str((await body_of(request)).get("requestId") or "")
        query = self._queries.sent_before(request_id, session)
        # A statement that has ended meanwhile is no mistake of the client's.
        if query is not None:
            query.cancel()
        return JSONResponse({"success": True, "data": None})

    async def _abort_query(self, request: Request) -> Response:
        session = self._known(request)
        query_id = request.path_params["query_id"]
        query = self._queries.find(query_id, session.user)
        if query is None or not query.cancel():
            return JSONResponse(failure(not_executing(), query_id))
        return JSONResponse({"success": True, "data": None})

    async def _telemetry(self, request: Request) -> Response:
        self._known(request)
        return JSONResponse({"success": True, "data": "Log Received"})

    def _known(self, request: Request) -> Session:
        session = self._sessions.get(token_of(request))
        if session is None:
            raise Refused("390104", "User must login again to access the service.")
        self.connections.trust(request.client)
        if session.expiry < self._faults.expired_sessions:
            raise Refused("390112", "The session's token has expired and must be renewed.")
        return session

    async def _break(self, request: Request, _: Exception) -> Response:
        await self.connections.abort(request.client)
        return Response()  # never sent


def _break_if(struck: list[Fault], effect: Effect) -> None:
    if any(fault.effect == effect for fault in struck):
        raise _ConnectionLost


async def _gone(_: Request, __: Exception) -> Response:
    """Answer, for form's sake, a client that went away in the middle of its request."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _odd(_: Request, error: Exception) -> Response:
    body = {"success": False, "code": "390000", "message": str(error), "data": None}
    return JSONResponse(body, status_code=HTTPStatus.BAD_REQUEST)


async def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    # Snowflake answers 200 and puts the refusal into the body.
    return JSONResponse(
        {"success": False, "code": error.code, "message": error.message, "data": None}
    )
