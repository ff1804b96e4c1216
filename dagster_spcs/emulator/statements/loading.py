"""``COPY INTO <table>``: rows of staged files become rows of a table (the page of that name).

A statement that fails in a file loads nothing of any file, unless ON_ERROR says otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from dagster_spcs.emulator.sql.answers import (
    Column,
    Result,
    SqlError,
    compilation_error,
    does_not_exist,
    not_emulated,
)
from dagster_spcs.emulator.sql.execution import run_statement
from dagster_spcs.emulator.sql.file_formats import FileFormat
from dagster_spcs.emulator.sql.given_rows import Rewritten
from dagster_spcs.emulator.sql.object_name import ObjectName
from dagster_spcs.emulator.sql.quoting import quoted
from dagster_spcs.emulator.sql.stage_files import Stage, StageFile
from dagster_spcs.emulator.sql.staged_rows import StagedRows
from dagster_spcs.emulator.sql.words import Kind, Words
from dagster_spcs.emulator.statements.registry import Context, handles
from dagster_spcs.emulator.statements.rewriting import rewrite
from dagster_spcs.emulator.statements.staged_queries import (
    begins_location,
    files_at,
    format_clause,
)
from dagster_spcs.emulator.statements.unloading import unload

_COLUMNS = (
    Column("file"),
    Column("status"),
    Column("rows_parsed", "fixed"),
    Column("rows_loaded", "fixed"),
    Column("error_limit", "fixed"),
    Column("errors_seen", "fixed"),
    Column("first_error"),
    Column("first_error_line", "fixed"),
    Column("first_error_character", "fixed"),
    Column("first_error_column_name"),
)
_NOTHING = Result.status("Copy executed with 0 files processed.")
_HISTORY = "_fs_information_schema._fs_load_history"
_BY_NAME = ("CASE_SENSITIVE", "CASE_INSENSITIVE")
_SKIPS = ("SKIP_FILE", "CONTINUE")


@dataclass
class _Copy:
    """What a statement says."""

    table: ObjectName
    columns: list[str] | None = None
    location: str | None = None
    query: str | None = None
    files: list[str] | None = None
    pattern: str | None = None
    format: FileFormat = field(default_factory=FileFormat)
    on_error: str = "ABORT_STATEMENT"
    purge: bool = False
    force: bool = False
    by_name: str = "NONE"


@handles("COPY INTO")
async def copy_into(words: Words, context: Context) -> Result:
    """``COPY INTO { <table> [( columns )] | <location> } FROM …``."""
    if begins_location(words.here):
        return await unload(words, context)
    copy = _read(words, context)
    table = context.tables.table(copy.table, context.session)
    if table is None:
        raise does_not_exist("Table", ".".join(copy.table), sqlstate="42S02")
    location = copy.location or _location_in(copy.query or "")
    stage, files = await files_at(location, context, copy.pattern)
    files = _chosen(copy, location, files)
    if not files:
        return _NOTHING
    loading = _Loading(copy, table, stage, context)
    if copy.query is not None:
        loading.rewritten = await rewrite(copy.query, [], context, staged=loading.model)
    return await context.tables.work(context.session, lambda: loading.run(files))


def _read(words: Words, context: Context) -> _Copy:
    copy = _Copy(context.session.resolve(words.object_name(), "COPY"))
    if words.at("("):
        copy.columns = words.listed(words.identifier)
    if not words.take("FROM"):
        database, schema, table = copy.table
        copy.location = quoted(database, schema, f"%{table}")
    elif words.take("("):
        copy.query = words.until_closed()
    else:
        copy.location = words.stage()
    while words.here.kind is not Kind.END:
        words.take(",")
        _read_option(words, copy, context)
    return copy


def _read_option(words: Words, copy: _Copy, context: Context) -> None:
    match words.word():
        case "FILES":
            words.expect("=")
            copy.files = words.listed(words.string)
        case "PATTERN":
            words.expect("=")
            copy.pattern = words.string()
        case "FILE_FORMAT":
            words.expect("=")
            copy.format = format_clause(words, context)
        case "ON_ERROR":
            words.expect("=")
            copy.on_error = words.text_or_word().upper()
            if copy.on_error not in ("ABORT_STATEMENT", *_SKIPS):
                raise not_emulated(f"ON_ERROR = {copy.on_error}")
        case "PURGE":
            words.expect("=")
            copy.purge = words.boolean()
        case "FORCE":
            words.expect("=")
            copy.force = words.boolean()
        case "MATCH_BY_COLUMN_NAME":
            words.expect("=")
            copy.by_name = words.text_or_word().upper()
            if copy.by_name not in ("NONE", *_BY_NAME):
                raise compilation_error(
                    f"invalid value [{copy.by_name}] for parameter 'MATCH_BY_COLUMN_NAME'",
                    number=1008,
                    sqlstate="22023",
                )
        case "TRUNCATECOLUMNS" | "ENFORCE_LENGTH" | "RETURN_FAILED_ONLY" | "LOAD_UNCERTAIN_FILES":
            words.expect("=")  # lengths are not enforced; each file's state is known
            words.boolean()
        case option:
            raise not_emulated(f"{option} of COPY INTO")


def _location_in(query: str) -> str:
    """Return the location that a transformation reads."""
    words = Words(query)
    while words.here.kind is not Kind.END:
        if words.take("FROM"):
            if begins_location(words.here):
                return words.stage()
        else:
            words.step()
    raise compilation_error("COPY INTO with a query needs a stage behind its FROM")


def _chosen(copy: _Copy, location: str, files: list[StageFile]) -> list[StageFile]:
    """Return the files that FILES names, in its order; all if there is none.

    Raises:
        SqlError: 91016 (number chosen) for a file that is not there.
    """
    if copy.files is None:
        return files
    _, _, path = location.partition("/")
    by_name = {file.name: file for file in files}
    chosen = []
    for name in copy.files:
        full = f"{path.rstrip('/')}/{name}".lstrip("/")
        if full not in by_name:
            raise SqlError(91016, "22000", f"Remote file '@{location}/{name}' was not found.")
        chosen.append(by_name[full])
    return chosen


class _Loading:
    """One statement at work, in a thread of its own."""

    def __init__(self, copy: _Copy, table: str, stage: Stage, context: Context) -> None:
        self._copy = copy
        self._table = table
        self._stage = stage
        self._session = context.session
        self._duck = context.session.connection._duck_conn
        self._now = context.account.now
        self.model = StagedRows([], copy.format, stage.folder)
        """Stands for the rows of any file, in the query that reads them."""
        self.rewritten: Rewritten | None = None

    def run(self, files: Sequence[StageFile]) -> Result:
        """Load the files, all or none of them."""
        is_own = self._session.changes is None and self._session.connection._autocommit
        if is_own:
            run_statement(self._session, "BEGIN", {})
        try:
            rows = [self._load(file) for file in files]
        except BaseException:
            if is_own:
                run_statement(self._session, "ROLLBACK", {})
            raise
        if is_own:
            run_statement(self._session, "COMMIT", {})
        if self._copy.purge:
            for file, row in zip(files, rows, strict=True):
                if row[1] == "LOADED":
                    file.path.unlink(missing_ok=True)
        if all(row[1] == "LOAD_SKIPPED" for row in rows):
            return _NOTHING
        return Result(_COLUMNS, rows)

    def _load(self, file: StageFile) -> tuple[Any, ...]:
        name = f"{self._stage.prefix}{file.name}"
        if not self._copy.force and self._was_loaded(name, file.modified):
            return _row(name, "LOAD_SKIPPED", 0, 0, 1, "File was loaded before.")
        staged = StagedRows([file.path], self._copy.format, self._stage.folder)
        staged.show_to(self._duck)
        try:
            parsed = loaded = self._insert(staged)
            if self._copy.on_error == "CONTINUE":
                parsed = self._count(staged)
        except SqlError as error:
            if self._copy.on_error not in _SKIPS:
                raise
            return _row(name, "LOAD_FAILED", 0, 0, 1, error.text)
        self._remember(name, parsed, loaded)
        if loaded < parsed:
            text = f"{parsed - loaded} rows hold values that their columns cannot take."
            return _row(name, "PARTIALLY_LOADED", parsed, loaded, parsed - loaded, text)
        return _row(name, "LOADED", parsed, loaded, 0, None)

    def _insert(self, staged: StagedRows) -> int:
        columns = self._copy.columns
        listed = f" ({', '.join(map(quoted, columns))})" if columns else ""
        query = self._query(staged)
        if query.into is not None:
            listed = f" ({', '.join(map(quoted, query.into))})"
        text = f"INSERT INTO {quoted(*self._copy.table)}{listed} {query.text}"
        outcome = run_statement(self._session, text, {})
        return int(outcome.table.column(0)[0].as_py())

    def _query(self, staged: StagedRows) -> "_Query":
        if self.rewritten is not None:
            return _Query(self.rewritten.text.replace(self.model.reference, staged.reference))
        target = self._target()
        if self._copy.by_name in _BY_NAME:
            return self._matched(staged, target)
        if self._copy.format.type != "CSV":
            if len(target) != 1:
                raise compilation_error(
                    f"{self._copy.format.type} file format can produce one and only one column of"
                    " type variant, object, or array. Load data into separate columns using the"
                    " MATCH_BY_COLUMN_NAME copy option or copy with transformation.",
                    number=2019,
                    sqlstate="0A000",
                )
            return _Query(f'SELECT "$1" FROM {staged.reference}')
        return self._of_csv(staged, target)

    def _of_csv(self, staged: StagedRows, target: list[tuple[str, str]]) -> "_Query":
        count = len(staged.columns(self._duck))
        format_ = self._copy.format
        if count != len(target) and format_.flag("ERROR_ON_COLUMN_COUNT_MISMATCH", default=True):
            raise SqlError(
                100080,
                "22000",
                f"Number of columns in file ({count}) does not match that of the corresponding"
                f" table ({len(target)}), use file format option"
                " error_on_column_count_mismatch=false to ignore this error",
            )
        places = [f'"${place}"' for place in range(1, min(count, len(target)) + 1)]
        values = places + ["NULL"] * (len(target) - len(places))
        text = f"SELECT {', '.join(values)} FROM {staged.reference}"
        if self._copy.on_error == "CONTINUE":
            fitting = [
                f"({value} IS NULL OR TRY_CAST({value} AS {kind}) IS NOT NULL)"
                for value, (_, kind) in zip(places, target, strict=False)
            ]
            text += f" WHERE {' AND '.join(fitting)}"
        return _Query(text)

    def _matched(self, staged: StagedRows, target: list[tuple[str, str]]) -> "_Query":
        """Return a query of those columns of the table that the file has too."""
        sources = self._sources(staged)
        if self._copy.by_name == "CASE_INSENSITIVE":
            sources = {name.upper(): source for name, source in sources.items()}
            found = [(name, sources[name.upper()]) for name, _ in target if name.upper() in sources]
        else:
            found = [(name, sources[name]) for name, _ in target if name in sources]
        if not found:
            raise compilation_error("no column of the table is in the file", number=2020)
        kinds = dict(target)
        values = ", ".join(
            f"{source}::{kinds[name]}" if kinds[name] != "JSON" else source
            for name, source in found
        )
        return _Query(f"SELECT {values} FROM {staged.reference}", [name for name, _ in found])

    def _sources(self, staged: StagedRows) -> dict[str, str]:
        """Return what a file's columns are called, and how a query reads each."""
        if self._copy.format.type == "JSON":
            keys = self._duck.execute(
                f'SELECT DISTINCT unnest(json_keys("$1")) FROM {staged.reference}'
            ).fetchall()
            return {key: f'"$1":{quoted(key)}' for (key,) in keys}
        if self._copy.format.type == "CSV":
            columns = staged.columns(self._duck)
            return {name: f'"${place}"' for place, name in enumerate(columns, 1)}
        return {name: quoted(name) for name in staged.columns(self._duck)}

    def _target(self) -> list[tuple[str, str]]:
        """Return name and type of the columns that are loaded into."""
        described = self._duck.execute(f"DESCRIBE {self._table}").fetchall()
        columns = [(str(row[0]), str(row[1])) for row in described]
        if self._copy.columns is None:
            return columns
        kinds = dict(columns)
        missing = [name for name in self._copy.columns if name not in kinds]
        if missing:
            raise SqlError(904, "42000", f"invalid identifier '{missing[0]}'")
        return [(name, kinds[name]) for name in self._copy.columns]

    def _count(self, staged: StagedRows) -> int:
        text = f"SELECT count(*) FROM {staged.reference}"
        (count,) = self._duck.execute(text).fetchall()[0]
        return int(count)

    def _was_loaded(self, name: str, modified: datetime) -> bool:
        database, schema, table = self._copy.table
        rows = self._duck.execute(
            f"SELECT last_load_time FROM {quoted(database)}.{_HISTORY}"
            " WHERE file_name = ? AND table_name = ? AND schema_name = ?",
            [name, table, schema],
        ).fetchall()
        moments = [_moment(when) for (when,) in rows]
        return any(when >= modified for when in moments)

    def _remember(self, name: str, parsed: int, loaded: int) -> None:
        database, schema, table = self._copy.table
        self._duck.execute(
            f"INSERT INTO {quoted(database)}.{_HISTORY}"
            " VALUES (?, ?, ?, ?, 'LOADED', ?, ?, NULL, NULL, NULL, NULL, ?, 1)",
            [schema, name, table, self._now().isoformat(), loaded, parsed, parsed - loaded],
        )


@dataclass(frozen=True)
class _Query:
    """What is inserted, and into which columns if the statement does not say."""

    text: str
    into: list[str] | None = None


def _moment(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found.replace(tzinfo=found.tzinfo or timezone.utc)


def _row(
    name: str, status: str, parsed: int, loaded: int, errors: int, text: str | None
) -> tuple[Any, ...]:
    return (name, status, parsed, loaded, 1, errors, text, None, None, None)
