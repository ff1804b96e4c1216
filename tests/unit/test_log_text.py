"""Log text: safe on a page, and the last lines win."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dagster_spcs.jobs.log_text import MAX_LOG_BYTES, clean, markdown, plain
from dagster_spcs.spcs.records import LogLine

from .samples import ANY_TEXT

BAD = "\ufffd"


def line(text: str, *, instance: int = 0, container: str = "main", stream: str | None = None):
    """One line of output."""
    return LogLine(text, instance, container, stream=stream)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("tab\there é 😍", "tab\there é 😍", id="text-is-kept"),
        pytest.param("\x1b[1;31mred\x1b[0m", "red", id="colour"),
        pytest.param("\x1b[2K\x1b[1Gnow", "now", id="cursor-movement"),
        pytest.param("\x1b]0;title\x07text", "text", id="window-title"),
        pytest.param("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link", id="hyperlink"),
        pytest.param("\x1bMup", "up", id="two-character-code"),
        pytest.param("10%\r20%", "20%", id="progress-bar"),
        pytest.param("\r\x1b[K 10%|#  |\r\x1b[K100%|###|\r", "100%|###|", id="coloured-bar"),
        pytest.param("windows\r", "windows", id="carriage-return-at-the-end"),
        pytest.param("\r\r", "", id="carriage-returns-alone"),
        pytest.param("a\0b\x07c\x7fd\x85e", f"a{BAD}b{BAD}c{BAD}d{BAD}e", id="controls"),
        pytest.param("a\u202eb\u2066c", f"a{BAD}b{BAD}c", id="direction-marks"),
        pytest.param("\x1b\x1b[0m[31m", f"{BAD}[31m", id="code-inside-a-code"),
        pytest.param("x" * 2000, "x" * 2000, id="longest"),
        pytest.param(
            "a" * 1001 + "b" * 1002, "a" * 1000 + " … 3 characters … " + "b" * 1000, id="cut"
        ),
    ],
)
def test_clean(text: str, shown: str) -> None:
    """Codes for a terminal go, controls become visible, a very long line is cut."""
    assert clean(text) == shown


@given(ANY_TEXT | st.text("\x1b[]0;mK\\a\x07\x9b\u202e\n\r", max_size=40))
@example("first\nsecond")
def test_cleaned_text_is_one_harmless_line(text: str) -> None:
    """No control character but the tab is left, so one line stays one line."""
    left = {
        character
        for character in clean(text)
        if unicodedata.category(character) == "Cc" and character != "\t"
    }
    assert left == set()


def test_plain_marks_the_stream() -> None:
    """What went to stderr says so."""
    assert plain([line("a", stream="stdout"), line("b", stream="stderr")]) == "a\nstderr: b"


def test_plain_tells_sources_apart() -> None:
    """With several containers each line says whose it is; with one, none does."""
    lines = [line("a"), line("b", instance=1), line("c", container="side", stream="stderr")]
    assert plain(lines) == "0/main a\n1/main b\n0/side stderr: c"


@given(st.lists(ANY_TEXT, max_size=30), st.integers(0, 400))
def test_plain_keeps_the_last_lines_that_fit(texts: list[str], budget: int) -> None:
    """The text fits in the budget and is the end of the whole."""
    lines = [line(text) for text in texts]
    shown = plain(lines, budget)
    assert len(shown.encode()) <= budget
    assert plain(lines, 10**6).endswith(shown)


def test_plain_has_a_budget_of_its_own() -> None:
    """Without being told, a log takes at most ``MAX_LOG_BYTES``, and nearly that."""
    size = len(plain([line("x" * 99)] * 10_000).encode())
    assert MAX_LOG_BYTES - 100 <= size <= MAX_LOG_BYTES


@given(st.lists(ANY_TEXT | st.text("`~\n a", max_size=20), max_size=10))
@example(["```", "````text"])
@example([])
def test_no_line_closes_the_code_block(texts: list[str]) -> None:
    """The fence is longer than any run of backticks inside it."""
    lines = [line(text) for text in texts]
    opening, *body, closing = markdown(lines).split("\n")
    assert re.fullmatch("`{3,}text", opening)
    assert closing == opening.removesuffix("text")
    assert closing not in "\n".join(body)
    assert "\n".join(body) == plain(lines)
