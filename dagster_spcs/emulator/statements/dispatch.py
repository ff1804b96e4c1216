"""From a statement's text to whoever answers it: a handler of ours, else fakesnow.

Ours come first: fakesnow's parser refuses DESCRIBE SERVICE and reads EXECUTE JOB SERVICE,
DROP SERVICE and SHOW SERVICE … as one opaque command.
"""

import inspect
import re
from collections.abc import Sequence

from dagster_spcs.emulator import statements
from dagster_spcs.emulator.sql.answers import Column, Result, SqlError, not_emulated
from dagster_spcs.emulator.sql.given_rows import GivenRows, Rewritten
from dagster_spcs.emulator.sql.spelling import literal
from dagster_spcs.emulator.sql.words import Kind, Token, Words, leading_words
from dagster_spcs.emulator.statements.context_functions import CONTEXT_FUNCTIONS, session_function
from dagster_spcs.emulator.statements.events import event_table, is_event_table
from dagster_spcs.emulator.statements.registry import (
    ACCOUNT_TABLES,
    METHODS,
    SERVICE_TABLES,
    STATEMENTS,
    SYSTEM_FUNCTIONS,
    Answer,
    Context,
    Handler,
)

__all__ = ["answer", "statements"]

_LONGEST = max(len(phrase) for phrase in STATEMENTS)
_OUR_FUNCTIONS = re.compile(
    r"SPCS_|TELEMETRY|TASK_HISTORY|GET_JOB_HISTORY|RESULT_SCAN|SYSTEM\$"
    rf"|{'|'.join(CONTEXT_FUNCTIONS)}",
    re.IGNORECASE,
)
_REPLACED = re.compile(rf"TABLE|{'|'.join(CONTEXT_FUNCTIONS)}|SYSTEM\$\w+", re.IGNORECASE)
_LOOKING = ("SHOW", "DESC", "DESCRIBE")


async def answer(
    text: str, binds: list[str | None], context: Context, *, only_describe: bool = False
) -> Answer:
    """Answer a statement of ours; None if it is fakesnow's as it stands.

    With ``only_describe`` the client asks for the columns, and nothing may happen.

    Raises:
        SqlError: as the account would refuse it.
    """
    handler, length = _find(text)
    if handler is not None:
        if only_describe and leading_words(text, 1)[0] not in _LOOKING:
            return Result((Column("status"),), [])
        words = Words(text, binds)
        for _ in range(length):
            words.step()
        return await _call(handler, words, context)
    if not any(_OUR_FUNCTIONS.search(each) for each in (text, *filter(None, binds))):
        return None
    words = Words(text, binds)
    if words.take("CALL") or words.take("SELECT"):
        result = await _function_call(words, context, only_describe=only_describe)
        if result is not None:
            return result
    return await _rewrite(text, binds, context, only_describe=only_describe)


def _find(text: str) -> tuple[Handler | None, int]:
    leading = leading_words(text, _LONGEST)
    for length in range(len(leading), 0, -1):
        handler = STATEMENTS.get(tuple(leading[:length]))
        if handler is not None:
            return handler, length
    return None, 0


async def _call(handler: Handler, words: Words, context: Context) -> Answer:
    result = handler(words, context)
    return await result if inspect.isawaitable(result) else result


async def _function_call(words: Words, context: Context, *, only_describe: bool) -> Answer:
    """``CALL`` or ``SELECT`` of one method of a service, or of one system function."""
    token = words.here
    if token.kind is Kind.WORD and token.value.upper().startswith("SYSTEM$"):
        handler = SYSTEM_FUNCTIONS.get(token.value.upper())
        if handler is None:
            raise not_emulated(token.value.upper())
        whole = words.ahead()
        whole.step()
        whole.expect("(")
        whole.until_closed()
        if whole.here.kind is not Kind.END:
            return None  # part of a larger query
        name = words.word()
        if only_describe:
            return Result((Column(name),), [])
        words.expect("(")
        return await _call(handler, words, context)
    if token.kind not in (Kind.WORD, Kind.QUOTED):
        return None
    ahead = words.ahead()
    try:
        ahead.object_name()
    except SqlError:
        return None
    if not ahead.take("!"):
        return None
    method = ahead.word()
    if method not in METHODS:
        raise not_emulated(f"!{method}")
    if only_describe:
        return Result((Column(method),), [])
    return await _call(METHODS[method], words, context)


async def _rewrite(
    text: str, binds: Sequence[str | None], context: Context, *, only_describe: bool
) -> Rewritten | None:
    pieces: list[str] = []
    rows = GivenRows()
    left: list[int] = []
    done = 0
    columns = _Columns()
    begins_table = _TablePlaces()
    scan = Words(text, binds)
    while scan.here.kind is not Kind.END:
        token = scan.here
        begins_column = columns.begin_at(
            token.value.upper() if token.kind in (Kind.WORD, Kind.SIGN) else ""
        )
        replacement = None
        words = scan.ahead()
        if begins_table.at(token) and is_event_table(words):
            rows.event_table = rows.event_table or event_table(context)
            replacement = rows.event_table.reference
        elif token.kind is Kind.BIND:
            left.append(scan.binds_read)
        elif token.kind is Kind.WORD and _REPLACED.fullmatch(token.value):
            replacement = session_function(words, context, is_first_of_column=begins_column)
            if replacement is None and token.value.upper() == "TABLE":
                result = await _table_function(words, context)
                if result is not None:
                    replacement = rows.add(result)
            elif replacement is None and token.value.upper() in SYSTEM_FUNCTIONS:
                replacement = await _system_value(words, context, only_describe=only_describe)
        if replacement is None:
            scan.step()
        else:
            pieces += [text[done : token.start], replacement]
            scan.catch_up(words)
            done = scan.behind
    if not pieces:
        return None
    return Rewritten("".join([*pieces, text[done:]]), rows, left)


class _Columns:
    """Where, in a statement read word by word, a column of a SELECT list begins."""

    def __init__(self) -> None:
        self._in_list = [False]
        """By level of parentheses."""
        self._before = ""

    def begin_at(self, word: str) -> bool:
        """Take the next word; say whether it begins a column."""
        begins = self._before in ("SELECT", ",") and self._in_list[-1]
        if word == "(":
            self._in_list.append(False)
        elif word == ")" and len(self._in_list) > 1:
            self._in_list.pop()
        elif word in ("SELECT", "FROM"):
            self._in_list[-1] = word == "SELECT"
        self._before = word
        return begins


class _TablePlaces:
    """Where, in a statement read word by word, the name of a table begins."""

    def __init__(self) -> None:
        self._before = ""

    def at(self, token: Token) -> bool:
        """Take the next token; say whether a table's name begins with it."""
        begins = self._before in ("FROM", "JOIN", ",")
        self._before = token.value.upper()
        return begins and token.kind in (Kind.WORD, Kind.QUOTED)


async def _system_value(words: Words, context: Context, *, only_describe: bool) -> str:
    """Return the value of a system function within a larger query, as SQL."""
    handler = SYSTEM_FUNCTIONS[words.word()]
    words.expect("(")
    binds = words.binds_left
    if only_describe:
        words.until_closed()
        return literal("")
    result = await _call(handler, Words(f"{words.until_closed()})", binds), context)
    assert isinstance(result, Result)
    return literal(result.rows[0][0])


async def _table_function(words: Words, context: Context) -> Result | None:
    words.expect("TABLE")
    if not words.take("("):
        return None
    ahead = words.ahead()
    try:
        name = ahead.object_name()
    except SqlError:
        return None
    if ahead.take("!"):
        method = ahead.word()
        if method not in SERVICE_TABLES:
            raise not_emulated(f"!{method}")
        result = await SERVICE_TABLES[method](words, context)
    elif name[-1] in ACCOUNT_TABLES:
        words.object_name()
        words.expect("(")
        result = await ACCOUNT_TABLES[name[-1]](words, context)
    else:
        return None
    if result is None:
        return None
    words.expect(")")
    return result
