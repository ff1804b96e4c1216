"""Arguments, names and shares: what is taken and what is refused."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textjob.errors import JobError
from textjob.names import Column, Table, quote
from textjob.options import EngineName, Share, Task, parse_options

ARGUMENTS = [
    "--task=sentiment",
    "--source_table=reviews",
    "--source_id_column=review_id",
    "--source_value_column=review_text",
    "--result_table=results",
]


def test_options_from_the_command_line() -> None:
    """The five arguments of a job are enough; names are resolved as Snowflake resolves them."""
    options = parse_options(ARGUMENTS, {})
    assert (options.task, options.engine) == (Task.SENTIMENT, EngineName.LIGHT)
    assert (options.source.sql, options.result.sql) == ('"REVIEWS"', '"RESULTS"')
    assert (options.batch_size, options.limit, options.full) == (64, None, False)
    assert options.share == Share(0, 1)


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        pytest.param(["--task=poetry"], "poetry", id="unknown-task"),
        pytest.param(["--engine=magic"], "magic", id="unknown-engine"),
        pytest.param(["--batch_size=0"], "--batch_size", id="batch-of-none"),
        pytest.param(["--batch_size=-3"], "--batch_size", id="negative-batch"),
        pytest.param(["--batch_size=many"], "--batch_size", id="batch-of-many"),
        pytest.param(["--batch_size=5000"], "above 2000", id="batch-above-the-bound"),
        pytest.param(["--limit=0"], "--limit", id="limit-of-none"),
        pytest.param(["--result_table=REVIEWS"], "is the source table", id="result-is-source"),
        pytest.param(["--source_tabel=x"], "--source_tabel", id="unknown-option"),
    ],
)
def test_options_refused(extra: list[str], complaint: str) -> None:
    """A wrong argument is named in one line."""
    with pytest.raises(JobError, match=complaint) as caught:
        parse_options([*ARGUMENTS, *extra], {})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        pytest.param("reviews", '"REVIEWS"', id="plain"),
        pytest.param("Db.Sch.Tab_1$", '"DB"."SCH"."TAB_1$"', id="dotted"),
        pytest.param('"My Table"', '"My Table"', id="quoted"),
        pytest.param('db."a.b"."say ""hi"""', '"DB"."a.b"."say ""hi"""', id="quotes-inside"),
        pytest.param('"x"";DROP TABLE y"', '"x"";DROP TABLE y"', id="sql-stays-a-name"),
    ],
)
def test_table_names(written: str, sent: str) -> None:
    """Plain parts become upper case, quoted parts stay; both are sent quoted."""
    assert Table.parse(written, "--source_table").sql == sent


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "a b",
        "a;b",
        "a--",
        "1a",
        "a.",
        ".a",
        "a..b",
        "a.b.c.d",
        '"a',
        '""',
        'a"b"',
        '"a"b',
        "a) OR (1=1",
        "x; DROP TABLE y",
        "(SELECT 1)",
        "TABLE('x')",
        "ü",
        "a\n",
        '"a\0b"',
        "a" * 256,
    ],
)
def test_names_refused(written: str) -> None:
    """What is not a name never reaches a statement, as a table or as a column."""
    with pytest.raises(JobError, match="--source_table"):
        Table.parse(written, "--source_table")
    with pytest.raises(JobError, match="--source_id_column"):
        Column.parse(written, "--source_id_column")


def test_column_has_one_part() -> None:
    """A dotted column is refused: the table is named elsewhere."""
    with pytest.raises(JobError, match="is not a column name"):
        Column.parse("t.id", "--source_id_column")


@given(st.text(min_size=1, max_size=60).filter(lambda name: "\0" not in name))
def test_quoting_comes_back(name: str) -> None:
    """Every name survives being quoted and read again."""
    assert Column.parse(quote(name), "--source_id_column") == Column(name)


@pytest.mark.parametrize(
    ("environment", "share"),
    [
        pytest.param({}, Share(0, 1), id="unset"),
        pytest.param(
            {"SNOWFLAKE_JOB_INDEX": "2", "SNOWFLAKE_JOBS_COUNT": "3"}, Share(2, 3), id="last"
        ),
        pytest.param(
            {"SNOWFLAKE_JOB_INDEX": "", "SNOWFLAKE_JOBS_COUNT": ""}, Share(0, 1), id="empty"
        ),
    ],
)
def test_share(environment: Mapping[str, str], share: Share) -> None:
    """An instance knows its share from the platform, and does everything without it."""
    assert Share.from_environment(environment) == share


@pytest.mark.parametrize(("index", "count"), [("3", "3"), ("-1", "3"), ("0", "0"), ("a", "3")])
def test_share_refused(index: str, count: str) -> None:
    """A share that would do the wrong rows, or none, is refused."""
    with pytest.raises(JobError, match="names no share"):
        Share.from_environment({"SNOWFLAKE_JOB_INDEX": index, "SNOWFLAKE_JOBS_COUNT": count})
