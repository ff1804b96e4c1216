"""The loop against a server: what ends up in the result table, after whatever happened."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector import SnowflakeConnection
from textjob.errors import JobError
from textjob.job import Totals, run
from textjob.names import Column, Table
from textjob.options import Options, Share, Task

Query = Callable[..., list[tuple[Any, ...]]]
Texts = Callable[..., None]

SENTIMENT = Options(
    task=Task.SENTIMENT,
    source=Table(("TEXTS",)),
    id_column=Column("ID"),
    text_column=Column("BODY"),
    result=Table(("RESULTS",)),
    batch_size=3,
)
SUMMARY = replace(SENTIMENT, task=Task.SUMMARIZATION)
PRAISE, BLAME, FACT = "I love it.", "I hate it.", "It is 20 cm wide."


def quiet(line: str) -> None:
    """Take a progress line and drop it."""


def test_sentiment_rows(connection: SnowflakeConnection, query: Query, texts: Texts) -> None:
    """Each text has one row with label, score, digest, engine and time."""
    texts(PRAISE, BLAME, FACT, None, "")
    assert run(connection, SENTIMENT, quiet) == Totals(analysed=5, up_to_date=0, batches=2)

    rows = query(
        "SELECT id, label, score, text_digest, engine, analyzed_at FROM results ORDER BY id"
    )
    assert [row[:2] for row in rows] == [
        (1, "positive"),
        (2, "negative"),
        (3, "neutral"),
        (4, "neutral"),
        (5, "neutral"),
    ]
    assert rows[0][2] > 0 > rows[1][2]
    assert all(len(digest) == 64 for _, _, _, digest, _, _ in rows)
    assert {row[4] for row in rows} == {"light"}
    assert all(row[5] is not None for row in rows)


def test_summary_rows(connection: SnowflakeConnection, query: Query, texts: Texts) -> None:
    """Each text has one summary; a text that is null or empty has an empty one."""
    texts("It works.\nI like it.", None, "")
    run(connection, SUMMARY, quiet)
    rows = query("SELECT id, summary FROM results ORDER BY id")
    assert rows == [(1, "It works. I like it."), (2, ""), (3, "")]


@pytest.mark.parametrize("options", [SENTIMENT, SUMMARY], ids=["sentiment", "summarization"])
def test_hostile_texts_give_rows(
    connection: SnowflakeConnection, query: Query, texts: Texts, options: Options
) -> None:
    """Texts that break programs go in and come out as rows."""
    texts(
        "x" * 100_000,
        "Fine. " * 50_000,
        "it's 100 % \\ \\' $$ ?, ?; DROP TABLE texts; -- {}",
        "😀😡👨‍👩‍👧",
        "お湯が早い。最高です。また買います。",
        "سترة ممتازة",
        '"\n\r\n\t<b>&amp;</b>',
    )
    assert run(connection, options, quiet).analysed == 7
    assert query("SELECT COUNT(*), COUNT(DISTINCT id) FROM results") == [(7, 7)]


def test_bundled_reviews_each_get_a_row(
    connection: SnowflakeConnection, query: Query, texts: Texts, reviews: list[dict[str, str]]
) -> None:
    """All bundled reviews are analysed, none lost and none doubled."""
    texts(*(review["review_text"] for review in reviews))
    for options in (SENTIMENT, SUMMARY):
        own = replace(options, result=Table((str(options.task),)), batch_size=64)
        assert run(connection, own, quiet).analysed == len(reviews)
        assert query(f"SELECT COUNT(*), COUNT(DISTINCT id) FROM {own.result.sql}") == [
            (len(reviews), len(reviews))
        ]


def test_progress_lines(connection: SnowflakeConnection, texts: Texts) -> None:
    """Each batch is reported with what is done and what was to do, and the end with totals."""
    texts(*[PRAISE] * 7)
    lines: list[str] = []
    run(connection, SENTIMENT, lines.append)
    assert lines[1:4] == [
        "batch 1: 3 rows, 3 of 7",
        "batch 2: 3 rows, 6 of 7",
        "batch 3: 1 rows, 7 of 7",
    ]
    assert lines[4].startswith("done: 7 rows analysed in 3 batches")


def test_one_merge_a_batch(connection: SnowflakeConnection, texts: Texts) -> None:
    """A batch is written with one MERGE, whatever its size."""
    texts(*[PRAISE] * 7)
    sent: list[str] = []

    class Watched:
        """The connection, with a note of what passes."""

        def cursor(self) -> Any:
            cursor = connection.cursor()
            execute = cursor.execute

            def noted(text: str, *binds: Any) -> Any:
                sent.append(text.split(maxsplit=1)[0])
                return execute(text, *binds)

            cursor.execute = noted  # type: ignore[method-assign,assignment]
            return cursor

    run(Watched(), SENTIMENT, quiet)  # type: ignore[arg-type]
    assert sent.count("MERGE") == 3
    assert {"INSERT", "UPDATE", "DELETE"}.isdisjoint(sent)


def test_second_run_does_what_changed(
    connection: SnowflakeConnection, query: Query, texts: Texts
) -> None:
    """Rows with the same text are skipped; a changed and a new one are done."""
    texts(PRAISE, BLAME, None, FACT)
    run(connection, SENTIMENT, quiet)
    assert run(connection, SENTIMENT, quiet) == Totals(analysed=0, up_to_date=4, batches=0)

    query("UPDATE texts SET body = ? WHERE id = 2", PRAISE)
    query("INSERT INTO texts VALUES (9, ?)", BLAME)
    assert run(connection, SENTIMENT, quiet) == Totals(analysed=2, up_to_date=3, batches=1)
    assert query("SELECT id, label FROM results WHERE id IN (2, 9) ORDER BY id") == [
        (2, "positive"),
        (9, "negative"),
    ]


def test_full_redoes_everything(
    connection: SnowflakeConnection, query: Query, texts: Texts
) -> None:
    """With --full every row is done again and still has one result."""
    texts(PRAISE, BLAME)
    run(connection, SENTIMENT, quiet)
    assert run(connection, replace(SENTIMENT, full=True), quiet).analysed == 2
    assert query("SELECT COUNT(*) FROM results") == [(2,)]


def test_change_of_engine_redoes(
    connection: SnowflakeConnection, query: Query, texts: Texts
) -> None:
    """What another engine found does not count as done."""
    texts(PRAISE, BLAME)
    run(connection, SENTIMENT, quiet)
    query("UPDATE results SET engine = 'transformers' WHERE id = 1")
    assert run(connection, SENTIMENT, quiet).analysed == 1


def test_limit_stops_and_the_next_run_goes_on(
    connection: SnowflakeConnection, query: Query, texts: Texts
) -> None:
    """A limit is a number of rows done, not of rows looked at."""
    texts(*[PRAISE] * 7)
    limited = replace(SENTIMENT, limit=4)
    assert [run(connection, limited, quiet).analysed for _ in range(3)] == [4, 3, 0]
    assert query("SELECT COUNT(*), COUNT(DISTINCT id) FROM results") == [(7, 7)]


def test_row_gone_from_the_source_keeps_its_result(
    connection: SnowflakeConnection, query: Query, texts: Texts
) -> None:
    """The job adds and renews, it does not delete."""
    texts(PRAISE, BLAME)
    run(connection, SENTIMENT, quiet)
    query("DELETE FROM texts WHERE id = 1")
    run(connection, SENTIMENT, quiet)
    assert query("SELECT id FROM results ORDER BY id") == [(1,), (2,)]


class Killed(BaseException):
    """Stands for the end of the process: nothing in the program catches it."""


@pytest.mark.parametrize("last_line", ["batch 1", "batch 2", "batch 3"])
def test_killed_between_batches(
    connection: SnowflakeConnection, query: Query, texts: Texts, last_line: str
) -> None:
    """A job killed after a batch and run again loses nothing and doubles nothing."""
    texts(*[PRAISE, BLAME, FACT] * 4)

    def die(line: str) -> None:
        if line.startswith(last_line):
            raise Killed

    with pytest.raises(Killed):
        run(connection, SENTIMENT, die)
    done = int(last_line[-1]) * 3
    assert query("SELECT COUNT(*) FROM results") == [(done,)]
    assert run(connection, SENTIMENT, quiet) == Totals(
        analysed=12 - done, up_to_date=done, batches=(12 - done) // 3
    )
    assert query("SELECT COUNT(*), COUNT(DISTINCT id) FROM results") == [(12, 12)]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_cover_every_row_once(
    connection: SnowflakeConnection, query: Query, texts: Texts, count: int
) -> None:
    """The instances of a job together do every row, and none does another's."""
    texts(*[PRAISE] * 40)
    done = [
        run(connection, replace(SENTIMENT, share=Share(index, count)), quiet).analysed
        for index in range(count)
    ]
    assert sum(done) == 40
    assert query("SELECT COUNT(*), COUNT(DISTINCT id) FROM results") == [(40, 40)]


def test_instances_at_the_same_time(settings: dict[str, Any], query: Query, texts: Texts) -> None:
    """Instances that start together share one result table, which none of them found there."""
    texts(*[PRAISE] * 30)

    def instance(index: int) -> int:
        with snowflake.connector.connect(**settings) as own:
            return run(own, replace(SENTIMENT, share=Share(index, 3)), quiet).analysed

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(instance, range(3))) == 30
    assert query("SELECT COUNT(*), COUNT(DISTINCT id) FROM results") == [(30, 30)]


def test_two_tasks_in_one_table(
    connection: SnowflakeConnection, query: Query, texts: Texts
) -> None:
    """Both tasks may write to one table: one row an id, and no task hides the other's work."""
    texts(PRAISE, BLAME)
    assert run(connection, SENTIMENT, quiet).analysed == 2
    assert run(connection, SUMMARY, quiet).analysed == 2
    assert query("SELECT id, label, summary FROM results ORDER BY id") == [
        (1, "positive", PRAISE),
        (2, "negative", BLAME),
    ]
    assert run(connection, SENTIMENT, quiet).analysed == 0

    query("UPDATE texts SET body = ? WHERE id = 1", FACT)
    assert run(connection, SENTIMENT, quiet).analysed == 1
    # The summary was of the old text: better none than a wrong one.
    assert query("SELECT label, summary FROM results WHERE id = 1") == [("neutral", None)]
    assert run(connection, SUMMARY, quiet).analysed == 1
    assert query("SELECT label, summary FROM results WHERE id = 1") == [("neutral", FACT)]


def test_ids_may_be_text(connection: SnowflakeConnection, query: Query) -> None:
    """Ids of text page and merge like numbers, quotes and all."""
    query('CREATE TABLE "odd ""source""" ("The Id" VARCHAR, "select" VARCHAR)')
    ids = ["a", "b'c", 'd"e', "ü", "?", "\\", "", "Z"]
    for row_id in ids:
        query('INSERT INTO "odd ""source""" VALUES (?, ?)', row_id, PRAISE)
    options = replace(
        SENTIMENT,
        source=Table(('odd "source"',)),
        id_column=Column("The Id"),
        text_column=Column("select"),
        result=Table(('odd "results"',)),
    )
    assert run(connection, options, quiet).analysed == len(ids)
    found = query('SELECT "The Id" FROM "odd ""results"""')
    assert sorted(found) == sorted((row_id,) for row_id in ids)
    assert run(connection, options, quiet).analysed == 0


def test_rows_without_an_id_are_left_out(
    connection: SnowflakeConnection, query: Query, texts: Texts
) -> None:
    """A row without an id cannot have a result; the job says so and goes on."""
    texts(PRAISE)
    query("INSERT INTO texts VALUES (NULL, ?)", BLAME)
    lines: list[str] = []
    assert run(connection, SENTIMENT, lines.append).analysed == 1
    assert lines[0] == '1 rows without "ID" are left out'


def test_ids_that_repeat_are_refused(
    connection: SnowflakeConnection, query: Query, texts: Texts
) -> None:
    """Two rows with one id would overwrite each other's result."""
    texts(PRAISE)
    query("INSERT INTO texts VALUES (1, ?)", BLAME)
    with pytest.raises(JobError, match=r'"ID" of "TEXTS" is not unique'):
        run(connection, SENTIMENT, quiet)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param({"source": Table(("NOPE",))}, 'from "NOPE".*SELECT', id="no-source"),
        pytest.param({"id_column": Column("NOPE")}, "--source_id_column", id="no-id"),
        pytest.param({"text_column": Column("NOPE")}, "--source_value_column", id="no-text"),
        pytest.param({"id_column": Column("LABEL")}, "name of a result column", id="taken-name"),
        pytest.param({"result": Table(("OTHER",))}, "has no column", id="another-table"),
        pytest.param({"result": Table(("NOPE", "T"))}, "cannot be made", id="no-schema"),
    ],
)
def test_what_is_not_there_is_named(
    connection: SnowflakeConnection,
    query: Query,
    texts: Texts,
    change: dict[str, Any],
    complaint: str,
) -> None:
    """The error names the thing, the reason and the next step in one line."""
    texts(PRAISE)
    query("CREATE TABLE other (x INT)")
    with pytest.raises(JobError, match=complaint) as caught:
        run(connection, replace(SENTIMENT, **change), quiet)
    assert "\n" not in str(caught.value)
