"""Every statement this library sends, one function each; none runs anything.

Statements are finished text, without binds: a connection that dagster-snowflake opens formats
``%s`` on the client unless its user chose otherwise, so ``?`` would not reach the server. Names
and literals are quoted by type instead (``names.py``, ``sqltext.py``).

``needs_warehouse`` follows the pages: SHOW needs none (page "SHOW SERVICES"), table functions are
ordinary queries. For DESCRIBE, DROP, CALL, system functions and asynchronous submission the
pages are silent; they are DDL or metadata and counted as needing none.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dagster_spcs.spcs.names import JobName, identifier, qualified, quote_identifier, split_name
from dagster_spcs.spcs.request import JobRequest, SpecTemplate, StageFile
from dagster_spcs.spcs.sql_text import fence, like_exactly, like_prefix, quote_literal

MAX_LISTED = 10_000
"""SHOW and GET_JOB_HISTORY give at most this many rows (pages "SHOW SERVICES",
"GET_JOB_HISTORY")."""


MANY_LINES = 20_000
"""Lines of a log of which only some are read."""
_LISTED = frozenset(
    "name schema_name database_name status compute_pool created_on updated_on target_instances"
    " comment query_warehouse".split()
)
"""What ``records.JobRecord`` is read from."""
_LOG_COLUMNS = "TIMESTAMP, INSTANCE_ID, CONTAINER_NAME, LOG, RECORD_ATTRIBUTES"


@dataclass(frozen=True)
class Statement:
    """SQL to run, and whether a warehouse has to run for it."""

    text: str
    needs_warehouse: bool = False
    shown: str | None = None
    """What errors may show of it; a specification can hold secrets in its environment."""
    columns: frozenset[str] = frozenset()
    """The columns of the answer that are read, in lower case; empty for all."""


def execute_job_service(
    request: JobRequest,
    *,
    name: JobName,
    compute_pool: str,
    comment: str,
    asynchronous: bool = True,
) -> Statement:
    """``EXECUTE JOB SERVICE``; accepts the job and returns at once when asynchronous.

    Sources disagree on the order of clauses; properties first and specification last is what most
    examples and the usage notes agree on (page "EXECUTE JOB SERVICE").
    """
    clauses = [
        f"EXECUTE JOB SERVICE IN COMPUTE POOL {identifier(compute_pool)}",
        f"NAME = {name.sql}",
        f"ASYNC = {'TRUE' if asynchronous else 'FALSE'}",
    ]
    if request.replicas != 1:
        clauses.append(f"REPLICAS = {request.replicas:d}")
    if request.query_warehouse is not None:
        clauses.append(f"QUERY_WAREHOUSE = {identifier(request.query_warehouse)}")
    clauses.append(f"COMMENT = {quote_literal(comment)}")
    if request.external_access_integrations:
        listed = ", ".join(identifier(item) for item in request.external_access_integrations)
        clauses.append(f"EXTERNAL_ACCESS_INTEGRATIONS = ({listed})")
    if request.tags:
        listed = ", ".join(
            f"{qualified(tag)} = {quote_literal(value)}" for tag, value in request.tags.items()
        )
        clauses.append(f"WITH TAG ({listed})")
    properties = "\n".join(clauses)
    specification = _specification(request)
    return Statement(f"{properties}\n{specification}", shown=f"{properties}\nFROM …")


def _specification(request: JobRequest) -> str:
    spec = request.spec
    if isinstance(spec, StageFile):
        return f"FROM {_stage(spec)} SPECIFICATION_FILE = {quote_literal(spec.path)}"
    if isinstance(spec, SpecTemplate):
        values = ", ".join(
            f"{quote_identifier(key)} => {_template_value(value)}"
            for key, value in spec.values.items()
        )
        if isinstance(spec.template, StageFile):
            file = quote_literal(spec.template.path)
            source = f"FROM {_stage(spec.template)} SPECIFICATION_TEMPLATE_FILE = {file}"
        else:
            source = f"FROM SPECIFICATION_TEMPLATE {quote_literal(spec.template)}"
        return f"{source} USING ({values})"
    return f"FROM SPECIFICATION {fence(spec.to_document())}"


def _stage(file: StageFile) -> str:
    return _stage_place(file.stage)


def _stage_place(place: str) -> str:
    name, slash, directory = place[1:].partition("/")
    quoted = ".".join(quote_identifier(part) for part in split_name(name))
    return quote_literal(f"@{quoted}{slash}{directory}")


def _template_value(value: Any) -> str:
    # Bare literals are for alphanumerics only; text goes as JSON inside a literal, which takes
    # dots, dashes and slashes as well (page "EXECUTE JOB SERVICE", templates).
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return quote_literal(json.dumps(value, ensure_ascii=False))


def show_job_services(
    *, database: str, schema: str, prefix: str, after: str | None = None
) -> Statement:
    """One page, at most ``MAX_LISTED`` rows, of the jobs whose names begin with ``prefix``."""
    text = f"SHOW JOB SERVICES LIKE {like_prefix(prefix)} IN SCHEMA {_place(database, schema)}"
    if after is not None:
        text += f" LIMIT {MAX_LISTED} FROM {quote_literal(after)}"
    return Statement(text, columns=_LISTED)


def describe_service(name: JobName) -> Statement:
    """One row while the service exists; error 2003 once it is dropped."""
    return Statement(f"DESCRIBE SERVICE {name.sql}")


def show_service_containers(name: JobName) -> Statement:
    """One row a container of each instance, with its last exit code."""
    return Statement(f"SHOW SERVICE CONTAINERS IN SERVICE {name.sql}")


def show_service_instances(name: JobName) -> Statement:
    """One row an instance."""
    return Statement(f"SHOW SERVICE INSTANCES IN SERVICE {name.sql}")


def show_compute_pools(pool: str) -> Statement:
    """The pool of that name, and those LIKE cannot tell from it."""
    return Statement(f"SHOW COMPUTE POOLS LIKE {quote_literal(like_exactly(pool))}")


def job_history(
    *,
    database: str,
    schema: str,
    created_from: datetime,
    created_to: datetime | None = None,
    names: Sequence[str],
) -> Statement:
    """History rows of jobs in one schema, dropped ones included.

    The limit of ``MAX_LISTED`` rows is applied by the account before the filter, the most recent
    rows first, so the span of creation times should be as narrow as it is known.
    """
    arguments = [f"CREATED_TIME_START => {_timestamp(created_from)}"]
    if created_to is not None:
        arguments.append(f"CREATED_TIME_END => {_timestamp(created_to)}")
    arguments.append(f"RESULT_LIMIT => {MAX_LISTED}")
    filters = [
        f"DATABASE_NAME = {quote_literal(database)}",
        f"SCHEMA_NAME = {quote_literal(schema)}",
    ]
    filters.append(f"NAME IN ({', '.join(quote_literal(name) for name in names)})")
    return Statement(
        "SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY("
        f"{', '.join(arguments)})) WHERE {' AND '.join(filters)}",
        needs_warehouse=True,
    )


def service_logs(
    names: Sequence[JobName],
    *,
    since: datetime,
    last_lines: int,
    with_messages: Collection[JobName] = (),
) -> Statement:
    """The last lines of several jobs from the event table, each with its job's totals.

    The column JOB is the job's place in ``names``, from 0. Of jobs ``with_messages`` every line
    comes, or, if there are more than ``MANY_LINES``, the last ones and those with a Pipes message.
    Lines reach the event table some minutes late (page "Monitoring Services").
    """
    # As short as can be, for there are fifty: a union takes its column names from the first.
    logs = [
        f"SELECT {index:d}{'' if index else ' AS JOB'}, *"
        f" FROM TABLE({name.sql}!SPCS_GET_LOGS(START_TIME => {_timestamp(since)}))"
        for index, name in enumerate(names)
    ]
    # The windows stand outside, once, because a statement of fifty jobs is long enough without.
    of_job = "OVER (PARTITION BY JOB)"
    chosen = f"ROW_NUMBER() OVER (PARTITION BY JOB ORDER BY TIMESTAMP DESC) <= {last_lines:d}"
    spoken = [f"{index:d}" for index, name in enumerate(names) if name in with_messages]
    if spoken:
        chosen += (
            f" OR JOB IN ({', '.join(spoken)}) AND (COUNT(*) {of_job} <= {MANY_LINES}"
            " OR CONTAINS(LOG, '__dagster_pipes_version'))"
        )
    return Statement(
        f"SELECT JOB, {_LOG_COLUMNS}, COUNT(*) {of_job} AS LINES,"
        f" SUM(IFF(RECORD_ATTRIBUTES:\"log.iostream\"::VARCHAR = 'stderr', 1, 0)) {of_job}"
        f" AS ERROR_LINES FROM ({' UNION ALL '.join(logs)}) QUALIFY {chosen}",
        needs_warehouse=True,
    )


def service_events(name: JobName, *, since: datetime) -> Statement:
    """Changes of status of a job, its instances and containers, the oldest first."""
    return _told_of(name, "SPCS_GET_EVENTS", since)


def service_metrics(name: JobName, *, since: datetime) -> Statement:
    """What the platform measured of a job, the oldest first."""
    return _told_of(name, "SPCS_GET_METRICS", since)


def _told_of(name: JobName, function: str, since: datetime) -> Statement:
    return Statement(
        f"SELECT * FROM TABLE({name.sql}!{function}(START_TIME => {_timestamp(since)}))"
        " ORDER BY TIMESTAMP",
        needs_warehouse=True,
    )


def get_service_logs(
    name: JobName, *, instance: int, container: str, lines: int | None = None
) -> Statement:
    """The last lines of one container as one text of at most 100 KB, straight from its node."""
    last = "" if lines is None else f", {lines:d}"
    return Statement(
        f"SELECT SYSTEM$GET_SERVICE_LOGS({quote_literal(name.sql)}, {instance:d},"
        f" {quote_literal(container)}{last})"
    )


def follow_service_logs(name: JobName, *, instance: int, container: str, since: str) -> Statement:
    """Lines of one container since a time stamp, each behind its own.

    The two last arguments are not documented; snowflake-cli sends them to follow a log.
    """
    return Statement(
        f"SELECT SYSTEM$GET_SERVICE_LOGS({quote_literal(name.sql)}, {instance:d},"
        f" {quote_literal(container)}, 10000, FALSE, {quote_literal(since)}, TRUE)"
    )


def count_rows(tables: Sequence[str]) -> Statement:
    """The number of rows of each table, one row a table."""
    parts = [
        f"SELECT {quote_literal(table)} AS TABLE_NAME, COUNT(*) AS ROW_COUNT"
        f" FROM {qualified(table)}"
        for table in tables
    ]
    return Statement(" UNION ALL ".join(parts), needs_warehouse=True)


def table_columns(database: str, tables: Sequence[tuple[str, str]]) -> Statement:
    """Name and type of each column of tables of one database, in their order."""
    wanted = " OR ".join(
        f"(TABLE_SCHEMA = {quote_literal(schema)} AND TABLE_NAME = {quote_literal(table)})"
        for schema, table in tables
    )
    return Statement(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM"
        f" {quote_identifier(database)}.INFORMATION_SCHEMA.COLUMNS WHERE {wanted}"
        " ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
        needs_warehouse=True,
    )


def put_file(path: Path, directory: str) -> Statement:
    """A file of this machine into a directory of a stage, as it is."""
    return Statement(
        f"PUT {quote_literal(path.as_uri())} {_stage_place(directory)}"
        " AUTO_COMPRESS = FALSE OVERWRITE = TRUE"
    )


def cancel_job(name: JobName) -> Statement:
    """Asks for the end of a job; its service, history and (for a while) logs stay."""
    return Statement(f"CALL {name.sql}!SPCS_CANCEL_JOB()")


def drop_service(name: JobName) -> Statement:
    """The service goes, running or not; its history row stays."""
    return Statement(f"DROP SERVICE IF EXISTS {name.sql}")


def _place(database: str, schema: str) -> str:
    return f"{quote_identifier(database)}.{quote_identifier(schema)}"


def _timestamp(moment: datetime) -> str:
    utc = moment.astimezone(timezone.utc)
    return f"TO_TIMESTAMP_LTZ('{utc:%Y-%m-%d %H:%M:%S.%f} +0000')"
