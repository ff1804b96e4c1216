"""Tokens, and reading clauses from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_spcs.emulator.sql.answers import SqlError
from dagster_spcs.emulator.sql.words import Kind, Words, leading_words, tokenize
from dagster_spcs.spcs.sql_text import quote_literal

SQL_LIKE = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "'",
                "''",
                '"',
                "$$",
                "\\",
                "--",
                "//",
                "/*",
                "*/",
                "\n",
                ";",
                "@",
                "?",
                ":1",
                "!",
                "=>",
            ]
        ),
        st.text(max_size=4),
    )
).map("".join)


@given(SQL_LIKE)
def test_any_text_becomes_tokens(text: str) -> None:
    """No text crashes the tokenizer; spans are ordered, not empty, apart, and one END closes."""
    *tokens, end = tokenize(text)
    at = 0
    for token in tokens:
        assert at <= token.start < token.end <= len(text)
        at = token.end
    assert (end.kind, end.value, end.start, end.end) == (Kind.END, "", at, at)


@given(SQL_LIKE, st.integers(min_value=1, max_value=7))
def test_leading_words_of_any_text(text: str, most: int) -> None:
    """No text crashes the look at a statement's first words."""
    found = leading_words(text, most)
    assert len(found) <= most
    assert all(word == word.upper() for word in found)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_quoted_text_reads_back(text: str) -> None:
    """What the library quotes as a literal is one string token with the same value."""
    token, end = tokenize(quote_literal(text))
    assert (token.kind, token.value, end.kind) == (Kind.STRING, text, Kind.END)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("'it''s'", "it's", id="doubled-quote"),
        pytest.param(r"'it\'s'", "it's", id="escaped-quote"),
        pytest.param(r"'\b\f\n\r\t\0'", "\b\f\n\r\t\0", id="named"),
        pytest.param(r"'\101\x42\u0043'", "ABC", id="octal-hex-unicode"),
        pytest.param(r"'\q\\\"'", 'q\\"', id="unknown-backslash-is-dropped"),
        pytest.param("'a\nb'", "a\nb", id="newline"),
        pytest.param("'-- no /* comment'", "-- no /* comment", id="comment-signs"),
        pytest.param("''", "", id="empty"),
        pytest.param(r"$$it's \n raw$$", r"it's \n raw", id="dollars-are-raw"),
        pytest.param("$$a$b$$", "a$b", id="one-dollar-inside"),
    ],
)
def test_strings(text: str, value: str) -> None:
    """A literal reads as the page on string data types says."""
    assert Words(text).string() == value


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("A -- rest\nB", id="dashes"),
        pytest.param("A // rest\nB", id="slashes"),
        pytest.param("A /* 'x */ B", id="block"),
        pytest.param("/**/A/* -- */\n/* */B--", id="several"),
        pytest.param("A B;", id="semicolon"),
        pytest.param("\tA\r\nB ; ;", id="white-space"),
    ],
)
def test_comments_and_space_are_skipped(text: str) -> None:
    """Comments, white space and closing semicolons are no tokens."""
    assert [token.value for token in tokenize(text)] == ["A", "B", ""]
    assert leading_words(text, 2) == ["A", "B"]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        pytest.param("a.B$1", [Kind.WORD, Kind.SIGN, Kind.WORD], id="name"),
        pytest.param('"a""b"', [Kind.QUOTED], id="quoted"),
        pytest.param("@db.sc.st/a-b/c.yaml", [Kind.STAGE], id="stage"),
        pytest.param('@"D b"."S".~/x', [Kind.STAGE], id="quoted-stage"),
        pytest.param("12 1.5", [Kind.NUMBER, Kind.NUMBER], id="numbers"),
        pytest.param("? :1 %(a)s", [Kind.BIND, Kind.BIND, Kind.BIND], id="binds"),
        pytest.param("=> :: !", [Kind.SIGN, Kind.SIGN, Kind.SIGN], id="signs"),
        pytest.param("'open", [Kind.SIGN], id="open-string"),
    ],
)
def test_kinds(text: str, kinds: list[Kind]) -> None:
    """Each kind of token is told from the others."""
    assert [token.kind for token in tokenize(text)][:-1] == kinds


@pytest.mark.parametrize(
    ("text", "binds", "name"),
    [
        pytest.param("job", (), ("JOB",), id="upper-case"),
        pytest.param('"Job"', (), ("Job",), id="quoted-keeps-case"),
        pytest.param('db . "s.c".x', (), ("DB", "s.c", "X"), id="three-parts"),
        pytest.param("IDENTIFIER('db.sc.job')", (), ("DB", "SC", "JOB"), id="identifier-text"),
        pytest.param("identifier( ? )", ('db."sc"',), ("DB", "sc"), id="identifier-bind"),
    ],
)
def test_names(text: str, binds: tuple[str, ...], name: tuple[str, ...]) -> None:
    """A name is resolved to stored form wherever it comes from."""
    words = Words(text, binds)
    assert words.object_name() == name
    words.end()


def test_binds_are_read_in_order() -> None:
    """Each bind reads the next value; a number may be one."""
    words = Words("? , ? , ?", ["a", None, "-3"])
    assert (words.string(), words.take(","), words.string(), words.take(",")) == (
        "a",
        True,
        "",
        True,
    )
    assert words.number() == -3
    assert words.binds_read == 3


@pytest.mark.parametrize(
    ("text", "read", "number"),
    [
        pytest.param("?", Words.string, 2049, id="bind-without-value"),
        pytest.param("x", Words.string, 1003, id="word-for-a-string"),
        pytest.param("1.5", Words.number, 1003, id="fraction-for-a-number"),
        pytest.param("1", Words.boolean, 1003, id="number-for-a-boolean"),
        pytest.param("'x'", Words.word, 1003, id="string-for-a-word"),
        pytest.param("a.b.c.d", Words.object_name, 1003, id="four-parts"),
        pytest.param("a.", Words.object_name, 1003, id="open-name"),
        pytest.param("IDENTIFIER('a b')", Words.object_name, 1003, id="two-names-in-one"),
        pytest.param("stage", Words.stage, 1003, id="no-stage"),
        pytest.param("a", Words.end, 1003, id="something-left"),
    ],
)
def test_refusals(text: str, read, number: int) -> None:
    """What does not fit is refused with the account's number."""
    with pytest.raises(SqlError) as caught:
        read(Words(text))
    assert caught.value.number == number


def test_a_syntax_error_tells_where() -> None:
    """A refusal names line, position and what stands there."""
    words = Words("A\n  'b'")
    words.step()
    assert "line 2 at position 2 unexpected ''b''" in words.unexpected().text
    assert "unexpected '<EOF>'" in Words("").unexpected().text


def test_an_expression_ends_at_its_level() -> None:
    """A nested comma does not end an expression."""
    words = Words("DATEADD('h', f(1, 2), x) , 2")
    assert words.expression() == "DATEADD('h', f(1, 2), x)"
    assert words.take(",")
