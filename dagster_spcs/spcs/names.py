"""Names of Snowflake objects: reading them, writing them into SQL, and choosing a job's name.

A name is resolved once, where it enters (an unquoted part means upper case, page "Identifier
requirements"), and carried in its stored form from then on.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dagster_spcs.errors import InvalidName
from dagster_spcs.spcs.unreadable import is_text

MAX_IDENTIFIER = 255
MAX_JOB_NAME = 63
"""A job's name becomes a DNS label (``_`` turned into ``-``), hence its length and alphabet
(page "EXECUTE JOB SERVICE")."""

_UNQUOTED = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_PART = re.compile(r'"(?P<quoted>(?:[^"]|"")+)"|(?P<bare>[A-Za-z_][A-Za-z0-9_$]*)')
_JOB = re.compile(r"[A-Z](?:[A-Z0-9_]*[A-Z0-9])?")


def quote_identifier(stored: str) -> str:
    """Return the stored form of one identifier as a quoted identifier."""
    if not stored or len(stored) > MAX_IDENTIFIER or "\0" in stored:
        raise InvalidName(stored, f"an identifier has 1 to {MAX_IDENTIFIER} characters, none NUL")
    return '"' + stored.replace('"', '""') + '"'


def split_name(text: str) -> tuple[str, ...]:
    """Split ``a."b".c`` at its dots and return the stored form of each part.

    Raises:
        InvalidName: if a part is neither a bare nor a double-quoted identifier.
    """
    parts: list[str] = []
    position = 0
    while True:
        match = _PART.match(text, position)
        if match is None:
            raise InvalidName(
                text, "expected identifiers joined by dots; put other characters in double quotes"
            )
        quoted = match["quoted"]
        stored = quoted.replace('""', '"') if quoted is not None else match["bare"].upper()
        if len(stored) > MAX_IDENTIFIER:
            raise InvalidName(text, f"an identifier has at most {MAX_IDENTIFIER} characters")
        parts.append(stored)
        position = match.end()
        if position == len(text):
            return tuple(parts)
        if text[position] != ".":
            raise InvalidName(text, f"unexpected {text[position]!r} after {match.group()}")
        position += 1


def identifier(text: str) -> str:
    """Return one identifier, as a user writes it, as SQL that names the same object."""
    parts = split_name(text)
    if len(parts) != 1:
        raise InvalidName(text, "expected one identifier without dots")
    return quote_identifier(parts[0])


def qualified(text: str) -> str:
    """Return a name of one to three parts, as a user writes it, as SQL for the same object."""
    parts = split_name(text)
    if len(parts) > 3:
        raise InvalidName(text, "a name has at most three parts")
    return ".".join(quote_identifier(part) for part in parts)


@dataclass(frozen=True, order=True)
class JobName:
    """The full name of a job service, in stored form.

    ``database`` and ``schema`` are empty together when the session's current ones are meant.
    """

    name: str
    schema: str = ""
    database: str = ""

    def __post_init__(self) -> None:
        if len(self.name) > MAX_JOB_NAME or not _JOB.fullmatch(self.name):
            raise InvalidName(
                self.name,
                "a job's name must turn into a DNS label: A-Z, 0-9 and _, a letter first, no _"
                f" last, at most {MAX_JOB_NAME} characters",
            )
        if not (is_text(self.schema) and is_text(self.database)):
            raise InvalidName(self.name, "database or schema has characters that are no text")
        if bool(self.database) != bool(self.schema):
            raise InvalidName(self.name, "give database and schema together, or neither")

    @classmethod
    def parse(cls, text: str, *, database: str = "", schema: str = "") -> "JobName":
        """Read ``[[database.]schema.]name``; what it leaves out is taken from the arguments.

        ``database`` and ``schema`` are stored forms.

        Raises:
            InvalidName: if the name could not be a job's.
        """
        parts = split_name(text)
        if len(parts) > 3:
            raise InvalidName(text, "a job's name has at most three parts")
        name, *place = reversed(parts)
        if len(place) == 2:
            return cls(name, place[0], place[1])
        if len(place) == 1:
            if not database:
                raise InvalidName(text, "there is no database to find the schema in")
            return cls(name, place[0], database)
        return cls(name, schema, database)

    @property
    def sql(self) -> str:
        """The name as SQL.

        The last part goes bare: its alphabet needs no quotes, and every client seen writes it so
        before ``!METHOD``. Database and schema are quoted, as they may hold any character.
        """
        if not self.database:
            return self.name
        return f"{quote_identifier(self.database)}.{quote_identifier(self.schema)}.{self.name}"

    def __str__(self) -> str:
        return f"{self.database}.{self.schema}.{self.name}" if self.database else self.name


def is_job_name(stored: str) -> bool:
    """Whether a job can be called so."""
    return len(stored) <= MAX_JOB_NAME and _JOB.fullmatch(stored) is not None


def choose_job_name(prefix: str, readable: str, identity: Sequence[str | int | None]) -> str:
    """Return the job's name for an attempt: the same arguments always give the same name.

    The name is ``<prefix>_<readable>_<digest>``: ``readable`` is cut and cleaned to fit, and the
    digest (80 bits of SHA-256 over ``identity``) alone tells attempts apart.
    """
    encoded = json.dumps(list(identity), ensure_ascii=True, separators=(",", ":"))
    digest = base64.b32encode(hashlib.sha256(encoded.encode()).digest()[:10]).decode()
    space = MAX_JOB_NAME - len(prefix) - len(digest) - 2
    if space < 1:
        raise InvalidName(prefix, f"a job name prefix has at most {MAX_JOB_NAME - 19} characters")
    words = re.sub(r"[^A-Z0-9]+", "_", readable.upper().encode("ascii", "ignore").decode())
    return "_".join(part for part in (prefix, words[:space].strip("_"), digest) if part)
