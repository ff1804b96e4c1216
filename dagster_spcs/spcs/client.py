"""The client: a statement in, a record out.

Every method is one sentence about jobs. What the account refuses arrives as one of ``errors``; what
it answers and cannot be read is ``UnexpectedAnswer`` where one thing was asked for, and a value of
``Unreadable`` beside the others where many were.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import yaml

from dagster_spcs.errors import (
    Lasting,
    NotAnswered,
    ObjectExists,
    ObjectNotFound,
    Retryable,
    SpcsError,
    UnexpectedAnswer,
)
from dagster_spcs.spcs import clocks, statements
from dagster_spcs.spcs.clocks import SAME_CREATION
from dagster_spcs.spcs.job_errors import JobTimedOut, SubmissionFailed
from dagster_spcs.spcs.names import JobName, is_job_name, split_name
from dagster_spcs.spcs.records import (
    ColumnRecord,
    ContainerRecord,
    EventRecord,
    HistoryRecord,
    InstanceRecord,
    JobListing,
    JobLog,
    JobRecord,
    LogLine,
    MetricRecord,
    PoolRecord,
    Row,
    RowCount,
    TableFacts,
    read_row,
    read_rows,
)
from dagster_spcs.spcs.statements import Statement
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.spcs.submission import Submission, Submitted
from dagster_spcs.spcs.unreadable import Unreadable, is_text, read_safely

LOG_BATCH = 50
"""Jobs whose logs are read in one statement."""
RETRY_TIMEOUT_SECONDS = 5.0
"""How long a statement is tried again while the account cannot be reached."""
Given = TypeVar("Given")
Made = TypeVar("Made")
Record = TypeVar("Record")
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0
_LONGEST_SPECIFICATION = 250_000
"""Characters: far above what twenty containers need, and read in seconds at worst."""
_BEFORE = timedelta(minutes=1)
"""Before its creation, as one clock tells it, another one may have written of a job."""


class Session(Protocol):
    """What the client needs of a SQL session."""

    def run(self, statement: Statement) -> list[dict[str, Any]]:
        """Run one statement; rows come with lower-case column names."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class SpcsClient:
    """Runs and watches job services over one session.

    Statements that only read are repeated, with growing pauses, when the connection breaks or the
    session's token runs out; so is a submission, whose repetition meets its own first try by name.

    Use it as a context manager, or call ``close``.

    Args:
        session: runs the statements.
        retry_timeout_seconds: how long a statement is tried again; 0 is one attempt.
        on_retry: is told of each error that is followed by another attempt.
        sleep: waits.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        session: Session,
        *,
        retry_timeout_seconds: float = RETRY_TIMEOUT_SECONDS,
        on_retry: Callable[[SpcsError], None] = lambda _: None,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._interrupted = threading.Event()
        self._retry_timeout_seconds = retry_timeout_seconds
        self._on_retry = on_retry
        self._sleep = sleep or self._interrupted.wait
        self._clock = clock

    def __enter__(self) -> "SpcsClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the session's connection."""
        self._session.close()

    def submit(self, submission: Submission) -> Submitted:
        """Start a job and return once the account has accepted it.

        A name that exists already is not an error here: the job that holds it is returned as
        ``adopted``.
        """
        statement = statements.execute_job_service(
            submission.request,
            name=submission.name,
            compute_pool=submission.compute_pool,
            comment=submission.comment,
        )
        try:
            self._run(statement)
        except ObjectExists:
            return Submitted(submission.name, adopted=self.describe(submission.name))
        return Submitted(submission.name)

    def submit_many(
        self, submissions: Sequence[Submission], *, max_concurrent: int = 32
    ) -> Sequence[Submitted]:
        """Start several jobs over this session, at most ``max_concurrent`` statements in flight.

        Returns in the order of ``submissions``.

        Raises:
            SubmissionFailed: if any of several failed; it tells which jobs are in flight now. A
                single one raises its own error.
        """
        if len(submissions) == 1:
            return [self.submit(submissions[0])]
        failed: dict[JobName, SpcsError] = {}

        def one(submission: Submission) -> Submitted | None:
            try:
                return self.submit(submission)
            except SpcsError as error:
                failed[submission.name] = error
                return None

        outcomes = self.concurrently(one, submissions, max_concurrent=max_concurrent)
        submitted = [outcome for outcome in outcomes if outcome is not None]
        if failed:
            names = [each.name for each in submitted]
            raise SubmissionFailed(names, failed, submitted=submitted)
        return submitted

    def describe(self, name: JobName) -> JobRecord:
        """Return what the account says of a job that still exists.

        A dropped job raises ``ObjectNotFound`` here and lives on in ``history``.
        """
        return self._one(JobRecord.from_row, statements.describe_service(name))

    def specification(self, name: JobName) -> Mapping[str, Any]:
        """Return the specification of a job that still exists, as plain data; its owner may."""
        row = self._first(statements.describe_service(name))
        document = read_safely("YAML", _load_yaml, row.get("spec") or "{}")
        if not isinstance(document, dict):
            why = document.reason if isinstance(document, Unreadable) else "it is not a mapping"
            raise UnexpectedAnswer(f"the specification of {name} could not be read: {why}")
        return document

    def list_jobs(self, *, database: str, schema: str, prefix: str = "") -> JobListing:
        """Return all jobs of a schema whose names begin with ``prefix``, finished ones included.

        One statement, and one more for each further 10,000 jobs.
        """
        jobs: list[JobRecord] = []
        unreadable: list[Unreadable] = []
        after: str | None = None
        while True:
            rows = self._run(
                statements.show_job_services(
                    database=database, schema=schema, prefix=prefix, after=after
                )
            )
            fitting = (row for row in rows if _may_be_listed(row, prefix))
            more, bad = read_rows(JobRecord.from_row, fitting)
            jobs += more
            unreadable += bad
            if len(rows) < statements.MAX_LISTED:
                return JobListing(jobs, unreadable)
            last = rows[-1].get("name")
            if not isinstance(last, str) or not is_text(last) or last <= (after or ""):
                unreadable.append(Unreadable("the rest of the listing", f"it ends with {last!r}"))
                return JobListing(jobs, unreadable)
            after = last

    def wait(
        self,
        names: Iterable[JobName],
        *,
        poll_seconds: float = 5.0,
        timeout_seconds: float | None = None,
        on_poll: Callable[[Sequence[JobRecord]], None] | None = None,
    ) -> Iterator[JobRecord]:
        """Yield each job as it ends; one listing statement an interval for any number of jobs.

        A job that was dropped meanwhile is yielded as DELETED. ``on_poll`` sees the unfinished
        jobs after each look. Names must be fully qualified.

        A look that the account refuses is taken again at the next interval, for as long as this
        client tries a statement again. Only a ``Lasting`` refusal ends the wait at once.

        Raises:
            JobTimedOut: naming the jobs that had not ended after ``timeout_seconds``.
        """
        for ended in self.wait_in_batches(
            names, poll_seconds=poll_seconds, timeout_seconds=timeout_seconds, on_poll=on_poll
        ):
            yield from ended

    def wait_in_batches(
        self,
        names: Iterable[JobName],
        *,
        poll_seconds: float = 5.0,
        timeout_seconds: float | None = None,
        on_poll: Callable[[Sequence[JobRecord]], None] | None = None,
    ) -> Iterator[Sequence[JobRecord]]:
        """Do the same as ``wait``, yielding together the jobs that one look found ended."""
        waiting = set(names)
        seen: dict[JobName, JobRecord] = {}
        begun = self._clock()
        patience = _Patience(self._retry_timeout_seconds, self._clock)
        while waiting:
            try:
                looked = self._look(waiting, seen)
                patience.renew()
            except NotAnswered as error:
                if patience.ends_at(error):
                    raise
                self._on_retry(error)
                looked = {}
            ended = [job for job in looked.values() if job.status.is_final]
            waiting.difference_update(job.name for job in ended)
            if ended:
                yield ended
            if not waiting:
                return
            if looked and on_poll is not None:
                on_poll([looked[name] for name in sorted(waiting)])
            if timeout_seconds is not None and self._clock() - begun >= timeout_seconds:
                raise JobTimedOut(sorted(waiting), timeout_seconds)
            self._sleep(poll_seconds)

    def patiently(self, look: Callable[[], Made], *, poll_seconds: float) -> Made:
        """Return what a look at the account returns; one that is refused in passing is repeated.

        Raises:
            NotAnswered: if the refusal lasts, or went on for ``retry_timeout_seconds``.
        """
        patience = _Patience(self._retry_timeout_seconds, self._clock)
        while True:
            try:
                return look()
            except NotAnswered as error:
                if patience.ends_at(error):
                    raise
                self._on_retry(error)
            self._sleep(poll_seconds)

    def _look(
        self, names: Collection[JobName], seen: dict[JobName, JobRecord]
    ) -> dict[JobName, JobRecord]:
        """Return what is known of each job now; ``seen`` keeps what was listed last."""
        listed = self._list(names)
        seen.update(listed)
        return {
            name: listed.get(name) or self._vanished(name, seen.get(name)) for name in sorted(names)
        }

    def _list(self, names: Collection[JobName]) -> dict[JobName, JobRecord]:
        places: dict[tuple[str, str], list[str]] = {}
        for name in names:
            places.setdefault((name.database, name.schema), []).append(name.name)
        return {
            job.name: job
            for (database, schema), bare in places.items()
            for job in self.list_jobs(database=database, schema=schema, prefix=_common_prefix(bare))
        }

    def _vanished(self, name: JobName, last: JobRecord | None) -> JobRecord:
        try:
            return self.describe(name)
        except ObjectNotFound:
            if last is None:
                raise  # a name that never was
        except UnexpectedAnswer as error:
            if last is None:
                raise
            self._on_retry(error)  # it is there and cannot be read now: looked at again
            return last
        return last._replace(
            status=JobStatus.DELETED,
            status_text=JobStatus.DELETED.value,
            updated_on=clocks.utc_now(),
        )

    def containers(self, name: JobName) -> Sequence[ContainerRecord]:
        """Return the containers of a job that still exists; needs no warehouse."""
        return self._all(ContainerRecord.from_row, statements.show_service_containers(name))

    def instances(self, name: JobName) -> Sequence[InstanceRecord]:
        """Return the instances of a job that still exists; needs no warehouse."""
        return self._all(InstanceRecord.from_row, statements.show_service_instances(name))

    def instance_family(self, compute_pool: str) -> str | None:
        """Return a pool's instance family, None if the role cannot see the pool."""
        rows = self._run(statements.show_compute_pools(compute_pool))
        own = [row for row in rows if row.get("name") == compute_pool]
        pools = [self._read(PoolRecord.from_row, row) for row in own]
        return pools[0].instance_family if pools else None

    def history(self, jobs: Sequence[JobRecord]) -> dict[JobName, HistoryRecord | Unreadable]:
        """Return the history rows of some jobs of one schema in one statement.

        Needs a warehouse. A job without a row is absent.
        """
        if not jobs:
            return {}
        created = sorted(job.created_on for job in jobs)
        slack = timedelta(minutes=5)
        rows = self._run(
            statements.job_history(
                database=jobs[0].name.database,
                schema=jobs[0].name.schema,
                created_from=created[0] - slack,
                created_to=created[-1] + slack,
                names=[job.name.name for job in jobs],
            )
        )
        records, unreadable = read_rows(HistoryRecord.from_row, rows)
        by_name: dict[JobName, list[HistoryRecord]] = {}
        for record in records:
            by_name.setdefault(record.name, []).append(record)
        bad = {each.name: each for each in unreadable}
        found: dict[JobName, HistoryRecord | Unreadable] = {}
        for job in jobs:
            # A name may have been used, dropped and used again: the row of the same time is it.
            own = [
                each
                for each in by_name.get(job.name, ())
                if abs(each.created - job.created_on) <= SAME_CREATION
            ]
            if own:
                found[job.name] = _nearest(own, job.created_on)
            elif job.name.name in bad:
                found[job.name] = bad[job.name.name]
        return found

    def history_of_names(
        self, names: Collection[JobName], *, since: datetime
    ) -> dict[JobName, Sequence[HistoryRecord | Unreadable]]:
        """Return the history rows of all jobs that had some names, by creation.

        For jobs of which no more than the name is known, because they are gone. One statement, for
        names of one schema; needs a warehouse. Rows that cannot be read come last.
        """
        if not names:
            return {}
        place = next(iter(names))
        rows = self._run(
            statements.job_history(
                database=place.database,
                schema=place.schema,
                created_from=since,
                names=[name.name for name in names],
            )
        )
        records, unreadable = read_rows(HistoryRecord.from_row, rows)
        found: dict[JobName, list[HistoryRecord | Unreadable]] = {}
        for record in sorted(records, key=lambda each: each.created):
            found.setdefault(record.name, []).append(record)
        for name in names:
            own = [each for each in unreadable if each.name == name.name]
            if own:
                found.setdefault(name, []).extend(own)
        return dict(found)

    def logs(self, job: JobRecord, *, last_lines: int = 100) -> JobLog:
        """Return the last lines of one job from the event table; needs a warehouse."""
        return self.logs_of_many([job], last_lines=last_lines).get(job.name, JobLog(()))

    def logs_of_many(
        self,
        jobs: Sequence[JobRecord],
        *,
        last_lines: int = 100,
        with_messages: Collection[JobName] = (),
    ) -> dict[JobName, JobLog]:
        """Return the last lines of several jobs, ``LOG_BATCH`` jobs a statement.

        Of jobs ``with_messages`` every line with a Pipes message comes as well. A job without
        lines in the event table, or dropped, is absent.
        """
        found: dict[JobName, JobLog] = {}
        for start in range(0, len(jobs), LOG_BATCH):
            self._read_logs(jobs[start : start + LOG_BATCH], last_lines, with_messages, found)
        return found

    def _read_logs(
        self,
        jobs: Sequence[JobRecord],
        last_lines: int,
        with_messages: Collection[JobName],
        found: dict[JobName, JobLog],
    ) -> None:
        since = min(job.created_on for job in jobs) - _BEFORE
        try:
            rows = self._run(
                statements.service_logs(
                    [job.name for job in jobs],
                    since=since,
                    last_lines=last_lines,
                    with_messages=with_messages,
                )
            )
        except ObjectNotFound:
            # One dropped job refuses the statement of all: halve until it stands alone.
            if len(jobs) > 1:
                middle = len(jobs) // 2
                self._read_logs(jobs[:middle], last_lines, with_messages, found)
                self._read_logs(jobs[middle:], last_lines, with_messages, found)
            return
        grouped: dict[int, list[Row]] = {}
        for row in rows:
            grouped.setdefault(_place(row, len(jobs)), []).append(row)
        for place, own in grouped.items():
            if place >= 0:
                found[jobs[place].name] = JobLog.from_rows(own)

    def events(self, job: JobRecord) -> Sequence[EventRecord]:
        """Return the changes of status of a job that still exists; needs a warehouse.

        They arrive minutes late, and only if the account keeps platform events: the parameter
        LOG_EVENT_LEVEL is off by default (page "Monitoring Services").
        """
        statement = statements.service_events(job.name, since=job.created_on - _BEFORE)
        return self._all(EventRecord.from_row, statement)

    def metrics(self, job: JobRecord) -> Sequence[MetricRecord]:
        """Return what the platform measured of a job that still exists; needs a warehouse.

        Only groups that the specification's ``platform_monitor`` names are measured.
        """
        statement = statements.service_metrics(job.name, since=job.created_on - _BEFORE)
        return self._all(MetricRecord.from_row, statement)

    def node_logs(
        self,
        name: JobName,
        containers: Sequence[ContainerRecord],
        *,
        last_lines: int | None = 100,
    ) -> JobLog:
        """Return the last lines of a job straight from its node; needs no warehouse.

        One statement a container. They are there at once, but only for a while after the end,
        at most 100 KB, both streams mixed (page "SYSTEM$GET_SERVICE_LOGS"). ``last_lines`` None
        is as much as there is.
        """
        lines: list[LogLine] = []
        share = None if last_lines is None else max(1, last_lines // max(1, len(containers)))
        for container in () if last_lines == 0 else containers:
            text = self._text(
                statements.get_service_logs(
                    name,
                    instance=container.instance_id,
                    container=container.name,
                    lines=share,
                )
            )
            lines.extend(
                LogLine(line, container.instance_id, container.name)
                for line in (text.split("\n")[-(share or 0) :] if text else [])
            )
        return JobLog(tuple(lines))

    def follow(self, name: JobName, instance: int, container: str, since: str) -> str:
        """Return log text of one container since a time stamp, each line behind its own."""
        return self._text(
            statements.follow_service_logs(
                name, instance=instance, container=container, since=since
            )
        )

    def table_facts(self, tables: Sequence[str]) -> dict[str, TableFacts]:
        """Return rows and columns of some tables, ``database.schema.table`` each.

        One statement for the rows of all and one a database for the columns; needs a warehouse.
        """
        if not tables:
            return {}
        counted = self._all(RowCount.from_row, statements.count_rows(tables))
        counts = {each.table: each.rows for each in counted}
        if missing := set(tables) - set(counts):
            raise UnexpectedAnswer(f"no number of rows came for {', '.join(sorted(missing))}")
        places = {table: split_name(table) for table in tables}
        columns: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for database in sorted({place[0] for place in places.values() if len(place) == 3}):
            inside = [(place[1], place[2]) for place in places.values() if place[0] == database]
            statement = statements.table_columns(database, inside)
            for column in self._all(ColumnRecord.from_row, statement):
                place = (database, column.schema, column.table)
                columns.setdefault(place, []).append((column.name, column.data_type))
        return {
            table: TableFacts(counts[table], tuple(columns.get(place, ())))
            for table, place in places.items()
        }

    def put_file(self, path: Path, directory: str) -> None:
        """Copy a file of this machine to a directory of a stage (``@db.schema.stage/path``)."""
        self._run(statements.put_file(path, directory))

    def cancel(self, name: JobName) -> None:
        """Ask for the end of a job: TERM, 30 seconds of grace, KILL; all records stay."""
        self._run(statements.cancel_job(name))

    def cancel_many(
        self, names: Sequence[JobName], *, max_concurrent: int = 32
    ) -> dict[JobName, SpcsError]:
        """Ask for the end of several jobs; return the error of each that refused."""
        refused: dict[JobName, SpcsError] = {}

        def one(name: JobName) -> None:
            try:
                self.cancel(name)
            except SpcsError as error:
                refused[name] = error

        self.concurrently(one, names, max_concurrent=max_concurrent)
        return refused

    def drop(self, name: JobName) -> None:
        """Remove a job, stopping it if it runs; no error if it is gone. History stays."""
        self._run(statements.drop_service(name))

    def concurrently(
        self, function: Callable[[Given], Made], given: Sequence[Given], *, max_concurrent: int
    ) -> list[Made]:
        """Call a function that uses this client for each of ``given``, several at once.

        Returns in the order of ``given``. Whoever interrupts it is not held up by statements that
        are being tried again: this client then tries nothing again.
        """
        with ThreadPoolExecutor(max(1, min(max_concurrent, len(given)))) as workers:
            try:
                return list(workers.map(function, given))
            except BaseException:
                self._interrupted.set()
                raise

    def _first(self, statement: Statement) -> Row:
        rows = self._run(statement)
        if not rows:
            raise ObjectNotFound("the account returned no row", statement=statement.text)
        return rows[0]

    def _one(self, from_row: Callable[[Row], Record], statement: Statement) -> Record:
        return self._read(from_row, self._first(statement))

    def _all(self, from_row: Callable[[Row], Record], statement: Statement) -> list[Record]:
        return [self._read(from_row, row) for row in self._run(statement)]

    def _text(self, statement: Statement) -> str:
        """Return the one value of an answer, which is text; empty for NULL."""
        value = next(iter(self._first(statement).values()), None)
        if value is not None and not isinstance(value, str):
            raise UnexpectedAnswer(f"a text was expected, {type(value).__name__} came")
        return value or ""

    @staticmethod
    def _read(from_row: Callable[[Row], Record], row: Row) -> Record:
        record = read_row(from_row, row)
        if isinstance(record, Unreadable):
            raise UnexpectedAnswer(str(record))
        return record

    def _run(self, statement: Statement) -> Sequence[dict[str, Any]]:
        begun, paused, pause = self._clock(), 0.0, _FIRST_PAUSE
        while True:
            try:
                return self._session.run(statement)
            except SpcsError as error:
                spent = max(paused, self._clock() - begun)
                is_over = self._interrupted.is_set() or spent + pause > self._retry_timeout_seconds
                if is_over or not isinstance(error, Retryable):
                    raise
                self._on_retry(error)
            self._sleep(pause)
            paused += pause
            pause = min(2 * pause, _LONGEST_PAUSE)


class _Patience:
    """How long refused looks are borne: from the first one after an answer."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._refused_since: float | None = None

    def renew(self) -> None:
        """Note that there was an answer."""
        self._refused_since = None

    def ends_at(self, error: NotAnswered) -> bool:
        """Whether it is in vain, or has been for too long, to look again after this refusal."""
        now = self._clock()
        if self._refused_since is None:
            self._refused_since = now
        return isinstance(error, Lasting) or now - self._refused_since >= self._seconds


def _place(row: Row, count: int) -> int:
    """Return which of ``count`` jobs a row of their logs belongs to, -1 if it does not tell."""
    place = row.get("job")
    return place if type(place) is int and 0 <= place < count else -1


def _load_yaml(text: Any) -> Any:
    if not isinstance(text, str) or len(text) > _LONGEST_SPECIFICATION:
        raise ValueError("it is no text, or too long")
    # Not PyYAML's loader in C, which is faster: deep nesting ends the process there.
    return yaml.safe_load(text)


def _nearest(records: Sequence[HistoryRecord], created: datetime) -> HistoryRecord:
    return min(records, key=lambda each: abs(each.created - created))


def _may_be_listed(row: Row, prefix: str) -> bool:
    """Whether a row is, or may be, one of a job whose name begins so."""
    name = row.get("name")
    # LIKE ignores case, and services with odd names are not jobs.
    return not isinstance(name, str) or (name.startswith(prefix) and is_job_name(name))


def _common_prefix(texts: Sequence[str]) -> str:
    least, greatest = min(texts), max(texts)
    for index, letter in enumerate(least):
        if greatest[index] != letter:
            return least[:index]
    return least
