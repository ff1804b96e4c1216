"""SHOW TRANSACTIONS (the page of that name); BEGIN, COMMIT and ROLLBACK are fakesnow's."""

from datetime import datetime, timezone

from dagster_spcs.emulator.sql.answers import Column, Result
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.registry import Context, handles

_COLUMNS = (
    Column("id", "fixed"),
    Column("user"),
    Column("session", "fixed"),
    Column("name"),
    Column("started_on", "timestamp_ltz"),
    Column("state"),
    Column("scope", "fixed"),
)


@handles("SHOW TRANSACTIONS")
def show_transactions(words: Words, context: Context) -> Result:
    """``SHOW TRANSACTIONS``: the session's own, if one is open."""
    words.end()
    session = context.session
    if session.transaction_id is None:
        return Result(_COLUMNS, [])
    number = int(session.transaction_id)
    started = datetime.fromtimestamp(number // 1_000_000_000, timezone.utc)
    row = (number, session.user, session.id, session.transaction_id, started, "running", 0)
    return Result(_COLUMNS, [row])
