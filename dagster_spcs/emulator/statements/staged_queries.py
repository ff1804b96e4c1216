"""Queries of staged files (page "Querying data in staged files"), and INFER_SCHEMA."""

import re

from starlette.concurrency import run_in_threadpool

from dagster_spcs.emulator.sql.answers import (
    Column,
    Result,
    compilation_error,
    does_not_exist,
)
from dagster_spcs.emulator.sql.file_formats import FileFormat, Value, read_format_options
from dagster_spcs.emulator.sql.quoting import quoted
from dagster_spcs.emulator.sql.stage_files import Stage, StageFile
from dagster_spcs.emulator.sql.staged_rows import StagedRows
from dagster_spcs.emulator.sql.words import Kind, Token, Words
from dagster_spcs.emulator.statements.registry import ACCOUNT_TABLES, Context

_INFERRED = (
    Column("COLUMN_NAME"),
    Column("TYPE"),
    Column("NULLABLE", "boolean"),
    Column("EXPRESSION"),
    Column("FILENAMES"),
    Column("ORDER_ID", "fixed"),
)
_TYPES: tuple[tuple[str, str], ...] = (
    (r"DECIMAL\((\d+),(\d+)\)", r"NUMBER(\1, \2)"),
    (r"U?(BIG|SMALL|TINY|HUGE)?INT(EGER)?", "NUMBER(38, 0)"),
    (r"FLOAT|DOUBLE", "REAL"),
    (r"BOOLEAN", "BOOLEAN"),
    (r"DATE", "DATE"),
    (r"TIME", "TIME"),
    (r"TIMESTAMP WITH TIME ZONE", "TIMESTAMP_LTZ"),
    (r"TIMESTAMP(_\w+)?", "TIMESTAMP_NTZ"),
    (r"BLOB", "BINARY"),
    (r"VARCHAR|ENUM.*", "TEXT"),
)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def begins_location(token: Token) -> bool:
    """Whether a token, where a table is expected, is a location on a stage."""
    return token.kind is Kind.STAGE or (token.kind is Kind.STRING and token.value.startswith("@"))


async def staged_rows(words: Words, context: Context) -> StagedRows:
    """Read ``<location> [( [FILE_FORMAT => <name>] [, PATTERN => '…'] )]``."""
    location = words.stage()
    format_name, pattern = None, None
    if words.take("("):
        while not words.take(")"):
            words.take(",")
            if words.take("FILE_FORMAT", "=>"):
                format_name = named(words)
            elif words.take("PATTERN", "=>"):
                pattern = words.string()
            else:
                raise words.unexpected()
    stage, files = await files_at(location, context, pattern)
    format_ = FileFormat() if format_name is None else format_of_name(format_name, context)
    return StagedRows([file.path for file in files], format_, stage.folder)


async def files_at(
    location: str, context: Context, pattern: str | None = None
) -> tuple[Stage, list[StageFile]]:
    """Return a stage and its files at a location, by name."""
    async with context.session.lock:
        stage, path = context.tables.stage(location, context.session)
    return stage, await run_in_threadpool(stage.files, path, pattern)


def named(words: Words) -> tuple[str, ...]:
    """Read the name of a file format: bare, or inside a string or a bind."""
    if words.here.kind in (Kind.STRING, Kind.BIND):
        return Words(words.string()).object_name()
    return words.object_name()


def format_of_name(name: tuple[str, ...], context: Context) -> FileFormat:
    """Return a file format that was created.

    Raises:
        SqlError: 2003 if there is none.
    """
    known = context.account.file_format(context.session.resolve(name, "SELECT"))
    return FileFormat.of(known.options)


def format_clause(words: Words, context: Context) -> FileFormat:
    """Read what follows ``FILE_FORMAT =``: ``( options )``, ``( FORMAT_NAME = … )`` or a name."""
    if not words.take("("):
        return format_of_name(named(words), context)
    options: dict[str, Value] = {}
    while not words.take(")"):
        words.take(",")
        if words.take("FORMAT_NAME", "="):
            known = context.account.file_format(context.session.resolve(named(words), "COPY"))
            options = {**known.options, **options}
        else:
            options.update(read_format_options(words))
    return FileFormat.of(options)


async def infer_schema(words: Words, context: Context) -> Result:
    """``INFER_SCHEMA(LOCATION => '@…', FILE_FORMAT => '<name>' [, FILES => (…)] …)``.

    The columns of all files together, in the order in which files and columns come.
    """
    location, format_name, wanted, folds_case = _inferring(words)
    stage, files = await files_at(location, context)
    if wanted is not None:
        files = [file for file in files if any(file.name.endswith(name) for name in wanted)]
    if not files:
        raise does_not_exist("Remote file", f"@{location}")
    format_ = format_of_name(format_name, context)
    async with context.session.lock:
        rows = await run_in_threadpool(_inferred, stage, files, format_, context, folds_case)
    return Result(_INFERRED, rows)


def _inferring(words: Words) -> tuple[str, tuple[str, ...], list[str] | None, bool]:
    """Read the arguments: location, file format, files, and whether names are folded."""
    location, format_name, wanted = None, None, None
    folds_case = False
    while not words.take(")"):
        words.take(",")
        match words.word():
            case "LOCATION":
                words.expect("=>")
                location = words.stage()
            case "FILE_FORMAT":
                words.expect("=>")
                format_name = named(words)
            case "FILES":
                words.expect("=>")
                wanted = words.listed(words.string) if words.at("(") else [words.string()]
            case "IGNORE_CASE":
                words.expect("=>")
                folds_case = words.boolean()
            case "KIND" | "MAX_FILE_COUNT" | "MAX_RECORDS_PER_FILE":
                words.expect("=>")
                words.step()  # all files are read whole
            case argument:
                raise compilation_error(f"unknown argument {argument} of INFER_SCHEMA")
    if location is None or format_name is None:
        raise compilation_error("INFER_SCHEMA needs LOCATION and FILE_FORMAT")
    return location, format_name, wanted, folds_case


def _inferred(
    stage: Stage, files: list[StageFile], format_: FileFormat, context: Context, folds_case: bool
) -> list[tuple[str, str, bool, str, str, int]]:
    connection = context.session.connection._duck_conn
    found: dict[str, tuple[str, list[str]]] = {}
    for file in files:
        described = StagedRows([file.path], format_, stage.folder).described(connection)
        for place, (column, kind) in enumerate(described, 1):
            name = column.upper() if folds_case else column
            if format_.type == "CSV" and not format_.has_header:
                name = f"c{place}"
            found.setdefault(name, (_snowflake_type(kind), []))[1].append(file.name)
    return [
        (name, kind, True, _expression(name, kind, format_, place), ", ".join(names), place)
        for place, (name, (kind, names)) in enumerate(found.items())
    ]


def _expression(name: str, kind: str, format_: FileFormat, place: int) -> str:
    if format_.type == "CSV":
        return f"${place + 1}::{kind}"
    part = name if _PLAIN.fullmatch(name) else quoted(name)
    return f"$1:{part}::{kind}"


def _snowflake_type(kind: str) -> str:
    for pattern, name in _TYPES:
        match = re.fullmatch(pattern, kind)
        if match is not None:
            return match.expand(name)
    return "VARIANT"


ACCOUNT_TABLES["INFER_SCHEMA"] = infer_schema
