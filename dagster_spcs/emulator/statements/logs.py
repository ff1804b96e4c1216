"""What is known of a job's life: SPCS_GET_LOGS, …EVENTS, …METRICS, SYSTEM$GET_SERVICE_LOGS."""

import asyncio
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

from dagster_spcs.emulator.account.jobs import Job
from dagster_spcs.emulator.account.metrics import kept_metrics
from dagster_spcs.emulator.containers.logs import ContainerLog
from dagster_spcs.emulator.sql.answers import (
    Column,
    Result,
    compilation_error,
    container_not_started,
    no_such_instance,
)
from dagster_spcs.emulator.sql.log_rows import LogRows, LogSource
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.registry import SERVICE_TABLES, SYSTEM_FUNCTIONS, Context

_MAX_BYTES = 100 * 1024
_LARGE = 4 << 20
"""Bytes of log files that DuckDB reads itself; less is handed to it, which is quicker."""
_LOG_COLUMNS = (
    Column("TIMESTAMP", "timestamp_ntz"),
    Column("INSTANCE_ID", "fixed"),
    Column("CONTAINER_NAME"),
    Column("LOG"),
    Column("RECORD_ATTRIBUTES", "object"),
)

_EVENT_COLUMNS = (
    Column("TIMESTAMP", "timestamp_ntz"),
    Column("SEVERITY"),
    Column("EVENT_NAME"),
    Column("EVENT_DETAILS", "object"),
    Column("INSTANCE_ID", "fixed"),
    Column("CONTAINER_NAME"),
    Column("RECORD", "object"),
    Column("RECORD_ATTRIBUTES", "object"),
)
_METRIC_COLUMNS = (
    Column("TIMESTAMP", "timestamp_ntz"),
    Column("METRIC_NAME"),
    Column("VALUE"),
    Column("UNIT"),
    Column("INSTANCE_ID", "fixed"),
    Column("CONTAINER_NAME"),
    Column("RESOURCE", "object"),
    Column("RECORD", "object"),
    Column("RECORD_ATTRIBUTES", "object"),
)


async def get_logs(words: Words, context: Context) -> Result | LogRows:
    """``<job>!SPCS_GET_LOGS([START_TIME => …] [, END_TIME => …])``, the newest line first."""
    job, start, end = await _window(words, context, "SPCS_GET_LOGS")
    sources = [
        LogSource(path, instance.id, container.name)
        for instance in job.instances
        for container in instance.containers
        for path in [job.log_path(context.account.log_folder, instance.id, container.name)]
        if path.exists()
    ]
    if sum(source.path.stat().st_size for source in sources) > _LARGE:
        streams = [stream for stream in ("stdout", "stderr") if _exported(job, stream)]
        return LogRows(sources, _nanoseconds(start), _nanoseconds(end), streams or ["none"])
    return Result(_LOG_COLUMNS, await asyncio.to_thread(_rows, job, context, start, end))


async def get_events(words: Words, context: Context) -> Result:
    """``<job>!SPCS_GET_EVENTS(…)``: changes of status, the newest first."""
    job, start, end = await _window(words, context, "SPCS_GET_EVENTS")
    rows = [
        (
            int(change.at.timestamp() * 1_000_000),
            change.severity,
            f"{change.what}.STATUS_CHANGE",
            json.dumps({"message": change.message, "status": change.status}),
            change.instance,
            change.container,
            json.dumps({"name": f"{change.what}.STATUS_CHANGE", "severity_text": change.severity}),
            None,
        )
        for change in reversed(job.changes)
        if start <= change.at <= end
    ]
    return Result(_EVENT_COLUMNS, rows)


async def get_metrics(words: Words, context: Context) -> Result:
    """``<job>!SPCS_GET_METRICS(…)``: of the groups that the specification asks for."""
    job, start, end = await _window(words, context, "SPCS_GET_METRICS")
    rows = [
        (
            int(at.timestamp() * 1_000_000),
            metric.name,
            str(metric.value),
            metric.unit,
            instance.id,
            container.name,
            None,
            json.dumps({"metric": {"name": metric.name, "unit": metric.unit}}),
            None,
        )
        for instance in job.instances
        for container in instance.containers
        for path in [job.log_path(context.account.log_folder, instance.id, container.name)]
        for at, metric in kept_metrics(path)
        if start <= at <= end
    ]
    rows.sort(key=lambda row: row[0], reverse=True)
    return Result(_METRIC_COLUMNS, rows)


async def _window(words: Words, context: Context, function: str) -> tuple[Job, datetime, datetime]:
    """Read ``<job>!FUNCTION([START_TIME => …] [, END_TIME => …])``."""
    job = context.account.job(context.session.resolve(words.object_name()))
    words.expect("!", function, "(")
    end = context.account.now()
    start = end - timedelta(days=1)
    while not words.take(")"):
        words.take(",")
        if words.take("START_TIME", "=>"):
            start = await context.moment(words.expression())
        elif words.take("END_TIME", "=>"):
            end = await context.moment(words.expression())
        else:
            raise words.unexpected()
    arrived = context.account.now() - timedelta(seconds=context.faults.log_lag_seconds)
    return job, start, min(end, arrived)


def _rows(
    job: Job, context: Context, start: datetime, end: datetime
) -> list[tuple[int, int, str, str, str]]:
    """Lines with their time in microseconds, which is what a column of times is made of."""
    first, last = _nanoseconds(start), _nanoseconds(end)
    attributes = {stream: json.dumps({"log.iostream": stream}) for stream in ("stdout", "stderr")}
    rows = [
        (record.time_ns // 1000, instance.id, container.name, record.text, attributes[stream])
        for instance in job.instances
        for container in instance.containers
        for record in job.log(context.account.log_folder, instance.id, container.name).records()
        for stream in [record.stream]
        if first <= record.time_ns <= last and _exported(job, stream)
    ]
    rows.sort(key=lambda row: row[0], reverse=True)
    return rows


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000


def _exported(job: Job, stream: str) -> bool:
    return job.log_level == "INFO" or (job.log_level == "ERROR" and stream == "stderr")


SERVICE_TABLES["SPCS_GET_LOGS"] = get_logs
SERVICE_TABLES["SPCS_GET_EVENTS"] = get_events
SERVICE_TABLES["SPCS_GET_METRICS"] = get_metrics


def get_service_logs(words: Words, context: Context) -> Result:
    """``SYSTEM$GET_SERVICE_LOGS(service, instance, container[, lines[, previous[, …]]])``.

    Two more, since and stamps, are what snowflake-cli sends.
    """
    name = context.session.resolve(Words(words.string()).object_name())
    words.expect(",")
    instance_id = str(words.number())
    words.expect(",")
    container_name = words.string()
    lines = words.number() if words.take(",") else None
    if words.take(",") and words.boolean():
        raise compilation_error("There are no previous logs: jobs are not restarted")
    since = words.string() if words.take(",") else ""
    stamps = words.boolean() if words.take(",") else False
    words.expect(")")
    words.end()
    job = context.account.job(name)
    log = _log_of(job, instance_id, container_name, context.account.log_folder)
    earliest = _since(since)
    records = [
        record
        for record in log.tail(_MAX_BYTES, lines)
        if earliest is None or record.stamp >= earliest
    ]
    text = "\n".join(
        f"{record.stamp} {record.text}" if stamps else record.text for record in records
    )
    return Result.value("SYSTEM$GET_SERVICE_LOGS", text)


def _log_of(job: Job, instance_id: str, container_name: str, folder: Path) -> ContainerLog:
    """Return the log of a container that has started."""
    instances = {str(instance.id): instance for instance in job.instances}
    instance = instances.get(instance_id)
    if instance is None:
        raise no_such_instance(instance_id, ", ".join(instances))
    container = next((each for each in instance.containers if each.name == container_name), None)
    if container is None:
        raise compilation_error(f"Container '{container_name}' does not exist.")
    if container.status == "PENDING":
        raise container_not_started(container.name)
    return job.log(folder, instance.id, container.name)


def _since(text: str) -> str | None:
    """Return a since_timestamp in the form of the stamps, so that both compare as text."""
    if not text:
        return None
    head, _, fraction = text.removesuffix("Z").partition(".")
    try:
        moment = datetime.fromisoformat(head)
    except ValueError:
        raise compilation_error(f"Timestamp '{text}' is not recognized", number=100035) from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:0<9}Z"


SYSTEM_FUNCTIONS["SYSTEM$GET_SERVICE_LOGS"] = get_service_logs
