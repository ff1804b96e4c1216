"""No text holds the event loop: reading one takes time in proportion to its length."""

import itertools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from snowflake.connector import ProgrammingError

from dagster_spcs.emulator.sql import words
from dagster_spcs.emulator.sql.words import is_empty, leading_words, statements_of, tokenize
from tests.support.emulators import Lab

TEXTS = {
    "comments": "/* ",
    "quotation": "\\'",
    "dollars": "$$ $",
    "names": '"" ',
    "semicolons": "; ",
    "lines": "-- \n",
    "signs": "( ) , ",
    "stages": "@a/b ",
}


@pytest.mark.parametrize("read", [tokenize, is_empty, statements_of])
@pytest.mark.parametrize("piece", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("begin", ["", "'", '"', "SELECT "])
def test_reading_is_linear(read: Callable[[str], Any], piece: str, begin: str) -> None:
    """Ten times the text asks for ten times the searches, and each search reads on only once."""
    few, many = (searched(read, begin + piece * count) for count in (200, 2000))
    assert many < 12 * few + 1000


def searched(read: Callable[[str], Any], text: str) -> int:
    """Return how many characters were looked at: the spans that each look-up in the text covers."""
    seen = 0

    def behind_space(text: str, position: int) -> int:
        nonlocal seen
        found = original(text, position)
        seen += found - position + 1
        return found

    def look(frame: FrameType, event: str, _: Any) -> None:
        nonlocal seen
        seen += event == "call"

    original = words._behind_space
    words._behind_space = behind_space  # type: ignore[assignment]
    sys.setprofile(look)
    try:
        read(text)
    finally:
        sys.setprofile(None)
        words._behind_space = original
    return seen


def test_tokens_cover_the_text_once() -> None:
    """No character is in two tokens, whatever is open at the end."""
    for piece in TEXTS.values():
        for begin in ("", "'", '"', "$$"):
            tokens = tokenize(begin + piece * 50)
            ends = [token.end for token in tokens]
            assert ends == sorted(ends)
            pairs = itertools.pairwise(tokens[:-1])
            assert all(token.start >= before.end for before, token in pairs)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/* a */ -- b\n SELECT", ["SELECT"]),
        ("/* never closed SELECT", []),
        ("// a\n/**/ DROP /* x */ SERVICE", ["DROP", "SERVICE"]),
    ],
)
def test_words_behind_comments(text: str, words: list[str]) -> None:
    """Comments of every kind are stepped over."""
    assert leading_words(text, 5) == words


@pytest.mark.parametrize(
    "text", ["SELECT 'open", 'SELECT "open', "SELECT 1 /* open", "SELECT $$open"]
)
def test_what_is_not_closed(lab: Lab, text: str) -> None:
    """It is a syntax error, or a comment to the end."""
    if "/*" in text:
        assert lab.value(f"{text} */") == 1
    else:
        with pytest.raises(ProgrammingError) as caught:
            lab.rows(text)
        assert caught.value.errno == 1003


def test_a_wrong_time(lab: Lab) -> None:
    """It is an ordinary SQL error, by number."""
    name = lab.run("true")
    for expression, number in (
        ("NOT_A_COLUMN", 904),
        ("'soon'::TIMESTAMP", 100038),
        ("NULL", 1003),
    ):
        with pytest.raises(ProgrammingError) as caught:
            lab.rows(f"SELECT * FROM TABLE({name}!SPCS_GET_LOGS(START_TIME => {expression}))")
        assert caught.value.errno == number
