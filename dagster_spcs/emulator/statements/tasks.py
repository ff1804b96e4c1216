"""CREATE, ALTER, EXECUTE, SHOW, DESCRIBE and DROP TASK, and TASK_HISTORY (pages of these names)."""

from datetime import timedelta
from typing import Any

from dagster_spcs.emulator.account.tasks import Task, TaskRun, next_time, properties
from dagster_spcs.emulator.sql.answers import (
    Column,
    ColumnType,
    Result,
    compilation_error,
    not_emulated,
)
from dagster_spcs.emulator.sql.words import Kind, Words
from dagster_spcs.emulator.statements.objects import (
    Selection,
    drop_object,
    like_clause,
    limit_clause,
    require_schema,
    starts_with_clause,
)
from dagster_spcs.emulator.statements.places import scope_of
from dagster_spcs.emulator.statements.registry import ACCOUNT_TABLES, Context, handles

_SUCCESS = Result.status("Statement executed successfully.")
_COLUMNS = (
    "created_on name id database_name schema_name owner comment warehouse schedule predecessors"
    " state definition condition allow_overlapping_execution error_integration last_committed_on"
    " last_suspended_on owner_role_type config budget task_relations last_suspended_reason"
).split()
_TYPES: dict[str, ColumnType] = {"created_on": "timestamp_ltz"}
_HISTORY = (
    Column("QUERY_ID"),
    Column("NAME"),
    Column("DATABASE_NAME"),
    Column("SCHEMA_NAME"),
    Column("QUERY_TEXT"),
    Column("CONDITION_TEXT"),
    Column("STATE"),
    Column("ERROR_CODE"),
    Column("ERROR_MESSAGE"),
    Column("SCHEDULED_TIME", "timestamp_ltz"),
    Column("QUERY_START_TIME", "timestamp_ltz"),
    Column("NEXT_SCHEDULED_TIME", "timestamp_ltz"),
    Column("COMPLETED_TIME", "timestamp_ltz"),
    Column("ROOT_TASK_ID"),
    Column("GRAPH_VERSION", "fixed"),
    Column("RUN_ID"),
    Column("RETURN_VALUE"),
    Column("SCHEDULED_FROM"),
    Column("ATTEMPT_NUMBER", "fixed"),
)
_DAYS = 7


@handles("CREATE TASK", "CREATE OR REPLACE TASK")
def create_task(words: Words, context: Context) -> Result:
    """``CREATE [OR REPLACE] TASK [IF NOT EXISTS] <name> [option …] AS <statement>``."""
    replaces = words.began("CREATE", "OR")
    may_exist = words.take("IF", "NOT", "EXISTS")
    name = context.session.resolve(words.object_name(), "CREATE TASK")
    require_schema(name, context)
    task = Task(name, "", context.account.now(), context.session.role)
    while not words.take("AS"):
        _read_option(words, task)
    task.definition = words.rest().strip().rstrip(";")
    tasks = context.account.tasks
    if may_exist and any(each.name == name for each in tasks.all()):
        return Result.status(f"{name[2]} already exists, statement succeeded.")
    tasks.add(task, or_replace=replaces)
    return Result.status(f"Task {name[2]} successfully created.")


def _read_option(words: Words, task: Task) -> None:
    words.take(",")
    if words.take("WAREHOUSE", "="):
        at_text = words.here.kind is Kind.STRING
        task.warehouse = words.string() if at_text else words.identifier()
    elif words.take("SCHEDULE", "="):
        task.schedule = words.string()
    elif words.take("COMMENT", "="):
        task.comment = words.string()
    elif words.take("ALLOW_OVERLAPPING_EXECUTION", "="):
        task.allow_overlapping = words.boolean()
    elif words.take("USER_TASK_TIMEOUT_MS", "="):
        task.timeout_ms = words.number()
    elif words.take("USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE", "="):
        words.text_or_word()  # nothing here needs a warehouse
    elif words.here.kind is Kind.WORD:
        raise not_emulated(f"{words.word()} of a task")
    else:
        raise words.unexpected()


@handles("ALTER TASK")
def alter_task(words: Words, context: Context) -> Result:
    """``ALTER TASK [IF EXISTS] <name> { RESUME | SUSPEND | SET … | UNSET … | MODIFY AS … }``."""
    may_be_absent = words.take("IF", "EXISTS")
    name = context.session.resolve(words.object_name(), "ALTER")
    tasks = context.account.tasks
    if may_be_absent and all(each.name != name for each in tasks.all()):
        return _SUCCESS
    task = tasks.get(name)
    if words.take("RESUME"):
        if task.schedule is None:
            raise compilation_error(f"Task {task.name[2]} has no schedule.", number=91_090)
        task.is_started = True
    elif words.take("SUSPEND"):
        task.is_started = False
    elif words.take("MODIFY", "AS"):
        task.definition = words.rest().strip().rstrip(";")
    elif words.take("UNSET"):
        _unset(words, task)
    else:
        words.expect("SET")
        while words.here.kind is not Kind.END:
            _read_option(words, task)
        if task.schedule is not None:
            next_time(task.schedule, context.account.now())
    words.end()
    tasks.save(task)
    return _SUCCESS


def _unset(words: Words, task: Task) -> None:
    while words.here.kind is not Kind.END:
        match words.word():
            case "WAREHOUSE":
                task.warehouse = None
            case "SCHEDULE":
                task.schedule = None
            case "COMMENT":
                task.comment = None
            case "USER_TASK_TIMEOUT_MS":
                task.timeout_ms = None
            case option:
                raise not_emulated(f"{option} of a task")
        words.take(",")


@handles("EXECUTE TASK")
def execute_task(words: Words, context: Context) -> Result:
    """``EXECUTE TASK <name>``: begins a run; the answer does not wait for it."""
    name = context.session.resolve(words.object_name(), "EXECUTE TASK")
    if words.at("RETRY") or words.at("USING"):
        raise not_emulated(f"EXECUTE TASK … {words.word()}")
    words.end()
    context.account.tasks.execute(context.account.tasks.get(name))
    return Result.status(f"Task {name[2]} is scheduled to run immediately.")


@handles("DROP TASK")
def drop_task(words: Words, context: Context) -> Result:
    """``DROP TASK [IF EXISTS] <name>``: a run at work goes on."""
    return drop_object(words, context, "Task", lambda name: context.account.tasks.drop(*name))


@handles("SHOW TASKS")
def show_tasks(words: Words, context: Context) -> Result:
    """``SHOW TASKS [LIKE …] [IN …] [STARTS WITH …] [ROOT ONLY] [LIMIT …]``."""
    pattern = like_clause(words)
    scope = scope_of(words, context)
    start = starts_with_clause(words)
    words.take("ROOT", "ONLY")
    selection = Selection(pattern, start, *limit_clause(words))
    words.end()
    found = [task for task in context.account.tasks.all() if task.name[: len(scope)] == scope]
    return _shown(selection.of(found, lambda task: task.name[2]))


@handles("DESCRIBE TASK", "DESC TASK")
def describe_task(words: Words, context: Context) -> Result:
    """``DESCRIBE TASK <name>``."""
    name = context.session.resolve(words.object_name(), "DESCRIBE")
    words.end()
    return _shown([context.account.tasks.get(name)])


def _shown(tasks: list[Task]) -> Result:
    return Result.table(map(properties, tasks), _COLUMNS, _TYPES)


async def task_history(words: Words, context: Context) -> Result:
    """``TABLE(INFORMATION_SCHEMA.TASK_HISTORY(…))``: runs, the latest first; coming ones too."""
    now = context.account.now()
    start, end, limit, wanted = now - timedelta(days=_DAYS), now + timedelta(days=_DAYS), 100, None
    only_failed = False
    while not words.take(")"):
        words.take(",")
        if words.take("SCHEDULED_TIME_RANGE_START", "=>"):
            start = await context.moment(words.expression())
        elif words.take("SCHEDULED_TIME_RANGE_END", "=>"):
            end = await context.moment(words.expression())
        elif words.take("RESULT_LIMIT", "=>"):
            limit = words.number()
        elif words.take("TASK_NAME", "=>"):
            wanted = words.string().upper()
        elif words.take("ERROR_ONLY", "=>"):
            only_failed = words.boolean()
        else:
            raise words.unexpected()
    runs = [
        run
        for run in reversed(context.account.tasks.runs)
        if start <= run.scheduled <= end
        and (wanted is None or run.task.name[2] == wanted)
        and (not only_failed or run.state in ("FAILED", "CANCELLED"))
    ]
    return Result(_HISTORY, [_history_row(run) for run in runs[:limit]])


def _history_row(run: TaskRun) -> tuple[Any, ...]:
    database, schema, name = run.task.name
    schedule = run.task.schedule
    coming = None
    if schedule is not None and run.task.is_started:
        coming = next_time(schedule, run.scheduled)
    code, text = run.error or (None, None)
    return (
        run.query_id, name, database, schema, run.task.definition, None, run.state, code, text,
        run.scheduled, run.started, coming, run.completed, run.task.id, 1, run.run_id, None,
        run.reason, 1,
    )  # fmt: skip


ACCOUNT_TABLES["TASK_HISTORY"] = task_history
