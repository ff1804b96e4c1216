"""What the account knows of databases, schemas and stages beside their content."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dagster_spcs.emulator.account.store import Store

_KIND = "place"


@dataclass
class Place:
    """A database, a schema or a stage."""

    created: datetime
    owner: str
    comment: str = ""
    is_transient: bool = False


class Places:
    """By full name: one, two or three parts, in stored form."""

    def __init__(self, store: Store, started: datetime) -> None:
        self._store = store
        self._unknown = Place(started, "ACCOUNTADMIN")
        self._places: dict[tuple[str, ...], Place] = {}
        for body in store.all(_KIND):
            name = tuple(body.pop("name"))
            created = datetime.fromisoformat(body.pop("created"))
            self._places[name] = Place(created=created, **body)

    def get(self, *name: str) -> Place:
        """Return what is known; of what was made in another way, that it is there."""
        return self._places.get(name, self._unknown)

    def put(self, place: Place, *name: str) -> None:
        """Keep what is known of a place."""
        self._store.put(_KIND, ".".join(name), {"name": name, **vars(place)})
        self._places[name] = place

    def comment(self, text: str, *name: str) -> None:
        """Change a comment."""
        known: dict[str, Any] = vars(self.get(*name))
        self.put(Place(**{**known, "comment": text}), *name)

    def forget(self, *name: str) -> None:
        """Forget a place and all in it."""
        for gone in list(self._within(name)):
            self._store.remove(_KIND, ".".join(gone))
            del self._places[gone]

    def _within(self, name: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        return (each for each in self._places if each[: len(name)] == name)
