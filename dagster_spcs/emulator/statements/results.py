"""RESULT_SCAN over answers of ours; fakesnow scans its own."""

from dagster_spcs.emulator.sql.answers import Result
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.registry import ACCOUNT_TABLES, Context


async def result_scan(words: Words, context: Context) -> Result | None:
    """``RESULT_SCAN({ '<query id>' | LAST_QUERY_ID() })``; None if the answer was not ours."""
    is_last = words.take("LAST_QUERY_ID", "(", ")")
    query_id = context.session.last_query_id if is_last else words.string()
    words.expect(")")
    return context.tables.answers.get(query_id)


ACCOUNT_TABLES["RESULT_SCAN"] = result_scan
