"""Gathering what is known of finished jobs, with a bounded number of statements.

With a warehouse: history of all in one statement, logs of fifty jobs a statement. Without:
SHOW SERVICE CONTAINERS and SYSTEM$GET_SERVICE_LOGS of each job.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from dagster_spcs.errors import FunctionUnavailable, SpcsError, StatementError, UnexpectedAnswer
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.pipes.messages import PipesMessages, read_messages
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import (
    ContainerRecord,
    HistoryRecord,
    JobLog,
    JobRecord,
    LogLine,
    TableFacts,
)
from dagster_spcs.spcs.status import JobStatus

_AT_ONCE = 8
_NODE_LOG_IS_CUT = 80 * 1024
"""Bytes below which the node's log, cut at 100 KB of whole lines of 16 KiB, is whole."""
_SUBMITTED_WITHIN = timedelta(seconds=30)
"""From the identity's time of submission to the job's creation."""
_NO_ROW = "history: it has no row of this job"
_GONE = "log: the job was dropped before it was read"
TIMED_OUT = "TIMED_OUT"
"""The status of a job that its own deadline ended; not one of Snowflake's."""
MetadataSource = Literal["warehouse", "no-warehouse"]


@dataclass(frozen=True)
class JobReport:
    """A finished job and everything the account told of it."""

    job: JobRecord
    containers: tuple[ContainerRecord, ...] = ()
    log: JobLog = field(default_factory=lambda: JobLog(()))
    history: HistoryRecord | None = None
    family: str | None = None
    table: TableFacts | None = None
    timed_out: bool = False
    """Whether its own deadline ended the job."""
    messages: PipesMessages | None = None
    """What it said through Pipes; None if it was not asked to."""
    is_whole: bool = True
    """Whether no more is to come: lines reach the event table minutes late."""
    goes_on: bool = False
    """Whether instances still work after another one failed; they take the time they need."""
    missing: tuple[str, ...] = ()
    """What could not be read, and why; it goes on the event instead of being dropped."""

    @property
    def status_text(self) -> str:
        """The job's last status, in Snowflake's word, or TIMED_OUT."""
        return TIMED_OUT if self.timed_out else self.job.status_text

    @property
    def succeeded(self) -> bool:
        """Whether the job ended well, and in time."""
        return self.job.status.is_success and not self.timed_out

    @property
    def ending(self) -> str:
        """How the job ended, as what follows its name in a sentence."""
        if self.timed_out:
            return "timed out and was cancelled"
        if self.job.status is JobStatus.DELETED:
            return "was dropped by somebody before its end was seen"
        if self.job.status is JobStatus.CANCELLED:
            return "was cancelled by somebody"
        return f"ended {self.status_text}"

    @property
    def replicas(self) -> int:
        """Instances the job was asked for."""
        return self.job.replicas if self.history is None else self.history.replicas

    @property
    def started(self) -> datetime | None:
        """When the first container started; told in whole seconds, so never before creation."""
        first = min((each.started for each in self.containers if each.started), default=None)
        return None if first is None else max(first, self.job.created_on)

    @property
    def completed(self) -> datetime:
        """When the job ended."""
        if self.history is not None and self.history.completed is not None:
            return self.history.completed
        return self.job.updated_on

    @property
    def exit_codes(self) -> dict[str, int]:
        """Exit code by ``instance/container``, of those that have one."""
        return {
            each.where: each.exit_code for each in self.containers if each.exit_code is not None
        }


@dataclass(frozen=True)
class History:
    """Rows of the job history, and what kept some from being read.

    Rows come late at times, and of an account with more than 10,000 jobs in the time asked about
    only the newest are given (page "GET_JOB_HISTORY").
    """

    records: Mapping[JobName, HistoryRecord]
    error: SpcsError | None = None
    is_enabled: bool = True
    """Not every account has it; the service itself tells the exit codes."""


def read_history(client: SpcsClient, jobs: Sequence[JobRecord]) -> History:
    """Read the history of jobs of one schema in one statement."""
    try:
        return History(client.history(jobs))
    except FunctionUnavailable:
        return History({}, is_enabled=False)
    except (StatementError, UnexpectedAnswer) as error:
        return History({}, error)


def ran_out_of_time(job: JobRecord, identity: JobIdentity) -> bool:
    """Whether a job was cancelled because of its deadline, not by somebody's wish."""
    if identity.deadline is None:
        return False
    cancelled = job.status in (JobStatus.CANCELLING, JobStatus.CANCELLED)
    # The account's clock and Dagster's may be minutes apart, durations are not; but a slow
    # submission takes from a short one.
    given = identity.deadline - identity.submitted
    slack = min(_SUBMITTED_WITHIN, given / 2)
    is_past = job.updated_on >= identity.deadline
    return cancelled and (is_past or job.updated_on - job.created_on >= given - slack)


def is_overdue(job: JobRecord, identity: JobIdentity, now: datetime) -> bool:
    """Whether a job is at work past its deadline."""
    return identity.deadline is not None and identity.deadline < now and not job.status.is_final


def note(report: JobReport, what: str, error: SpcsError) -> JobReport:
    """Return the report with a word on what could not be read or done."""
    reason = str(error).splitlines()[0]
    return replace(report, missing=(*report.missing, f"{what}: {reason}"))


def gather(
    client: SpcsClient,
    jobs: Sequence[JobRecord],
    *,
    source: MetadataSource = "warehouse",
    last_lines: int = 100,
    tables: Mapping[JobName, str] | None = None,
    pipes: Collection[JobName] = (),
    batches: Collection[JobName] = (),
    history: History | None = None,
    families: dict[str, str | None] | None = None,
) -> list[JobReport]:
    """Return a report for each finished job, in order.

    ``tables`` names the table a job fills; those of jobs that ended well are looked at, with a
    warehouse. ``pipes`` are the jobs that were asked to speak Dagster Pipes, ``batches`` those
    of which each instance counts: they are whole when all instances have ended, for a job is
    FAILED as soon as one is. ``history`` is what was read already, for more jobs than these.
    ``families`` is as in ``with_families``.

    What a refused statement leaves unknown is noted in ``missing``; a broken connection raises,
    so that the whole is tried again later.
    """
    if not jobs:
        return []
    reports = {job.name: JobReport(job) for job in jobs}
    if source == "warehouse":
        _from_history(client, reports, jobs, history)
        _from_event_table(client, reports, jobs, last_lines, pipes)
        _tables(client, reports, tables or {})
    completed = client.concurrently(
        lambda report: _complete(client, report, last_lines, pipes),
        list(reports.values()),
        at_once=_AT_ONCE,
    )
    return with_families(
        client,
        [_of_instances(report) if report.job.name in batches else report for report in completed],
        {} if families is None else families,
    )


def as_history_tells(job: JobRecord, known: HistoryRecord) -> JobRecord:
    """Return a job that was dropped with the end that it had before, if it had one."""
    if job.status is not JobStatus.DELETED or not known.status.is_final:
        return job
    return replace(
        job,
        status=known.status,
        status_text=known.status.value,
        updated_on=known.completed or known.deleted or job.updated_on,
    )


def report_of_gone(job: JobRecord, known: HistoryRecord | None) -> JobReport:
    """Return the report of a job that was dropped: nothing but its history is left to read."""
    if known is None:
        return JobReport(job, missing=(_GONE,))
    return JobReport(job, containers=known.containers, history=known, missing=(_GONE,))


def with_families(
    client: SpcsClient, reports: Sequence[JobReport], families: dict[str, str | None]
) -> list[JobReport]:
    """Return the reports with the instance families of their compute pools.

    ``families`` are those asked for before; what is learned is added.
    """
    refused: dict[str, StatementError] = {}
    told = []
    for report in reports:
        pool = report.job.compute_pool
        if pool not in families and pool not in refused:
            try:
                families[pool] = client.instance_family(pool)
            except StatementError as error:
                refused[pool] = error
        known = replace(report, family=families.get(pool))
        told.append(note(known, "compute pool", refused[pool]) if pool in refused else known)
    return told


def _of_instances(report: JobReport) -> JobReport:
    """Return the report of a job of which each instance counts."""
    known = {container.instance_id for container in report.containers}
    if len(known) < report.replicas and not report.job.status.is_success:
        return replace(report, is_whole=False)  # they could not be read
    left = [container for container in report.containers if not container.has_ended]
    if not left:
        return report
    # Whether an account starts what waits for a place when the job has FAILED is not known.
    at_work = any(container.started is not None for container in left)
    goes_on = at_work and report.job.status is JobStatus.FAILED
    return replace(report, is_whole=False, goes_on=goes_on)


def _complete(
    client: SpcsClient, report: JobReport, last_lines: int, pipes: Collection[JobName]
) -> JobReport:
    """Ask the service itself for what the batch reads did not give."""
    if not report.containers:
        report = _containers_from_service(client, report)
    if report.job.name in pipes:
        return _with_messages(client, report, last_lines)
    # Lines reach the event table minutes late, the node has them at once; for a failure the last
    # lines are what matters most.
    if not report.log.lines or not report.job.status.is_success:
        report = _log_from_node(client, report, last_lines)
    return report


def _from_history(
    client: SpcsClient,
    reports: dict[JobName, JobReport],
    jobs: Sequence[JobRecord],
    history: History | None,
) -> None:
    history = read_history(client, jobs) if history is None else history
    for name, record in history.records.items():
        if name in reports:
            report = replace(reports[name], history=record, containers=record.containers)
            reports[name] = replace(report, job=as_history_tells(report.job, record))
    if history.error is not None:
        _note_all(reports, "history", history.error)
    elif history.is_enabled:
        for name in reports.keys() - history.records.keys():
            missing = (*reports[name].missing, _NO_ROW)
            reports[name] = replace(reports[name], missing=missing)


def _from_event_table(
    client: SpcsClient,
    reports: dict[JobName, JobReport],
    jobs: Sequence[JobRecord],
    last_lines: int,
    pipes: Collection[JobName],
) -> None:
    try:
        logs = client.logs_of_many(jobs, last_lines=last_lines, with_messages=pipes)
        for name, log in logs.items():
            reports[name] = replace(reports[name], log=log)
    except FunctionUnavailable:
        pass
    except (StatementError, UnexpectedAnswer) as error:
        for job in jobs:
            reports[job.name] = note(reports[job.name], "logs", error)


def _tables(
    client: SpcsClient, reports: dict[JobName, JobReport], tables: Mapping[JobName, str]
) -> None:
    filled = {
        name: table
        for name, table in tables.items()
        if name in reports and reports[name].job.status.is_success
    }
    try:
        facts = client.table_facts(sorted(set(filled.values())))
    except StatementError as error:
        if len(set(filled.values())) == 1:
            for name in filled:
                reports[name] = note(reports[name], "result table", error)
            return
        names = list(filled)
        for half in (names[: len(names) // 2], names[len(names) // 2 :]):
            _tables(client, reports, {name: filled[name] for name in half})
        return
    for name, table in filled.items():
        reports[name] = replace(reports[name], table=facts[table])


def _note_all(reports: dict[JobName, JobReport], what: str, error: SpcsError) -> None:
    for name, report in reports.items():
        reports[name] = note(report, what, error)


def _containers_from_service(client: SpcsClient, report: JobReport) -> JobReport:
    try:
        return replace(report, containers=tuple(client.containers(report.job.name)))
    except (StatementError, UnexpectedAnswer) as error:
        return note(report, "containers", error)


def _with_messages(client: SpcsClient, report: JobReport, last_lines: int) -> JobReport:
    """Find what the job said through Pipes, in the event table or on its node, and when whole.

    The event table holds all of it, late; the node holds the last 100 KB, at once. Whichever has
    the containers' last word is taken.
    """
    late = read_messages(report.log.lines)
    # Of several containers one may have said everything before another's lines have arrived.
    found, is_whole = late, late.has_closed and len(report.containers) == 1
    if not is_whole:
        try:
            lines = client.node_logs(report.job.name, report.containers, last_lines=None).lines
        except StatementError as error:
            report = report if late.messages else note(report, "node logs", error)
        else:
            fresh = read_messages(lines)
            has_more = len(fresh.messages) >= len(late.messages)
            found = fresh if has_more else late
            # A node that tells less than the event table is gone already, or was never asked.
            fits = has_more and _size(lines) < _NODE_LOG_IS_CUT
            is_whole = found.has_closed or fits
    shown = found.others[-last_lines:] if last_lines else ()
    return replace(report, messages=found, is_whole=is_whole, log=replace(report.log, lines=shown))


def _size(lines: Sequence[LogLine]) -> int:
    sizes: dict[tuple[int, str], int] = {}
    for line in lines:
        source = (line.instance_id, line.container)
        sizes[source] = sizes.get(source, 0) + len(line.text.encode()) + 1
    return max(sizes.values(), default=0)


def _log_from_node(client: SpcsClient, report: JobReport, last_lines: int) -> JobReport:
    try:
        fresh = client.node_logs(report.job.name, report.containers, last_lines=last_lines)
    except StatementError as error:
        # After a while the node is gone, and with it this source; then the event table has all.
        return report if report.log.lines else note(report, "node logs", error)
    known = {line.text for line in report.log.lines}
    if not fresh.lines or all(line.text in known for line in fresh.lines):
        return report  # the event table's lines tell stream and totals as well
    return replace(report, log=fresh)
