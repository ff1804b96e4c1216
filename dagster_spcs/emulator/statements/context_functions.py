"""Functions about the session that fakesnow does not know (page "Context functions")."""

import json
from collections.abc import Callable

from dagster_spcs.emulator.sql.quoting import literal
from dagster_spcs.emulator.sql.sessions import SERVER_VERSION
from dagster_spcs.emulator.sql.words import Kind, Words
from dagster_spcs.emulator.statements.registry import Context

CONTEXT_FUNCTIONS: dict[str, Callable[[Context], str | None]] = {
    "CURRENT_ROLE": lambda context: context.session.role,
    "CURRENT_ROLE_TYPE": lambda _: "ROLE",
    "CURRENT_AVAILABLE_ROLES": lambda context: json.dumps(sorted(context.account.roles)),
    "CURRENT_SECONDARY_ROLES": lambda _: json.dumps({"roles": "", "value": ""}),
    "CURRENT_WAREHOUSE": lambda context: context.session.warehouse,
    "CURRENT_USER": lambda context: context.session.user,
    "CURRENT_SESSION": lambda context: str(context.session.id),
    "CURRENT_TRANSACTION": lambda context: context.session.transaction_id,
    "CURRENT_STATEMENT": lambda context: context.text,
    "CURRENT_CLIENT": lambda context: context.session.client,
    "CURRENT_IP_ADDRESS": lambda context: context.runner.host,
    "CURRENT_VERSION": lambda _: SERVER_VERSION,
    "CURRENT_REGION": lambda _: "EMULATOR",
    "CURRENT_ACCOUNT": lambda context: context.account.settings.account,
    "CURRENT_ACCOUNT_NAME": lambda context: context.account.settings.account,
    "CURRENT_ORGANIZATION_NAME": lambda context: context.account.settings.organization,
    "LAST_QUERY_ID": lambda context: context.session.last_query_id,
}


def session_function(words: Words, context: Context, *, is_first_of_column: bool) -> str | None:
    """Return the value of the function that comes next, as SQL; None if none does."""
    name = words.here.value.upper()
    if name not in CONTEXT_FUNCTIONS:
        return None
    words.step()
    called = words.take("(", ")")
    if not called and name != "CURRENT_USER":  # the one that needs no parentheses
        return None
    text = literal(CONTEXT_FUNCTIONS[name](context))
    # A column is named after the function, as an account names it.
    is_column = is_first_of_column and (words.at(",") or words.here.kind is Kind.END)
    return f'{text} AS "{name}{"()" if called else ""}"' if is_column else text
