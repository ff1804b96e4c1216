"""What a container reported through Dagster Pipes, as Dagster's own objects.

This is a border: whatever a message says, ``container_reports`` returns what of it Dagster can
store and show, and notes the rest. It never raises.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, cast

import dagster as dg
from dagster_pipes import PIPES_METADATA_TYPE_INFER

from dagster_spcs.event_log.keys import CHECK_NAME, NAMESPACE
from dagster_spcs.pipes.messages import PipesMessage, PipesMessages
from dagster_spcs.pipes.storable import storable
from dagster_spcs.spcs.unreadable import one_line

_MOST_NOTES = 50
_MOST_METADATA_BYTES = 1_000_000
"""Of all entries that one job may report: the page of its asset loads them."""
_WITHOUT_REPORT = frozenset({"opened", "closed", "log"})
"""Methods of messages that report nothing; what ``log`` says is shown with the log."""
_MOST_CHECKS = 200
_LONGEST_NAME = 255
"""Characters of a check's name and of a data version: PostgreSQL keeps both in an index."""


@dataclass(frozen=True)
class ContainerReports:
    """What the messages of one job say of its asset."""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    data_version: str | None = None
    checks: tuple[dg.AssetCheckEvaluation, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be used, and why."""


def container_reports(found: PipesMessages | None, key: dg.AssetKey) -> ContainerReports:
    """Return what a job reported of the asset ``key``.

    A message that makes no sense is noted, not lost: the log of a finished job is all there is.
    """
    if found is None:
        return ContainerReports()
    reader = _Reader(key)
    for message in found.messages:
        reader.take(message)
    if found.broken:
        reader.notes.append(f"{found.broken} message(s) broke off")
    if found.has_opened and not found.has_closed:
        reader.notes.append("the container ended before it closed Pipes")
    return ContainerReports(
        reader.metadata,
        reader.data_version,
        tuple(reader.checks.values()),
        tuple(f"Pipes: {note}" for note in _some_of(reader.notes)),
    )


def _some_of(notes: Sequence[str]) -> list[str]:
    some = [one_line(note) for note in notes[:_MOST_NOTES]]
    more = len(notes) - len(some)
    return [*some, f"and {more} notes more"] if more else some


class _Reader:
    def __init__(self, key: dg.AssetKey) -> None:
        self._key = key
        self._spent = 0
        self.metadata: dict[str, Any] = {}
        self.data_version: str | None = None
        self.checks: dict[str, dg.AssetCheckEvaluation] = {}
        self.notes: list[str] = []

    def take(self, message: PipesMessage) -> None:
        try:
            self._take(message)
        except Exception as error:
            # Whatever a container made up, it must not hold up the events of all other jobs.
            self.notes.append(f"{message.method}: {type(error).__name__}: {error}")

    def _take(self, message: PipesMessage) -> None:
        params = message.params
        if message.method == "report_asset_materialization":
            if self._is_own(params):
                self.metadata.update(self._metadata(params.get("metadata") or {}))
                if params.get("data_version") is not None:
                    self.data_version = _name("data version", params["data_version"])
        elif message.method == "report_asset_check":
            if self._is_own(params):
                self._take_check(params)
        elif message.method == "closed" and params.get("exception"):
            error = params["exception"]
            self.notes.append(f"closed with {error.get('name')}: {error.get('message')}")
        elif message.method not in _WITHOUT_REPORT:
            self.notes.append(f"message {message.method!r} has no place on an asset's event")

    def _is_own(self, params: Mapping[str, Any]) -> bool:
        key = dg.AssetKey.from_escaped_user_string(params["asset_key"])
        if key != self._key:
            self.notes.append(f"a report for asset {key.to_user_string()} is not this job's")
        return key == self._key

    def _take_check(self, params: Mapping[str, Any]) -> None:
        name = _name("check name", params["check_name"])
        if name == CHECK_NAME:
            self.notes.append(f"the check {name} is the job's own and cannot be reported")
            return
        if name not in self.checks and len(self.checks) >= _MOST_CHECKS:
            raise ValueError(f"a job reports at most {_MOST_CHECKS} checks; {name} is left out")
        self.checks[name] = dg.AssetCheckEvaluation(
            asset_key=self._key,
            check_name=name,
            passed=params["passed"],
            severity=dg.AssetCheckSeverity(params.get("severity") or "ERROR"),
            metadata=self._metadata(params.get("metadata") or {}),
        )

    def _spend(self, name: str, value: Any) -> None:
        self._spent += len(name) + len(json.dumps(value))
        if self._spent > _MOST_METADATA_BYTES:
            raise ValueError(f"the job's metadata is longer than {_MOST_METADATA_BYTES} bytes")

    def _metadata(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entries that Dagster takes; one that it does not is noted."""
        made = {}
        for label, value in given.items():
            if label.startswith(NAMESPACE):
                self.notes.append(f"metadata {label!r}: containers cannot set {NAMESPACE}* keys")
                continue
            try:
                name = storable(label)
                clean = storable(value)
                self._spend(name, clean)
                made[name] = _as_stored(name, _metadata_value(clean))
            except Exception as error:
                self.notes.append(f"metadata {label!r}: {type(error).__name__}: {error}")
        return made


def _name(what: str, value: Any) -> str:
    """Return a text that stands for something: it is taken as it is, or not at all."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise ValueError(f"the {what} is {value!r}, not text")
    if storable(value) != value:
        raise ValueError(f"the {what} {value!r} has characters that cannot be stored")
    if len(value) > _LONGEST_NAME:
        raise ValueError(f"the {what} has {len(value)} characters, {_LONGEST_NAME} are stored")
    return value


_KINDS: dict[str, Callable[[Any], dg.MetadataValue[Any]]] = {
    "text": dg.MetadataValue.text,
    "url": dg.MetadataValue.url,
    "path": dg.MetadataValue.path,
    "notebook": dg.MetadataValue.notebook,
    "json": dg.MetadataValue.json,
    "md": dg.MetadataValue.md,
    "float": lambda value: dg.MetadataValue.float(_finite(value)),
    "int": lambda value: dg.MetadataValue.int(int(value)),
    "bool": dg.MetadataValue.bool,
    "dagster_run": dg.MetadataValue.dagster_run,
    "asset": lambda value: dg.MetadataValue.asset(dg.AssetKey.from_user_string(value)),
    "null": lambda _: dg.MetadataValue.null(),
    "timestamp": lambda value: dg.MetadataValue.timestamp(_moment(value)),
    "table_schema": lambda value: dg.MetadataValue.table_schema(_table_schema(value)),
    "table": lambda value: dg.MetadataValue.table(
        [dg.TableRecord(record) for record in value["records"]], _table_schema(value["schema"])
    ),
    "table_column_lineage": lambda value: dg.MetadataValue.column_lineage(_lineage(value)),
}


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not finite")
    return number


def _moment(value: Any) -> datetime:
    # Refuses what no page could show as a time.
    return datetime.fromtimestamp(_finite(value), timezone.utc)


def _metadata_value(value: Any) -> Any:
    kind, raw = PIPES_METADATA_TYPE_INFER, value
    if isinstance(value, Mapping) and value.keys() == {"type", "raw_value"}:
        kind, raw = value["type"], value["raw_value"]
    if kind == PIPES_METADATA_TYPE_INFER:
        return dg.MetadataValue.null() if raw is None else raw
    if kind not in _KINDS:
        raise ValueError(f"unknown type {kind!r}")
    return _KINDS[kind](raw)


def _as_stored(label: str, value: Any) -> dg.MetadataValue[Any]:
    """Return the value as an event will have it, or raise as storing the event would."""
    event = dg.AssetObservation("trial", metadata={label: value})
    made = event.metadata[label]
    dg.serialize_value(cast(Any, made))
    return made


def _table_schema(value: Any) -> dg.TableSchema:
    columns = value["columns"] if isinstance(value, Mapping) else value
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                str(column["name"]),
                str(column.get("type") or "string"),
                column.get("description"),
                dg.TableColumnConstraints(**(column.get("constraints") or {})),
                tags=column.get("tags"),
            )
            for column in columns
        ]
    )


def _lineage(value: Any) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        deps_by_column={
            column: [
                dg.TableColumnDep(
                    dg.AssetKey.from_escaped_user_string(dep["asset_key"]), dep["column"]
                )
                for dep in deps
            ]
            for column, deps in value["deps_by_column"].items()
        }
    )
