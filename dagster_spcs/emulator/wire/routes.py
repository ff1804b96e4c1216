"""Snowflake's wire protocol as ASGI routes: login, queries, polling, abort.

No statement is known here. Every route but login asks for a session's token; logging in takes the
password the emulator was started with, or the token of a running container.
"""

import asyncio
import gzip
import hmac
import json
import logging
import re
import uuid
from collections import deque
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dagster_spcs.emulator.account.account import Account
from dagster_spcs.emulator.account.faults import Effect, Fault, Faults
from dagster_spcs.emulator.account.runner import Runner
from dagster_spcs.emulator.sql.answers import (
    FileTransfer,
    Result,
    SqlError,
    cancelled,
    internal_error,
    not_emulated,
    not_executing,
)
from dagster_spcs.emulator.sql.given_rows import GivenRows, Rewritten
from dagster_spcs.emulator.sql.queries import Answer, Queries, Query
from dagster_spcs.emulator.sql.sessions import SERVER_VERSION, Session
from dagster_spcs.emulator.sql.spelling import respell
from dagster_spcs.emulator.sql.tables import Tables
from dagster_spcs.emulator.sql.unsupported import unknown_statement, unsupported_creation
from dagster_spcs.emulator.sql.words import leading_words
from dagster_spcs.emulator.statements import dispatch
from dagster_spcs.emulator.statements.registry import Context
from dagster_spcs.emulator.wire.connections import Connections
from dagster_spcs.emulator.wire.statement_log import SentStatement
from dagster_spcs.emulator.wire.transfers import Transfers

ANSWER_WITHIN_SECONDS = 45.0
"""A query that takes longer is answered "in progress", and the client polls for its result."""
_LOGGER = logging.getLogger("dagster_spcs.emulator")
_IN_PROGRESS = "333333"
_IN_PROGRESS_ASYNC = "333334"
_CANNOT_READ = ("001003", "009999", "261000")
"""How fakesnow answers what it cannot parse, or has not implemented."""
_NUMBER_AND_STATE = re.compile(r"\A\d{6} \(\w+\): ")
"""What the connector puts before a message; fakesnow sends it along."""
_SELECT = 0x1000
"""The type of a statement that answers rows; connector 5 counts them by it."""
_KEPT_STATEMENTS = 100_000
_LARGE = 100_000
"""Bytes of an answer that is not kept for a client that may have lost it."""


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message


class _ConnectionLost(Exception):
    """The client is to find its connection broken."""


class Wire:
    """The routes of one emulator."""

    def __init__(
        self, account: Account, runner: Runner, tables: Tables, password: str, faults: Faults
    ) -> None:
        self._account = account
        self._runner = runner
        self._tables = tables
        self._password = password
        self._faults = faults
        self.connections = Connections(faults.turns_away)
        self._sessions: dict[str, Session] = {}
        self._queries = Queries()
        self._transfers = Transfers()
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
                *self._transfers.routes,
            ],
            exception_handlers={
                _Refused: _refusal,
                ClientDisconnect: _gone,
                _ConnectionLost: self._break,
            },
        )

    def close(self) -> None:
        """End every session."""
        self._queries.cancel_all()
        for session in list(self._sessions.values()):
            self._tables.forget(session)
        self._sessions.clear()
        self._tables.close()

    async def _login(self, request: Request) -> Response:
        data = (await _body(request)).get("data", {})
        user = str(data.get("LOGIN_NAME") or "")
        role = "ACCOUNTADMIN"
        if str(data.get("AUTHENTICATOR") or "").upper() == "OAUTH":
            job_name = self._account.tokens.get(str(data.get("TOKEN") or ""))
            job = None if job_name is None else self._account.jobs.get(job_name)
            if job is None:
                raise _Refused("390303", "Invalid OAuth access token.")
            user, role = job.short_name, job.owner
            warehouse = job.query_warehouse
        else:
            given = str(data.get("PASSWORD") or "")
            known = hmac.compare_digest(given.encode(), self._password.encode())
            if not known or user.upper() != self._account.settings.user.upper():
                raise _Refused("390100", "Incorrect username or password was specified.")
            warehouse = None
        parameters = request.query_params
        database = _stored(parameters.get("databaseName"))
        schema = _stored(parameters.get("schemaName"))
        asked_warehouse = _stored(parameters.get("warehouse"))
        if asked_warehouse in self._account.warehouses:
            warehouse = asked_warehouse
        asked_role = _stored(parameters.get("roleName"))
        if asked_role is not None:
            if asked_role not in self._account.roles:
                raise _Refused(
                    "390189",
                    f"Role '{asked_role}' specified in the connect string"
                    " is not granted to this user.",
                )
            role = asked_role
        autocommit = _wants_autocommit(data)
        connection = self._tables.connect(database, schema, autocommit=autocommit)
        if connection.database_set and schema is None:
            connection.close()
            connection = self._tables.connect(database, "PUBLIC", autocommit=autocommit)
        session = Session(connection, user, role, warehouse, _takes_endpoint(data))
        session.client = f"{data.get('CLIENT_APP_ID', '')} {data.get('CLIENT_APP_VERSION', '')}"
        session.expiry = self._faults.expired_sessions
        self._sessions[session.token] = session
        self._tables.register(session)
        return JSONResponse({"success": True, "data": self._login_data(session, autocommit)})

    def _login_data(self, session: Session, autocommit: bool) -> dict[str, Any]:
        return {
            "token": session.token,
            "masterToken": session.master_token,
            "validityInSeconds": 3600,
            "masterValidityInSeconds": 14400,
            "sessionId": session.id,
            "serverVersion": SERVER_VERSION,
            "parameters": [
                {"name": "AUTOCOMMIT", "value": autocommit},
                {"name": "TIMEZONE", "value": "Etc/UTC"},
                {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600},
                {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
                {"name": "CLIENT_TELEMETRY_ENABLED", "value": False},
            ],
            "sessionInfo": {
                "databaseName": session.connection.database,
                "schemaName": session.connection.schema if session.connection.schema_set else None,
                "warehouseName": session.warehouse,
                "roleName": session.role,
            },
        }

    async def _renew(self, request: Request) -> Response:
        token = _token(request)
        session = next((s for s in self._sessions.values() if s.master_token == token), None)
        if session is None:
            raise _Refused(
                "390114", "Authentication token has expired. The user must sign in again."
            )
        old = session.token
        del self._sessions[old]
        self._tables.unregister(session)
        session.renew()
        session.expiry = self._faults.expired_sessions
        self._sessions[session.token] = session
        self._tables.register(session)
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
        body = await _body(request)
        request_id = request.query_params.get("requestId", "")
        # A connector that lost the answer sends its request again under the same id.
        await asyncio.sleep(self._faults.latency_seconds)
        # From here to the start nothing waits: the same request, sent again, finds this one.
        query = self._queries.sent_before(request_id, session)
        if query is None:
            query_id = str(uuid.uuid4())
            text = str(body.get("sqlText") or "")
            sent = SentStatement(query_id, session.user, text, self._account.now())
            self.statements.append(sent)
            struck = self._faults.strike(text)
            _break_if(struck, "lose request")
            work = self._run(session, body, query_id, request, struck)
            query = self._queries.start(query_id, session, request_id, work)
            if body.get("asyncExec"):
                query.is_async = True
                return JSONResponse(_in_progress(query, _IN_PROGRESS_ASYNC))
            if struck:
                await asyncio.wait({query.task})
                await asyncio.sleep(sum(fault.seconds for fault in struck))
            _break_if(struck, "lose answer")
        return await self._answer(query)

    async def _result(self, request: Request) -> Response:
        session = self._known(request)
        query = self._queries.find(request.path_params["query_id"], session.user)
        if query is None:
            raise _Refused("000709", "Statement not found.")
        return await self._answer(query)

    async def _answer(self, query: Query) -> Response:
        done, _ = await asyncio.wait({query.task}, timeout=ANSWER_WITHIN_SECONDS)
        if not done:
            return JSONResponse(_in_progress(query, _IN_PROGRESS))
        if query.task.cancelled():
            return JSONResponse(_failure(cancelled(), query.id))
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
        request_id = str((await _body(request)).get("requestId") or "")
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
            return JSONResponse(_failure(not_executing(), query_id))
        return JSONResponse({"success": True, "data": None})

    async def _telemetry(self, request: Request) -> Response:
        self._known(request)
        return JSONResponse({"success": True, "data": "Log Received"})

    async def _run(
        self,
        session: Session,
        body: dict[str, Any],
        query_id: str,
        request: Request,
        struck: list[Fault],
    ) -> Answer:
        text = str(body.get("sqlText") or "")
        context = Context(
            self._account,
            self._runner,
            self._tables,
            self._queries,
            session,
            query_id,
            self._faults,
        )
        try:
            for fault in struck:
                if fault.effect == "refuse":
                    raise SqlError(fault.number, "XX000", fault.text)
            result = await dispatch.answer(
                text, _binds(body), context, only_describe=bool(body.get("describeOnly"))
            )
            if isinstance(result, Result):
                self._tables.keep(query_id, result)
                return _success(result, session, query_id)
            if isinstance(result, FileTransfer):
                return self._transfers.announce(
                    result,
                    request.headers.get("host", ""),
                    query_id,
                    takes_endpoint=session.takes_endpoint,
                )
            if isinstance(result, Rewritten):
                rewritten = {**body, "sqlText": result.text}
                if _binds(body):
                    left = [body["bindings"][str(place + 1)] for place in result.binds]
                    rewritten["bindings"] = {str(at): bind for at, bind in enumerate(left, 1)}
                return await self._fakesnow(session, rewritten, query_id, request, result.rows)
            return await self._fakesnow(session, body, query_id, request, GivenRows())
        except SqlError as error:
            return _failure(error, query_id)
        except Exception as error:
            # A 500 would make clients repeat the statement; an internal error is told once.
            # Only how it begins: a specification may hold secrets.
            _LOGGER.exception("internal error at: %s …", " ".join(leading_words(text, 4)))
            return _failure(internal_error(error), query_id)
        finally:
            session.last_query_id = query_id

    async def _fakesnow(
        self,
        session: Session,
        body: dict[str, Any],
        query_id: str,
        request: Request,
        rows: GivenRows,
    ) -> Answer:
        text = str(body.get("sqlText") or "")
        unsupported = unsupported_creation(text)
        if unsupported is not None:
            raise not_emulated(unsupported)
        readable = {**body, "sqlText": respell(text)}
        response = await self._tables.run(session, readable, request.headers.get("host", ""), rows)
        answer: Answer = json.loads(bytes(response.body))
        if not answer.get("success") and answer.get("code") in _CANNOT_READ:
            unknown = unknown_statement(text)
            if unknown is not None:
                raise not_emulated(unknown)
        if answer.get("message"):
            answer["message"] = _NUMBER_AND_STATE.sub("", answer["message"])
        data = answer.get("data") or {}
        own_id = data.get("queryId")
        if own_id:
            self._tables.rename_result(own_id, query_id)
            data["queryId"] = query_id
        if "finalDatabaseName" in data:  # a new database is entered after fakesnow's answer
            data["finalDatabaseName"] = session.connection.database
            data["finalSchemaName"] = session.connection.schema
        return answer

    def _known(self, request: Request) -> Session:
        session = self._sessions.get(_token(request))
        if session is None:
            raise _Refused("390104", "User must login again to access the service.")
        if session.expiry < self._faults.expired_sessions:
            raise _Refused("390112", "The session's token has expired and must be renewed.")
        return session

    async def _break(self, request: Request, _: Exception) -> Response:
        await self.connections.abort(request.client)
        return Response()  # never sent


def _break_if(struck: list[Fault], effect: Effect) -> None:
    if any(fault.effect == effect for fault in struck):
        raise _ConnectionLost


def _token(request: Request) -> str:
    value = request.headers.get("Authorization", "")
    prefix, quote, rest = value.partition('"')
    if prefix.strip() != "Snowflake Token=" or not quote:
        raise _Refused("390103", "Session token not found in the request data.")
    return rest.removesuffix('"')


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        raw = gzip.decompress(raw)
    body = json.loads(raw or b"{}")
    return body if isinstance(body, dict) else {}


def _wants_autocommit(data: dict[str, Any]) -> bool:
    """Read the session parameter; clients send it in any case, and its value as text too."""
    given = data.get("SESSION_PARAMETERS") or {}
    value = {name.upper(): value for name, value in given.items()}.get("AUTOCOMMIT", True)
    return str(value).lower() != "false"


def _takes_endpoint(data: dict[str, Any]) -> bool:
    """Tell connector 5, whatever program uses it, by how its core names the runtime."""
    return "RUNTIME_NAME" in (data.get("CLIENT_ENVIRONMENT") or {})


def _stored(name: str | None) -> str | None:
    if not name:
        return None
    if name.startswith('"') and name.endswith('"') and len(name) > 1:
        return name[1:-1].replace('""', '"')
    return name.upper()


def _binds(body: dict[str, Any]) -> list[str | None]:
    bindings = body.get("bindings") or {}
    if not all(key.isdigit() for key in bindings):
        return []
    return [bindings[key]["value"] for key in sorted(bindings, key=int)]


def _success(result: Result, session: Session, query_id: str) -> Answer:
    connection = session.connection
    return {
        "success": True,
        "code": None,
        "message": None,
        "data": {
            "parameters": [{"name": "TIMEZONE", "value": "Etc/UTC"}],
            "rowtype": result.rowtype(),
            "rowset": result.rowset(),
            "total": len(result.rows),
            "returned": len(result.rows),
            "queryId": query_id,
            "queryResultFormat": "json",
            "statementTypeId": _SELECT,
            "finalDatabaseName": connection.database,
            "finalSchemaName": connection.schema,
            "finalWarehouseName": session.warehouse,
            "finalRoleName": session.role,
        },
    }


def _failure(error: SqlError, query_id: str) -> Answer:
    code = f"{error.number:06d}"
    return {
        "success": False,
        "code": code,
        "message": error.text,
        "data": {
            "errorCode": code,
            "sqlState": error.sqlstate,
            "queryId": query_id,
            "internalError": False,
        },
    }


def _in_progress(query: Query, code: str) -> Answer:
    return {
        "success": True,
        "code": code,
        "message": None,
        "data": {
            "queryId": query.id,
            "getResultUrl": f"/queries/{query.id}/result",
            "queryAbortsAfterSecs": 172_800,
            "progressDesc": None,
        },
    }


async def _gone(_: Request, __: Exception) -> Response:
    """Answer, for form's sake, a client that went away in the middle of its request."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, _Refused)
    # Snowflake answers 200 and puts the refusal into the body.
    return JSONResponse(
        {"success": False, "code": error.code, "message": error.message, "data": None}
    )
