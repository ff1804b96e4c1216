"""Tokens of Snowflake SQL, and reading clauses from them.

Only as much of the language as the statements need that fakesnow's parser cannot read; all
other text is passed on untouched.
"""

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from dagster_spcs.emulator.sql.answers import SqlError, compilation_error, syntax_error


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted identifier"
    STRING = "string"
    NUMBER = "number"
    STAGE = "stage"
    BIND = "bind"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True)
class Token:
    """A token, its decoded value and its place in the text."""

    kind: Kind
    value: str
    start: int
    end: int


_SPACE = re.compile(r"\s*")
_LINE_COMMENTS = ("--", "//")
_PLAIN_WORD = re.compile(r"[A-Za-z_]+\b")
_STRING = re.compile(r"'(?:[^'\\]|''|\\.)*'", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"]|"")*"', re.DOTALL)
_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.STAGE, re.compile(r'@(?:[A-Za-z0-9_$./~%=-]|"(?:[^"]|"")*")+')),
    (Kind.WORD, re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")),
    (Kind.NUMBER, re.compile(r"\d+(?:\.\d+)?")),
    (Kind.BIND, re.compile(r"\?|:\d+|%\([A-Za-z_]\w*\)s")),
    (Kind.SIGN, re.compile(r"=>|::|->>|!|.", re.DOTALL)),
)
_ESCAPE = re.compile(r"''|\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_NAMED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def decode_string(token_text: str) -> str:
    """Return the value of ``'…'`` or ``$$…$$`` (page "String & binary data types")."""
    if token_text.startswith("$$"):
        return token_text[2:-2]

    def replace(match: re.Match[str]) -> str:
        octal, hexadecimal, unicode_, plain = match.groups()
        if octal is not None:
            return chr(int(octal, 8))
        if hexadecimal is not None or unicode_ is not None:
            return chr(int(hexadecimal or unicode_, 16))
        if plain is None:
            return "'"
        return _NAMED.get(plain, plain)  # an unknown backslash is dropped

    return _ESCAPE.sub(replace, token_text[1:-1])


def _behind_space(text: str, position: int) -> int:
    """Return where the next token begins: behind white space and comments.

    A comment that nobody closes reaches to the end.
    """
    while True:
        match = _SPACE.match(text, position)
        position = position if match is None else match.end()
        if text.startswith(_LINE_COMMENTS, position):
            end = text.find("\n", position)
        elif text.startswith("/*", position):
            end = text.find("*/", position + 2)
            end = end if end < 0 else end + 2
        else:
            return position
        if end < 0:
            return len(text)
        position = end


def tokenize(text: str) -> list[Token]:
    """Return the tokens of ``text``, ending with one END; trailing ``;`` is left out.

    Each character is looked at a few times, whatever the text is. A quotation mark that nobody
    closes is a sign, and the last token.
    """
    tokens: list[Token] = []
    position = _behind_space(text, 0)
    last_dollars = text.rfind("$$")
    while position < len(text):
        token = _token_at(text, position, last_dollars)
        tokens.append(token)
        position = _behind_space(text, token.end)
    while tokens and tokens[-1].kind is Kind.SIGN and tokens[-1].value == ";":
        tokens.pop()
    end = tokens[-1].end if tokens else 0
    return [*tokens, Token(Kind.END, "", end, end)]


def _token_at(text: str, position: int, last_dollars: int) -> Token:
    first = text[position]
    if first == "$" and text.startswith("$$", position) and last_dollars >= position + 2:
        end = text.index("$$", position + 2) + 2
        return Token(Kind.STRING, decode_string(text[position:end]), position, end)
    if first in "'\"":
        match = (_STRING if first == "'" else _QUOTED).match(text, position)
        if match is None:
            return Token(Kind.SIGN, first, position, len(text))
        value = match.group()
        if first == "'":
            return Token(Kind.STRING, decode_string(value), position, match.end())
        return Token(Kind.QUOTED, value[1:-1].replace('""', '"'), position, match.end())
    kind, match = next(
        (kind, match)
        for kind, pattern in _PATTERNS
        if (match := pattern.match(text, position)) is not None
    )
    return Token(kind, match.group(), position, match.end())


def leading_words(text: str, most: int) -> list[str]:
    """Return the words a statement begins with, in upper case; comments may stand between."""
    found: list[str] = []
    position = 0
    while len(found) < most:
        position = _behind_space(text, position)
        match = _PLAIN_WORD.match(text, position)
        if match is None:
            break
        found.append(match.group().upper())
        position = match.end()
    return found


def is_empty(text: str) -> bool:
    """Whether a text is nothing but white space, comments and semicolons."""
    position = _behind_space(text, 0)
    while text.startswith(";", position):
        position = _behind_space(text, position + 1)
    return position >= len(text)


def statements_of(text: str) -> list[str]:
    """Return the statements of a text, cut at semicolons; a statement alone stays as it is."""
    if ";" not in text:
        return [text]
    found, start = [], 0
    said_something = False
    for token in tokenize(text):
        is_border = token.kind is Kind.SIGN and token.value == ";"
        if is_border or token.kind is Kind.END:
            if said_something:
                found.append(text[start : token.start])
            start, said_something = token.end, False
        else:
            said_something = True
    return found if len(found) > 1 else [text]


class Words:
    """Reads one statement from left to right.

    ``binds`` are the values of ``?`` in order; a bind reads as the string it holds.
    """

    def __init__(self, text: str, binds: Sequence[str | None] = ()) -> None:
        self.text = text
        self._tokens = tokenize(text)
        self._binds = list(binds)
        self._next_bind = 0
        self._at = 0

    @property
    def here(self) -> Token:
        """The next token."""
        return self._tokens[self._at]

    @property
    def behind(self) -> int:
        """Where the last token that was read ends."""
        return self._tokens[self._at - 1].end if self._at else 0

    @property
    def binds_read(self) -> int:
        """How many binds were read."""
        return self._next_bind

    @property
    def binds_left(self) -> list[str | None]:
        """The binds that were not read."""
        return self._binds[self._next_bind :]

    def until_closed(self) -> str:
        """Step behind the parenthesis that closes this level; return the text before it."""
        start = self.here.start
        depth = 1
        while depth:
            if self.here.kind is Kind.END:
                raise self.unexpected("expected )")
            depth += self.at("(") - self.at(")")
            self.step()
        return self.text[start : self._tokens[self._at - 1].start]

    def began(self, *words: str) -> bool:
        """Whether the statement's first words are these."""
        return leading_words(self.text, len(words)) == list(words)

    def at(self, *words: str) -> bool:
        """Whether the next tokens are these words or signs, in any case."""
        upcoming = self._tokens[self._at : self._at + len(words)]
        return len(upcoming) == len(words) and all(
            token.kind in (Kind.WORD, Kind.SIGN) and token.value.upper() == word
            for token, word in zip(upcoming, words, strict=True)
        )

    def take(self, *words: str) -> bool:
        """Step over these words if they come next; say whether they did."""
        if self.at(*words):
            self._at += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        """Step over these words, or refuse the statement."""
        if not self.take(*words):
            raise self.unexpected(f"expected {' '.join(words)}")

    def unexpected(self, hint: str = "") -> SqlError:
        """The syntax error at this place."""
        line = self.text.count("\n", 0, self.here.start) + 1
        column = self.here.start - (self.text.rfind("\n", 0, self.here.start) + 1)
        seen = self.text[self.here.start : self.here.end] or "<EOF>"
        return syntax_error(line, column, seen, hint)

    @property
    def ended(self) -> bool:
        """Whether all was read."""
        return self.here.kind is Kind.END

    def end(self) -> None:
        """Refuse whatever is left: a clause nobody read is never skipped."""
        if self.here.kind is not Kind.END:
            raise self.unexpected()

    def string(self) -> str:
        """A string literal or a bind."""
        if self.here.kind is Kind.BIND:
            return self._bind() or ""
        if self.here.kind is not Kind.STRING:
            raise self.unexpected("expected a string")
        return self._next().value

    def number(self) -> int:
        """A whole number, negative ones included, as a literal, a string or a bind."""
        sign = -1 if self.take("-") else 1
        text = self._next().value if self.here.kind is Kind.NUMBER else self.string()
        try:
            return sign * int(text)
        except ValueError:
            raise compilation_error(f"Numeric value '{text}' is not recognized") from None

    def boolean(self) -> bool:
        """TRUE or FALSE."""
        if self.take("TRUE"):
            return True
        if self.take("FALSE"):
            return False
        raise self.unexpected("expected TRUE or FALSE")

    def word(self) -> str:
        """A bare word, in upper case."""
        if self.here.kind is not Kind.WORD:
            raise self.unexpected("expected a word")
        return self._next().value.upper()

    def text_or_word(self) -> str:
        """A string, or a bare word as it is written."""
        return self._next().value if self.here.kind is Kind.WORD else self.string()

    def identifier(self) -> str:
        """One identifier in stored form; ``IDENTIFIER('x')`` and ``IDENTIFIER(?)`` too."""
        return self.object_name()[-1]

    def object_name(self) -> tuple[str, ...]:
        """A name of one to three parts, each in stored form."""
        if self.take("IDENTIFIER", "("):
            inner = Words(self.string())
            self.expect(")")
            name = inner.object_name()
            inner.end()
            return name
        parts = [self._part()]
        while self.take("."):
            parts.append(self._part())
        if len(parts) > 3:
            raise self.unexpected("a name has at most three parts")
        return tuple(parts)

    def _part(self) -> str:
        if self.here.kind is Kind.QUOTED:
            return self._next().value
        if self.here.kind is Kind.WORD:
            return self._next().value.upper()
        raise self.unexpected("expected a name")

    def listed(self, read: Callable[[], Any]) -> list[Any]:
        """``( item [, item …] )``."""
        self.expect("(")
        if self.take(")"):
            return []
        items = [read()]
        while self.take(","):
            items.append(read())
        self.expect(")")
        return items

    def stage(self) -> str:
        """A stage location without its ``@``: bare, or inside one string."""
        if self.here.kind is Kind.STAGE:
            return self._next().value[1:]
        text = self.string()
        if not text.startswith("@"):
            raise compilation_error(f"invalid stage '{text}'")
        return text[1:]

    def expression(self) -> str:
        """The text up to the next comma or closing parenthesis of this level."""
        start = self.here.start
        depth = 0
        while self.here.kind is not Kind.END:
            if depth == 0 and (self.at(",") or self.at(")")):
                break
            depth += self.at("(") - self.at(")")
            self._at += 1
        return self.text[start : self._tokens[self._at - 1].end]

    def rest(self) -> str:
        """Everything that is left."""
        text = self.text[self.here.start :]
        self._at = len(self._tokens) - 1
        return text

    def step(self) -> Token:
        """Step over one token, whatever it is."""
        self._next_bind += self.here.kind is Kind.BIND
        return self._next()

    def ahead(self) -> "Words":
        """Another reader of what comes next; this one stays where it is."""
        return copy.copy(self)

    def catch_up(self, other: "Words") -> None:
        """Go where a reader made by ``ahead`` has come to."""
        self._at, self._next_bind = other._at, other._next_bind

    def _next(self) -> Token:
        token = self.here
        if token.kind is not Kind.END:
            self._at += 1
        return token

    def _bind(self) -> str | None:
        self._next()
        if self._next_bind >= len(self._binds):
            raise compilation_error("Bind variable not set.", number=2049)
        value = self._binds[self._next_bind]
        self._next_bind += 1
        return value
