"""USE, where fakesnow's grammar falls short of Snowflake's."""

from dagster_spcs.emulator.sql.given_rows import Rewritten
from dagster_spcs.emulator.sql.quoting import quoted
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.registry import Context, handles


@handles("USE")
def use(words: Words, context: Context) -> Rewritten | None:
    """``USE <database>`` and ``USE <database>.<schema>``, without the kind of object."""
    if words.at("DATABASE") or words.at("SCHEMA"):
        return None
    name = words.object_name()
    words.end()
    return Rewritten(f"USE {'DATABASE' if len(name) == 1 else 'SCHEMA'} {quoted(*name)}")
