"""What the account's rows say, as frozen records; no SQL here.

Rows come as mappings with lower-case keys. They are read by name, never by position: Snowflake
has added columns to these commands repeatedly.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from dagster_spcs.errors import UnexpectedAnswer
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.status import JobStatus

Row = Mapping[str, Any]
_FRACTION = re.compile(r"\.[0-9]+")
_ENDED = frozenset({"DONE", "FAILED"})
"""Statuses of a container (page "SHOW SERVICE CONTAINERS IN SERVICE"): one that could not be
started is FAILED without an exit code."""


@dataclass(frozen=True)
class JobRecord:
    """One row of ``SHOW JOB SERVICES`` or ``DESCRIBE SERVICE``."""

    name: JobName
    status: JobStatus
    status_text: str
    """The word as it came, which matters when ``status`` is UNKNOWN."""
    compute_pool: str
    created_on: datetime
    updated_on: datetime
    """The time of the last change of status; for a finished job, of its end."""
    replicas: int
    comment: str | None
    query_warehouse: str | None

    @classmethod
    def from_row(cls, row: Row) -> "JobRecord":
        """Read a row; raises ``UnexpectedAnswer`` if a column is missing."""
        status = str(_get(row, "status"))
        return cls(
            name=JobName(_get(row, "name"), _get(row, "schema_name"), _get(row, "database_name")),
            status=JobStatus(status),
            status_text=status,
            compute_pool=_get(row, "compute_pool"),
            created_on=_moment(_get(row, "created_on")),
            updated_on=_moment(_get(row, "updated_on")),
            replicas=_int(row.get("target_instances") or 1),
            comment=row.get("comment") or None,
            query_warehouse=row.get("query_warehouse") or None,
        )


@dataclass(frozen=True)
class ContainerRecord:
    """One container of one instance, from SHOW SERVICE CONTAINERS or the history."""

    instance_id: int
    name: str
    status: str
    message: str
    image: str
    image_digest: str
    exit_code: int | None
    restarts: int
    started: datetime | None

    @property
    def where(self) -> str:
        """``instance/container``, for messages."""
        return f"{self.instance_id}/{self.name}"

    @classmethod
    def from_row(cls, row: Row) -> "ContainerRecord":
        """Read a row of SHOW SERVICE CONTAINERS; ``instance_id`` is text there."""
        exit_code = row.get("last_exit_code")
        return cls(
            instance_id=_int(_get(row, "instance_id")),
            name=_get(row, "container_name"),
            status=_get(row, "status"),
            message=row.get("message") or "",
            image=row.get("image_name") or "",
            image_digest=row.get("image_digest") or "",
            exit_code=None if exit_code is None else _int(exit_code),
            restarts=_int(row.get("restart_count") or 0),
            started=_moment_or_none(row.get("start_time")),
        )

    @property
    def has_ended(self) -> bool:
        """Whether the container neither works nor will."""
        return self.exit_code is not None or self.status in _ENDED

    @classmethod
    def from_history(cls, instance_id: str, entry: Row) -> "ContainerRecord":
        """Read an element of ``INSTANCE_STATUSES.instances[].containers``."""
        exit_code = entry.get("lastExitCode")
        return cls(
            instance_id=_int(instance_id),
            name=entry.get("containerName") or "",
            status=entry.get("status") or "",
            message=entry.get("message") or "",
            image=entry.get("image") or "",
            image_digest=entry.get("imageSha256") or "",
            exit_code=None if exit_code is None else _int(exit_code),
            restarts=_int(entry.get("restartCount") or 0),
            started=_moment_or_none(entry.get("startTime")),
        )


@dataclass(frozen=True)
class InstanceRecord:
    """One row of SHOW SERVICE INSTANCES."""

    instance_id: int
    status: str
    created: datetime | None
    started: datetime | None
    ip_address: str | None

    @classmethod
    def from_row(cls, row: Row) -> "InstanceRecord":
        """Read a row; ``instance_id`` is text there."""
        return cls(
            instance_id=_int(_get(row, "instance_id")),
            status=_get(row, "status"),
            created=_moment_or_none(row.get("creation_time")),
            started=_moment_or_none(row.get("start_time")),
            ip_address=row.get("ip_address") or None,
        )


@dataclass(frozen=True)
class HistoryRecord:
    """One row of GET_JOB_HISTORY; it outlives the service."""

    name: JobName
    status: JobStatus
    message: str
    query_id: str
    job_id: int
    compute_pool: str
    created: datetime
    completed: datetime | None
    deleted: datetime | None
    containers: tuple[ContainerRecord, ...]
    replicas: int

    @property
    def is_alive(self) -> bool:
        """Whether the job is neither over nor dropped."""
        return self.deleted is None and not self.status.is_final

    @classmethod
    def from_row(cls, row: Row) -> "HistoryRecord":
        """Read a row; OBJECT columns reach Python as JSON text."""
        instances = _object(row.get("instance_statuses")).get("instances") or []
        return cls(
            name=JobName(_get(row, "name"), _get(row, "schema_name"), _get(row, "database_name")),
            status=JobStatus(_get(row, "status")),
            message=row.get("message") or "",
            query_id=row.get("query_id") or "",
            job_id=_int(row.get("id") or 0),
            compute_pool=row.get("compute_pool_name") or "",
            created=_moment(_get(row, "created_time")),
            completed=_moment_or_none(row.get("completed_time")),
            deleted=_moment_or_none(row.get("deleted_time")),
            containers=tuple(
                ContainerRecord.from_history(str(_get(instance, "instanceId")), container)
                for instance in instances
                for container in instance.get("containers") or []
            ),
            replicas=_int(_object(row.get("parameters")).get("REPLICAS") or 1),
        )


@dataclass(frozen=True)
class LogLine:
    """One line a container printed.

    ``timestamp`` and ``stream`` are None where the source does not tell
    (SYSTEM$GET_SERVICE_LOGS mixes both streams).
    """

    text: str
    instance_id: int
    container: str
    timestamp: datetime | None = None
    stream: str | None = None

    @classmethod
    def from_row(cls, row: Row) -> "LogLine":
        """Read a row of SPCS_GET_LOGS; its TIMESTAMP is UTC without a zone."""
        return cls(
            text=row.get("log") or "",
            instance_id=_int(_get(row, "instance_id")),
            container=_get(row, "container_name"),
            timestamp=_moment_or_none(row.get("timestamp")),
            stream=_object(row.get("record_attributes")).get("log.iostream"),
        )


@dataclass(frozen=True)
class JobLog:
    """The last lines of a job, oldest first, and how many there were in all.

    ``total`` and ``errors`` (lines on stderr) are None where the source cannot tell.
    """

    lines: tuple[LogLine, ...]
    total: int | None = None
    errors: int | None = None


@dataclass(frozen=True)
class EventRecord:
    """One row of SPCS_GET_EVENTS: a change of status of a container, an instance or the job."""

    timestamp: datetime
    name: str
    """What changed: ``CONTAINER.STATUS_CHANGE``, ``SERVICE_INSTANCE.…`` or ``SERVICE.…``."""
    severity: str
    status: str
    message: str
    instance_id: int | None
    container: str | None

    @classmethod
    def from_row(cls, row: Row) -> "EventRecord":
        """Read a row; its TIMESTAMP is UTC without a zone."""
        details = _object(row.get("event_details"))
        return cls(
            timestamp=_moment(_get(row, "timestamp")),
            name=_get(row, "event_name"),
            severity=row.get("severity") or "",
            status=str(details.get("status") or ""),
            message=str(details.get("message") or ""),
            instance_id=_int_or_none(row.get("instance_id")),
            container=row.get("container_name"),
        )


@dataclass(frozen=True)
class MetricRecord:
    """One row of SPCS_GET_METRICS: a value that the platform measured."""

    timestamp: datetime
    name: str
    value: float
    unit: str
    instance_id: int | None
    container: str | None

    @classmethod
    def from_row(cls, row: Row) -> "MetricRecord":
        """Read a row; its VALUE is text.

        Raises:
            UnexpectedAnswer: if the value is no number.
        """
        text = str(_get(row, "value"))
        try:
            value = float(text)
        except ValueError as error:
            raise UnexpectedAnswer(f"the value of a metric is {text!r}") from error
        return cls(
            timestamp=_moment(_get(row, "timestamp")),
            name=_get(row, "metric_name"),
            value=value,
            unit=row.get("unit") or "",
            instance_id=_int_or_none(row.get("instance_id")),
            container=row.get("container_name"),
        )


@dataclass(frozen=True)
class TableFacts:
    """What a result table holds: its rows, and name and type of each column."""

    row_count: int
    columns: tuple[tuple[str, str], ...]


def _get(row: Row, column: str) -> Any:
    try:
        value = row[column]
    except KeyError:
        raise UnexpectedAnswer(
            f"the account's answer has no column {column!r}; it has {', '.join(row)}"
        ) from None
    if value is None:
        raise UnexpectedAnswer(f"column {column!r} of the account's answer is NULL")
    return value


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise UnexpectedAnswer(f"expected JSON, got {value[:100]!r}") from None
    return value if isinstance(value, dict) else {}


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        # Text stands in INSTANCE_STATUSES and start_time (ISO, ending in Z).
        try:
            # Python 3.10 reads three or six digits of a second, nothing between or beyond.
            text = _FRACTION.sub(lambda match: f"{match[0]:0<7}"[:7], value)
            value = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            raise UnexpectedAnswer(f"expected a time stamp, got {value!r}") from None
    if not isinstance(value, datetime):
        raise UnexpectedAnswer(f"expected a time stamp, got {value!r}")
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)


def _moment_or_none(value: Any) -> datetime | None:
    return None if value in (None, "") else _moment(value)


def _int_or_none(value: Any) -> int | None:
    return None if value in (None, "") else _int(value)


def _int(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise UnexpectedAnswer(f"expected a whole number, got {value!r}") from None
