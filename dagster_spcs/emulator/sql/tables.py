"""The account's databases: fakesnow's work, each emulator with data of its own."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
from fakesnow.fakes import FakeSnowflakeConnection
from fakesnow.instance import FakeSnow
from fakesnow.transforms import stage
from starlette.concurrency import run_in_threadpool

from dagster_spcs.emulator.sql.answers import Result, compilation_error, does_not_exist
from dagster_spcs.emulator.sql.damaged import DamagedData
from dagster_spcs.emulator.sql.execution import Bindings, Outcome, run_statement, schema_exists
from dagster_spcs.emulator.sql.given_rows import GivenRows
from dagster_spcs.emulator.sql.object_name import ObjectName
from dagster_spcs.emulator.sql.quoting import duckdb_literal, quoted
from dagster_spcs.emulator.sql.repairs.stage_folders import stages_in
from dagster_spcs.emulator.sql.repairs.table_notes import Note, note_of
from dagster_spcs.emulator.sql.repairs.temporary_tables import temporaries
from dagster_spcs.emulator.sql.sessions import Session
from dagster_spcs.emulator.sql.stage_files import USER_STAGE, Stage, StageFiles, StageLocation
from dagster_spcs.emulator.sql.words import Words, leading_words

Done = TypeVar("Done")
_CREATE_DATABASE = re.compile(
    r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:TRANSIENT\s+)?DATABASE\s+(?:IF\s+NOT\s+EXISTS\s+)?",
    re.IGNORECASE,
)
_CREATE_STAGE = re.compile(r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?STAGE\b", re.IGNORECASE)
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
_INFORMATION_SCHEMA = "INFORMATION_SCHEMA"
_NOWHERE = "_fs_global.main"
_INTERRUPT_SECONDS = 0.05
_KEPT_RESULTS = 200
_KEPT_ROWS = 20_000


@dataclass(frozen=True)
class TableColumn:
    """A column as DuckDB knows it."""

    name: str
    type: str
    is_nullable: bool
    default: str | None
    comment: str | None


@dataclass(frozen=True)
class Relation:
    """A table or a view."""

    name: ObjectName
    kind: str
    """TABLE, TEMPORARY or VIEW."""
    rows: int | None
    note: Note
    text: str | None
    """The statement that made a view."""


class _RecentResults(OrderedDict[str, tuple[Any, ...]]):
    """fakesnow keeps every result for RESULT_SCAN, for ever; this keeps the last ones."""

    def __setitem__(self, key: str, value: tuple[Any, ...]) -> None:
        super().__setitem__(key, value)
        while len(self) > _KEPT_RESULTS:
            self.popitem(last=False)


class Tables:
    """The account's databases."""

    def __init__(self, folder: Path | None, stages: StageFiles) -> None:
        self.stages = stages
        self._fakesnow = FakeSnow(
            create_database_on_connect=False, create_schema_on_connect=False, db_path=folder
        )
        self._fakesnow.results_cache = _RecentResults()
        self._fakesnow.duck_conn.execute("SET GLOBAL errors_as_json = true")
        self._folder = folder
        self._changing = asyncio.Lock()
        self._leaving: list[FakeSnowflakeConnection] = []
        self.answers: OrderedDict[str, Result] = OrderedDict()
        """The last answers that were not fakesnow's, by query id, for RESULT_SCAN."""
        if folder is not None:
            # fakesnow attaches a database's file when a session first names it.
            self._fakesnow.create_database_on_connect = True
            for path in sorted(folder.glob("*.db")):
                try:
                    self._fakesnow.connect(path.stem).close()
                except duckdb.Error as error:
                    raise DamagedData(path, error) from error
            self._fakesnow.create_database_on_connect = False
        self._find_stages()

    def close(self) -> None:
        """Let go of the files, so that the next emulator, in this process too, can have them."""
        connection = self._fakesnow.duck_conn
        attached = connection.execute(
            "SELECT database_name FROM duckdb_databases() WHERE path IS NOT NULL"
        )
        for (name,) in attached.fetchall():
            connection.execute(f"DETACH {quoted(name)}")
        connection.close()

    def connect(
        self, database: str | None, schema: str | None, *, autocommit: bool = True
    ) -> FakeSnowflakeConnection:
        """Open a session; a database or schema that does not exist is left unset."""
        return self._fakesnow.connect(database, schema, autocommit=autocommit)

    def forget(self, session: Session) -> None:
        """End a session; one whose statement is just being aborted, when another one leaves."""
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
        text: str,
        bindings: Bindings,
        rows: GivenRows,
        *,
        only_describe: bool = False,
    ) -> Outcome:
        """Run a statement; those of one session run one by one.

        Statements that change something run one by one in the whole account: there the second
        UPDATE of a table waits for the first one's lock, while DuckDB refuses it as a conflict.

        Args:
            session: who sent it.
            text: the statement.
            bindings: what stands for its placeholders.
            rows: answers of ours that the statement selects from.
            only_describe: say which columns it would answer.

        Raises:
            SqlError: as the account would refuse it.
        """
        async with AsyncExitStack() as locks:
            await locks.enter_async_context(session.lock)
            if _CHANGING.intersection(leading_words(text, 1)):
                await locks.enter_async_context(self._changing)
            if rows:
                await run_in_threadpool(rows.show_to, session.connection._duck_conn)
            with stages_in(self.stages.folder):
                work = partial(run_statement, session, text, bindings, only_describe=only_describe)
                outcome = await _to_its_end(run_in_threadpool(work), session.connection)
            if _CREATE_STAGE.match(text):
                await run_in_threadpool(self._keep_stages)
            if not only_describe:
                await run_in_threadpool(_enter_database, session.connection, text)
        return outcome

    async def work(self, session: Session, work: Callable[[], Done]) -> Done:
        """Do several statements' work in a thread, as one statement that changes something."""
        async with session.lock, self._changing:
            with stages_in(self.stages.folder):
                return await _to_its_end(run_in_threadpool(work), session.connection)

    def table(self, name: ObjectName, session: Session) -> str | None:
        """Return the table or view of a name as DuckDB's SQL has it; None if there is none."""
        own = temporaries(session.connection).get(name)
        if own is not None:
            return f"temp.main.{quoted(own)}"
        found = self._fakesnow.duck_conn.cursor().execute(
            "SELECT 1 FROM information_schema.tables WHERE table_catalog = ?"
            " AND table_schema = ? AND table_name = ?",
            list(name),
        )
        return quoted(*name) if found.fetchall() else None

    def columns(self, name: ObjectName, session: Session) -> list[TableColumn] | None:
        """Return the columns of a table or view; None if there is none of this name."""
        own = temporaries(session.connection).get(name)
        place = name if own is None else ("temp", "main", own)
        # The session's own connection: another one does not see its temporary tables.
        rows = session.connection._duck_conn.execute(
            "SELECT column_name, data_type, is_nullable, column_default, comment"
            " FROM duckdb_columns() WHERE database_name = ? AND schema_name = ? AND table_name = ?"
            " ORDER BY column_index",
            list(place),
        ).fetchall()
        return [TableColumn(*row) for row in rows] or None

    def note(self, name: ObjectName, session: Session) -> Note:
        """Return what is known of a table or view beside its columns."""
        own = temporaries(session.connection).get(name)
        place = name if own is None else ("temp", "main", own)
        return note_of(session.connection._duck_conn, place)

    def relations(self, session: Session) -> list[Relation]:
        """Return the tables and views that a session sees."""
        found = self._fakesnow.duck_conn.cursor().execute(
            "SELECT database_name, schema_name, table_name, 'TABLE', estimated_size, comment, NULL"
            " FROM duckdb_tables() UNION ALL SELECT database_name, schema_name, view_name, 'VIEW',"
            " NULL, comment, sql FROM duckdb_views() WHERE NOT internal ORDER BY 1, 2, 3"
        )
        hidden = ("main", "_fs_information_schema")
        seen = [
            Relation((database, schema, name), kind, rows, Note.read(comment), text)
            for database, schema, name, kind, rows, comment, text in found.fetchall()
            if schema not in hidden
        ]
        own = [
            Relation(name, "TEMPORARY", None, self.note(name, session), None)
            for name in temporaries(session.connection)
        ]
        hidden_by_own = {each.name for each in own}
        return [*(each for each in seen if each.name not in hidden_by_own), *own]

    def schema_exists(self, database: str, schema: str) -> bool:
        """Whether a schema exists."""
        return schema_exists(self._fakesnow.duck_conn, database, schema)

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
        self._fakesnow.duck_conn.cursor().execute(f"DETACH {quoted(name)}")
        if self._folder is not None:
            (self._folder / f"{name}.db").unlink(missing_ok=True)
        self.stages.remove(name)

    def drop_schema(self, database: str, schema: str, session: Session) -> None:
        """Remove a schema with all that is in it; a session that stands in it stands in none."""
        connection = session.connection
        if (connection.database, connection.schema) == (database, schema):
            connection._duck_conn.execute(f"SET schema = {duckdb_literal(f'{database}.main')}")
            connection._schema = None
            connection.schema_set = False
        place = quoted(database, schema)
        cursor = self._fakesnow.duck_conn.cursor()
        cursor.execute(f"DROP SCHEMA {place} CASCADE")
        for table in ("_fs_stages", "_fs_file_formats"):
            cursor.execute(
                f"DELETE FROM _fs_global._fs_information_schema.{table}"
                " WHERE database_name = ? AND schema_name = ?",
                [database, schema],
            )
        self.stages.remove(database, schema)

    def databases(self) -> list[str]:
        """Return the names of the databases."""
        found = self._fakesnow.duck_conn.cursor().execute(
            "SELECT database_name FROM duckdb_databases() WHERE NOT internal"
            " AND database_name NOT IN ('memory', '_fs_global') ORDER BY 1"
        )
        return [name for (name,) in found.fetchall()]

    def schemas(self, database: str | None) -> list[tuple[str, str]]:
        """Return the schemas of a database, or of all, as database and name."""
        found = self._fakesnow.duck_conn.cursor().execute(
            "SELECT DISTINCT catalog_name, schema_name FROM information_schema.schemata"
            " WHERE schema_name NOT IN"
            " ('main', 'pg_catalog', 'information_schema', '_fs_information_schema')"
            " ORDER BY 1, 2"
        )
        names = self.databases() if database is None else [database]
        return sorted(
            [
                *((place, schema) for place, schema in found.fetchall() if place in names),
                *((place, _INFORMATION_SCHEMA) for place in names),
            ]
        )

    def named_stages(self) -> list[tuple[str, str, str, bool]]:
        """Return the stages: database, schema, name, and whether a stage is temporary."""
        found = self._fakesnow.duck_conn.cursor().execute(
            "SELECT database_name, schema_name, name, type LIKE '%TEMPORARY%'"
            " FROM _fs_global._fs_information_schema._fs_stages ORDER BY 1, 2, 3"
        )
        return found.fetchall()

    def stage(self, text: str, session: Session) -> tuple[Stage, str]:
        """Return the stage of a location (without its ``@``), and the path behind it.

        Raises:
            SqlError: 2003 if there is no such stage, or table.
        """
        location = StageLocation.parse(text)
        if location.name == (USER_STAGE,):
            return self.stages.stage(("_USERS", session.user.upper(), USER_STAGE)), location.path
        name = session.resolve(location.name)
        connection = session.connection
        lookup = stage.stage_lookup_sql(*name, connection.table_stages)
        # All of it: DuckDB lets nothing be registered while a result is open.
        found = connection._duck_conn.execute(lookup).fetchall()
        if not found:
            raise does_not_exist("Stage", ".".join(name))
        return self.stages.stage(name, found[0][0]), location.path

    def drop_stage(self, place: ObjectName) -> bool:
        """Remove a stage with its files; False if there is none."""
        gone = self._fakesnow.duck_conn.cursor().execute(
            "DELETE FROM _fs_global._fs_information_schema._fs_stages WHERE database_name = ?"
            " AND schema_name = ? AND name = ? RETURNING 1",
            list(place),
        )
        if gone.fetchone() is None:
            return False
        self.stages.remove(*place)
        return True

    def _find_stages(self) -> None:
        session = self.connect(None, None)
        for name in self.stages.lasting():
            if self.schema_exists(*name[:2]):
                session.cursor().execute(f"CREATE STAGE {quoted(*name)}")
        session.close()

    def _keep_stages(self) -> None:
        """Have each stage found again after a restart."""
        found = self._fakesnow.duck_conn.cursor().execute(
            "SELECT database_name, schema_name, name"
            " FROM _fs_global._fs_information_schema._fs_stages WHERE type = 'INTERNAL'"
        )
        for database, schema, name in found.fetchall():
            self.stages.keep((database, schema, name))

    async def moment(self, session: Session, expression: str) -> datetime:
        """Return the value of a time expression, as the session computes it.

        Raises:
            SqlError: as the account would refuse a query of it.
        """
        query = f"SELECT CAST({expression} AS TIMESTAMP_TZ) AS MOMENT"
        async with session.lock:
            outcome = await run_in_threadpool(run_statement, session, query, {})
        moment: datetime | None = outcome.table.column(0)[0].as_py()
        if moment is None:
            raise compilation_error(f"a time is expected, and {expression[:100]} is NULL")
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

    def keep(self, query_id: str, answer: Result) -> None:
        """Let RESULT_SCAN find an answer of ours."""
        self.answers[query_id] = answer
        # Bounded by rows: a listing of 10,000 jobs takes megabytes.
        while sum(len(each.rows) for each in self.answers.values()) > _KEPT_ROWS:
            self.answers.popitem(last=False)
        while len(self.answers) > _KEPT_RESULTS:
            self.answers.popitem(last=False)

    def result(self, query_id: str) -> Result | pa.Table | None:
        """Return the rows of an earlier answer, ours or fakesnow's; None if they are not kept."""
        if query_id in self.answers:
            return self.answers[query_id]
        kept = self._fakesnow.results_cache.get(query_id)
        return None if kept is None else kept[0]

    def rename_result(self, old: str, new: str) -> None:
        """Let RESULT_SCAN find a result under the id its client was told."""
        results = self._fakesnow.results_cache
        if old in results:
            results[new] = results.pop(old)


async def _to_its_end(work: Coroutine[Any, Any, Done], connection: FakeSnowflakeConnection) -> Done:
    """Await a statement; when it is cancelled, interrupt DuckDB and wait until it has let go."""
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            # Again and again, for one statement here is several of DuckDB's.
            connection._duck_conn.interrupt()
            await asyncio.wait({running}, timeout=_INTERRUPT_SECONDS)
        running.exception()  # that it was interrupted is no news
        raise


def _enter_database(connection: FakeSnowflakeConnection, text: str) -> None:
    """Stand where an account would: a new database is entered, and comes with a schema PUBLIC."""
    created = _CREATE_DATABASE.match(text)
    if created:
        name = Words(text[created.end() :]).identifier()
        connection.cursor().execute(f"USE DATABASE {quoted(name)}")
    if connection.database_set and not connection.schema_set:
        connection.cursor().execute("CREATE SCHEMA IF NOT EXISTS PUBLIC")
        connection.cursor().execute("USE SCHEMA PUBLIC")
