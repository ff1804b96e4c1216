"""Reading one entry of metadata: of a definition, or of an event, where what is wrong raises."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import dagster as dg

from dagster_spcs.event_log.keys import CHECK_NAME, RESOURCE_KEY, RESULT_TABLE
from dagster_spcs.spcs.clocks import USABLE_YEARS
from dagster_spcs.spcs.unreadable import is_text

StoredMetadata = Mapping[str, dg.MetadataValue[Any]]


def defined(metadata: Mapping[str, Any], key: str) -> Any:
    """Return an entry of a definition's metadata, None if there is none.

    It comes back as a ``MetadataValue``, or as it was given.
    """
    value = metadata.get(key)
    return getattr(value, "value", value)


def result_table(metadata: Mapping[str, Any]) -> str | None:
    """Return the table that a definition says its job fills, None if it names none."""
    table = defined(metadata, RESULT_TABLE)
    return None if table is None else str(table)


@dataclass(frozen=True)
class DeclaredChecks:
    """The checks of a job asset, as its definition has them."""

    of_containers: tuple[str, ...] = ()
    """Names of those that the definition leaves to the containers."""
    partitioned: frozenset[str] = frozenset()
    """Names of those that have a result for each partition."""

    @classmethod
    def of(cls, definition: dg.AssetsDefinition, key: dg.AssetKey) -> "DeclaredChecks":
        """Return the checks of one asset of a definition."""
        specs = [spec for spec in definition.check_specs if spec.asset_key == key]
        return cls(
            tuple(spec.name for spec in specs if spec.name != CHECK_NAME),
            # Not every supported version of Dagster has partitions of checks.
            frozenset(
                spec.name for spec in specs if getattr(spec, "partitions_def", None) is not None
            ),
        )


def sensors_of(repository: dg.RepositoryDefinition, resource_key: str) -> list[str]:
    """Return the names of the polling sensors that record the jobs of a resource."""
    return sorted(
        sensor.name
        for sensor in repository.sensor_defs
        if defined(sensor.metadata, RESOURCE_KEY) == resource_key
    )


def text_of(metadata: StoredMetadata, key: str) -> str:
    """Return a text."""
    value = metadata[key].value
    if not isinstance(value, str):
        raise TypeError(f"{key} is {type(value).__name__}, not text")
    if not is_text(value):
        raise ValueError(f"{key} has characters that are no text")
    return value


def text_map_of(metadata: StoredMetadata, key: str) -> dict[str, str] | None:
    """Return a mapping of texts, None if there is no such entry."""
    if key not in metadata:
        return None
    value = metadata[key].value
    if not isinstance(value, dict) or not all(
        isinstance(each, str) and is_text(each) for pair in value.items() for each in pair
    ):
        raise TypeError(f"{key} is no mapping of texts")
    return dict(value)


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
    if moment.year not in USABLE_YEARS:
        raise ValueError(f"{key} is {moment}")
    return moment
