"""Queries under way, and the answers of those that ended: for polling and for cancelling."""

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from dagster_spcs.emulator.sql.sessions import Session

Answer = dict[str, Any]
_KEPT = 1000


@dataclass
class Query:
    """One statement that a session sent."""

    session: Session
    request_id: str
    task: asyncio.Task[Answer]
    is_async: bool = False
    """Whether the client asked to be told of the result later."""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def cancel(self) -> bool:
        """Cancel the statement; False if it has ended."""
        return self.task.cancel()


class Queries:
    """By query id; the last thousand are kept."""

    def __init__(self) -> None:
        self._queries: OrderedDict[str, Query] = OrderedDict()

    def start(
        self,
        query_id: str,
        session: Session,
        request_id: str,
        work: Coroutine[Any, Any, Answer],
    ) -> Query:
        """Begin a query."""
        query = Query(session, request_id, asyncio.create_task(work), id=query_id)
        self._queries[query.id] = query
        while len(self._queries) > _KEPT:
            oldest = next(iter(self._queries.values()))
            if not oldest.task.done():
                break
            del self._queries[oldest.id]
        return query

    def sent_before(self, request_id: str, session: Session) -> Query | None:
        """Return the query that a session sent under this request id already."""
        if not request_id:
            return None
        return next(
            (
                query
                for query in reversed(self._queries.values())
                if query.request_id == request_id and query.session is session
            ),
            None,
        )

    def forget(self, query: Query) -> None:
        """Let go of a query and its answer."""
        self._queries.pop(query.id, None)

    def find(self, query_id: str, user: str) -> Query | None:
        """Return a query of this user, whose other sessions may ask for its result too."""
        query = self._queries.get(query_id)
        return query if query is not None and query.session.user == user else None

    def of_session(self, session_id: int, user: str) -> list[Query]:
        """Return what a session of this user sent."""
        return [
            query
            for query in self._queries.values()
            if query.session.id == session_id and query.session.user == user
        ]

    def cancel_all(self, session: Session | None = None) -> None:
        """Cancel what a session, or anybody, still runs."""
        for query in self._queries.values():
            if session is None or query.session is session:
                query.cancel()
