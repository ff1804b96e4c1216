"""Databases and sessions, where fakesnow's grammar falls short of Snowflake's."""

from dagster_spcs.emulator.sql.answers import Result, does_not_exist
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
    for job in [job for job in context.account.jobs.values() if job.name[0] == name]:
        await drop(job, context)
    async with context.session.lock:
        context.tables.drop_database(name, context.session)
    return Result.status(f"{name} successfully dropped.")


@handles("ALTER SESSION SET QUERY_TAG", "ALTER SESSION UNSET QUERY_TAG")
def set_query_tag(words: Words, context: Context) -> Result:
    """A query tag is for the query history, which is not kept here."""
    words.rest()
    return Result.status("Statement executed successfully.")
