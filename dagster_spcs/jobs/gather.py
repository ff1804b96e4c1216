"""Gathering what is known of finished jobs, with a bounded number of statements.

With a warehouse: history of all in one statement, logs of fifty jobs a statement. Without:
SHOW SERVICE CONTAINERS and SYSTEM$GET_SERVICE_LOGS of each job.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from dagster_spcs.errors import FunctionUnavailable, NotAnswered
from dagster_spcs.jobs.batch import partitions_of
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob
from dagster_spcs.pipes.messages import PipesMessages, read_messages
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import HistoryRecord, JobLog, LogLine
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.spcs.unreadable import Unreadable, as_note

_MAX_CONCURRENT = 8
_NODE_LOG_IS_CUT = 80 * 1024
"""Bytes below which the node's log, cut at 100 KB of whole lines of 16 KiB, is whole."""
_NO_ROW = "history: it has no row of this job"
_GONE = "log: the job was dropped before it was read"
MetadataSource = Literal["warehouse", "no-warehouse"]
GATHERED_TOGETHER: dict[MetadataSource, int] = {"warehouse": 50, "no-warehouse": 10}
"""How many jobs are best read together."""


@dataclass(frozen=True)
class _History:
    """Rows of the job history, and what kept them from being read."""

    rows: Mapping[JobName, HistoryRecord | Unreadable]
    refusal: NotAnswered | None = None
    is_enabled: bool = True
    """Not every account has it; the service itself tells the exit codes."""


class Gatherer:
    """Reads the reports of finished jobs.

    What a refused statement leaves unknown is noted in the report. A broken connection raises, so
    that the whole is tried again later.

    Args:
        client: runs the statements.
        source: whether table functions, which need a warehouse, may be used.
        last_lines: how many lines of a log are kept.
        table_of: the result table that a job fills, None if its asset names none.
        partitions_of_start: what the event log, or the run itself, tells of the partitions of a
            batch; empty if it does not tell, then the specification is asked.
    """

    def __init__(
        self,
        client: SpcsClient,
        *,
        source: MetadataSource,
        last_lines: int,
        table_of: Callable[[TrackedJob], str | None] = lambda _: None,
        partitions_of_start: Callable[[TrackedJob], Sequence[str]] = lambda _: (),
    ) -> None:
        self._client = client
        self._source = source
        self._last_lines = last_lines
        self._table_of = table_of
        self._partitions_of_start = partitions_of_start
        self._history: _History | None = None
        self._families: dict[str, str | None] = {}

    def expect(self, jobs: Sequence[TrackedJob]) -> None:
        """Read the history of all jobs that will be gathered, in one statement."""
        if self._source == "warehouse" and len(jobs) > GATHERED_TOGETHER[self._source]:
            self._history = self._read_history(jobs)

    def gather(self, jobs: Sequence[TrackedJob], now: datetime) -> list[JobReport]:
        """Return a report with its final verdict for each job, in order.

        Args:
            jobs: of one schema; each is over, or past its deadline.
            now: by Dagster's clock; a job that still works after its deadline has timed out.
        """
        if not jobs:
            return []
        reports = {job.key: JobReport(job) for job in jobs}
        if self._source == "warehouse":
            self._add_history(reports)
            self._add_logs(reports)
            self._add_tables(reports, self._tables_of(reports))
        completed = self._client.concurrently(
            self._complete, list(reports.values()), max_concurrent=_MAX_CONCURRENT
        )
        return [_with_verdict(each, now) for each in self._with_families(completed)]

    def of_dropped(
        self, job: TrackedJob, row: HistoryRecord | None, partitions: Sequence[str]
    ) -> JobReport:
        """Return the report of a job that is gone: only its history is left to read.

        Args:
            job: as its start tells of it.
            row: its row in the history, None if there is none.
            partitions: of a batch.
        """
        if row is None:
            report = JobReport(job, missing=(_GONE,), partitions=tuple(partitions))
        else:
            # Of a job that is gone the account's own time of creation is known from here only.
            known = replace(job, record=job.record._replace(created_on=row.created))
            report = JobReport(
                known.as_history_tells(row),
                containers=row.containers,
                history=row,
                missing=(_GONE,),
                partitions=tuple(partitions),
            )
        [report] = self._with_families([report])
        return _with_verdict(report, report.job.ended_by)

    def _read_history(self, jobs: Sequence[TrackedJob]) -> _History:
        try:
            return _History(self._client.history([job.record for job in jobs]))
        except FunctionUnavailable:
            return _History({}, is_enabled=False)
        except NotAnswered as error:
            return _History({}, error)

    def _add_history(self, reports: dict[JobKey, JobReport]) -> None:
        history = self._history or self._read_history([each.job for each in reports.values()])
        for key, report in reports.items():
            row = history.rows.get(report.job.name)
            if isinstance(row, HistoryRecord):
                reports[key] = replace(
                    report,
                    job=report.job.as_history_tells(row),
                    history=row,
                    containers=row.containers,
                )
            elif row is not None:
                reports[key] = report.with_note(f"history: {row}")
            elif history.refusal is not None:
                reports[key] = report.with_note(as_note("history", history.refusal))
            elif history.is_enabled:
                reports[key] = report.with_note(_NO_ROW)

    def _add_logs(self, reports: dict[JobKey, JobReport]) -> None:
        jobs = [each.job for each in reports.values()]
        try:
            logs = self._client.logs_of_many(
                [job.record for job in jobs],
                last_lines=self._last_lines,
                with_messages={job.name for job in jobs if job.identity.pipes},
            )
        except FunctionUnavailable:
            return
        except NotAnswered as error:
            for key, report in reports.items():
                reports[key] = report.with_note(as_note("logs", error))
            return
        for job in jobs:
            log = logs.get(job.name)
            if log is not None:
                report = replace(reports[job.key], log=log)
                for bad in log.unreadable[:1]:
                    more = len(log.unreadable) - 1
                    report = report.with_note(f"log: {bad}{f' and {more} more' if more else ''}")
                reports[job.key] = report

    def _tables_of(self, reports: Mapping[JobKey, JobReport]) -> dict[JobKey, str]:
        tables = {
            key: self._table_of(report.job)
            for key, report in reports.items()
            if report.job.status.is_success
        }
        return {key: table for key, table in tables.items() if table is not None}

    def _add_tables(self, reports: dict[JobKey, JobReport], tables: Mapping[JobKey, str]) -> None:
        try:
            facts = self._client.table_facts(sorted(set(tables.values())))
        except NotAnswered as error:
            if len(set(tables.values())) == 1:
                for key in tables:
                    reports[key] = reports[key].with_note(as_note("result table", error))
                return
            # One table that is not there refuses the statement of all: halve until it is alone.
            keys = list(tables)
            for half in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
                self._add_tables(reports, {key: tables[key] for key in half})
            return
        for key, table in tables.items():
            reports[key] = replace(reports[key], table=facts[table])

    def _complete(self, report: JobReport) -> JobReport:
        """Ask the service itself for what the reads of many jobs did not give."""
        if not report.containers:
            report = self._with_containers(report)
        if report.job.identity.batch:
            report = _with_instances(self._with_partitions(report))
        if report.job.identity.pipes:
            return self._with_messages(report)
        # Lines reach the event table minutes late, the node has them at once; for a failure the
        # last lines are what matters most.
        if not report.log.lines or not report.job.status.is_success:
            report = self._with_node_log(report)
        return report

    def _with_containers(self, report: JobReport) -> JobReport:
        try:
            return replace(report, containers=tuple(self._client.containers(report.job.name)))
        except NotAnswered as error:
            return report.with_note(as_note("containers", error))

    def _with_partitions(self, report: JobReport) -> JobReport:
        partitions = tuple(self._partitions_of_start(report.job))
        if not partitions:
            try:
                document = self._client.specification(report.job.name)
                partitions = partitions_of(document)
            except NotAnswered as error:
                note = as_note("the partitions of this job", error)
                return replace(report.with_note(note), is_whole=False)  # it is asked again
        return replace(report, partitions=partitions)

    def _with_messages(self, report: JobReport) -> JobReport:
        """Find what the job said through Pipes, in the event table or on its node, and when whole.

        The event table holds all of it, late; the node holds the last 100 KB, at once. Whichever
        has the containers' last word is taken.
        """
        late = read_messages(report.log.lines)
        totals = _totals(report.log, late)
        # Of several containers one may have said everything before another's lines have arrived.
        found, is_whole = late, late.has_closed and len(report.containers) == 1
        # Without containers no node can be asked.
        if not is_whole and report.containers:
            try:
                log = self._client.node_logs(report.job.name, report.containers, last_lines=None)
            except NotAnswered as error:
                report = report if late.messages else report.with_note(as_note("node logs", error))
            else:
                fresh = read_messages(log.lines)
                # A node that tells less than the event table is gone already, or was never asked.
                says_all = len(fresh.messages) >= len(late.messages)
                fits = says_all and _size(log.lines) < _NODE_LOG_IS_CUT
                is_whole = fits or (fresh if says_all else late).has_closed
                if _amount(fresh) >= _amount(late):
                    found = fresh
                    if fits and totals[0] != len(fresh.shown):
                        totals = len(fresh.shown), None  # both streams are mixed there
        lines = found.shown[-self._last_lines :] if self._last_lines else ()
        return replace(
            report,
            messages=found,
            # A service that is gone has no more to say.
            is_whole=is_whole or report.job.status is JobStatus.DELETED,
            log=JobLog(lines, *totals),
        )

    def _with_node_log(self, report: JobReport) -> JobReport:
        try:
            fresh = self._client.node_logs(
                report.job.name, report.containers, last_lines=self._last_lines
            )
        except NotAnswered as error:
            # After a while the node is gone, and this source with it; then the event table has
            # all.
            return report if report.log.lines else report.with_note(as_note("node logs", error))
        known = {line.text for line in report.log.lines}
        if not fresh.lines or all(line.text in known for line in fresh.lines):
            return report  # the event table's lines tell stream and totals as well
        return replace(report, log=fresh)

    def _with_families(self, reports: Sequence[JobReport]) -> list[JobReport]:
        refused: dict[str, NotAnswered] = {}
        complete = []
        for report in reports:
            pool = report.job.record.compute_pool
            if pool not in self._families and pool not in refused:
                try:
                    self._families[pool] = self._client.instance_family(pool)
                except NotAnswered as error:
                    refused[pool] = error
            known = replace(report, family=self._families.get(pool))
            if pool in refused:
                known = known.with_note(as_note("compute pool", refused[pool]))
            complete.append(known)
        return complete


def _with_verdict(report: JobReport, now: datetime) -> JobReport:
    """Return the report with its verdict: whether its own deadline ended the job."""
    job = report.job
    deadline = job.identity.deadline
    # Instances that work on after another one failed have the job's deadline too.
    goes_on_too_long = report.goes_on and deadline is not None and deadline < now
    did_not_start = _did_not_start(report, now)
    timed_out = job.is_overdue(now) or job.ran_out_of_time or goes_on_too_long or did_not_start
    return replace(report, timed_out=timed_out, did_not_start=did_not_start, seen=now)


def _did_not_start(report: JobReport, now: datetime) -> bool:
    job = report.job
    containers = report.containers
    never_started = bool(containers) and all(each.started is None for each in containers)
    return job.is_late_to_start(now) or (never_started and job.ran_out_of_time_to_start)


def _with_instances(report: JobReport) -> JobReport:
    """Return the report of a batch, with whether all of its instances have ended."""
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


def _totals(log: JobLog, found: PipesMessages) -> tuple[int | None, int | None]:
    """Return the lines and the error lines of a log, without the messages that were in it."""
    if log.total is None or log.errors is None:
        return None, None
    errors = [sum(line.stream == "stderr" for line in lines) for lines in (log.lines, found.shown)]
    total = log.total - len(log.lines) + len(found.shown)
    return max(total, len(found.shown)), max(log.errors - errors[0], 0) + errors[1]


def _amount(found: PipesMessages) -> tuple[int, int]:
    return len(found.messages), len(found.shown)


def _size(lines: Sequence[LogLine]) -> int:
    """Return the bytes of the longest log among those of the containers."""
    sizes: dict[tuple[int, str], int] = {}
    for line in lines:
        source = (line.instance_id, line.container)
        sizes[source] = sizes.get(source, 0) + len(line.text.encode(errors="replace")) + 1
    return max(sizes.values(), default=0)
