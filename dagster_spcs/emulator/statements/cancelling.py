"""Statements that cancel other statements.

Pages "SYSTEM$CANCEL_QUERY" and "SYSTEM$CANCEL_ALL_QUERIES"; the texts of the answers are chosen.
"""

from dagster_spcs.emulator.sql.answers import Result, not_executing
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.registry import SYSTEM_FUNCTIONS, Context


def cancel_query(words: Words, context: Context) -> Result:
    """``SYSTEM$CANCEL_QUERY('<query id>')``: a synchronous job of the statement ends with it.

    Raises:
        SqlError: 605 if the statement has ended, or is not this user's.
    """
    query_id = words.string()
    words.expect(")")
    words.end()
    query = context.queries.find(query_id, context.session.user)
    if query is None or not query.cancel():
        raise not_executing()
    return Result.value("SYSTEM$CANCEL_QUERY", f"query [{query_id}] terminated.")


def cancel_all_queries(words: Words, context: Context) -> Result:
    """``SYSTEM$CANCEL_ALL_QUERIES(<session id>)``: all that a session of this user still runs."""
    session_id = words.number()
    words.expect(")")
    words.end()
    queries = context.queries.of_session(session_id, context.session.user)
    for query in queries:
        if query.id != context.query_id:
            query.cancel()
    return Result.value("SYSTEM$CANCEL_ALL_QUERIES", "All queries terminated.")


SYSTEM_FUNCTIONS["SYSTEM$CANCEL_QUERY"] = cancel_query
SYSTEM_FUNCTIONS["SYSTEM$CANCEL_ALL_QUERIES"] = cancel_all_queries
