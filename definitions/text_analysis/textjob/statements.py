"""Every statement the job sends, as text plus binds; nothing here runs one.

The source is read in pages that begin after the last id seen. Compared with OFFSET this never
skips or repeats a row while results are being written, and a page costs the same at any depth.
"""

# ruff: noqa: S608  the one place where SQL is put together: names come quoted from ``names``, numbers
# are our own, and every other value is bound.

from collections.abc import Sequence
from typing import Any, NamedTuple

from textjob.names import Table, quote
from textjob.options import Options, Task

# What a task adds to the result table. The first column is never null once a row is done.
OUTCOMES: dict[Task, tuple[tuple[str, str], ...]] = {
    Task.SENTIMENT: (("LABEL", "VARCHAR"), ("SCORE", "FLOAT")),
    Task.SUMMARIZATION: (("SUMMARY", "VARCHAR"),),
}
# What every result row has beside its id and its outcome.
BOOKKEEPING = (("TEXT_DIGEST", "VARCHAR"), ("ENGINE", "VARCHAR"), ("ANALYZED_AT", "TIMESTAMP_NTZ"))

# A VARCHAR may hold many megabytes; with this cut a batch has a known largest size. The digest is
# taken of the whole text, so a change behind the cut still makes the row due again.
LONGEST_TEXT = 200_000


class Statement(NamedTuple):
    """One statement and the values for its question marks."""

    text: str
    binds: tuple[Any, ...] = ()


class Result(NamedTuple):
    """One row to write."""

    row_id: Any
    digest: str
    outcome: tuple[Any, ...]


def create_result(options: Options) -> Statement:
    """Make the result table if it is not there, its id of the same type as the source's."""
    columns = ", ".join(
        f"CAST(NULL AS {kind}) AS {quote(name)}"
        for name, kind in (*OUTCOMES[options.task], *BOOKKEEPING)
    )
    return Statement(
        f"CREATE TABLE IF NOT EXISTS {options.result.sql} AS"
        f" SELECT {options.id_column.sql}, {columns} FROM {options.source.sql} WHERE 1 = 0"
    )


def add_column(table: Table, name: str, kind: str) -> Statement:
    """Give an existing result table a column; no error if another instance was faster."""
    return Statement(f"ALTER TABLE {table.sql} ADD COLUMN IF NOT EXISTS {quote(name)} {kind}")


def no_rows(table: Table) -> Statement:
    """Nothing but the description of a table's columns."""
    return Statement(f"SELECT * FROM {table.sql} LIMIT 0")


def count_ids(options: Options) -> Statement:
    """All rows, rows with an id, and different ids of the source."""
    column = options.id_column.sql
    return Statement(
        f"SELECT COUNT(*), COUNT({column}), COUNT(DISTINCT {column}) FROM {options.source.sql}"
    )


def count_share(options: Options) -> Statement:
    """Rows that are this instance's to care for."""
    share, binds = _share(options)
    return Statement(f'SELECT COUNT(*) FROM {options.source.sql} AS "S" WHERE {share}', binds)


def count_due(options: Options) -> Statement:
    """Those of them that have to be analysed."""
    share, share_binds = _share(options)
    due, due_binds = _due(options)
    return Statement(
        f'SELECT COUNT(*) FROM {options.source.sql} AS "S" WHERE {share} AND {due}',
        (*share_binds, *due_binds),
    )


def read_page(options: Options, after: Any, size: int) -> Statement:
    """The next due rows in id order: id, text (cut, null as empty) and digest.

    Args:
        options: The run.
        after: The last id of the page before; None for the first page.
        size: At most this many rows.
    """
    share, share_binds = _share(options)
    due, due_binds = _due(options)
    row_id = f'"S".{options.id_column.sql}'
    beyond, beyond_binds = ("", ()) if after is None else (f" AND {row_id} > ?", (after,))
    return Statement(
        f"SELECT {row_id}, LEFT({_text(options)}, {LONGEST_TEXT:d}), {_digest(options)}"
        f' FROM {options.source.sql} AS "S" WHERE {share} AND {due}{beyond}'
        f" ORDER BY {row_id} LIMIT {size:d}",
        (*share_binds, *due_binds, *beyond_binds),
    )


def write_page(options: Options, others: Sequence[str], results: Sequence[Result]) -> Statement:
    """Write a page in one MERGE, so that it is there as a whole or not at all, and never twice.

    Args:
        options: The run.
        others: Outcome columns of another task that shares the table. A row has one digest and
            one engine, so what the other task found in an older text, or by another engine, is
            emptied: that task then sees the row as due.
        results: The rows, one for each id.
    """
    row_id = options.id_column.name
    bound = [row_id, *(n for n, _ in OUTCOMES[options.task]), "TEXT_DIGEST", "ENGINE"]
    selected = ", ".join(f"COLUMN{i} AS {quote(name)}" for i, name in enumerate(bound, start=1))
    row = f"({', '.join('?' * len(bound))})"
    updates = [f'"T".{quote(name)} = "N".{quote(name)}' for name in bound[1:]]
    updates += [
        f'"T".{quote(name)} = IFF("T"."TEXT_DIGEST" = "N"."TEXT_DIGEST"'
        f' AND "T"."ENGINE" = "N"."ENGINE", "T".{quote(name)}, NULL)'
        for name in others
    ]
    inserted = ", ".join(f'"N".{quote(name)}' for name in bound)
    text = (
        f'MERGE INTO {options.result.sql} AS "T"'
        f' USING (SELECT {selected} FROM VALUES {", ".join([row] * len(results))}) AS "N"'
        f' ON "T".{quote(row_id)} = "N".{quote(row_id)}'
        # SYSDATE() is the time in UTC whatever the time zone of the session.
        f' WHEN MATCHED THEN UPDATE SET {", ".join(updates)}, "T"."ANALYZED_AT" = SYSDATE()'
        f' WHEN NOT MATCHED THEN INSERT ({", ".join(map(quote, bound))}, "ANALYZED_AT")'
        f" VALUES ({inserted}, SYSDATE())"
    )
    binds = tuple(
        value
        for result in results
        for value in (result.row_id, *result.outcome, result.digest, str(options.engine))
    )
    return Statement(text, binds)


def _text(options: Options) -> str:
    # The cast lets numbers and variants through as text.
    return f"COALESCE(CAST(\"S\".{options.text_column.sql} AS VARCHAR), '')"


def _digest(options: Options) -> str:
    # In SQL, not here: rows that are up to date then never leave Snowflake.
    return f"SHA2({_text(options)}, 256)"


def _share(options: Options) -> tuple[str, tuple[Any, ...]]:
    row_id = f'"S".{options.id_column.sql}'
    if options.share.count == 1:
        return f"{row_id} IS NOT NULL", ()
    return (
        f"{row_id} IS NOT NULL AND MOD(ABS(HASH({row_id})), ?) = ?",
        (options.share.count, options.share.index),
    )


def _due(options: Options) -> tuple[str, tuple[Any, ...]]:
    if options.full:
        return "TRUE", ()
    row_id = options.id_column.sql
    first_outcome = quote(OUTCOMES[options.task][0][0])
    return (
        f'NOT EXISTS (SELECT 1 FROM {options.result.sql} AS "R" WHERE "R".{row_id} = "S".{row_id}'
        f' AND "R"."TEXT_DIGEST" = {_digest(options)} AND "R"."ENGINE" = ?'
        f' AND "R".{first_outcome} IS NOT NULL)',
        (str(options.engine),),
    )
