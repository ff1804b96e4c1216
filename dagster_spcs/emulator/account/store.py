"""What the account knows, on disk: survives a kill, because every change is one SQLite commit."""

import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

from dagster_spcs.emulator.sql.answers import cannot_store
from dagster_spcs.emulator.sql.damaged import DamagedData


class Store:
    """Documents by kind and key; in memory when there is no folder.

    Raises:
        DamagedData: if the file is none of this kind.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        try:
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
        except sqlite3.Error as error:
            raise DamagedData(path or Path(), error) from error

    def put(self, kind: str, key: str, body: dict[str, Any]) -> None:
        """Write a document, replacing the one under the same key.

        Raises:
            SqlError: if it cannot be stored, as on a full disk; then the old one is there.
        """
        text = json.dumps(body, default=_plain)
        self._change("REPLACE INTO documents VALUES (?, ?, ?)", (kind, key, text))

    def remove(self, kind: str, key: str) -> None:
        """Forget a document.

        Raises:
            SqlError: if that cannot be stored; then it is there.
        """
        self._change("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def _change(self, statement: str, values: tuple[str, ...]) -> None:
        try:
            self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise cannot_store(str(error)) from error

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Every document of a kind, in the order of last writing.

        Raises:
            DamagedData: if the file, or a document in it, cannot be read.
        """
        try:
            rows = self._database.execute(
                "SELECT body FROM documents WHERE kind = ? ORDER BY rowid", (kind,)
            ).fetchall()
            return [json.loads(body) for (body,) in rows]
        except (sqlite3.Error, ValueError) as error:
            raise DamagedData(self.path or Path(), error) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"cannot store {value!r}")
