"""System functions that are about no job (pages of these names)."""

import asyncio

from dagster_spcs.emulator.sql.answers import Result, compilation_error
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.registry import SYSTEM_FUNCTIONS, Context

_UNITS = {
    "DAYS": 86_400.0,
    "HOURS": 3600.0,
    "MINUTES": 60.0,
    "SECONDS": 1.0,
    "MILLISECONDS": 0.001,
}


async def wait(words: Words, context: Context) -> Result:
    """``SYSTEM$WAIT(<amount> [, '<unit>'])`` (page "SYSTEM$WAIT"); the unit is SECONDS."""
    amount = words.number()
    unit = words.text_or_word().upper() if words.take(",") else "SECONDS"
    words.expect(")")
    if unit not in _UNITS:
        raise compilation_error(f"invalid value [{unit}] for the unit of SYSTEM$WAIT")
    await asyncio.sleep(amount * _UNITS[unit])
    return Result.value("SYSTEM$WAIT", f"waited {amount} {unit.lower()}")


def client_version_info(words: Words, _: Context) -> Result:
    """``SYSTEM$CLIENT_VERSION_INFO()``: no version of any client is refused here."""
    words.expect(")")
    words.end()
    return Result.value("SYSTEM$CLIENT_VERSION_INFO", "[]")


SYSTEM_FUNCTIONS["SYSTEM$WAIT"] = wait
SYSTEM_FUNCTIONS["SYSTEM$CLIENT_VERSION_INFO"] = client_version_info
