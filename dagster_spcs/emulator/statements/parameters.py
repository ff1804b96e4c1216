"""ALTER SESSION, ALTER ACCOUNT and SHOW PARAMETERS."""

import re
from collections.abc import Iterator
from typing import Any

from dagster_spcs.emulator.sql.answers import Column, Result
from dagster_spcs.emulator.sql.given_rows import Rewritten
from dagster_spcs.emulator.sql.parameters import PARAMETERS, Parameter, known
from dagster_spcs.emulator.sql.words import Kind, Words
from dagster_spcs.emulator.statements.patterns import like
from dagster_spcs.emulator.statements.registry import Context, handles

_SUCCESS = Result.status("Statement executed successfully.")


@handles("ALTER SESSION SET")
def alter_session_set(words: Words, context: Context) -> Result | Rewritten:
    """``ALTER SESSION SET <parameter> = <value> [, …]``."""
    parameters = context.session.parameters
    answer: Result | Rewritten = _SUCCESS
    for name, value in _assignments(words):
        parameters.set(name, value)
        if name == "AUTOCOMMIT":
            answer = Rewritten(f"ALTER SESSION SET AUTOCOMMIT = {parameters.get(name)}")
    return answer


@handles("ALTER SESSION UNSET")
def alter_session_unset(words: Words, context: Context) -> Result | Rewritten:
    """``ALTER SESSION UNSET <parameter> [, …]``."""
    parameters = context.session.parameters
    answer: Result | Rewritten = _SUCCESS
    for name in _names(words):
        parameters.unset(name)
        if name == "AUTOCOMMIT":
            answer = Rewritten(f"ALTER SESSION SET AUTOCOMMIT = {parameters.get(name)}")
    return answer


@handles("ALTER ACCOUNT SET")
def alter_account_set(words: Words, context: Context) -> Result:
    """``ALTER ACCOUNT SET <parameter> = <value> [, …]``."""
    for name, value in list(_assignments(words)):
        context.account.set_parameter(name, known(name).read(value))
    return _SUCCESS


@handles("ALTER ACCOUNT UNSET")
def alter_account_unset(words: Words, context: Context) -> Result:
    """``ALTER ACCOUNT UNSET <parameter> [, …]``."""
    for name in _names(words):
        context.account.set_parameter(known(name).name, None)
    return _SUCCESS


@handles("SHOW PARAMETERS")
def show_parameters(words: Words, context: Context) -> Result:
    """``SHOW PARAMETERS [LIKE '<pattern>'] [IN { SESSION | ACCOUNT | USER | … [<name>] }]``.

    Objects other than session and account have no parameters of their own here.
    """
    pattern = words.string() if words.take("LIKE") else None
    place = "SESSION"
    if words.take("IN") or words.take("FOR"):
        place = words.word()
        while not words.at("LIKE") and words.here.kind is not Kind.END:
            words.step()
        if words.take("LIKE"):
            pattern = words.string()
    words.end()
    is_wanted = like(pattern) if pattern is not None else re.compile("")
    rows = [
        _row(parameter, place, context)
        for name, parameter in sorted(PARAMETERS.items())
        if is_wanted.match(name) and (place == "ACCOUNT" or not parameter.of_account)
    ]
    names = ("key", "value", "default", "level", "description", "type")
    return Result(tuple(map(Column, names)), rows)


def _row(parameter: Parameter, place: str, context: Context) -> tuple[Any, ...]:
    name, parameters = parameter.name, context.session.parameters
    if place == "SESSION":
        value, level = parameters.get(name), parameters.level(name)
    else:
        value = parameters.account_default(name)
        level = "ACCOUNT" if name in context.account.parameters else ""
    return name, value, parameter.default, level, "", parameter.type


def _assignments(words: Words) -> Iterator[tuple[str, Any]]:
    while words.here.kind is not Kind.END:
        name = words.word()
        words.expect("=")
        minus = "-" if words.take("-") else ""
        if words.here.kind is Kind.NUMBER:
            yield name, minus + words.step().value
        else:
            yield name, words.text_or_word()
        words.take(",")


def _names(words: Words) -> list[str]:
    names = []
    while words.here.kind is not Kind.END:
        names.append(words.word())
        words.take(",")
    return names
