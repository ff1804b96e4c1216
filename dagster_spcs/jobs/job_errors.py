"""Errors about one job of ours; the root of the tree is in ``errors``."""

import textwrap
from collections.abc import Mapping

from dagster_spcs.errors import SpcsError
from dagster_spcs.jobs.log_text import plain
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.status import JobStatus

_LOG_BYTES = 2_000


class JobFailed(SpcsError):
    """A job ended in another status than DONE.

    Attributes:
        job: the job as the account lists it.
        exit_codes: exit code by ``instance/container``.
        last_lines: the end of its log.
    """

    def __init__(
        self,
        job: JobRecord,
        exit_codes: Mapping[str, int],
        last_lines: str,
        *,
        ending: str | None = None,
    ) -> None:
        self.job = job
        self.exit_codes = dict(exit_codes)
        self.last_lines = last_lines
        codes = ", ".join(f"{where}: {code}" for where, code in self.exit_codes.items())
        ending = ending or f"ended {job.status.value}"
        kept = f"\nThe service is kept for a look; remove it with: DROP SERVICE {job.name.sql}"
        super().__init__(
            f"Job {job.name} {ending}; exit codes: {codes or 'none'}."
            f" Its last lines:\n{textwrap.indent(last_lines or '(no output)', '  ')}"
            f"{'' if job.status is JobStatus.DELETED else kept}"
        )

    @classmethod
    def of(cls, report: JobReport) -> "JobFailed":
        """Return the error that tells what a report of a failure does."""
        last_lines = plain(report.log.lines, _LOG_BYTES)
        return cls(report.job.record, report.exit_codes, last_lines, ending=report.ending)


class JobNameInUse(SpcsError):
    """The job's name is taken by a service that was not submitted for the same purpose."""

    def __init__(self, name: JobName, why: str) -> None:
        self.name = name
        super().__init__(
            f"Job name {name} is in use: {why}. Nothing was started. Look at it with DESCRIBE"
            f" SERVICE {name.sql} and remove it with DROP SERVICE {name.sql}."
        )
