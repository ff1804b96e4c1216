"""What is known of a finished job: the verdict, and everything the account told."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.pipes.messages import PipesMessages
from dagster_spcs.spcs.records import ContainerRecord, HistoryRecord, JobLog, TableFacts
from dagster_spcs.spcs.status import JobStatus

TIMED_OUT = "TIMED_OUT"
"""The status of a job that its own deadline ended; not one of Snowflake's."""


@dataclass(frozen=True)
class JobReport:
    """A finished job, or one past its deadline, and everything the account told of it.

    Gathering returns it with its final verdict; nothing is changed in it afterwards but notes.
    """

    job: TrackedJob
    containers: tuple[ContainerRecord, ...] = ()
    log: JobLog = field(default_factory=lambda: JobLog(()))
    history: HistoryRecord | None = None
    family: str | None = None
    table: TableFacts | None = None
    timed_out: bool = False
    """Whether its own deadline ended the job, or is to end it now."""
    did_not_start: bool = False
    """Whether the time that ended it was the one it had to start."""
    messages: PipesMessages | None = None
    """What it said through Pipes; None if it was not asked to."""
    partitions: tuple[str, ...] = ()
    """Of a batch: what its instances make, in their order; empty if that could not be told."""
    is_whole: bool = True
    """Whether no more of its log is to come: lines reach the event table minutes late."""
    seen: datetime | None = None
    """When the account was asked."""
    goes_on: bool = False
    """Whether instances still work after another one failed; they take the time they need."""
    missing: tuple[str, ...] = ()
    """What could not be read, and why; it is shown on the event."""

    @property
    def status_text(self) -> str:
        """The job's last status, in Snowflake's word, or TIMED_OUT."""
        return TIMED_OUT if self.timed_out else self.job.record.status_text

    @property
    def succeeded(self) -> bool:
        """Whether the job ended well, and in time."""
        return self.job.status.is_success and not self.timed_out

    @property
    def needs_cancelling(self) -> bool:
        """Whether it is past its deadline and still works."""
        return self.timed_out and (self.goes_on or not self.job.is_over)

    @property
    def ending(self) -> str:
        """How the job ended, as what follows its name in a sentence."""
        if self.timed_out and self.did_not_start:
            return "did not start in time and was cancelled"
        if self.timed_out:
            return "timed out and was cancelled"
        if self.job.status is JobStatus.DELETED:
            return "was dropped by somebody before its end was seen"
        if self.job.status is JobStatus.CANCELLED:
            return "was cancelled"
        return f"ended {self.status_text}"

    @property
    def failure(self) -> str:
        """Why the job counts as failed, in one sentence."""
        # The exit codes of a job that was dropped at work mean nothing.
        known = self.exit_codes if self.job.status is not JobStatus.DELETED else {}
        codes = ", ".join(f"{where} exited {code}" for where, code in known.items() if code)
        return f"Job {self.job.name} {self.ending}{f' ({codes})' if codes else ''}"

    @property
    def replicas(self) -> int:
        """Instances the job was asked for."""
        return self.job.record.replicas if self.history is None else self.history.replicas

    @property
    def share(self) -> float:
        """Which part of the job the report is about: all of it, or one instance of a batch."""
        identity = self.job.identity
        return 1 / self.replicas if identity.batch and identity.partition is not None else 1.0

    @property
    def started(self) -> datetime | None:
        """When the first container started; told in whole seconds, so never before creation."""
        first = min((each.started for each in self.containers if each.started), default=None)
        return None if first is None else max(first, self.job.record.created_on)

    @property
    def completed(self) -> datetime:
        """When the job ended; one that is past its deadline and still works ends as it is seen."""
        if self.history is not None and self.history.completed is not None:
            return self.history.completed
        updated = self.job.record.updated_on
        return max(self.seen, updated) if self.needs_cancelling and self.seen else updated

    @property
    def exit_codes(self) -> dict[str, int]:
        """Exit code by ``instance/container``, of those that have one."""
        return {
            each.where: each.exit_code for each in self.containers if each.exit_code is not None
        }

    @cached_property
    def parts(self) -> Sequence["JobReport"]:
        """The report of each partition of a batch; of any other job the report itself."""
        if not self.partitions:
            return (self,)
        return tuple(
            _of_instance(self, index, partition) for index, partition in enumerate(self.partitions)
        )

    def with_note(self, note: str) -> "JobReport":
        """Return the report with a word on what could not be read or done."""
        return replace(self, missing=(*self.missing, note))


def _of_instance(report: JobReport, index: int, partition: str) -> JobReport:
    """Return the report of the partition that one instance of a batch makes."""
    containers = tuple(each for each in report.containers if each.instance_id == index)
    is_done = bool(containers) and all(each.exit_code == 0 for each in containers)
    has_ended = bool(containers) and all(each.has_ended for each in containers)
    job = report.job.of_partition(partition)
    # A job is FAILED because of an instance that ended by itself; others may have run out of time.
    in_time = is_done or (has_ended and job.status is JobStatus.FAILED)
    if is_done:
        done = JobStatus.DONE
        job = replace(job, record=job.record._replace(status=done, status_text=done.value))
    return replace(
        report,
        job=job,
        containers=containers,
        # The totals are the whole job's.
        log=JobLog(tuple(line for line in report.log.lines if line.instance_id == index)),
        timed_out=report.timed_out and not in_time,
        partitions=(),
    )
