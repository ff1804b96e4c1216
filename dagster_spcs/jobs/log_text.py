"""Container output as text that is safe on a page."""

import re
from collections.abc import Sequence

from dagster_spcs.spcs.records import LogLine

MAX_LOG_BYTES = 16_000
"""Of a log shown in metadata; the last lines win."""
_MAX_LINE = 2_000
_ESCAPE_CODES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# Controls, the marks that turn the direction of text around, and halves of surrogate pairs, which
# no page and no database takes.
_CONTROLS = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def last_state(text: str) -> str:
    """Return what a terminal shows of a line in the end: a progress bar overwrites itself."""
    states = [state for state in text.split("\r") if state]
    return states[-1] if states else ""


def clean(text: str) -> str:
    """Return one line without terminal escapes and control characters, cut if very long.

    A long line is cut in the middle: its end tells as much as its beginning.
    """
    bare = _CONTROLS.sub("\ufffd", last_state(_ESCAPE_CODES.sub("", text)))
    left_out = len(bare) - _MAX_LINE
    if left_out <= 0:
        return bare
    half = _MAX_LINE // 2
    return f"{bare[:half]} … {left_out} characters … {bare[-half:]}"


def plain(lines: Sequence[LogLine], max_bytes: int = MAX_LOG_BYTES) -> str:
    """Return the last lines that fit in ``max_bytes``, stderr marked, one per line."""
    several = len({(line.instance_id, line.container) for line in lines}) > 1
    shown: list[str] = []
    budget = max_bytes
    for line in reversed(lines):
        source = f"{line.instance_id}/{line.container} " if several else ""
        stream = "stderr: " if line.stream == "stderr" else ""
        text = f"{source}{stream}{clean(line.text)}"
        budget -= len(text.encode()) + 1
        if budget < 0:
            break
        shown.append(text)
    return "\n".join(reversed(shown))


def markdown(lines: Sequence[LogLine], max_bytes: int = MAX_LOG_BYTES) -> str:
    """Return the last lines in a code block whose fence no line can close."""
    text = plain(lines, max_bytes)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
