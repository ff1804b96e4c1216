"""The loop: read a page of due rows, analyse it, write it with one MERGE, say so, go on.

A job that dies between two pages has written whole pages only, and its next run sees those rows as
up to date. A row of the result table whose id has left the source stays: the job adds and renews,
it does not delete.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from snowflake.connector import SnowflakeConnection
from snowflake.connector import errors as connector_errors

from textjob import statements
from textjob.engines import Engine, load_engine
from textjob.errors import JobError
from textjob.options import Options
from textjob.statements import OUTCOMES, Result, Statement


class Totals(NamedTuple):
    """What a run did."""

    analysed: int
    up_to_date: int
    batches: int
    left: int = 0
    """Rows that were due at the start and have no result, because of a limit."""


def log(line: str) -> None:
    """Print a progress line at once; a container's output is read while it runs."""
    print(line, flush=True)


def run(
    connection: SnowflakeConnection, options: Options, say: Callable[[str], None] = log
) -> Totals:
    """Analyse the rows that are due and write their results.

    Args:
        connection: An open connection with ``paramstyle="qmark"``; left open.
        options: The run.
        say: Takes each progress line.

    Raises:
        JobError: A table, a column, an id or a model is not as it has to be.
    """
    started = time.monotonic()
    # Before any table is touched: a missing model should cost nothing.
    engine = load_engine(options)
    others = _prepare_result(connection, options)
    _check_ids(connection, options, say)
    ((ours,),) = _source_rows(connection, options, statements.count_share(options))
    ((due,),) = _source_rows(connection, options, statements.count_due(options))
    wanted = due if options.limit is None else min(due, options.limit)
    say(
        f"{options.task} of {options.source.sql} with {options.engine}: {wanted} of {ours} rows to"
        f" do, instance {options.share.index} of {options.share.count}"
    )

    analysed = batches = 0
    last_id: Any = None
    # Until nothing is left, not until the count is reached: rows may arrive while the job runs.
    while (size := _next_size(options, analysed)) > 0:
        page = _source_rows(
            connection, options, statements.read_page(options, after=last_id, size=size)
        )
        if not page:
            break
        _write(connection, options, others, _analyse(engine, page))
        last_id = page[-1][0]
        analysed += len(page)
        batches += 1
        say(f"batch {batches}: {len(page)} rows, {analysed} of {max(wanted, analysed)}")

    seconds = time.monotonic() - started
    say(
        f"done: {analysed} rows analysed in {batches} batches and {seconds:.1f} s,"
        f" {ours - due} were up to date; results in {options.result.sql}"
    )
    return Totals(analysed, up_to_date=ours - due, batches=batches, left=max(0, due - analysed))


def _next_size(options: Options, analysed: int) -> int:
    if options.limit is None:
        return options.batch_size
    return min(options.batch_size, options.limit - analysed)


def _analyse(engine: Engine, page: list[tuple[Any, ...]]) -> list[Result]:
    outcomes = engine.analyse([text for _, text, _ in page])
    return [
        Result(row_id, digest, outcome)
        for (row_id, _, digest), outcome in zip(page, outcomes, strict=True)
    ]


def _prepare_result(connection: SnowflakeConnection, options: Options) -> list[str]:
    """Make sure the result table has our columns; return those of another task in it."""
    ours = dict((*OUTCOMES[options.task], *statements.BOOKKEEPING))
    reserved = {name for columns in OUTCOMES.values() for name, _ in columns} | set(ours)
    if options.id_column.name in reserved:
        raise JobError(
            f"--source_id_column {options.id_column.sql} has the name of a result column: the"
            " result table cannot hold both; read from a view that names the id otherwise"
        )
    try:
        _rows(connection, statements.create_result(options))
    except connector_errors.DatabaseError as error:
        # Two instances that start together may both find no table; the slower one is refused.
        # Whether that is what happened is seen by looking, not by reading the message.
        if not _exists(connection, options):
            raise _refused(
                f"result table {options.result.sql} cannot be made from {options.source.sql}",
                error,
                "check --source_table, --source_id_column and --result_table, and that the"
                " job's owner role may SELECT from the one and CREATE TABLE for the other",
            ) from error
    present = _columns(connection, options)
    if options.id_column.name not in present:
        raise JobError(
            f"result table {options.result.sql} has no column {options.id_column.sql}: it holds"
            " something else; name another --result_table"
        )
    with _explained(
        f"result table {options.result.sql} cannot be given the columns of {options.task}",
        "name another --result_table, or let the job's owner role own this one",
    ):
        for name, kind in ours.items():
            if name not in present:
                _rows(connection, statements.add_column(options.result, name, kind))
    return [
        name
        for task, columns in OUTCOMES.items()
        for name, _ in columns
        if task is not options.task and name in present
    ]


def _exists(connection: SnowflakeConnection, options: Options) -> bool:
    try:
        _rows(connection, statements.no_rows(options.result))
    except connector_errors.DatabaseError:
        return False
    return True


def _columns(connection: SnowflakeConnection, options: Options) -> set[str]:
    statement = statements.no_rows(options.result)
    with (
        _explained(
            f"result table {options.result.sql} cannot be read",
            "let the job's owner role SELECT from it, or name another --result_table",
        ),
        closing(connection.cursor()) as cursor,
    ):
        cursor.execute(statement.text)
        return {column.name for column in cursor.description}


def _check_ids(
    connection: SnowflakeConnection, options: Options, say: Callable[[str], None]
) -> None:
    rows, with_id, different = _source_rows(connection, options, statements.count_ids(options))[0]
    if different < with_id:
        raise JobError(
            f"column {options.id_column.sql} of {options.source.sql} is not unique: {with_id} rows"
            f" share {different} ids, and a result is kept per id; name a unique"
            " --source_id_column"
        )
    if with_id < rows:
        say(f"{rows - with_id} rows without {options.id_column.sql} are left out")


def _source_rows(
    connection: SnowflakeConnection, options: Options, statement: Statement
) -> list[tuple[Any, ...]]:
    with _explained(
        f"source table {options.source.sql} cannot be read",
        "check --source_table, --source_id_column and --source_value_column, and that the job's"
        " owner role may SELECT from it",
    ):
        return _rows(connection, statement)


def _write(
    connection: SnowflakeConnection, options: Options, others: list[str], results: list[Result]
) -> None:
    with _explained(
        f"result table {options.result.sql} cannot be written",
        "batches before this one are kept; run the job again to go on from here",
    ):
        _rows(connection, statements.write_page(options, others, results))


def _rows(connection: SnowflakeConnection, statement: Statement) -> list[tuple[Any, ...]]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(statement.text, statement.binds or None)
        return [tuple(row) for row in cursor.fetchall()]


@contextmanager
def _explained(what: str, next_step: str) -> Iterator[None]:
    """Turn an error of the connector into one that says what could not be done and what to do."""
    try:
        yield
    except connector_errors.Error as error:
        raise _refused(what, error, next_step) from error


def _refused(what: str, error: connector_errors.Error, next_step: str) -> JobError:
    reason = " ".join(str(error.msg or error).split())
    return JobError(f"{what}: {reason}; {next_step}")
