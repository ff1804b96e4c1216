"""What a container reported through Dagster Pipes, as Dagster's own objects."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import dagster as dg
from dagster_pipes import PIPES_METADATA_TYPE_INFER

from dagster_spcs.pipes.messages import PipesMessage, PipesMessages


@dataclass(frozen=True)
class Reported:
    """What the messages of one job say of its asset."""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    data_version: str | None = None
    checks: tuple[dg.AssetCheckEvaluation, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be used, and why."""


def reported(found: PipesMessages | None, key: dg.AssetKey, own_check: str) -> Reported:
    """Return what a job reported of the asset ``key``.

    A message that makes no sense is noted, not lost: the log of a finished job is all there is.
    """
    if found is None:
        return Reported()
    reader = _Reports(key, own_check)
    for message in found.messages:
        try:
            reader.take(message)
        except Exception as error:
            # Whatever a container made up, it must not hold up the events of all other jobs.
            reader.notes.append(f"{message.method}: {type(error).__name__}: {error}"[:500])
    if found.broken:
        reader.notes.append(f"{found.broken} message(s) broke off")
    if found.has_opened and not found.has_closed:
        reader.notes.append("the container ended before it closed Pipes")
    return Reported(
        reader.metadata,
        reader.data_version,
        tuple(reader.checks.values()),
        tuple(f"Pipes: {note}" for note in reader.notes),
    )


class _Reports:
    def __init__(self, key: dg.AssetKey, own_check: str) -> None:
        self._key = key
        self._own_check = own_check
        self.metadata: dict[str, Any] = {}
        self.data_version: str | None = None
        self.checks: dict[str, dg.AssetCheckEvaluation] = {}
        self.notes: list[str] = []

    def take(self, message: PipesMessage) -> None:
        params = message.params
        if message.method == "report_asset_materialization":
            if self._is_own(params):
                self.metadata.update(self._metadata(params.get("metadata") or {}))
                version = params.get("data_version")
                self.data_version = self.data_version if version is None else str(version)
        elif message.method == "report_asset_check":
            if self._is_own(params):
                self._take_check(params)
        elif message.method == "closed" and params.get("exception"):
            error = params["exception"]
            self.notes.append(f"closed with {error.get('name')}: {error.get('message')}".strip())

    def _is_own(self, params: Mapping[str, Any]) -> bool:
        key = dg.AssetKey.from_escaped_user_string(params["asset_key"])
        if key != self._key:
            self.notes.append(f"a report for asset {key.to_user_string()} is not this job's")
        return key == self._key

    def _take_check(self, params: Mapping[str, Any]) -> None:
        name = str(params["check_name"])
        if name == self._own_check:
            self.notes.append(f"the check {name} is the job's own and cannot be reported")
            return
        self.checks[name] = dg.AssetCheckEvaluation(
            asset_key=self._key,
            check_name=name,
            passed=params["passed"],
            severity=dg.AssetCheckSeverity(params.get("severity") or "ERROR"),
            metadata=self._metadata(params.get("metadata") or {}),
        )

    def _metadata(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entries that Dagster takes; one that it does not is noted."""
        made = {}
        for label, value in given.items():
            try:
                made[str(label)] = _storable(label, _metadata_value(label, value))
            except Exception as error:
                self.notes.append(f"metadata {label!r}: {type(error).__name__}: {error}"[:500])
        return made


_KINDS: dict[str, Callable[[Any], dg.MetadataValue[Any]]] = {
    "text": dg.MetadataValue.text,
    "url": dg.MetadataValue.url,
    "path": dg.MetadataValue.path,
    "notebook": dg.MetadataValue.notebook,
    "json": dg.MetadataValue.json,
    "md": dg.MetadataValue.md,
    "float": lambda value: dg.MetadataValue.float(float(value)),
    "int": lambda value: dg.MetadataValue.int(int(value)),
    "bool": dg.MetadataValue.bool,
    "dagster_run": dg.MetadataValue.dagster_run,
    "asset": lambda value: dg.MetadataValue.asset(dg.AssetKey.from_user_string(value)),
    "null": lambda _: dg.MetadataValue.null(),
    "timestamp": lambda value: dg.MetadataValue.timestamp(float(value)),
    "table_schema": lambda value: dg.MetadataValue.table_schema(_table_schema(value)),
    "table": lambda value: dg.MetadataValue.table(
        [dg.TableRecord(record) for record in value["records"]], _table_schema(value["schema"])
    ),
    "table_column_lineage": lambda value: dg.MetadataValue.column_lineage(_lineage(value)),
}


def _metadata_value(label: str, value: Any) -> Any:
    kind, raw = PIPES_METADATA_TYPE_INFER, value
    if isinstance(value, Mapping) and value.keys() == {"type", "raw_value"}:
        kind, raw = value["type"], value["raw_value"]
    # JSON in Python knows numbers that Dagster's pages cannot show.
    if isinstance(raw, float) and not math.isfinite(raw):
        return dg.MetadataValue.text(str(raw))
    if kind == PIPES_METADATA_TYPE_INFER:
        return dg.MetadataValue.null() if raw is None else raw
    if kind not in _KINDS:
        raise ValueError(f"unknown type {kind!r}")
    return _KINDS[kind](raw)


def _storable(label: str, value: Any) -> dg.MetadataValue[Any]:
    """Return the value as an event will have it, or raise as storing the event would."""
    event = dg.AssetObservation("trial", metadata={str(label): value})
    made = event.metadata[str(label)]
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
