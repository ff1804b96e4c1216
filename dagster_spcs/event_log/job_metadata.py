"""What an event shows of a finished job; numbers are numbers, so that Dagster plots them."""

from typing import Any

import dagster as dg

from dagster_spcs.event_log import keys
from dagster_spcs.event_log.container_reports import ContainerReports
from dagster_spcs.event_log.snowsight import snowsight_url
from dagster_spcs.jobs import log_text
from dagster_spcs.jobs.credits import estimated_credits
from dagster_spcs.jobs.report import JobReport

Metadata = dict[str, Any]

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


def job_metadata(
    report: JobReport, said: ContainerReports, *, account: str | None = None
) -> Metadata:
    """Return everything known of a finished job.

    Args:
        report: of the job, or of one partition of a batch.
        said: what its containers reported; they cannot override what is known here.
        account: the account's name where it is known, for a link.
    """
    job = report.job
    top: Metadata = {
        keys.JOB_NAME: str(job.name),
        keys.STATUS: report.status_text,
        keys.LOG: dg.MetadataValue.md(log_text.markdown(report.log.lines)),
    }
    # The page shows entries in this order; what is known here wins.
    metadata: Metadata = {
        **top,
        **said.metadata,
        **top,
        keys.COMPUTE_POOL: job.record.compute_pool,
        keys.CREATED: dg.MetadataValue.timestamp(job.record.created_on),
        keys.COMPLETED: dg.MetadataValue.timestamp(report.completed),
        keys.REPLICAS: report.replicas,
        keys.SUBMITTED: dg.MetadataValue.timestamp(job.identity.submitted),
    }
    url = snowsight_url(account, job.name)
    if url is not None:
        metadata[keys.JOB_URL] = dg.MetadataValue.url(url)
    if not job.identity.is_observed:
        metadata[keys.ATTEMPT] = job.identity.attempt
        metadata[keys.SUBMITTING_RUN] = dg.MetadataValue.dagster_run(job.identity.run_id)
    metadata |= _told_by_the_account(report) | _times(report)
    missing = [*report.missing, *said.notes]
    if missing:
        metadata[keys.MISSING] = "\n".join(log_text.clean(line) for line in missing)
    return metadata


def _told_by_the_account(report: JobReport) -> Metadata:
    metadata: Metadata = {}
    if report.history is not None:
        metadata[keys.QUERY_ID] = report.history.query_id
        if not report.needs_cancelling:  # it says that the job is running
            metadata[keys.MESSAGE] = report.history.message
    if report.family is not None:
        metadata[keys.INSTANCE_FAMILY] = report.family
    if report.containers:
        images = dict.fromkeys(each.image for each in report.containers)
        digests = dict.fromkeys(each.image_digest for each in report.containers)
        metadata[keys.IMAGE] = ", ".join(images)
        metadata[keys.IMAGE_DIGEST] = ", ".join(digests)
        metadata[keys.INSTANCES] = _instances_table(report)
    if report.log.total is not None:
        metadata[keys.LOG_LINES] = report.log.total
    if report.log.errors is not None:
        metadata[keys.ERROR_LINES] = report.log.errors
    if report.table is not None:
        metadata[keys.ROW_COUNT] = report.table.row_count
        metadata[keys.COLUMN_SCHEMA] = dg.MetadataValue.table_schema(
            dg.TableSchema([dg.TableColumn(name, kind) for name, kind in report.table.columns])
        )
    return metadata


def _times(report: JobReport) -> Metadata:
    """Return when the job started, how long it took, and what that cost; nothing if unknown."""
    if report.started is None:
        return {}
    running = max(0.0, (report.completed - report.started).total_seconds())
    queued = max(0.0, (report.started - report.job.record.created_on).total_seconds())
    metadata: Metadata = {
        keys.STARTED: dg.MetadataValue.timestamp(report.started),
        keys.SECONDS_QUEUED: queued,
        keys.SECONDS_RUNNING: running,
    }
    credits = estimated_credits(report.family, report.replicas, running, share=report.share)
    if credits is not None:
        metadata[keys.CREDITS_ON_RUNNING_NODES] = credits.on_running_nodes
        metadata[keys.CREDITS_ON_STARTED_NODES] = credits.on_started_nodes
    return metadata


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
                "message": log_text.clean(each.message),
            }
        )
        for each in report.containers
    ]
    return dg.MetadataValue.table(records=records, schema=_INSTANCE_COLUMNS)
