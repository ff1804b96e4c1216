"""Reading one entry of an event's metadata, by its type; what is wrong with it raises."""

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import dagster as dg

from dagster_spcs.spcs.unreadable import is_text

_YEARS = range(1980, 2200)
StoredMetadata = Mapping[str, dg.MetadataValue[Any]]


def text_of(metadata: StoredMetadata, key: str) -> str:
    """Return a text."""
    value = metadata[key].value
    if not isinstance(value, str):
        raise TypeError(f"{key} is {type(value).__name__}, not text")
    if not is_text(value):
        raise ValueError(f"{key} has characters that are no text")
    return value


def texts_of(metadata: StoredMetadata, key: str) -> tuple[str, ...]:
    """Return a list of texts, empty if there is no such entry."""
    if key not in metadata:
        return ()
    value = metadata[key].value
    if not isinstance(value, list) or not all(
        isinstance(each, str) and is_text(each) for each in value
    ):
        raise TypeError(f"{key} is no list of texts")
    return tuple(value)


def moment_of(metadata: StoredMetadata, key: str) -> datetime:
    """Return a moment, in UTC, of our days: one that can be calculated with."""
    moment = datetime.fromtimestamp(metadata[key].value, timezone.utc)
    if moment.year not in _YEARS:
        raise ValueError(f"{key} is {moment}")
    return moment
