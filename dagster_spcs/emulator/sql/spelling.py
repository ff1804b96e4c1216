"""Spellings that Snowflake reads and fakesnow's parser does not, in the words it does read."""

import itertools
import re

from dagster_spcs.emulator.sql.words import Kind, leading_words, tokenize

_TRAILING_IF_NOT_EXISTS = re.compile(
    r"^(\s*CREATE\s+(?:\w+\s+){0,3}TABLE\s+)((?:[\w.$]|\"[^\"]*\")+)\s+(IF\s+NOT\s+EXISTS)\b",
    re.IGNORECASE,
)
_PUT = re.compile(r"^\s*PUT\b", re.IGNORECASE)
_QUOTED_STAGE = re.compile(r"'(@[^']+)'")
_VERBS = frozenset({"SHOW", "CREATE", "ALTER", "DROP", "DESCRIBE", "DESC"})
_WHOLE = frozenset({"GET", "REMOVE", "RM"})
_MODIFIERS = frozenset({"OR", "REPLACE", "TEMPORARY", "TEMP", "TRANSIENT", "SECURE"})
_KNOWN = frozenset(
    {"TABLE", "TABLES", "VIEW", "VIEWS", "SCHEMA", "SCHEMAS", "DATABASE", "DATABASES", "COLUMNS"}
    | {"OBJECTS", "SEQUENCE", "STAGE", "STAGES", "FILE", "FUNCTIONS", "PROCEDURES", "KEYS"}
)
_FROM_VALUES = re.compile(r"\bFROM\s+VALUES\s*\(", re.IGNORECASE)


def respell(text: str) -> str:
    """Return a statement as fakesnow can read it; untouched if there is nothing to change."""
    # Snowpark writes CREATE TABLE name IF NOT EXISTS when it saves a data frame …
    text = _TRAILING_IF_NOT_EXISTS.sub(r"\1\3 \2", text)
    # … quotes the stage when it uploads a file …
    if _PUT.match(text):
        return _QUOTED_STAGE.sub(r"\1", text)
    # … and names the columns of VALUES by number when it makes one.
    return _numbered_columns(text) if _FROM_VALUES.search(text) else text


def unknown_statement(text: str) -> str | None:
    """Return what a statement is about, if that is something fakesnow has no idea of.

    Such a statement ends in a parser's error, which would read like the user's own mistake.
    """
    words = leading_words(text, 4)
    if len(words) < 2 or words[0] not in _VERBS:
        return words[0] if words and words[0] in _WHOLE else None
    about = [word for word in words[1:] if word not in _MODIFIERS]
    if not about or about[0] in _KNOWN:
        return None
    return " ".join([words[0], *about[:2]])


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
