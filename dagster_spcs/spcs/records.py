"""What the account's rows say, as frozen records; no SQL here.

Rows come as mappings with lower-case keys. They are read by name, never by position: Snowflake
has added columns to these commands repeatedly.

``read_row`` and ``read_rows`` are the border: whatever a row holds, they return a record or
``Unreadable``, and never raise. ``from_row`` of a record is what they call.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, overload

from dagster_spcs.errors import UnexpectedAnswer
from dagster_spcs.spcs.clocks import USABLE_YEARS
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.spcs.unreadable import Unreadable, read_safely, replace_what_is_no_text

Row = Mapping[str, Any]
_FRACTION = re.compile(r"\.[0-9]+")
_ENDED = frozenset({"DONE", "FAILED"})
"""Statuses of a container (page "SHOW SERVICE CONTAINERS IN SERVICE"): one that could not be
started is FAILED without an exit code."""
Record = TypeVar("Record")


def read_row(from_row: Callable[[Row], Record], row: Row) -> Record | Unreadable:
    """Return what ``from_row`` makes of a row, or why it cannot be read; never raises."""
    kind = getattr(from_row, "__qualname__", "row").partition(".")[0]
    record = read_safely(f"a {kind}", from_row, row)
    return _of_its_job(record, row) if isinstance(record, Unreadable) else record


def _of_its_job(unreadable: Unreadable, row: Row) -> Unreadable:
    name = row.get("name") if isinstance(row, Mapping) else None
    known = replace_what_is_no_text(name) if isinstance(name, str) else ""
    what = f"{unreadable.what} of {known}" if known else unreadable.what
    return Unreadable(what, unreadable.reason, known)


def read_rows(
    from_row: Callable[[Row], Record], rows: Iterable[Row]
) -> tuple[list[Record], list[Unreadable]]:
    """Return the records of the rows that can be read, and what could not be; never raises."""
    records: list[Record] = []
    unreadable: list[Unreadable] = []
    for row in rows:
        try:
            records.append(from_row(row))  # nearly always, and ten thousand times a listing
        except Exception:
            record = read_row(from_row, row)
            if isinstance(record, Unreadable):
                unreadable.append(record)
    return records, unreadable


class JobRecord(NamedTuple):
    """One row of ``SHOW JOB SERVICES`` or ``DESCRIBE SERVICE``.

    A tuple, because a listing has ten thousand of them and a tuple is made in half the time.
    """

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
        """Read a row; see ``read_row``."""
        status = _text(row, "status")
        # By place, which is faster: see the class.
        return cls(
            _job_name(row),
            JobStatus(status),
            status,
            _text(row, "compute_pool"),
            _moment(_get(row, "created_on")),
            _moment(_get(row, "updated_on")),
            max(1, _int(row.get("target_instances") or 1)),
            _text_or_none(row.get("comment")),
            _text_or_none(row.get("query_warehouse")),
        )


class JobListing(Sequence[JobRecord]):
    """The jobs of a listing, and the rows of it that could not be read.

    Behaves as the sequence of the jobs.

    Attributes:
        unreadable: a value for each row that could not be read. Such a job exists: it must not be
            taken for dropped, nor for one that has ended.
    """

    def __init__(self, jobs: Sequence[JobRecord], unreadable: Sequence[Unreadable] = ()) -> None:
        self._jobs = tuple(jobs)
        self.unreadable = tuple(unreadable)

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[JobRecord]:
        return iter(self._jobs)

    @overload
    def __getitem__(self, index: int) -> JobRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[JobRecord]: ...
    def __getitem__(self, index: int | slice) -> JobRecord | Sequence[JobRecord]:
        return self._jobs[index]

    def __repr__(self) -> str:
        return f"JobListing({list(self._jobs)!r}, {list(self.unreadable)!r})"


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
            name=_text(row, "container_name"),
            status=_text(row, "status"),
            message=_text_or_none(row.get("message")) or "",
            image=_text_or_none(row.get("image_name")) or "",
            image_digest=_text_or_none(row.get("image_digest")) or "",
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
            name=_text_or_none(entry.get("containerName")) or "",
            status=_text_or_none(entry.get("status")) or "",
            message=_text_or_none(entry.get("message")) or "",
            image=_text_or_none(entry.get("image")) or "",
            image_digest=_text_or_none(entry.get("imageSha256")) or "",
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
            status=_text(row, "status"),
            created=_moment_or_none(row.get("creation_time")),
            started=_moment_or_none(row.get("start_time")),
            ip_address=_text_or_none(row.get("ip_address")),
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
            name=_job_name(row),
            status=JobStatus(_text(row, "status")),
            message=_text_or_none(row.get("message")) or "",
            query_id=_text_or_none(row.get("query_id")) or "",
            job_id=_int(row.get("id") or 0),
            compute_pool=_text_or_none(row.get("compute_pool_name")) or "",
            created=_moment(_get(row, "created_time")),
            completed=_moment_or_none(row.get("completed_time")),
            deleted=_moment_or_none(row.get("deleted_time")),
            containers=tuple(
                ContainerRecord.from_history(str(_get(instance, "instanceId")), container)
                for instance in instances
                for container in instance.get("containers") or []
            ),
            replicas=max(1, _int(_object(row.get("parameters")).get("REPLICAS") or 1)),
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
        attributes = read_safely("RECORD_ATTRIBUTES", _object, row.get("record_attributes"))
        stream = None if isinstance(attributes, Unreadable) else attributes.get("log.iostream")
        return cls(
            text=_log_text(row.get("log")),
            instance_id=_int(_get(row, "instance_id")),
            container=_text(row, "container_name"),
            timestamp=_moment_or_none(row.get("timestamp")),
            stream=stream if isinstance(stream, str) else None,
        )


@dataclass(frozen=True)
class JobLog:
    """The last lines of a job, oldest first, and how many there were in all.

    ``total`` and ``errors`` (lines on stderr) are None where the source cannot tell.
    """

    lines: tuple[LogLine, ...]
    total: int | None = None
    errors: int | None = None
    unreadable: tuple[Unreadable, ...] = ()
    """Rows of the log that could not be read."""

    @classmethod
    def from_rows(cls, rows: Sequence[Row]) -> "JobLog":
        """Read the rows of one job of ``statements.service_logs``, in any order; never raises."""
        lines, unreadable = read_rows(LogLine.from_row, rows)
        lines.sort(key=lambda line: (line.timestamp is not None, line.timestamp))
        totals = read_safely("the totals of a log", _totals, rows)
        if isinstance(totals, Unreadable):
            return cls(tuple(lines), unreadable=(*unreadable, totals))
        return cls(tuple(lines), *totals, tuple(unreadable))


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
            name=_text(row, "event_name"),
            severity=_text_or_none(row.get("severity")) or "",
            status=_text_or_none(details.get("status")) or "",
            message=_text_or_none(details.get("message")) or "",
            instance_id=_int_or_none(row.get("instance_id")),
            container=_text_or_none(row.get("container_name")),
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
        """Read a row; its VALUE is text."""
        return cls(
            timestamp=_moment(_get(row, "timestamp")),
            name=_text(row, "metric_name"),
            value=float(str(_get(row, "value"))),
            unit=_text_or_none(row.get("unit")) or "",
            instance_id=_int_or_none(row.get("instance_id")),
            container=_text_or_none(row.get("container_name")),
        )


@dataclass(frozen=True)
class PoolRecord:
    """One row of SHOW COMPUTE POOLS, as far as it is used."""

    name: str
    instance_family: str

    @classmethod
    def from_row(cls, row: Row) -> "PoolRecord":
        """Read a row; see ``read_row``."""
        return cls(name=_text(row, "name"), instance_family=_text(row, "instance_family"))


@dataclass(frozen=True)
class RowCount:
    """One row of ``statements.count_rows``."""

    table: str
    rows: int

    @classmethod
    def from_row(cls, row: Row) -> "RowCount":
        """Read a row; see ``read_row``."""
        return cls(table=_text(row, "table_name"), rows=_int(_get(row, "row_count")))


@dataclass(frozen=True)
class ColumnRecord:
    """One row of ``statements.table_columns``."""

    schema: str
    table: str
    name: str
    data_type: str

    @classmethod
    def from_row(cls, row: Row) -> "ColumnRecord":
        """Read a row; see ``read_row``."""
        return cls(
            schema=_text(row, "table_schema"),
            table=_text(row, "table_name"),
            name=_text(row, "column_name"),
            data_type=_text(row, "data_type"),
        )


@dataclass(frozen=True)
class TableFacts:
    """What a result table holds: its rows, and name and type of each column."""

    row_count: int
    columns: tuple[tuple[str, str], ...] = field(default=())


def _get(row: Row, column: str) -> Any:
    try:
        value = row[column]
    except KeyError:
        columns = ", ".join(map(str, row))
        raise UnexpectedAnswer(f"there is no column {column!r} among {columns}") from None
    if value is None:
        raise UnexpectedAnswer(f"column {column!r} is NULL")
    return value


def _text(row: Row, column: str) -> str:
    value = _get(row, column)
    if not isinstance(value, str):
        raise UnexpectedAnswer(f"column {column!r} is {type(value).__name__}, not text")
    return replace_what_is_no_text(value)


def _text_or_none(value: Any) -> str | None:
    """Return a text, None for what is empty; a text that is missing is no reason to give up."""
    return (replace_what_is_no_text(value) or None) if isinstance(value, str) else None


def _log_text(value: Any) -> str:
    # As it was printed: what is no text is replaced where the line is shown.
    if value is not None and not isinstance(value, str):
        raise UnexpectedAnswer(f"a line is {type(value).__name__}, not text")
    return value or ""


def _job_name(row: Row) -> JobName:
    name, schema = row.get("name"), row.get("schema_name")
    database = row.get("database_name")
    if not (isinstance(name, str) and isinstance(schema, str) and isinstance(database, str)):
        raise UnexpectedAnswer(f"the name {database!r}.{schema!r}.{name!r} is incomplete")
    return _known_name(name, schema, database)


@lru_cache(maxsize=20_000)
def _known_name(name: str, schema: str, database: str) -> JobName:
    # Kept, because each listing shows all jobs again.
    return JobName(name, schema, database)


def _totals(rows: Sequence[Row]) -> tuple[int, int]:
    return _int(_get(rows[0], "lines")), _int(_get(rows[0], "error_lines"))


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = json.loads(value)
    return value if isinstance(value, dict) else {}


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        # Text stands in INSTANCE_STATUSES and start_time (ISO, ending in Z).
        # Python 3.10 reads three or six digits of a second, nothing between or beyond.
        text = _FRACTION.sub(lambda match: f"{match[0]:0<7}"[:7], value)
        value = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if not isinstance(value, datetime) or value.year not in USABLE_YEARS:
        raise UnexpectedAnswer(f"{value!r} is no time stamp")
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)


def _moment_or_none(value: Any) -> datetime | None:
    return None if value in (None, "") else _moment(value)


def _int_or_none(value: Any) -> int | None:
    return None if value in (None, "") else _int(value)


def _int(value: Any) -> int:
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise UnexpectedAnswer(f"{value!r} is out of range")
    return number
