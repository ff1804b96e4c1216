"""Names: what is read, what is refused, how they are written, and the names chosen for jobs."""

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dagster_spcs.errors import InvalidName
from dagster_spcs.spcs.names import (
    MAX_JOB_NAME,
    JobName,
    choose_job_name,
    identifier,
    qualified,
    quote_identifier,
    split_name,
)

from .samples import ANY_TEXT, AWKWARD_TEXT

STORED = (ANY_TEXT | AWKWARD_TEXT).filter(lambda text: text and "\0" not in text)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        pytest.param("reviews", ("REVIEWS",), id="bare-is-upper-case"),
        pytest.param("Db.Sch.Tab_1$", ("DB", "SCH", "TAB_1$"), id="dotted"),
        pytest.param("_x", ("_X",), id="underscore-first"),
        pytest.param('"My Table"', ("My Table",), id="quoted-keeps-case"),
        pytest.param('db."a.b"', ("DB", "a.b"), id="dot-inside-quotes"),
        pytest.param('"say ""hi"""', ('say "hi"',), id="doubled-quotes"),
        pytest.param('"é\\"', ("é\\",), id="backslash-is-itself"),
        pytest.param("a" * 255, ("A" * 255,), id="longest"),
        pytest.param("a.b.c.d", ("A", "B", "C", "D"), id="parts-are-not-counted-here"),
    ],
)
def test_split_name(written: str, stored: tuple[str, ...]) -> None:
    """A name is resolved to stored form where it enters."""
    assert split_name(written) == stored


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("", id="empty"),
        pytest.param("1st", id="digit-first"),
        pytest.param("$x", id="dollar-first"),
        pytest.param("a-b", id="dash"),
        pytest.param("a b", id="blank"),
        pytest.param("a\n", id="newline-at-the-end"),
        pytest.param("é", id="not-ascii"),
        pytest.param("a.", id="nothing-after-the-dot"),
        pytest.param(".a", id="nothing-before-the-dot"),
        pytest.param("a..b", id="nothing-between-dots"),
        pytest.param('"a', id="quote-not-closed"),
        pytest.param('""', id="nothing-in-quotes"),
        pytest.param('"a"b', id="text-after-the-quote"),
        pytest.param("a; DROP TABLE b", id="sql"),
        pytest.param("a" * 256, id="too-long"),
        pytest.param(f'"{"a" * 256}"', id="too-long-in-quotes"),
    ],
)
def test_split_name_refuses(written: str) -> None:
    """What is neither a bare nor a quoted identifier is refused, and the error carries it."""
    with pytest.raises(InvalidName) as caught:
        split_name(written)
    assert caught.value.name == written


@given(st.lists(STORED, min_size=1, max_size=3))
def test_quoting_reads_back(parts: list[str]) -> None:
    """Any stored name, written as SQL, is read back as itself."""
    written = ".".join(quote_identifier(part) for part in parts)
    assert split_name(written) == tuple(parts)
    assert qualified(written) == written


@given(AWKWARD_TEXT)
def test_no_name_leaves_its_quotes(text: str) -> None:
    """Whatever is accepted as an identifier comes out as one quoted identifier."""
    try:
        sql = identifier(text)
    except InvalidName:
        return
    assert re.fullmatch(r'"(?:[^"\0]|"")+"', sql)


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param("", id="empty"),
        pytest.param("a" * 256, id="too-long"),
        pytest.param("a\0b", id="nul"),
    ],
)
def test_quote_identifier_refuses(stored: str) -> None:
    """What no identifier can hold is refused."""
    with pytest.raises(InvalidName, match="1 to 255 characters, none NUL"):
        quote_identifier(stored)


@pytest.mark.parametrize(
    ("function", "written"),
    [
        pytest.param(identifier, "a.b", id="identifier-with-a-dot"),
        pytest.param(qualified, "a.b.c.d", id="four-parts"),
        pytest.param(identifier, '"a\0b"', id="nul-in-an-identifier"),
        pytest.param(qualified, 'x."a\0b"', id="nul-in-a-name"),
    ],
)
def test_written_names_refused(function, written: str) -> None:
    """Names with too many parts, or with NUL, are refused."""
    with pytest.raises(InvalidName):
        function(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("job_a", JobName("JOB_A", "SC", "DB"), id="place-from-the-defaults"),
        pytest.param("s2.job_a", JobName("JOB_A", "S2", "DB"), id="database-from-the-defaults"),
        pytest.param("d2.s2.job_a", JobName("JOB_A", "S2", "D2"), id="complete"),
        pytest.param('"D 2"."s2"."JOB_A"', JobName("JOB_A", "s2", "D 2"), id="quoted"),
    ],
)
def test_job_name_parse(written: str, expected: JobName) -> None:
    """What a name leaves out is taken from the defaults."""
    assert JobName.parse(written, database="DB", schema="SC") == expected


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        pytest.param('"job_a"', "DNS label", id="lower-case"),
        pytest.param("_job", "DNS label", id="underscore-first"),
        pytest.param("job_", "DNS label", id="underscore-last"),
        pytest.param("job$1", "DNS label", id="dollar"),
        pytest.param('"JOB A"', "DNS label", id="blank"),
        pytest.param('"1JOB"', "DNS label", id="digit-first"),
        pytest.param("j" * 64, "DNS label", id="too-long"),
        pytest.param("a.b.c.d", "at most three parts", id="four-parts"),
        pytest.param("sc.job", "no database", id="schema-without-database"),
        pytest.param("job-a", "unexpected '-'", id="dash"),
    ],
)
def test_job_name_parse_refuses(written: str, complaint: str) -> None:
    """A name that could not be a job's is refused, saying why."""
    with pytest.raises(InvalidName, match=complaint):
        JobName.parse(written)


@pytest.mark.parametrize(
    ("schema", "database"),
    [pytest.param("SC", "", id="no-database"), pytest.param("", "DB", id="no-schema")],
)
def test_job_name_place_is_whole_or_absent(schema: str, database: str) -> None:
    """A job's place is a database and a schema, or nothing."""
    with pytest.raises(InvalidName, match="together"):
        JobName("JOB_A", schema, database)


@pytest.mark.parametrize(
    ("job", "sql", "text"),
    [
        pytest.param(JobName("A1"), "A1", "A1", id="unqualified"),
        pytest.param(JobName("A1", "SC", "DB"), '"DB"."SC".A1', "DB.SC.A1", id="qualified"),
        pytest.param(JobName("A1", 's"c', "d b"), '"d b"."s""c".A1', 'd b.s"c.A1', id="quoted"),
    ],
)
def test_job_name_written(job: JobName, sql: str, text: str) -> None:
    """As SQL the place is quoted and the name bare; for people it is plain."""
    assert (job.sql, str(job)) == (sql, text)


@given(STORED, STORED)
def test_job_name_sql_reads_back(database: str, schema: str) -> None:
    """The SQL of a job's name names the same job, whatever database and schema are called."""
    job = JobName("JOB_A", schema, database)
    assert JobName.parse(job.sql) == job


IDENTITY = st.lists(ANY_TEXT | st.none() | st.integers(0, 99), max_size=5)
PREFIX = st.from_regex(r"[A-Z](?:[A-Z0-9_]{0,42}[A-Z0-9])?", fullmatch=True)


@given(PREFIX, ANY_TEXT, IDENTITY)
@example("D" * 44, "scores", ["scores"])
@example("DAGSTER", "", [])
@example("DAGSTER", "日本語", ["日本語"])
@example("DAGSTER", "_ß_", ["a"])
def test_chosen_name_is_a_job_name(prefix: str, readable: str, identity: list) -> None:
    """A chosen name is a valid job name, begins with the prefix, and is chosen again the same."""
    chosen = choose_job_name(prefix, readable, identity)
    assert JobName(chosen).name == chosen
    assert chosen.startswith(f"{prefix}_")
    assert len(chosen) <= MAX_JOB_NAME
    assert choose_job_name(prefix, readable, list(identity)) == chosen


@given(IDENTITY, IDENTITY, ANY_TEXT)
@example(["a", "b"], ["a,b"], "x")
@example(["1"], [1], "x")
@example(["a", None], ["a", "null"], "x")
@example(["a", ""], ["a"], "x")
def test_names_tell_identities_apart(one: list, other: list, readable: str) -> None:
    """Different identities give different names, however alike they read."""
    assert (one == other) is (
        choose_job_name("D", readable, one) == choose_job_name("D", readable, other)
    )


def test_chosen_name_is_the_same_everywhere() -> None:
    """The name does not depend on process or release: a job found again is found by it."""
    identity = ["daily", "scores", "2026-01-01", "run-1", 0]
    assert choose_job_name("DAGSTER", "daily scores", identity) == EXPECTED_NAME


EXPECTED_NAME = "DAGSTER_DAILY_SCORES_Q523L5CR6AGCJT4C"


def test_readable_part_is_cut_to_fit() -> None:
    """Of a long asset name so much is shown as there is space for."""
    chosen = choose_job_name("DAGSTER", string.ascii_lowercase * 4, ["x"])
    assert len(chosen) == MAX_JOB_NAME
    assert chosen.startswith("DAGSTER_ABCDEFGHIJKLMNOPQRSTUVWXYZABC")


def test_prefix_leaves_no_space() -> None:
    """A prefix that leaves no space for the digest is refused, saying how long it may be."""
    with pytest.raises(InvalidName, match="at most 44 characters"):
        choose_job_name("D" * 45, "scores", [])
