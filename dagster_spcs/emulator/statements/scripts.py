"""EXECUTE IMMEDIATE: a text, or a file of a stage, as statements (the pages of these names).

A file may have ``{{ variables }}``; the rest of Jinja, and Snowflake Scripting, are not emulated.
"""

from typing import Any

from dagster_spcs.emulator.containers.specification import render
from dagster_spcs.emulator.sql.answers import Script, not_emulated
from dagster_spcs.emulator.sql.words import Kind, Words, statements_of
from dagster_spcs.emulator.statements.registry import Context, handles


@handles("EXECUTE IMMEDIATE")
def execute_immediate(words: Words, _: Context) -> Script:
    """``EXECUTE IMMEDIATE '<text>'``: the answer is that of its last statement."""
    text = words.string()
    if words.at("USING"):
        raise not_emulated("EXECUTE IMMEDIATE … USING with binds")
    words.end()
    return Script(statements_of(text))


@handles("EXECUTE IMMEDIATE FROM")
async def execute_file(words: Words, context: Context) -> Script:
    """``EXECUTE IMMEDIATE FROM <location> [USING ( <name> => <value> [, …] )]``."""
    location = words.stage()
    values: dict[str, Any] = {}
    if words.take("USING"):
        values = dict(words.listed(lambda: _value(words)))
    if words.at("DRY_RUN"):
        raise not_emulated("EXECUTE IMMEDIATE FROM … DRY_RUN")
    words.end()
    async with context.session.lock:
        stage, path = context.tables.stage(location, context.session)
    return Script(statements_of(render(stage.read(path), values)))


def _value(words: Words) -> tuple[str, str]:
    token = words.step()
    if token.kind not in (Kind.WORD, Kind.QUOTED):
        raise words.unexpected("expected the name of a variable")
    words.expect("=>")
    is_plain = words.here.kind is not Kind.STRING
    return token.value, words.step().value if is_plain else words.string()
