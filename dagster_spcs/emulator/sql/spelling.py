"""Spellings that Snowflake reads and fakesnow's parser does not, in the words it does read."""

import itertools
import re

from dagster_spcs.emulator.sql.words import Kind, tokenize

_TRAILING_IF_NOT_EXISTS = re.compile(
    r"^(\s*CREATE\s+(?:\w+\s+){0,3}TABLE\s+)((?:[\w.$]|\"[^\"]*\")+)\s+(IF\s+NOT\s+EXISTS)\b",
    re.IGNORECASE,
)
_SEQUENCE_ORDER = re.compile(
    r"^(\s*CREATE\s+(?:OR\s+REPLACE\s+)?SEQUENCE\b.*?)\s+(?:NO)?ORDER\b", re.IGNORECASE | re.DOTALL
)
_SCOPED = re.compile(r"^(\s*CREATE\s+(?:OR\s+REPLACE\s+)?)SCOPED\s+(?=TEMP)", re.IGNORECASE)
_BEGIN = re.compile(
    r"\s*(?:BEGIN(?:\s+(?:WORK|TRANSACTION))?|START\s+TRANSACTION)(?:\s+NAME\s+\S+)?\s*;?\s*",
    re.IGNORECASE,
)
_FROM_VALUES = re.compile(r"\bFROM\s+VALUES\s*\(", re.IGNORECASE)


def respell(text: str) -> str:
    """Return a statement as fakesnow can read it; untouched if there is nothing to change."""
    if _BEGIN.fullmatch(text):
        return "BEGIN"
    text = _SEQUENCE_ORDER.sub(r"\1", text)
    text = _SCOPED.sub(r"\1", text)
    # Snowpark writes CREATE TABLE name IF NOT EXISTS when it saves a data frame …
    text = _TRAILING_IF_NOT_EXISTS.sub(r"\1\3 \2", text)
    # … and names the columns of VALUES by number when it makes one.
    return _numbered_columns(text) if _FROM_VALUES.search(text) else text


def _numbered_columns(text: str) -> str:
    pieces: list[str] = []
    done = 0
    tokens = tokenize(text)
    for sign, number in itertools.pairwise(tokens):
        together = sign.end == number.start
        if sign.value == "$" and sign.kind is Kind.SIGN and number.kind is Kind.NUMBER and together:
            pieces += [text[done : sign.start], f"COLUMN{number.value}"]
            done = number.end
    return "".join([*pieces, text[done:]])
