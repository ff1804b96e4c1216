"""Queries under way, and the answers of those that ended: for polling clients and for abort."""

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

Answer = dict[str, Any]
_KEPT = 1000


@dataclass
class Query:
    """One statement that a session sent."""

    session_token: str
    user: str
    request_id: str
    task: asyncio.Task[Answer]
    is_async: bool = False
    """Whether the client asked to be told of the result later."""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Queries:
    """By query id; the last thousand are kept."""

    def __init__(self) -> None:
        self._queries: OrderedDict[str, Query] = OrderedDict()

    def start(
        self,
        query_id: str,
        session_token: str,
        user: str,
        request_id: str,
        work: Coroutine[Any, Any, Answer],
    ) -> Query:
        """Begin a query."""
        query = Query(session_token, user, request_id, asyncio.create_task(work), id=query_id)
        self._queries[query.id] = query
        while len(self._queries) > _KEPT:
            oldest = next(iter(self._queries.values()))
            if not oldest.task.done():
                break
            del self._queries[oldest.id]
        return query

    def sent_before(self, request_id: str, session_token: str) -> Query | None:
        """Return the query that a session sent under this request id already."""
        if not request_id:
            return None
        return next(
            (
                query
                for query in reversed(self._queries.values())
                if query.request_id == request_id and query.session_token == session_token
            ),
            None,
        )

    def forget(self, query: Query) -> None:
        """Let go of a query and its answer."""
        self._queries.pop(query.id, None)

    def find(self, query_id: str, user: str) -> Query | None:
        """Return a query of this user, whose other sessions may ask for its result too."""
        query = self._queries.get(query_id)
        return query if query is not None and query.user == user else None

    def follow(self, old_token: str, new_token: str) -> None:
        """Let the queries of a session go on under its renewed token."""
        for query in self._queries.values():
            if query.session_token == old_token:
                query.session_token = new_token

    def abort(self, request_id: str, session_token: str) -> None:
        """Cancel the statement that was sent with this request id."""
        for query in self._queries.values():
            if query.request_id == request_id and query.session_token == session_token:
                query.task.cancel()

    def abort_all(self, session_token: str | None = None) -> None:
        """Cancel what a session, or anybody, still runs."""
        for query in self._queries.values():
            if session_token in (None, query.session_token):
                query.task.cancel()
