"""The list of the statements that clients sent, for tests that count them."""

from dataclasses import dataclass
from datetime import datetime

from dagster_spcs.emulator.sql.words import Kind, leading_words, tokenize

_ROWS_CHANGED = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"})
_QUERIES = frozenset({"SELECT", "WITH"})


_HOLDS_SECRETS = (["CREATE", "SECRET"], ["ALTER", "SECRET"], ["CREATE", "OR", "REPLACE", "SECRET"])


def without_secrets(text: str) -> str:
    """Return what of a statement may be kept: of one about a secret, how it begins."""
    leading = leading_words(text, 4)
    if any(leading[: len(words)] == words for words in _HOLDS_SECRETS):
        return f"{' '.join(leading)} …"
    return text


@dataclass(frozen=True)
class SentStatement:
    """A statement some client sent."""

    query_id: str
    user: str
    text: str
    at: datetime
    """When it arrived, by the account's clock."""

    @property
    def needs_warehouse(self) -> bool:
        """Whether an account would run a warehouse for it.

        Queries of tables and table functions, changes of rows and synchronous jobs do; SHOW, DDL
        and asynchronous submission do not. For DESCRIBE, CALL and a SELECT of nothing but a system
        function the pages are silent; they count as needing none.
        """
        first = "".join(leading_words(self.text, 1))
        if first in _ROWS_CHANGED:
            return True
        if first == "EXECUTE":
            return not self._says("ASYNC", "=", "TRUE")
        if first == "CREATE":
            return self._says("AS", "SELECT") or self._says("AS", "(", "SELECT")
        return first in _QUERIES and self._says("FROM")

    def _says(self, *wanted: str) -> bool:
        words = [
            token.value.upper()
            for token in tokenize(self.text)
            if token.kind in (Kind.WORD, Kind.SIGN)
        ]
        span = len(wanted)
        return any(tuple(words[at : at + span]) == wanted for at in range(len(words)))
