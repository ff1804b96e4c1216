"""The REST API as one ASGI route: finds the handler, answers errors as JSON."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dagster_spcs.emulator.account.account import Account
from dagster_spcs.emulator.sql.answers import SqlError, internal_error
from dagster_spcs.emulator.sql.sessions import Session
from dagster_spcs.emulator.sql.tables import Tables
from dagster_spcs.emulator.wire import rest
from dagster_spcs.emulator.wire.requests import OddRequest, Refused, body_of
from dagster_spcs.emulator.wire.rest.calls import ROUTES, Call, Handler, Row, http_status
from dagster_spcs.emulator.wire.statements import Statements

__all__ = ["RestApi", "rest"]

_PREFIX = "/api/v2/"
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
_LOGGER = logging.getLogger("dagster_spcs.emulator")
_ANSWER_WITHIN_SECONDS = 45.0
_KEPT_RESULTS = 100


class RestApi:
    """The routes below ``/api``.

    Args:
        account: what exists.
        statements: runs what calls become.
        tables: where their sessions stand.
        known: returns the session of a request, or refuses it.
    """

    def __init__(
        self,
        account: Account,
        statements: Statements,
        tables: Tables,
        known: Callable[[Request], Session],
    ) -> None:
        self._account = account
        self._statements = statements
        self._tables = tables
        self._known = known
        self._results: dict[str, asyncio.Task[Response]] = {}
        self.routes = [Route("/api/{rest:path}", self._answer, methods=_METHODS)]

    def close(self) -> None:
        """Cancel what is under way."""
        for task in self._results.values():
            task.cancel()

    async def _answer(self, request: Request) -> Response:
        # The raw path: a slash within a name is escaped in it.
        address = request.scope["raw_path"].decode("ascii").partition("?")[0]
        try:
            session = self._known(request)
        except Refused as refused:
            return _error(HTTPStatus.UNAUTHORIZED, refused.code, refused.message)
        if address.startswith(f"{_PREFIX}results/"):
            return await self._later(address.rpartition("/")[2])
        found = _find(request.method, address)
        if found is None:
            return _error(
                HTTPStatus.NOT_FOUND,
                "000002",
                f"{request.method} {unquote(address)} is not part of this emulator.",
            )
        handler, places = found
        try:
            body = await body_of(request)
        except OddRequest as error:
            return _error(HTTPStatus.BAD_REQUEST, "391902", str(error))
        query = _query(request.url.query)
        return await self._waited(self._carried_out(handler, session, places, query, body))

    async def _carried_out(
        self,
        handler: Handler,
        session: Session,
        places: dict[str, str],
        query: dict[str, str],
        body: Row,
    ) -> Response:
        # A session of its own: the client's stays where it stands.
        connection = self._tables.connect(None, None)
        own = Session(connection, session.user, session.role, session.warehouse, session.parameters)
        call = Call(
            places, query, body, self._account, lambda text: self._statements.rows(own, text)
        )
        try:
            answer = await handler(call)
        except SqlError as error:
            return _error(http_status(error), f"{error.number:06d}", error.text)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            _LOGGER.exception("internal error in the REST API")
            own_fault = internal_error(error)
            return _error(HTTPStatus.BAD_REQUEST, f"{own_fault.number:06d}", own_fault.text)
        finally:
            self._tables.forget(own)
        return JSONResponse(_plain(answer))

    async def _waited(self, work: Coroutine[Any, Any, Response]) -> Response:
        """Return the answer, or where to ask for it when it takes long."""
        key = str(uuid.uuid4())
        self._results[key] = asyncio.create_task(work)
        while len(self._results) > _KEPT_RESULTS:
            oldest = next(iter(self._results))
            if not self._results[oldest].done():
                break
            del self._results[oldest]
        return await self._later(key)

    async def _later(self, key: str) -> Response:
        task = self._results.get(key)
        if task is None:
            return _error(HTTPStatus.NOT_FOUND, "000709", f"Statement {key} not found")
        done, _ = await asyncio.wait({task}, timeout=_ANSWER_WITHIN_SECONDS)
        if done:
            self._results.pop(key, None)
            return task.result()
        body = {"code": "333334", "message": "Request execution in progress.", "resultHandler": key}
        headers = {"Location": f"{_PREFIX}results/{key}"}
        return JSONResponse(body, status_code=HTTPStatus.ACCEPTED, headers=headers)


def _find(method: str, address: str) -> tuple[Handler, dict[str, str]] | None:
    """Return the handler of an address, and the names in it as the client spelled them."""
    if not address.startswith(_PREFIX):
        return None
    path, _, action = address.removeprefix(_PREFIX).strip("/").partition(":")
    segments = tuple(path.split("/"))
    fitting = [
        (pattern, handler)
        for (wanted, pattern, own_action), handler in ROUTES.items()
        if (wanted, own_action, len(pattern)) == (method, action, len(segments))
        and all(
            part == segment or part.startswith("{")
            for part, segment in zip(pattern, segments, strict=True)
        )
    ]
    if not fitting:
        return None
    # A word goes before a name, as in compute-pools/instance-families.
    pattern, handler = min(fitting, key=lambda each: sum(part[0] == "{" for part in each[0]))
    places = {
        part.strip("{}"): unquote(segment)
        for part, segment in zip(pattern, segments, strict=True)
        if part.startswith("{")
    }
    return handler, places


def _query(text: str) -> dict[str, str]:
    """Return the query; a plus sign is one, as the client sends it."""
    pairs = (part.partition("=") for part in text.split("&") if part)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def _error(status: HTTPStatus, code: str, message: str) -> Response:
    body = {
        "message": message,
        "code": code,
        "error_code": code,
        "request_id": str(uuid.uuid4()),
    }
    return JSONResponse(body, status_code=status)
