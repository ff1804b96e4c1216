"""Queries for fakesnow in which functions, tables and stages of ours became rows and values."""

import re
from collections.abc import Sequence

import pyarrow as pa

from dagster_spcs.emulator.sql.answers import Result, SqlError, not_emulated
from dagster_spcs.emulator.sql.given_rows import GivenRows, Rewritten
from dagster_spcs.emulator.sql.log_rows import LogRows
from dagster_spcs.emulator.sql.quoting import literal, quoted
from dagster_spcs.emulator.sql.staged_rows import StagedRows
from dagster_spcs.emulator.sql.words import Kind, Token, Words
from dagster_spcs.emulator.statements.context_functions import CONTEXT_FUNCTIONS, session_function
from dagster_spcs.emulator.statements.events import event_table, is_event_table
from dagster_spcs.emulator.statements.registry import (
    ACCOUNT_TABLES,
    SERVICE_TABLES,
    SYSTEM_FUNCTIONS,
    Context,
    called,
)
from dagster_spcs.emulator.statements.staged_queries import begins_location, staged_rows

_OURS = re.compile(
    r"SPCS_|TELEMETRY|TASK_HISTORY|GET_JOB_HISTORY|RESULT_SCAN|INFER_SCHEMA|SYSTEM\$|IDENTIFIER"
    rf"|(?:FROM|JOIN|USING|,)[\s(]*'?@|{'|'.join(CONTEXT_FUNCTIONS)}",
    re.IGNORECASE,
)
_FUNCTIONS = re.compile(rf"TABLE|{'|'.join(CONTEXT_FUNCTIONS)}|SYSTEM\$\w+", re.IGNORECASE)
_TABLE_FOLLOWS = ("FROM", "JOIN", "USING", ",", "(")


async def rewrite(
    text: str,
    binds: Sequence[str | None],
    context: Context,
    *,
    only_describe: bool = False,
    staged: StagedRows | None = None,
) -> Rewritten | None:
    """Return a query as fakesnow can run it; None if nothing of ours is in it.

    Args:
        text: the query.
        binds: its binds by position.
        context: who asks.
        only_describe: only the columns are asked for, so no function may act.
        staged: what stands for any location on a stage, in COPY INTO; else they are looked up.

    Raises:
        SqlError: as the account would refuse it.
    """
    texts = (text, *(bind for bind in binds if isinstance(bind, str)))
    if not any(_OURS.search(each) for each in texts):
        return None
    rewriting = _Rewriting(text, binds, context, only_describe=only_describe, staged=staged)
    await rewriting.find_staged()
    return await rewriting.run()


class _Rewriting:
    """One query on its way, read word by word."""

    def __init__(
        self,
        text: str,
        binds: Sequence[str | None],
        context: Context,
        *,
        only_describe: bool,
        staged: StagedRows | None,
    ) -> None:
        self._text = text
        self._binds = binds
        self._context = context
        self._only_describe = only_describe
        self._given = staged
        self._rows = GivenRows()
        self._staged: dict[int, tuple[StagedRows, Words]] = {}
        """By where a location begins: what it means, and the words behind it."""

    async def find_staged(self) -> None:
        """Look up the locations on stages that the query selects from."""
        scan = Words(self._text, self._binds)
        places = _TablePlaces()
        while scan.here.kind is not Kind.END:
            token = scan.here
            if not (places.at(token) and begins_location(token)):
                scan.step()
                continue
            behind = scan.ahead()
            if self._given is None:
                found = await staged_rows(behind, self._context)
            else:
                found = self._given
                behind.stage()
            self._staged[token.start] = found, behind
            scan.catch_up(behind)

    async def run(self) -> Rewritten | None:
        """Return the query, or None if nothing was replaced."""
        pieces: list[str] = []
        left: list[int] = []
        done = 0
        columns, places = _Columns(), _TablePlaces()
        scan = Words(self._text, self._binds)
        while scan.here.kind is not Kind.END:
            token = scan.here
            is_table = places.at(token)
            begins_column = columns.begin_at(token)
            words = scan.ahead()
            replacement = self._table(token, words) if is_table else None
            if replacement is None:
                replacement = self._name(words)
            if replacement is None and token.kind is Kind.BIND:
                left.append(scan.binds_read)
            elif replacement is None:
                replacement = await self._function(words, is_first_of_column=begins_column)
            if replacement is None:
                scan.step()
            else:
                pieces += [self._text[done : token.start], replacement]
                scan.catch_up(words)
                done = scan.behind
        if not pieces:
            return None
        return Rewritten("".join([*pieces, self._text[done:]]), self._rows, left)

    def _table(self, token: Token, words: Words) -> str | None:
        """Return what stands for a table of ours."""
        if token.start in self._staged:
            rows, behind = self._staged[token.start]
            words.catch_up(behind)
            if rows not in self._rows.staged:
                self._rows.staged.append(rows)
            return rows.reference
        if is_event_table(words):
            self._rows.event_table = self._rows.event_table or event_table(self._context)
            return self._rows.event_table.reference
        return None

    def _name(self, words: Words) -> str | None:
        """Return what stands for ``IDENTIFIER(…)``, or for a column of a staged file."""
        if words.take("IDENTIFIER", "("):
            if words.here.kind not in (Kind.STRING, Kind.BIND):
                return None  # a variable, which fakesnow knows
            inner = Words(words.string())
            name = inner.object_name()
            inner.end()
            words.expect(")")
            return quoted(*name)
        if self._staged and words.take("$") and words.here.kind is Kind.NUMBER:
            column = f"${words.step().value}"
            if self._is_parquet and words.take(":"):
                return _quoted_part(words)
            return quoted(column)
        return None

    @property
    def _is_parquet(self) -> bool:
        return any(rows.format.type == "PARQUET" for rows, _ in self._staged.values())

    async def _function(self, words: Words, *, is_first_of_column: bool) -> str | None:
        """Return what stands for the function that comes next, if it is one of ours."""
        token = words.here
        if token.kind is not Kind.WORD or not _FUNCTIONS.fullmatch(token.value):
            return None
        name = token.value.upper()
        if name == "TABLE":
            result = await _table_function(words, self._context)
            return None if result is None else self._rows.add(result)
        if name in SYSTEM_FUNCTIONS:
            return await self._system_value(words)
        return session_function(words, self._context, is_first_of_column=is_first_of_column)

    async def _system_value(self, words: Words) -> str:
        """Return the value of a system function within a larger query, as SQL."""
        handler = SYSTEM_FUNCTIONS[words.word()]
        words.expect("(")
        binds = words.binds_left
        if self._only_describe:
            words.until_closed()
            return literal("")
        result = await called(handler, Words(f"{words.until_closed()})", binds), self._context)
        assert isinstance(result, Result)
        return literal(result.rows[0][0])


def _quoted_part(words: Words) -> str:
    """Return the column of a Parquet file that a path begins with."""
    token = words.step()
    if token.kind not in (Kind.WORD, Kind.QUOTED):
        raise words.unexpected("expected the name of a column")
    return quoted(token.value)


class _Columns:
    """Where, in a statement read word by word, a column of a SELECT list begins."""

    def __init__(self) -> None:
        self._in_list = [False]
        """By level of parentheses."""
        self._before = ""

    def begin_at(self, token: Token) -> bool:
        """Take the next token; say whether it begins a column."""
        word = token.value.upper() if token.kind in (Kind.WORD, Kind.SIGN) else ""
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
    """Where, in a statement read word by word, the name of a table may begin."""

    def __init__(self) -> None:
        self._before = ""

    def at(self, token: Token) -> bool:
        """Take the next token; say whether a table's name may begin with it."""
        begins = self._before in _TABLE_FOLLOWS
        self._before = token.value.upper() if token.kind in (Kind.WORD, Kind.SIGN) else ""
        return begins and token.kind in (Kind.WORD, Kind.QUOTED, Kind.STAGE, Kind.STRING)


async def _table_function(words: Words, context: Context) -> Result | LogRows | pa.Table | None:
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
    words.expect(")")
    return result
