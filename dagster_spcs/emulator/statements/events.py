"""The event table, SNOWFLAKE.TELEMETRY.EVENTS (pages "Event table overview" and "… columns").

Containers' lines, changes of status and metrics of every job that ever was, dropped ones included.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from dagster_spcs.emulator.account.account import Account
from dagster_spcs.emulator.account.jobs import Instance, Job
from dagster_spcs.emulator.account.metrics import kept_metrics
from dagster_spcs.emulator.sql.answers import SqlError
from dagster_spcs.emulator.sql.event_table import NAMES, Event, EventTable, LogFile
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.registry import Context


def is_event_table(words: Words) -> bool:
    """Whether the name of the event table comes next; if so, step over it."""
    ahead = words.ahead()
    try:
        name = ahead.object_name()
    except SqlError:
        return False
    if name not in NAMES:
        return False
    words.catch_up(ahead)
    return True


def event_table(context: Context) -> EventTable:
    """Return what is in the event table now."""
    account = context.account
    jobs = account.history()
    until = account.now() - timedelta(seconds=context.faults.log_lag_seconds)
    return EventTable(
        [log for job in jobs for log in _logs(job, account)],
        [event for job in jobs for event in _events(job, account)],
        until,
    )


def _logs(job: Job, account: Account) -> Iterator[LogFile]:
    for instance in job.instances:
        for container in instance.containers:
            path = job.log_path(account.log_folder, instance.id, container.name)
            yield LogFile(path, job.log_level, _attributes(job, account, instance, container.name))


def _events(job: Job, account: Account) -> Iterator[Event]:
    instances = {instance.id: instance for instance in job.instances}
    for change in job.changes:
        instance = None if change.instance is None else instances.get(change.instance)
        yield Event(
            change.at,
            "EVENT",
            _attributes(job, account, instance, change.container),
            {"name": f"{change.what}.STATUS_CHANGE", "severity_text": change.severity},
            {"message": change.message, "status": change.status},
        )
    for instance in job.instances:
        for container in instance.containers:
            path = job.log_path(account.log_folder, instance.id, container.name)
            for at, metric in kept_metrics(path):
                yield Event(
                    at,
                    "METRIC",
                    _attributes(job, account, instance, container.name),
                    {
                        "metric": {"name": metric.name, "unit": metric.unit},
                        "metric_type": "gauge",
                        "value_type": "DOUBLE",
                    },
                    metric.value,
                    start=job.created,
                )


def _attributes(
    job: Job, account: Account, instance: Instance | None, container: str | None
) -> dict[str, Any]:
    """Return RESOURCE_ATTRIBUTES; the instance stands under both keys that clients read."""
    database, schema, name = job.name
    pool = account.pools.get(job.compute_pool)
    found: dict[str, Any] = {
        "snow.account.name": account.settings.account,
        "snow.compute_pool.name": job.compute_pool,
        "snow.compute_pool.node.instance_family": None if pool is None else pool.family,
        "snow.database.name": database,
        "snow.query.id": job.query_id,
        "snow.schema.name": schema,
        "snow.service.id": job.id,
        "snow.service.name": name,
        "snow.service.type": "SERVICE",
    }
    if instance is not None:
        found["snow.service.instance"] = str(instance.id)
        found["snow.service.container.instance"] = str(instance.id)
    if container is not None:
        found["snow.service.container.name"] = container
    return {key: value for key, value in found.items() if value is not None}
