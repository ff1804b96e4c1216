"""What the account knows, on disk: survives a kill, because every change is one SQLite commit."""

import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any


class Store:
    """Documents by kind and key; in memory when there is no folder."""

    def __init__(self, path: Path | None) -> None:
        self._database = sqlite3.connect(
            ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
        )
        if path is not None:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS documents"
            " (kind TEXT, key TEXT, body TEXT, PRIMARY KEY (kind, key))"
        )

    def put(self, kind: str, key: str, body: dict[str, Any]) -> None:
        """Write a document, replacing the one under the same key."""
        text = json.dumps(body, default=_plain)
        self._database.execute("REPLACE INTO documents VALUES (?, ?, ?)", (kind, key, text))

    def remove(self, kind: str, key: str) -> None:
        """Forget a document."""
        self._database.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Every document of a kind, in the order of last writing."""
        rows = self._database.execute(
            "SELECT body FROM documents WHERE kind = ? ORDER BY rowid", (kind,)
        )
        return [json.loads(body) for (body,) in rows]

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"cannot store {value!r}")
