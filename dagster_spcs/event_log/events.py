"""From a report to Dagster's events: pure, no client calls. All metadata keys are here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import dagster as dg

from dagster_spcs.event_log.container_reports import Reported, reported
from dagster_spcs.jobs import log_text as logtext
from dagster_spcs.jobs.credits import estimated_credits
from dagster_spcs.jobs.gather import TIMED_OUT, JobReport
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.clocks import SAME_CREATION
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.status import JobStatus

CHECK_NAME = "spcs_job"
"""The check that each job asset has: green while its last job ended DONE."""
JOB_TAG = "dagster_spcs/job"
"""Event tag with the job's unqualified name."""
STATUS_TAG = "dagster_spcs/status"
DATA_VERSION_TAG = "dagster/data_version"
ATTEMPT_TAG = "dagster_spcs/attempt"

JOB_NAME = "dagster_spcs/job_name"
JOB_URL = "dagster_spcs/job_url"
QUERY_ID = "dagster_spcs/query_id"
STATUS = "dagster_spcs/status"
MESSAGE = "dagster_spcs/message"
COMPUTE_POOL = "dagster_spcs/compute_pool"
INSTANCE_FAMILY = "dagster_spcs/instance_family"
IMAGE = "dagster_spcs/image"
IMAGE_DIGEST = "dagster_spcs/image_digest"
CREATED = "dagster_spcs/created"
STARTED = "dagster_spcs/started"
COMPLETED = "dagster_spcs/completed"
SECONDS_QUEUED = "dagster_spcs/seconds_queued"
SECONDS_RUNNING = "dagster_spcs/seconds_running"
REPLICAS = "dagster_spcs/replicas"
PARTITIONS = "dagster_spcs/partitions"
"""Of a job over several partitions that was started: which, in the instances' order."""
INSTANCES = "dagster_spcs/instances"
ATTEMPT = "dagster_spcs/attempt"
SUBMITTED = "dagster_spcs/submitted"
"""When the run sent the job, as its comment tells it: with the name, what is one job's alone."""
SUBMITTING_RUN = "dagster_spcs/submitting_run"
WAITED_FOR = "dagster_spcs/waited_for"
"""Of a job that was started: whether its run waits for it."""
DEADLINE = "dagster_spcs/deadline"
"""Of a job that was started with a timeout."""
HELD_BACK = "dagster_spcs/held_back"
"""Of a job that was started: that its run records it with the step's result only."""
TAKEN_OVER = "dagster_spcs/taken_over_submitted"
"""Of a job whose run is not waited for any longer: when it was submitted."""
STARTED_STATUS = "SUBMITTED"
"""The status of a job that was started; not one of Snowflake's."""
LOG = "dagster_spcs/log"
LOG_LINES = "dagster_spcs/log_lines"
ERROR_LINES = "dagster_spcs/error_lines"
ESTIMATED_CREDITS = "dagster_spcs/estimated_credits"
MISSING = "dagster_spcs/missing"
ROW_COUNT = "dagster/row_count"
COLUMN_SCHEMA = "dagster/column_schema"
RELATION = "dagster/relation_identifier"

RESOURCE_KEY = "dagster_spcs/resource_key"
JOB_ASSET = "dagster_spcs/job_asset"
"""Definition metadata and tag that mark a job asset."""
RESULT_TABLE = "dagster_spcs/result_table"
MAX_RETRIES = "dagster_spcs/max_retries"
RETRY_DELAY = "dagster_spcs/retry_delay_seconds"
"""Definition metadata for the sensor."""

Metadata = dict[str, Any]
Event = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation

_INSTANCE_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("instance", "int"),
        dg.TableColumn("container", "string"),
        dg.TableColumn("status", "string"),
        dg.TableColumn("exit_code", "int"),
        dg.TableColumn("restarts", "int"),
        dg.TableColumn("message", "string"),
    ]
)


def finished_tags(report: JobReport) -> Mapping[str, str]:
    """Return the tags of the event of a finished job, for whoever filters events by tag."""
    return {
        JOB_TAG: report.job.name.name,
        STATUS_TAG: report.status_text,
    }


@dataclass(frozen=True)
class JobEnd:
    """What an event in the log tells of a job that ended."""

    job_name: str
    status: str
    created: float
    partition: str | None = None
    submitted: float | None = None
    """None for a job that others started."""

    @property
    def succeeded(self) -> bool:
        """Whether the job ended well."""
        return self.status == JobStatus.DONE.value

    @property
    def timed_out(self) -> bool:
        """Whether its own deadline ended the job."""
        return self.status == TIMED_OUT

    def is_of(self, job: JobRecord, identity: JobIdentity) -> bool:
        """Whether this is the end of that job."""
        if (self.job_name, self.partition) != (str(job.name), identity.partition):
            return False
        if identity.run_id and self.submitted is not None:
            return self.submitted == identity.submitted.timestamp()
        apart = abs(self.created - job.created_on.timestamp())
        return apart <= SAME_CREATION.total_seconds()


def end_told_by(event: dg.AssetMaterialization | dg.AssetObservation) -> JobEnd | None:
    """Return what an event tells of a job's end, None if it tells of none."""
    metadata = event.metadata
    if not {JOB_NAME, STATUS, CREATED} <= metadata.keys():
        return None
    return JobEnd(
        job_name=str(metadata[JOB_NAME].value),
        status=str(metadata[STATUS].value),
        created=float(str(metadata[CREATED].value)),
        partition=event.partition,
        submitted=float(str(metadata[SUBMITTED].value)) if SUBMITTED in metadata else None,
    )


def snowsight_url(account: str | None, name: JobName) -> str | None:
    """Return the job's address in Snowsight for an account of the form ``organization-account``.

    The form of the address below the account was not verified.
    """
    organization, dash, locator = (account or "").partition("-")
    if not dash or not organization or not locator or "." in locator:
        return None
    place = f"databases/{quote(name.database, safe='')}/schemas/{quote(name.schema, safe='')}"
    return f"https://app.snowflake.com/{organization}/{locator}/#/data/{place}/service/{name.name}"


def submitted_observation(
    identity: JobIdentity,
    name: JobName,
    pool: str,
    *,
    account: str | None,
    adopted: bool,
    partitions: Sequence[str] = (),
) -> dg.AssetObservation:
    """Return the event that shows on the asset's page that a job was started.

    ``partitions`` are those of a job over several.
    """
    metadata: Metadata = {
        JOB_NAME: str(name),
        STATUS: STARTED_STATUS,
        COMPUTE_POOL: pool,
        ATTEMPT: identity.attempt,
        SUBMITTED: dg.MetadataValue.timestamp(identity.submitted),
        SUBMITTING_RUN: dg.MetadataValue.dagster_run(identity.run_id),
        WAITED_FOR: identity.blocking,
    }
    if identity.deadline is not None:
        metadata[DEADLINE] = dg.MetadataValue.timestamp(identity.deadline)
    if identity.held_back:
        metadata[HELD_BACK] = True
    if partitions:
        metadata[PARTITIONS] = dg.MetadataValue.json(list(partitions))
    url = snowsight_url(account, name)
    if url is not None:
        metadata[JOB_URL] = dg.MetadataValue.url(url)
    return dg.AssetObservation(
        asset_key=dg.AssetKey(list(identity.asset)),
        partition=identity.partition,
        description=f"{'Found' if adopted else 'Started'} job {name} on {pool}",
        metadata=metadata,
        tags={JOB_TAG: name.name, STATUS_TAG: STARTED_STATUS},
    )


def takeover(identity: JobIdentity, job: JobRecord) -> dg.AssetObservation:
    """Return the event after which a run must not record a job that it waits for.

    It stands in the event log before the sensor records the job, so that of the two one does.
    """
    return dg.AssetObservation(
        asset_key=dg.AssetKey(list(identity.asset)),
        partition=identity.partition,
        description=f"Job {job.name} is over or past its deadline, and the run that waits for it"
        " has not recorded it. The sensor does, with its next tick.",
        metadata={
            JOB_NAME: str(job.name),
            TAKEN_OVER: dg.MetadataValue.timestamp(identity.submitted),
            SUBMITTING_RUN: dg.MetadataValue.dagster_run(identity.run_id),
        },
        tags={JOB_TAG: job.name.name},
    )


def taken_over_by(
    event: dg.AssetMaterialization | dg.AssetObservation,
) -> tuple[str, float] | None:
    """Return name and submission of the job that an event takes over, None if it takes none."""
    metadata = event.metadata
    if not {JOB_NAME, TAKEN_OVER} <= metadata.keys():
        return None
    return str(metadata[JOB_NAME].value), float(str(metadata[TAKEN_OVER].value))


def job_metadata(
    report: JobReport, identity: JobIdentity, *, account: str | None = None
) -> Metadata:
    """Return everything known of a finished job, numbers as numbers."""
    job = report.job
    said = reported_by(report, identity)
    metadata: Metadata = {
        # What the container said comes first, and cannot take the place of what we know.
        **said.metadata,
        JOB_NAME: str(job.name),
        STATUS: report.status_text,
        COMPUTE_POOL: job.compute_pool,
        CREATED: dg.MetadataValue.timestamp(job.created_on),
        COMPLETED: dg.MetadataValue.timestamp(report.completed),
        REPLICAS: report.replicas,
    }
    if identity.run_id:
        metadata[ATTEMPT] = identity.attempt
        metadata[SUBMITTED] = dg.MetadataValue.timestamp(identity.submitted)
        metadata[SUBMITTING_RUN] = dg.MetadataValue.dagster_run(identity.run_id)
    url = snowsight_url(account, job.name)
    if url is not None:
        metadata[JOB_URL] = dg.MetadataValue.url(url)
    if report.history is not None:
        metadata[QUERY_ID] = report.history.query_id
        metadata[MESSAGE] = report.history.message
    if report.family is not None:
        metadata[INSTANCE_FAMILY] = report.family
    if report.containers:
        metadata[IMAGE] = ", ".join(dict.fromkeys(each.image for each in report.containers))
        metadata[IMAGE_DIGEST] = ", ".join(
            dict.fromkeys(each.image_digest for each in report.containers)
        )
        metadata[INSTANCES] = _instances_table(report)
    if report.started is not None:
        running = max(0.0, (report.completed - report.started).total_seconds())
        metadata[STARTED] = dg.MetadataValue.timestamp(report.started)
        metadata[SECONDS_QUEUED] = max(0.0, (report.started - job.created_on).total_seconds())
        metadata[SECONDS_RUNNING] = running
        credits = estimated_credits(report.family, report.replicas, running)
        if credits is not None:
            metadata[ESTIMATED_CREDITS] = credits
    if report.log.total is not None:
        metadata[LOG_LINES] = report.log.total
    if report.log.errors is not None:
        metadata[ERROR_LINES] = report.log.errors
    if report.table is not None:
        metadata[ROW_COUNT] = report.table.row_count
        metadata[COLUMN_SCHEMA] = dg.MetadataValue.table_schema(
            dg.TableSchema([dg.TableColumn(name, kind) for name, kind in report.table.columns])
        )
    # Last, because it is long and the page shows entries in this order.
    metadata[LOG] = dg.MetadataValue.md(logtext.markdown(report.log.lines))
    missing = [*report.missing, *said.notes]
    if missing:
        metadata[MISSING] = "\n".join(logtext.clean(line) for line in missing)
    return metadata


def reported_by(report: JobReport, identity: JobIdentity) -> Reported:
    """Return what the job's containers reported of its asset through Pipes."""
    return reported(report.messages, dg.AssetKey(list(identity.asset)), CHECK_NAME)


def _instances_table(report: JobReport) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                "instance": each.instance_id,
                "container": each.name,
                "status": each.status,
                # A table cell holds text or a number, never nothing.
                "exit_code": "" if each.exit_code is None else each.exit_code,
                "restarts": each.restarts,
                "message": logtext.clean(each.message),
            }
        )
        for each in report.containers
    ]
    return dg.MetadataValue.table(records=records, schema=_INSTANCE_COLUMNS)


def failure_text(report: JobReport) -> str:
    """Return why a job counts as failed, in one sentence."""
    # Of a job that was dropped at work they are of no meaning.
    known = report.exit_codes if report.job.status is not JobStatus.DELETED else {}
    codes = ", ".join(f"{where} exited {code}" for where, code in known.items() if code)
    return f"Job {report.job.name} {report.ending}{f' ({codes})' if codes else ''}"


def finished_events(report: JobReport, identity: JobIdentity, metadata: Metadata) -> list[Event]:
    """Return the events of a finished job: its own event first, then those of its checks.

    The first tells whether the job was reported; both are one job's, in this order, so that the
    check is evaluated against the materialization it belongs to.
    """
    key = dg.AssetKey(list(identity.asset))
    said = reported_by(report, identity)
    tags = dict(finished_tags(report))
    if said.data_version is not None:
        tags[DATA_VERSION_TAG] = said.data_version
    succeeded = report.succeeded
    own: dg.AssetMaterialization | dg.AssetObservation
    if succeeded:
        own = dg.AssetMaterialization(
            asset_key=key, partition=identity.partition, metadata=metadata, tags=tags
        )
    else:
        own = dg.AssetObservation(
            asset_key=key,
            partition=identity.partition,
            description=failure_text(report),
            metadata=metadata,
            tags=tags,
        )
    return [own, check_evaluation(report, identity), *said.checks]


def check_evaluation(report: JobReport, identity: JobIdentity) -> dg.AssetCheckEvaluation:
    """Return the verdict of the asset's own check on a finished job."""
    succeeded = report.succeeded
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(list(identity.asset)),
        check_name=CHECK_NAME,
        passed=succeeded,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"Job {report.job.name} ended DONE" if succeeded else failure_text(report),
        metadata=_check_metadata(report),
    )


def _check_metadata(report: JobReport) -> Metadata:
    metadata: Metadata = {JOB_NAME: str(report.job.name), STATUS: report.status_text}
    if not report.succeeded:
        metadata[LOG] = dg.MetadataValue.md(logtext.markdown(report.log.lines, 4_000))
    return metadata


def check_result(evaluation: dg.AssetCheckEvaluation) -> dg.AssetCheckResult:
    """Return the same verdict for a run that waited for the job itself."""
    return dg.AssetCheckResult(
        asset_key=evaluation.asset_key,
        check_name=evaluation.check_name,
        passed=evaluation.passed,
        severity=evaluation.severity,
        description=evaluation.description,
        metadata=evaluation.metadata,
    )
