"""Tables and ordinary SQL: fakesnow's work, reached through its server's own request handler.

fakesnow keeps its sessions in a module-wide mapping; ours are put there under our tokens, each on
the data of one emulator, so several emulators in one process share nothing.
"""

import asyncio
import atexit
import json
import re
import shutil
from collections import OrderedDict
from contextlib import AsyncExitStack
from datetime import datetime, timezone
from http import HTTPStatus
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from fakesnow import arrow as fakesnow_arrow
from fakesnow.fakes import FakeSnowflakeConnection
from fakesnow.instance import FakeSnow
from fakesnow.server import bucket_upload, query_request
from fakesnow.server import sessions as fakesnow_sessions
from fakesnow.transforms import stage
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dagster_spcs.emulator.sql.answers import Result, does_not_exist
from dagster_spcs.emulator.sql.given_rows import GivenRows
from dagster_spcs.emulator.sql.object_name import ObjectName
from dagster_spcs.emulator.sql.sessions import Session
from dagster_spcs.emulator.sql.words import Words, leading_words

# fakesnow makes the folder of all internal stages when it is imported, and leaves it behind.
atexit.register(shutil.rmtree, stage.LOCAL_BUCKET_PATH, ignore_errors=True)
_CREATE_DATABASE = re.compile(
    r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:TRANSIENT\s+)?DATABASE\s+(?:IF\s+NOT\s+EXISTS\s+)?",
    re.IGNORECASE,
)
_CHANGING = frozenset(
    (
        "ALTER",
        "COMMENT",
        "COPY",
        "CREATE",
        "DELETE",
        "DROP",
        "INSERT",
        "MERGE",
        "TRUNCATE",
        "UPDATE",
    )
)
_NOWHERE = "_fs_global.main"
_KEPT_RESULTS = 200
_KEPT_ROWS = 20_000
_without_nulls = fakesnow_arrow.timestamp_to_sf_struct


def _with_nulls(moments: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Keep a NULL timestamp NULL; fakesnow 0.12 sends it as 1970-01-01."""
    struct = _without_nulls(moments)
    missing = pc.is_null(moments)
    if isinstance(missing, pa.ChunkedArray):
        missing = missing.combine_chunks()
    children = [pc.fill_null(struct.field(at), 0) for at in range(struct.type.num_fields)]
    return pa.StructArray.from_arrays(children, fields=list(struct.type), mask=missing)


fakesnow_arrow.timestamp_to_sf_struct = _with_nulls  # type: ignore[assignment]


class _RecentResults(OrderedDict[str, tuple[Any, ...]]):
    """fakesnow keeps every result for RESULT_SCAN, for ever; this keeps the last ones."""

    def __setitem__(self, key: str, value: tuple[Any, ...]) -> None:
        super().__setitem__(key, value)
        while len(self) > _KEPT_RESULTS:
            self.popitem(last=False)


class Tables:
    """The account's databases."""

    def __init__(self, folder: Path | None) -> None:
        self._fakesnow = FakeSnow(
            create_database_on_connect=False, create_schema_on_connect=False, db_path=folder
        )
        self._fakesnow.results_cache = _RecentResults()
        self._folder = folder
        self._changing = asyncio.Lock()
        self._leaving: list[FakeSnowflakeConnection] = []
        self.answers: OrderedDict[str, Result] = OrderedDict()
        """The last answers that were not fakesnow's, by query id, for RESULT_SCAN."""
        if folder is not None:
            # fakesnow attaches a database's file when a session first names it.
            self._fakesnow.create_database_on_connect = True
            for path in sorted(folder.glob("*.db")):
                self._fakesnow.connect(path.stem).close()
            self._fakesnow.create_database_on_connect = False

    def close(self) -> None:
        """Let go of the files, so that the next emulator, in this process too, can have them."""
        connection = self._fakesnow.duck_conn
        attached = connection.execute(
            "SELECT database_name FROM duckdb_databases() WHERE path IS NOT NULL"
        )
        for (name,) in attached.fetchall():
            connection.execute(f"DETACH {_quoted(name)}")
        connection.close()

    def connect(
        self, database: str | None, schema: str | None, *, autocommit: bool = True
    ) -> FakeSnowflakeConnection:
        """Open a session; a database or schema that does not exist is left unset."""
        return self._fakesnow.connect(database, schema, autocommit=autocommit)

    def register(self, session: Session) -> None:
        """Make a session known to fakesnow's server."""
        fakesnow_sessions[session.token] = session.connection

    def unregister(self, session: Session) -> bool:
        """Let fakesnow's server forget a session's token; False if it did not know it."""
        return fakesnow_sessions.pop(session.token, None) is not None

    def forget(self, session: Session) -> None:
        """End a session; one whose statement is just being aborted, when another one leaves."""
        if self.unregister(session):
            self._leaving.append(session.connection)
        for connection in list(self._leaving):
            try:
                connection.close()
            except duckdb.ResourceInUseException:
                continue  # its thread has not seen the abort yet
            self._leaving.remove(connection)

    async def run(
        self,
        session: Session,
        body: dict[str, Any],
        base_url: str,
        rows: GivenRows,
    ) -> JSONResponse:
        """Run one request of the wire protocol; statements of one session run one by one.

        ``rows`` are answers of ours that the statement selects from.

        Statements that change something run one by one in the whole account: there the second
        UPDATE of a table waits for the first one's lock, while DuckDB refuses it as a conflict.
        """
        async with AsyncExitStack() as locks:
            await locks.enter_async_context(session.lock)
            if _CHANGING.intersection(leading_words(body["sqlText"], 1)):
                await locks.enter_async_context(self._changing)
            if rows:
                connection = session.connection.cursor()._duck_conn
                await run_in_threadpool(rows.show_to, connection)
            response = await query_request(_request(session.token, body, base_url))
            if response.status_code == HTTPStatus.OK:
                await run_in_threadpool(_enter_database, session.connection, body["sqlText"])
        return response

    def schema_exists(self, database: str, schema: str) -> bool:
        """Whether a schema exists."""
        found = self._fakesnow.duck_conn.cursor().execute(
            "SELECT 1 FROM information_schema.schemata"
            " WHERE upper(catalog_name) = ? AND upper(schema_name) = ?",
            [database.upper(), schema.upper()],  # DuckDB does not tell case apart
        )
        return found.fetchone() is not None

    def database_exists(self, name: str) -> bool:
        """Whether a database exists."""
        found = self._fakesnow.duck_conn.cursor().execute(
            "SELECT 1 FROM duckdb_databases() WHERE upper(database_name) = ? AND NOT internal",
            [name.upper()],
        )
        return found.fetchone() is not None

    def drop_database(self, name: str, session: Session) -> None:
        """Remove a database with its file; a session that stands in it stands nowhere."""
        if session.connection.database == name:
            session.connection.cursor()._duck_conn.execute(f"SET schema = '{_NOWHERE}'")
            session.connection.database = None
            session.connection.database_set = session.connection.schema_set = False
        self._fakesnow.duck_conn.cursor().execute(f"DETACH {_quoted(name)}")
        if self._folder is not None:
            (self._folder / f"{name}.db").unlink(missing_ok=True)

    def drop_stage(self, place: ObjectName) -> bool:
        """Remove a stage with its files; False if there is none."""
        gone = self._fakesnow.duck_conn.cursor().execute(
            "DELETE FROM _fs_global._fs_information_schema._fs_stages WHERE database_name = ?"
            " AND schema_name = ? AND name = ? RETURNING 1",
            list(place),
        )
        if gone.fetchone() is None:
            return False
        shutil.rmtree(stage.internal_dir(".".join(place)), ignore_errors=True)
        return True

    async def moment(self, session: Session, expression: str) -> datetime:
        """Return the value of a time expression, as the session computes it."""

        def compute() -> datetime:
            cursor = session.connection.cursor()
            cursor.execute(f"SELECT CAST({expression} AS TIMESTAMP_TZ)")
            row = cursor.fetchone()
            assert isinstance(row, tuple)
            moment: datetime = row[0]
            return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

        async with session.lock:
            return await run_in_threadpool(compute)

    def keep(self, query_id: str, answer: Result) -> None:
        """Let RESULT_SCAN find an answer of ours."""
        self.answers[query_id] = answer
        # Bounded by rows: a listing of 10,000 jobs takes megabytes.
        while sum(len(each.rows) for each in self.answers.values()) > _KEPT_ROWS:
            self.answers.popitem(last=False)
        while len(self.answers) > _KEPT_RESULTS:
            self.answers.popitem(last=False)

    def rename_result(self, old: str, new: str) -> None:
        """Let RESULT_SCAN find a result under the id its client was told."""
        results = self._fakesnow.results_cache
        if old in results:
            results[new] = results.pop(old)

    async def upload(self, request: Request) -> Response:
        """Take a file that PUT announced."""
        return await bucket_upload(request)

    def stage_folder(self, place: ObjectName, path: str) -> Path:
        """Return where the files of a directory of an internal stage are."""
        return Path(stage.internal_dir(".".join(place))) / path.strip("/")

    def read_stage_file(self, place: ObjectName, path: str) -> str:
        """Return the text of a file on an internal stage, or refuse with 2003."""
        folder = Path(stage.internal_dir(".".join(place)))
        file = (folder / path.lstrip("/")).resolve()
        if not file.is_relative_to(folder.resolve()) or not file.is_file():
            raise does_not_exist("Remote file", f"@{'.'.join(place)}/{path}")
        return file.read_text()


def _enter_database(connection: FakeSnowflakeConnection, text: str) -> None:
    """Stand where an account would: a new database is entered, and comes with a schema PUBLIC."""
    created = _CREATE_DATABASE.match(text)
    if created:
        name = Words(text[created.end() :]).identifier()
        connection.cursor().execute(f"USE DATABASE {_quoted(name)}")
    if connection.database_set and not connection.schema_set:
        connection.cursor().execute("CREATE SCHEMA IF NOT EXISTS PUBLIC")
        connection.cursor().execute("USE SCHEMA PUBLIC")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _request(token: str, body: dict[str, Any], base_url: str) -> Request:
    payload = json.dumps(body).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": payload, "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/queries/v1/query-request",
        "scheme": "http",
        "server": None,
        "query_string": b"",
        "headers": [
            (b"authorization", f'Snowflake Token="{token}"'.encode()),
            (b"host", base_url.encode()),
        ],
    }
    return Request(scope, receive)
