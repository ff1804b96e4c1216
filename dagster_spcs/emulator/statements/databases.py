"""Databases and sessions, where fakesnow's grammar falls short of Snowflake's."""

from dagster_spcs.emulator.sql.answers import Result, already_exists, does_not_exist
from dagster_spcs.emulator.sql.given_rows import Rewritten
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.jobs import drop
from dagster_spcs.emulator.statements.registry import Context, handles


def _quoted(parts: tuple[str, ...]) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


@handles("USE")
def use(words: Words, context: Context) -> Rewritten | None:
    """``USE <database>`` and ``USE <database>.<schema>``, without the kind of object."""
    if words.at("DATABASE") or words.at("SCHEMA"):
        return None
    name = words.object_name()
    words.end()
    return Rewritten(f"USE {'DATABASE' if len(name) == 1 else 'SCHEMA'} {_quoted(name)}")


@handles(
    "CREATE DATABASE",
    "CREATE TRANSIENT DATABASE",
    "CREATE OR REPLACE DATABASE",
    "CREATE OR REPLACE TRANSIENT DATABASE",
)
async def create_database(words: Words, context: Context) -> Rewritten | None:
    """``CREATE [OR REPLACE] [TRANSIENT] DATABASE [IF NOT EXISTS] <name> …``."""
    replaces = words.began("CREATE", "OR", "REPLACE")
    may_exist = words.take("IF", "NOT", "EXISTS")
    name = words.identifier()
    if context.tables.database_exists(name):
        if replaces:
            await _drop(name, context)
        elif not may_exist:
            raise already_exists(name)
    return None


@handles("DROP DATABASE")
async def drop_database(words: Words, context: Context) -> Result:
    """``DROP DATABASE [IF EXISTS] <name> [CASCADE | RESTRICT]``: its jobs go with it."""
    may_be_absent = words.take("IF", "EXISTS")
    name = words.identifier()
    words.take("CASCADE")
    words.take("RESTRICT")
    words.end()
    if not context.tables.database_exists(name):
        if not may_be_absent:
            raise does_not_exist("Database", name)
        return Result.status(f"Drop statement executed successfully ({name} already dropped).")
    await _drop(name, context)
    return Result.status(f"{name} successfully dropped.")


async def _drop(name: str, context: Context) -> None:
    for job in [job for job in context.account.jobs.values() if job.name[0] == name]:
        await drop(job, context)
    async with context.session.lock:
        context.tables.drop_database(name, context.session)
