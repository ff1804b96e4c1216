"""Statements that neither we nor fakesnow have, told by their first words."""

from dagster_spcs.emulator.sql.words import leading_words

_VERBS = frozenset({"SHOW", "CREATE", "ALTER", "DROP", "DESCRIBE", "DESC"})
_WHOLE = frozenset({"UNDROP", "EXPLAIN"})
_MODIFIERS = frozenset(
    {
        "OR",
        "REPLACE",
        "ALTER",
        "LOCAL",
        "GLOBAL",
        "SCOPED",
        "TEMPORARY",
        "TEMP",
        "VOLATILE",
        "TRANSIENT",
    }
    | {"TRANSIENT", "SECURE", "RECURSIVE", "MATERIALIZED"}
)
_CREATED = frozenset(
    {"TABLE", "VIEW", "SCHEMA", "DATABASE", "SEQUENCE", "STAGE", "FILE", "USER", "TAG"}
)
_KNOWN = _CREATED | frozenset(
    {"TABLES", "VIEWS", "SCHEMAS", "DATABASES", "COLUMNS", "OBJECTS", "STAGES", "FUNCTIONS"}
    | {"PROCEDURES", "KEYS", "USERS", "PARAMETERS", "SESSION"}
)
_OF_TRANSACTIONS = frozenset({"NAME", "TRANSACTION", "WORK"})
_LONGEST = 7
"""Words that are read: CREATE OR REPLACE SECURE RECURSIVE VIEW, and one more."""


def unsupported_creation(text: str) -> str | None:
    """Return what a CREATE makes, if it is nothing of ours or fakesnow's.

    fakesnow hands such a statement to DuckDB, which may have a thing of that name (a macro for
    CREATE FUNCTION), or may ignore what makes it special (CREATE DYNAMIC TABLE).
    """
    words = leading_words(text, _LONGEST)
    if not words or words[0] != "CREATE":
        return None
    about = _about(words)
    return None if not about or about[0] in _CREATED else " ".join(["CREATE", *about[:2]])


def unknown_statement(text: str) -> str | None:
    """Return what a statement is about, if that is something fakesnow has no idea of.

    Such a statement ends in a parser's error, which would read like the user's own mistake.
    """
    words = leading_words(text, _LONGEST)
    if len(words) < 2 or words[0] not in _VERBS:
        return words[0] if words and words[0] in _WHOLE else None
    about = _about(words)
    if not about or about[0] in _KNOWN:
        return None
    return " ".join([words[0], *about[:2]])


def _about(words: list[str]) -> list[str]:
    rest = words[1:]
    while rest and rest[0] in _MODIFIERS:
        rest = rest[1:]
    return rest


def is_script(text: str) -> bool:
    """Whether a text is a block of Snowflake Scripting, and not the begin of a transaction."""
    words = leading_words(text, 2)
    if words[:1] == ["DECLARE"]:
        return True
    return words[:1] == ["BEGIN"] and len(words) > 1 and words[1] not in _OF_TRANSACTIONS
