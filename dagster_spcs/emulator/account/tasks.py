"""Tasks: statements that the account runs by itself, on a schedule or when it is told to.

Page "Introduction to tasks". A run is a session of its own, with the owner's role, in the task's
schema. A run that would overlap the one before is skipped, unless the task says otherwise.
"""

import asyncio
import re
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from dagster_spcs.emulator.account.store import Store
from dagster_spcs.emulator.sql.answers import (
    SqlError,
    already_exists,
    cancelled,
    compilation_error,
    does_not_exist,
)
from dagster_spcs.emulator.sql.object_name import ObjectName

_INTERVAL = re.compile(
    r"(\d+)\s*(H|HOURS?|M|MINUTES?|S|SECONDS?)",
    re.IGNORECASE,
)
_SECONDS = {"H": 3600, "M": 60, "S": 1}
_LONGEST_SECONDS = 8 * 86_400
_KEPT_RUNS = 10_000


@dataclass
class Task:
    """A task as it was created."""

    name: ObjectName
    definition: str
    created: datetime
    owner: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    schedule: str | None = None
    warehouse: str | None = None
    comment: str | None = None
    allow_overlapping: bool = False
    timeout_ms: int | None = None
    is_started: bool = False


@dataclass
class TaskRun:
    """One run, or one that is to come."""

    task: Task
    state: str
    """SCHEDULED, EXECUTING, SUCCEEDED, FAILED, CANCELLED or SKIPPED."""
    scheduled: datetime
    reason: str
    """SCHEDULE or EXECUTE TASK."""
    query_id: str | None = None
    started: datetime | None = None
    completed: datetime | None = None
    error: tuple[str, str] | None = None
    """Number and text."""
    run_id: str = field(default_factory=lambda: str(uuid.uuid4().int % 10**13))


def next_time(schedule: str, after: datetime) -> datetime:
    """Return when a schedule comes next.

    Raises:
        SqlError: 1003 for a schedule that is none.
    """
    words = schedule.split()
    if words[:2] and [word.upper() for word in words[:2]] == ["USING", "CRON"]:
        try:
            zone = ZoneInfo(words[-1])
            coming: datetime = next(CronSim(" ".join(words[2:-1]), after.astimezone(zone)))
        except (CronSimError, ZoneInfoNotFoundError, ValueError, StopIteration) as error:
            raise _invalid(schedule) from error
        return coming.astimezone(timezone.utc)
    match = _INTERVAL.fullmatch(schedule.strip())
    seconds = 0 if match is None else int(match[1]) * _SECONDS[match[2][0].upper()]
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise _invalid(schedule)
    return after + timedelta(seconds=seconds)


def _invalid(schedule: str) -> SqlError:
    return compilation_error(f"invalid value [{schedule}] for parameter 'SCHEDULE'")


Run = Callable[[Task, str], Awaitable[None]]
"""Runs a task's statement under a query id; raises SqlError."""


class Tasks:
    """The tasks of an account, and their runs.

    Args:
        store: where they are kept.
        now: the account's clock.
    """

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._tasks: dict[ObjectName, Task] = {}
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._run: Run | None = None
        self.runs: deque[TaskRun] = deque(maxlen=_KEPT_RUNS)
        """The oldest first."""
        for body in store.all("task"):
            created = datetime.fromisoformat(body.pop("created"))
            database, schema, name = body.pop("name")
            task = Task((database, schema, name), created=created, **body)
            self._tasks[task.name] = task

    def begin(self, run: Run) -> None:
        """Let tasks run from now on; those that are started follow their schedules."""
        self._run = run
        for task in self._tasks.values():
            self._follow(task)

    def close(self) -> None:
        """Run nothing any more."""
        for each in (*self._loops.values(), *self._running):
            each.cancel()

    def all(self) -> list[Task]:
        """Return the tasks by name."""
        return sorted(self._tasks.values(), key=lambda task: task.name)

    def get(self, name: ObjectName) -> Task:
        """Return a task.

        Raises:
            SqlError: 2003 if there is none.
        """
        try:
            return self._tasks[name]
        except KeyError:
            raise does_not_exist("Task", ".".join(name)) from None

    def add(self, task: Task, *, or_replace: bool = False) -> None:
        """Create a task; it begins suspended."""
        if task.schedule is not None:
            next_time(task.schedule, self._now())  # refuses one that is none
        if task.name in self._tasks and not or_replace:
            raise already_exists(task.name[2])
        self._store.put("task", ".".join(task.name), vars(task))
        replaced = self._tasks.get(task.name)
        if replaced is not None:
            replaced.is_started = False
            self._follow(replaced)
        self._tasks[task.name] = task
        self._follow(task)

    def save(self, task: Task) -> None:
        """Write a task down and follow its schedule, as it is now."""
        self._store.put("task", ".".join(task.name), vars(task))
        self._follow(task)

    def drop(self, *place: str) -> bool:
        """Remove the tasks of a name, a schema or a database; False if there are none."""
        gone = [name for name in self._tasks if name[: len(place)] == place]
        for name in gone:
            self._store.remove("task", ".".join(name))
            task = self._tasks.pop(name)
            loop = self._loops.pop(task.id, None)
            if loop is not None:
                loop.cancel()
        return bool(gone)

    def execute(self, task: Task) -> None:
        """Begin a run now, whatever the schedule says."""
        run = TaskRun(task, "SCHEDULED", self._now(), "EXECUTE TASK")
        self.runs.append(run)
        self._start(run)

    def _follow(self, task: Task) -> None:
        loop = self._loops.pop(task.id, None)
        if loop is not None:
            loop.cancel()
        if task.is_started and task.schedule is not None and self._run is not None:
            self._loops[task.id] = asyncio.create_task(self._by_schedule(task, task.schedule))

    async def _by_schedule(self, task: Task, schedule: str) -> None:
        coming = self._now()
        while True:
            coming = next_time(schedule, max(coming, self._now()))
            run = TaskRun(task, "SCHEDULED", coming, "SCHEDULE")
            self.runs.append(run)
            try:
                await asyncio.sleep((coming - self._now()).total_seconds())
            except asyncio.CancelledError:
                self.runs.remove(run)
                raise
            busy = any(each.task is task and each.state == "EXECUTING" for each in self.runs)
            if busy and not task.allow_overlapping:
                run.state, run.completed = "SKIPPED", self._now()
                continue
            self._start(run)

    def _start(self, run: TaskRun) -> None:
        running = asyncio.create_task(self._carry_out(run))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _carry_out(self, run: TaskRun) -> None:
        assert self._run is not None
        run.state, run.started, run.query_id = "EXECUTING", self._now(), str(uuid.uuid4())
        try:
            limit = run.task.timeout_ms
            async with asyncio.timeout(None if limit is None else limit / 1000):
                await self._run(run.task, run.query_id)
            run.state = "SUCCEEDED"
        except SqlError as error:
            run.state, run.error = "FAILED", (f"{error.number:06d}", error.text)
        except TimeoutError:
            told = cancelled()
            run.state, run.error = "CANCELLED", (f"{told.number:06d}", told.text)
        except asyncio.CancelledError:
            run.state = "CANCELLED"
            raise
        finally:
            run.completed = self._now()


def shown_state(task: Task) -> str:
    """Return the state as SHOW TASKS says it."""
    return "started" if task.is_started else "suspended"


def properties(task: Task) -> dict[str, Any]:
    """Return what SHOW TASKS and DESCRIBE TASK tell, by column."""
    database, schema, name = task.name
    return {
        "created_on": task.created,
        "name": name,
        "id": task.id,
        "database_name": database,
        "schema_name": schema,
        "owner": task.owner,
        "comment": task.comment or "",
        "warehouse": task.warehouse,
        "schedule": task.schedule,
        "predecessors": "[]",
        "state": shown_state(task),
        "definition": task.definition,
        "condition": None,
        "allow_overlapping_execution": str(task.allow_overlapping).lower(),
        "owner_role_type": "ROLE",
    }
