"""Text inside SQL: string literals, LIKE patterns and the ``$$`` fence.

Page "String & binary data types": inside single quotes a backslash escapes, and between ``$$``
nothing does.
"""

import json
import re
from typing import Any

# What JSON allows raw inside a string and YAML does not call printable.
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def quote_literal(value: str) -> str:
    """Return ``value`` as a Snowflake string literal.

    Raises:
        ValueError: for a NUL character, which Snowflake's text cannot carry.
    """
    if "\0" in value:
        raise ValueError("text with a NUL character cannot be sent to Snowflake")
    # Backslash escapes inside Snowflake's single quotes. Doubling only the quote would leave a
    # value that ends in a backslash unterminated, so both are doubled, the backslash first.
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def like_prefix(prefix: str) -> str:
    """Return the LIKE pattern, as a literal, of texts that begin with ``prefix``.

    LIKE is case-insensitive in SHOW commands, so the caller still compares the names it gets.
    """
    return quote_literal(like_exactly(prefix) + "%")


def like_exactly(text: str) -> str:
    """Return the LIKE pattern of one text."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def fence(document: dict[str, Any]) -> str:
    """Return ``document`` as JSON between ``$$``.

    JSON is a subset of YAML that is blind to indentation. ``$$`` would close the fence early and
    a ``$`` beside it would blur where it ends; the JSON escape of ``$`` reads back as the same
    character, so every ``$`` is sent as its escape.
    """
    text = json.dumps(document, ensure_ascii=False).replace("$", "\\u0024")
    return "$$" + _NOT_YAML.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "$$"
