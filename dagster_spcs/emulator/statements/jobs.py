"""Looking at jobs, cancelling and dropping them."""

from collections.abc import Iterable
from typing import Any

from dagster_spcs.emulator.account.jobs import Job
from dagster_spcs.emulator.sql.answers import (
    Column,
    ColumnType,
    Result,
    SqlError,
    not_emulated,
    nothing_to_show,
)
from dagster_spcs.emulator.sql.words import Kind, Words
from dagster_spcs.emulator.statements.objects import Selection, already_dropped, like_clause
from dagster_spcs.emulator.statements.registry import METHODS, Context, handles
from dagster_spcs.spcs.status import JobStatus

_TYPES: dict[str, ColumnType] = {
    **dict.fromkeys(
        (
            "current_instances",
            "target_instances",
            "min_ready_instances",
            "min_instances",
            "max_instances",
            "auto_suspend_secs",
        ),
        "fixed",
    ),
    **dict.fromkeys(("auto_resume", "is_job", "is_async_job", "is_upgrading"), "boolean"),
    **dict.fromkeys(("created_on", "updated_on", "resumed_on", "suspended_on"), "timestamp_ltz"),
}


def table(rows: Iterable[dict[str, Any]], names: list[str]) -> Result:
    """Return mappings as a result with these columns."""
    shown = tuple(Column(name, _TYPES.get(name, "text")) for name in names)
    return Result(shown, [[row[name] for name in names] for row in rows])


@handles("DESCRIBE SERVICE", "DESC SERVICE")
def describe_service(words: Words, context: Context) -> Result:
    """``DESCRIBE SERVICE <name>``."""
    name = context.session.resolve(words.object_name(), "DESCRIBE")
    words.end()
    row = context.account.properties_of(context.account.job(name))
    return table([row], list(row))


@handles("SHOW JOB SERVICES", "SHOW SERVICES")
def show_services(words: Words, context: Context) -> Result:
    """``SHOW [JOB] SERVICES [EXCLUDE JOBS] [LIKE …] [IN …] [STARTS WITH …] [LIMIT …]``."""
    only_jobs = words.began("SHOW", "JOB")
    without_jobs = words.take("EXCLUDE", "JOBS")
    pattern = like_clause(words)
    chosen = _in_scope(words, context)
    selection = Selection.read(words, pattern)
    if words.at("OF", "TYPE"):
        raise not_emulated("SHOW SERVICES OF TYPE")
    words.end()
    # Long-running services are not part of this emulator, so jobs are all there is.
    found = [] if without_jobs else sorted(chosen, key=lambda job: job.name)
    shown = selection.of(found, lambda job: job.short_name)
    rows = map(context.account.properties_of, shown)
    return table(rows, _shown_columns(only_jobs=only_jobs, without_jobs=without_jobs))


def _shown_columns(*, only_jobs: bool, without_jobs: bool) -> list[str]:
    hidden = {"spec"}
    if only_jobs or without_jobs:
        hidden.add("is_job")
    if without_jobs:
        hidden.add("is_async_job")
    return [name for name in _COLUMNS if name not in hidden]


_COLUMNS = (
    "name status database_name schema_name owner compute_pool spec dns_name current_instances"
    " target_instances min_ready_instances min_instances max_instances auto_resume"
    " external_access_integrations created_on updated_on resumed_on suspended_on auto_suspend_secs"
    " comment owner_role_type query_warehouse is_job is_async_job spec_digest is_upgrading"
    " managing_object_domain managing_object_name"
).split()


def _in_scope(words: Words, context: Context) -> list[Job]:
    jobs = list(context.account.jobs.values())
    session = context.session
    if words.take("IN", "ACCOUNT"):
        return jobs
    if words.take("IN", "COMPUTE", "POOL"):
        pool = context.account.pool(words.identifier())
        return [job for job in jobs if job.compute_pool == pool.name]
    if words.take("IN", "DATABASE"):
        database = _database(words, context)
        return [job for job in jobs if job.name[0] == database]
    if words.take("IN"):
        words.take("SCHEMA")
        name = words.object_name() if _at_name(words) else ()
        place = session.resolve((*name, "X"), "SHOW")
    elif session.connection.schema_set:
        place = session.resolve(("X",))
    else:
        return jobs
    if not context.tables.schema_exists(*place[:2]):
        raise nothing_to_show()
    return [job for job in jobs if job.name[:2] == place[:2]]


def _database(words: Words, context: Context) -> str:
    named = _at_name(words)
    name = words.identifier() if named else context.session.resolve(("PUBLIC", "X"))[0]
    if not context.tables.database_exists(name):
        raise nothing_to_show()
    return name


def _at_name(words: Words) -> bool:
    return words.here.kind in (Kind.WORD, Kind.QUOTED) and not _at_option(words)


def _at_option(words: Words) -> bool:
    return words.at("STARTS", "WITH") or words.at("LIMIT") or words.at("OF", "TYPE")


@handles("SHOW SERVICE CONTAINERS IN SERVICE")
def show_containers(words: Words, context: Context) -> Result:
    """``SHOW SERVICE CONTAINERS IN SERVICE <name>``."""
    job = context.account.job(context.session.resolve(words.object_name(), "SHOW"))
    words.end()
    numbers = {"restart_count", "last_exit_code"}
    names = (
        "database_name schema_name service_name service_status instance_id instance_status"
        " container_name status message image_name image_digest restart_count start_time"
        " last_exit_code last_restart_time"
    ).split()
    rows = [
        [
            *job.name,
            job.status.value,
            str(instance.id),
            instance.status,
            container.name,
            container.status,
            container.message,
            container.image,
            container.image_digest,
            container.restart_count,
            container.start_time,
            container.last_exit_code,
            None,
        ]
        for instance in job.instances
        for container in instance.containers
    ]
    return Result(
        tuple(Column(name, "fixed" if name in numbers else "text") for name in names), rows
    )


@handles("SHOW SERVICE INSTANCES IN SERVICE")
def show_instances(words: Words, context: Context) -> Result:
    """``SHOW SERVICE INSTANCES IN SERVICE <name>``."""
    job = context.account.job(context.session.resolve(words.object_name(), "SHOW"))
    words.end()
    names = (
        "database_name schema_name service_name service_status instance_id status spec_digest"
        " creation_time start_time ip_address"
    ).split()
    rows = [
        [
            *job.name,
            job.status.value,
            str(instance.id),
            instance.status,
            job.spec_digest,
            f"{instance.created:%Y-%m-%dT%H:%M:%SZ}",
            instance.start_time,
            instance.ip_address,
        ]
        for instance in job.instances
    ]
    return Result(tuple(Column(name) for name in names), rows)


@handles("SHOW ENDPOINTS IN SERVICE")
def show_endpoints(words: Words, context: Context) -> Result:
    """``SHOW ENDPOINTS IN SERVICE <name>``: none, a local process has no ingress."""
    context.account.job(context.session.resolve(words.object_name(), "SHOW"))
    words.end()
    names = ["name", "port", "port_range", "protocol", "is_public", "ingress_url"]
    return Result(tuple(Column(name) for name in names), [])


@handles("SHOW ROLES IN SERVICE")
def show_roles(words: Words, context: Context) -> Result:
    """``SHOW ROLES IN SERVICE <name>``: none, for there are no endpoints to use."""
    context.account.job(context.session.resolve(words.object_name(), "SHOW"))
    words.end()
    return Result((Column("created_on"), Column("name"), Column("comment")), [])


@handles("DROP SERVICE")
async def drop_service(words: Words, context: Context) -> Result:
    """``DROP SERVICE [IF EXISTS] <name> [FORCE]``: the service goes, its history row stays."""
    may_be_absent = words.take("IF", "EXISTS")
    name = context.session.resolve(words.object_name(), "DROP")
    words.take("FORCE")
    words.end()
    account = context.account
    if may_be_absent and name not in account.jobs:
        return already_dropped(name[2])
    await drop(account.job(name), context)
    return Result.status(f"{name[2]} successfully dropped.")


async def drop(job: Job, context: Context) -> None:
    """Take a job off; one at work is stopped and ends DELETED."""
    account = context.account
    job.deleted = account.now()
    try:
        account.write_now(job)
    except SqlError:
        job.deleted = None
        raise
    del account.jobs[job.name]
    account.dropped.append(job)
    await context.runner.stop(job)
    if not job.status.is_final:
        account.finish(job, JobStatus.DELETED, "Job has been deleted")
    else:
        account.changed(job)


@handles("ALTER SERVICE")
def alter_service(words: Words, context: Context) -> Result:
    """Jobs cannot be altered."""
    words.take("IF", "EXISTS")
    context.account.job(context.session.resolve(words.object_name(), "ALTER"))
    raise not_emulated("ALTER SERVICE on a job service")


async def cancel_job(words: Words, context: Context) -> Result:
    """``<job>!SPCS_CANCEL_JOB()``; returns once the job is CANCELLING (text chosen)."""
    job = context.account.job(context.session.resolve(words.object_name()))
    words.expect("!", "SPCS_CANCEL_JOB", "(", ")")
    words.end()
    if await context.runner.cancel(job):
        text = f"Job {job.short_name} cancellation requested."
    else:
        text = f"Job {job.short_name} was not cancelled: its status is {job.status.value}."
    return Result.value("SPCS_CANCEL_JOB", text)


METHODS["SPCS_CANCEL_JOB"] = cancel_job
