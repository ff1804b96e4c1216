"""That a job ended: its events, written and read.

The event of the job's own comes first: a materialization after a success, an observation after any
other end. It alone tells that the job was recorded. The evaluations of the asset's checks follow,
so that they are counted towards the materialization they belong to.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from dagster_spcs.event_log import keys
from dagster_spcs.event_log.container_reports import ContainerReports, container_reports
from dagster_spcs.event_log.entries import DeclaredChecks, moment_of, text_of
from dagster_spcs.event_log.job_metadata import Metadata, job_metadata
from dagster_spcs.jobs import log_text
from dagster_spcs.jobs.report import TIMED_OUT, JobReport
from dagster_spcs.jobs.tracked_job import JobKey
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.spcs.unreadable import Unreadable, read_safely

OwnEvent = dg.AssetMaterialization | dg.AssetObservation
Event = OwnEvent | dg.AssetCheckEvaluation
_CHECK_LOG_BYTES = 4_000
_LAST_LINES = 10
"""Lines of the log in the description of a failed check."""
_NO_CHECKS = DeclaredChecks()


@dataclass(frozen=True)
class JobEnd:
    """What the event log tells of a job's end, or of the end of one partition of a batch."""

    at: datetime
    """When the event was stored, by Dagster's clock."""
    key: JobKey
    partition: str | None
    status: str
    """Snowflake's word, or TIMED_OUT."""
    created: datetime
    """When the account created the job, by its own clock."""

    @property
    def succeeded(self) -> bool:
        """Whether the job ended well."""
        return self.status == JobStatus.DONE.value

    @property
    def timed_out(self) -> bool:
        """Whether its own deadline ended the job."""
        return self.status == TIMED_OUT


@dataclass(frozen=True)
class EndEvents:
    """The events of one report, before they are stored."""

    own: OwnEvent
    verdict: dg.AssetCheckEvaluation
    """Of the asset's own check, ``spcs_job``."""
    reported: tuple[dg.AssetCheckEvaluation, ...]
    """Of the checks that the containers reported, and of those that they should have."""
    data_version: str | None


def end_events(
    report: JobReport,
    *,
    account: str | None,
    checks: DeclaredChecks = _NO_CHECKS,
    inputs: Mapping[str, str] | None = None,
) -> EndEvents:
    """Return the events of a finished job, or of one partition of a batch.

    Args:
        report: with its final verdict.
        account: the account's name where it is known, for a link.
        checks: of the asset. One that its containers do not report after a success counts as
            failed, as Dagster's own Pipes clients have it.
        inputs: tags of Dagster's own that tell which inputs the job has read; None if that is not
            known. Then the event tells no code version either: Dagster would take the inputs of
            the definition for new ones, and the asset for stale.
    """
    asset_key = dg.AssetKey(list(report.job.asset_key))
    said = container_reports(report.messages, asset_key)
    metadata = job_metadata(report, said, account=account)
    tags = {keys.JOB_TAG: report.job.name.name, keys.STATUS_TAG: report.status_text}
    if inputs is not None and report.succeeded:
        identity = report.job.identity
        # Without a code version Dagster takes the run for it.
        tags |= {keys.CODE_VERSION_TAG: identity.code_version or identity.run_id, **inputs}
    return EndEvents(
        own=_own_event(report, asset_key, metadata, tags, said),
        verdict=_placed(verdict(report), report, checks),
        reported=tuple(
            _placed(each, report, checks)
            for each in (*said.checks, *unreported(report, said.checks, checks))
        ),
        data_version=said.data_version,
    )


def _own_event(
    report: JobReport,
    asset_key: dg.AssetKey,
    metadata: Metadata,
    tags: dict[str, str],
    said: ContainerReports,
) -> OwnEvent:
    if said.data_version is not None:
        tags = {**tags, keys.DATA_VERSION_TAG: said.data_version}
    if report.job.identity.batch and report.job.partition is None:
        # A materialization of no partition would be wrong.
        return dg.AssetObservation(
            asset_key,
            description=f"{report.failure}; which partitions it made could not be read",
            metadata=metadata,
            tags=tags,
        )
    if report.succeeded:
        return dg.AssetMaterialization(
            asset_key, partition=report.job.partition, metadata=metadata, tags=tags
        )
    return dg.AssetObservation(
        asset_key,
        partition=report.job.partition,
        description=report.failure,
        metadata=metadata,
        tags=tags,
    )


def _placed(
    evaluation: dg.AssetCheckEvaluation, report: JobReport, checks: DeclaredChecks
) -> dg.AssetCheckEvaluation:
    """Return an evaluation as one of the report's partition, where its check has partitions."""
    partition = report.job.partition
    if partition is None or evaluation.check_name not in checks.partitioned:
        return evaluation
    return dg.AssetCheckEvaluation(**_fields_of(evaluation), partition=partition)


def verdict(report: JobReport) -> dg.AssetCheckEvaluation:
    """Return the verdict of the asset's own check on a finished job."""
    metadata: Metadata = {
        keys.JOB_NAME: str(report.job.name),
        keys.STATUS: report.status_text,
    }
    if not report.succeeded:
        text = log_text.markdown(report.log.lines, _CHECK_LOG_BYTES)
        metadata[keys.LOG] = dg.MetadataValue.md(text)
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(list(report.job.asset_key)),
        check_name=keys.CHECK_NAME,
        passed=report.succeeded,
        severity=dg.AssetCheckSeverity.ERROR,
        description=_verdict_text(report),
        metadata=metadata,
    )


def _verdict_text(report: JobReport) -> str:
    """Return the verdict; of a failure with the last lines, where people look first."""
    if report.succeeded:
        return f"Job {report.job.name} ended DONE"
    lines = log_text.plain(report.log.lines[-_LAST_LINES:], _CHECK_LOG_BYTES)
    return f"{report.failure}\n{lines}".rstrip()


def unreported(
    report: JobReport, reported: Iterable[dg.AssetCheckEvaluation], checks: DeclaredChecks
) -> list[dg.AssetCheckEvaluation]:
    """Return the verdicts on checks that a job should have reported, and did not."""
    if not report.succeeded:
        return []
    known = {each.check_name for each in reported}
    hint = "" if report.job.identity.pipes else "; it is asked to by pipes=True"
    others = sorted(known - set(checks.of_containers))
    if others:
        hint = f"; it reported {', '.join(others)}"
    return [
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(list(report.job.asset_key)),
            check_name=name,
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"The container did not report it{hint}",
            metadata={keys.JOB_NAME: str(report.job.name)},
        )
        for name in sorted(set(checks.of_containers) - known)
    ]


def check_result(evaluation: dg.AssetCheckEvaluation) -> dg.AssetCheckResult:
    """Return the same verdict for a run that waited for the job itself."""
    return dg.AssetCheckResult(**_fields_of(evaluation))


def _fields_of(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    """Return what an evaluation says, in any of Dagster's forms of it."""
    names = ("asset_key", "check_name", "passed", "severity", "description", "metadata")
    return {name: getattr(evaluation, name) for name in names}


def read_end(at: datetime, event: OwnEvent) -> JobEnd | Unreadable | None:
    """Return what an event tells of a job's end, None if it tells of none; never raises."""
    return read_safely("an event that a job ended", _read, at, event)


def _read(at: datetime, event: OwnEvent) -> JobEnd | None:
    metadata = event.metadata
    if not {keys.JOB_NAME, keys.CREATED} <= metadata.keys():
        return None
    return JobEnd(
        at=at,
        key=JobKey(text_of(metadata, keys.JOB_NAME), moment_of(metadata, keys.SUBMITTED)),
        partition=event.partition,
        status=text_of(metadata, keys.STATUS),
        created=moment_of(metadata, keys.CREATED),
    )
