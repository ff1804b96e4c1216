"""RESULT_SCAN: rows of an earlier answer, ours or fakesnow's (the page of that name)."""

import pyarrow as pa

from dagster_spcs.emulator.sql.answers import Result, no_such_statement
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.registry import ACCOUNT_TABLES, Context


async def result_scan(words: Words, context: Context) -> Result | pa.Table:
    """``RESULT_SCAN({ '<query id>' | LAST_QUERY_ID() })``.

    Raises:
        SqlError: 709 if the answer is not kept, or was never there.
    """
    is_last = words.take("LAST_QUERY_ID", "(", ")")
    query_id = context.session.last_query_id if is_last else words.string()
    words.expect(")")
    found = context.tables.result(query_id)
    if found is None:
        raise no_such_statement(query_id)
    return found


ACCOUNT_TABLES["RESULT_SCAN"] = result_scan
