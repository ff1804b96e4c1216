"""GET_JOB_HISTORY."""

from datetime import datetime, timedelta

from dagster_spcs.emulator.account.jobs import Job
from dagster_spcs.emulator.sql.answers import Column, Result, compilation_error
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.registry import ACCOUNT_TABLES, Context

_RETENTION = timedelta(days=30)
_COLUMNS = (
    Column("QUERY_ID"),
    Column("ID", "fixed"),
    Column("NAME"),
    Column("DATABASE_NAME"),
    Column("SCHEMA_NAME"),
    Column("CREATED_TIME", "timestamp_ltz"),
    Column("COMPLETED_TIME", "timestamp_ltz"),
    Column("DELETED_TIME", "timestamp_ltz"),
    Column("STATUS"),
    Column("MESSAGE"),
    Column("INSTANCE_STATUSES", "object"),
    Column("COMPUTE_POOL_NAME"),
    Column("OWNER"),
    Column("OWNER_ROLE_TYPE"),
    Column("PARAMETERS", "object"),
    Column("MANAGING_OBJECT", "object"),
)


async def job_history(words: Words, context: Context) -> Result:
    """Jobs of every state, dropped ones included, the newest first up to RESULT_LIMIT."""
    now = context.account.now()
    start, end, limit = now - _RETENTION, now, 100
    while not words.take(")"):
        words.take(",")
        if words.take("CREATED_TIME_START", "=>"):
            start = await context.moment(words.expression())
        elif words.take("CREATED_TIME_END", "=>"):
            end = await context.moment(words.expression())
        elif words.take("RESULT_LIMIT", "=>"):
            limit = words.number()
            if not 1 <= limit <= 10_000:
                raise compilation_error(
                    f"invalid value [{limit}] for parameter 'RESULT_LIMIT'; 1 to 10000 is allowed"
                )
        else:
            raise words.unexpected()
    rows = []
    for job in context.account.history():
        if not start <= job.created <= end or _comes_late(job, now, context):
            continue
        parameters: dict[str, object] = {"ASYNC": job.is_async}
        if job.replicas != 1:
            parameters["REPLICAS"] = job.replicas
        database, schema, name = job.name
        rows.append(
            [
                job.query_id,
                job.id,
                name,
                database,
                schema,
                job.created,
                job.completed,
                job.deleted,
                job.status.value,
                job.message,
                job.instance_statuses(),
                job.compute_pool,
                job.owner,
                "ROLE",
                parameters,
                None,
            ]
        )
        if len(rows) == limit:
            break
    return Result(_COLUMNS, rows)


def _comes_late(job: Job, now: datetime, context: Context) -> bool:
    lag = timedelta(seconds=context.faults.history_lag_seconds)
    return job.completed is not None and now - job.completed < lag


ACCOUNT_TABLES["GET_JOB_HISTORY"] = job_history
