"""Text inside SQL: whatever goes in comes back out, and nothing else happens."""

import re

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from dagster_spcs.spcs.sql_text import fence, like_prefix, quote_literal

from .samples import ANY_TEXT, AWKWARD_TEXT

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def read_literal(sql: str) -> str:
    """Read a literal by the rules of page "String & binary data types"; it must end at its end."""
    assert sql[0] == "'"
    read = []
    position = 1
    while True:
        character = sql[position]
        if character == "\\":
            following = sql[position + 1]
            assert following not in "xu01234567", "a code would follow"
            read.append(_ESCAPES.get(following, following))
            position += 2
        elif sql[position : position + 2] == "''":
            read.append("'")
            position += 2
        elif character == "'":
            assert position == len(sql) - 1, "the literal ends before its end"
            return "".join(read)
        else:
            read.append(character)
            position += 1


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        pytest.param("", "''", id="empty"),
        pytest.param("it's", "'it''s'", id="quote"),
        pytest.param("a\\", r"'a\\'", id="backslash-last"),
        pytest.param("\\'", r"'\\'''", id="backslash-before-quote"),
        pytest.param("a\nb", "'a\nb'", id="newline-is-itself"),
        pytest.param("$$ %s ? -- ;", "'$$ %s ? -- ;'", id="nothing-else-is-special"),
    ],
)
def test_quote_literal(value: str, sql: str) -> None:
    """Quotes and backslashes are doubled; all else is itself."""
    assert quote_literal(value) == sql


@given((ANY_TEXT | AWKWARD_TEXT).filter(lambda text: "\0" not in text))
def test_literal_reads_back(value: str) -> None:
    """Any text reads back as itself, and the literal ends where it should."""
    assert read_literal(quote_literal(value)) == value


@given(ANY_TEXT, ANY_TEXT)
def test_literal_refuses_nul(before: str, after: str) -> None:
    """A NUL cannot be sent and is refused."""
    with pytest.raises(ValueError, match="NUL"):
        quote_literal(f"{before}\0{after}")


def matches_like(pattern: str, text: str) -> bool:
    """Whether a text fits a LIKE pattern whose escape is the backslash."""
    expression = re.sub(
        r"\\(.)|([%_])|([^\\%_])",
        lambda m: {"%": ".*", "_": "."}[m[2]] if m[2] else re.escape(m[1] or m[3]),
        pattern,
        flags=re.DOTALL,
    )
    return re.fullmatch(expression, text, re.DOTALL) is not None


@given(AWKWARD_TEXT.filter(lambda text: "\0" not in text), AWKWARD_TEXT)
@example("DAGSTER_", "X")
@example("100%", "")
@example("a\\", "b")
def test_like_prefix(prefix: str, rest: str) -> None:
    """The pattern fits what begins with the prefix, and nothing that only looks so."""
    pattern = read_literal(like_prefix(prefix))
    assert matches_like(pattern, prefix + rest)
    for special in "%_":
        other = prefix.replace(special, "x")
        if other != prefix:
            assert not matches_like(pattern, other)


VALUES = st.recursive(
    ANY_TEXT | AWKWARD_TEXT | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(AWKWARD_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(AWKWARD_TEXT, VALUES, max_size=4))
@example({"env": {"PRICE": "$$"}})
@example({"a$": "$"})
@example({"a": "\\$$\\"})
@example({"a": "\x7f\x85\u2028\ufeff\ufffe\uffff\0"})
@example({"a": "😍"})
def test_fence_reads_back(document: dict) -> None:
    """What stands between the fences is the document for a YAML reader, without one ``$``."""
    text = fence(document)
    assert text[:2] == text[-2:] == "$$"
    assert "$" not in text[2:-2]
    assert yaml.safe_load(text[2:-2]) == document
