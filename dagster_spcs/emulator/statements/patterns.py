"""Patterns of SHOW commands."""

import re


def like(pattern: str) -> re.Pattern[str]:
    r"""Return a LIKE pattern of a SHOW command as a regular expression: any case, ``\`` escapes."""
    parts: list[str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == "\\":
            parts.append(re.escape(next(letters, "")))
        elif letter in "%_":
            parts.append(".*" if letter == "%" else ".")
        else:
            parts.append(re.escape(letter))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
