"""``COPY INTO <location>``: rows of a table or query become a file (the page of that name)."""

import gzip
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
from starlette.concurrency import run_in_threadpool

from dagster_spcs.emulator.sql.answers import (
    Column,
    Result,
    SqlError,
    compilation_error,
    not_emulated,
)
from dagster_spcs.emulator.sql.file_formats import FileFormat
from dagster_spcs.emulator.sql.given_rows import GivenRows
from dagster_spcs.emulator.sql.quoting import duckdb_literal, quoted
from dagster_spcs.emulator.sql.stage_files import Stage
from dagster_spcs.emulator.sql.words import Kind, Words
from dagster_spcs.emulator.statements.registry import Context
from dagster_spcs.emulator.statements.rewriting import rewrite
from dagster_spcs.emulator.statements.staged_queries import format_clause

_COLUMNS = (
    Column("rows_unloaded", "fixed"),
    Column("input_bytes", "fixed"),
    Column("output_bytes", "fixed"),
)


@dataclass
class _Unload:
    """What a statement says."""

    location: str
    query: str
    format: FileFormat = field(default_factory=FileFormat)
    overwrite: bool = False
    single: bool = False
    header: bool = False


async def unload(words: Words, context: Context) -> Result:
    """``COPY INTO <location> FROM { <table> | ( <query> ) } [option …]``: one file.

    Raises:
        SqlError: as the query is refused; 1030 for a file that is there and is not to be replaced.
    """
    asked, first = _read(words, context)
    placed = sorted(context.bindings, key=int) if all(map(str.isdigit, context.bindings)) else []
    binds = [context.bindings[place] for place in placed[first:]]
    rewritten = await rewrite(asked.query, [bind["value"] for bind in binds], context)
    text, rows = asked.query, GivenRows()
    if rewritten is not None:
        text, rows = rewritten.text, rewritten.rows
        binds = [binds[at] for at in rewritten.binds]
    bindings = {str(at): bind for at, bind in enumerate(binds[: text.count("?")], 1)}
    outcome = await context.tables.run(context.session, text, bindings, rows)
    async with context.session.lock:
        stage, path = context.tables.stage(asked.location, context.session)
    return await run_in_threadpool(_written, asked, stage, path, outcome.table)


def _read(words: Words, context: Context) -> tuple[_Unload, int]:
    """Return what the statement says, and how many binds come before its query."""
    location = words.stage()
    words.expect("FROM")
    first = words.binds_read
    if words.take("("):
        query = words.until_closed()
    else:
        query = f"SELECT * FROM {quoted(*words.object_name())}"
    asked = _Unload(location, query)
    while words.here.kind is not Kind.END:
        match words.word():
            case "FILE_FORMAT":
                words.expect("=")
                asked.format = format_clause(words, context)
            case "OVERWRITE":
                words.expect("=")
                asked.overwrite = words.boolean()
            case "SINGLE":
                words.expect("=")
                asked.single = words.boolean()
            case "HEADER":
                words.expect("=")
                asked.header = words.boolean()
            case "MAX_FILE_SIZE":
                words.expect("=")
                words.number()  # all rows are in one file
            case "INCLUDE_QUERY_ID" | "DETAILED_OUTPUT":
                words.expect("=")
                if words.boolean():
                    raise not_emulated("INCLUDE_QUERY_ID and DETAILED_OUTPUT of COPY INTO")
            case option:
                raise not_emulated(f"{option} of COPY INTO")
    return asked, first


def _written(asked: _Unload, stage: Stage, path: str, table: pa.Table) -> Result:
    if not table.num_rows:
        return Result(_COLUMNS, [(0, 0, 0)])
    options, suffix = asked.format.writer()
    place = stage.inside(_name(path, suffix, is_single=asked.single))
    if place.exists() and not asked.overwrite:
        raise SqlError(
            1030,
            "22000",
            f"Files already existing at the unload destination: @{asked.location}. Use overwrite"
            " option to force unloading.",
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    if asked.format.type == "JSON":
        _write_json(table, place, asked.format)
    else:
        if asked.format.type == "PARQUET" and not asked.header:
            table = table.rename_columns([f"_COL_{at}" for at in range(table.num_columns)])
        header = f", HEADER {str(asked.header).lower()}" if asked.format.type == "CSV" else ""
        _write(table, place, options + header)
    return Result(_COLUMNS, [(table.num_rows, table.nbytes, place.stat().st_size)])


def _name(path: str, suffix: str, *, is_single: bool) -> str:
    """Return the name of the file: an account numbers its files after threads and parts."""
    stem = f"{path}data" if not path or path.endswith("/") else path
    if is_single:
        return stem
    return f"{stem}_0_0_0{suffix}"


def _write(table: pa.Table, place: Path, options: str) -> None:
    # Beside its place first: DuckDB reads the name's suffix, and a reader sees all or nothing.
    with tempfile.TemporaryDirectory(dir=place.parent) as folder, closing(duckdb.connect()) as duck:
        part = Path(folder) / "part"
        duck.register("unloaded", table)
        duck.execute(f"COPY unloaded TO {duckdb_literal(part)} ({options})")
        shutil.move(part, place)


def _write_json(table: pa.Table, place: Path, format_: FileFormat) -> None:
    if table.num_columns != 1:
        raise compilation_error(
            "JSON file format can produce one and only one column of type variant, object, or"
            " array.",
            number=2019,
            sqlstate="0A000",
        )
    lines = "".join(f"{line}\n" for line in table.column(0).to_pylist() if line is not None)
    data = lines.encode()
    place.write_bytes(data if format_.compression == "none" else gzip.compress(data))
