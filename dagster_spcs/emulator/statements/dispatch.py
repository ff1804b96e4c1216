"""From a statement's text to whoever answers it: a handler of ours, else fakesnow.

Ours come first: fakesnow's parser refuses DESCRIBE SERVICE and reads EXECUTE JOB SERVICE,
DROP SERVICE and SHOW SERVICE … as one opaque command.
"""

from dagster_spcs.emulator import statements
from dagster_spcs.emulator.sql.answers import Column, Result, SqlError, not_emulated
from dagster_spcs.emulator.sql.words import Kind, Words, leading_words
from dagster_spcs.emulator.statements.registry import (
    METHODS,
    STATEMENTS,
    SYSTEM_FUNCTIONS,
    Answer,
    Context,
    Handler,
    called,
)
from dagster_spcs.emulator.statements.rewriting import rewrite

__all__ = ["answer", "statements"]

_LONGEST = max(len(phrase) for phrase in STATEMENTS)
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
        result = await called(handler, words, context)
        if result is not None:
            return result
    if leading_words(text, 1)[:1] in (["CALL"], ["SELECT"]):
        words = Words(text, binds)
        words.step()
        result = await _function_call(words, context, only_describe=only_describe)
        if result is not None:
            return result
    return await rewrite(text, binds, context, only_describe=only_describe)


def _find(text: str) -> tuple[Handler | None, int]:
    leading = leading_words(text, _LONGEST)
    for length in range(len(leading), 0, -1):
        handler = STATEMENTS.get(tuple(leading[:length]))
        if handler is not None:
            return handler, length
    return None, 0


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
        return await called(handler, words, context)
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
    return await called(METHODS[method], words, context)
