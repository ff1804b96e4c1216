"""Rows as the account sends them, and the records and requests most tests start from."""

from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.submission import Place, PlannedJob
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import ContainerRecord, JobRecord
from dagster_spcs.spcs.request import JobRequest
from dagster_spcs.spcs.unreadable import is_text
from dagster_spcs.spec import Container, ServiceSpec

NOON = datetime(2026, 1, 1, 12, 0, 0, tzinfo=timezone.utc)
PLACE = Place("LAB", "JOBS", "DAGSTER")
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
"""Any Unicode text, NUL and controls included; lone surrogates are no text."""
AWKWARD_TEXT = ANY_TEXT | st.text("'\"\\$%_`;-\n\0a", max_size=30)
"""The same, with the characters that quoting is about more often."""
STORED_TEXT = (ANY_TEXT | AWKWARD_TEXT).map(lambda text: text.replace("\0", ""))
"""Text that every database stores: it has no NUL."""
PLAIN_TEXT = ANY_TEXT.filter(is_text)
"""Text that has no NUL and no halves of surrogate pairs."""
MOMENTS = st.datetimes(
    datetime(1980, 1, 1), datetime(2199, 12, 31), timezones=st.just(timezone.utc)
)
"""Times that the library can calculate with."""
IDENTITIES = st.builds(
    lambda **fields: JobIdentity(**fields),  # else what is required is drawn by its alias, too
    asset=st.lists(STORED_TEXT, min_size=1, max_size=3).map(tuple),
    partition=st.none() | STORED_TEXT,
    run_id=st.uuids().map(str),
    attempt=st.integers(0, 10_000),
    blocking=st.booleans(),
    submitted=MOMENTS,
    deadline=st.none() | MOMENTS,
    deployment=st.none() | STORED_TEXT,
    resource_key=st.none() | STORED_TEXT,
    pipes=st.booleans(),
    batch=st.booleans(),
    call=st.none() | STORED_TEXT,
    code_version=st.none() | STORED_TEXT,
    note=st.none() | AWKWARD_TEXT,
)


def at(minutes: float) -> datetime:
    """A moment so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def name(bare: str = "JOB_A", schema: str = "JOBS", database: str = "LAB") -> JobName:
    """A job's full name."""
    return JobName(bare, schema, database)


def request(**fields: Any) -> JobRequest:
    """A request with one container."""
    container = Container(name="main", image="/lab/jobs/repo/image:1")
    return JobRequest(**{"spec": ServiceSpec(containers=[container]), **fields})


def job_row(bare: str = "JOB_A", status: str = "RUNNING", **columns: Any) -> dict[str, Any]:
    """A row of SHOW JOB SERVICES (page "SHOW SERVICES")."""
    return {
        "name": bare,
        "status": status,
        "database_name": "LAB",
        "schema_name": "JOBS",
        "owner": "ENGINEER",
        "compute_pool": "POOL",
        "dns_name": "job-a.abcd.svc.spcs.internal",
        "current_instances": 1,
        "target_instances": 1,
        "created_on": NOON,
        "updated_on": at(5),
        "comment": None,
        "query_warehouse": None,
        "is_async_job": "true",
        **columns,
    }


def container_row(**columns: Any) -> dict[str, Any]:
    """A row of SHOW SERVICE CONTAINERS IN SERVICE; ``instance_id`` is text there."""
    return {
        "database_name": "LAB",
        "schema_name": "JOBS",
        "service_name": "JOB_A",
        "service_status": "DONE",
        "instance_id": "0",
        "instance_status": "SUCCEEDED",
        "container_name": "main",
        "status": "DONE",
        "message": "Completed successfully",
        "image_name": "/lab/jobs/repo/image:1",
        "image_digest": "sha256:abc",
        "restart_count": 0,
        "start_time": "2026-01-01T12:01:00Z",
        "last_exit_code": 0,
        "last_restart_time": "",
        **columns,
    }


def log_row(place: int, text: str, minute: float = 1, **columns: Any) -> dict[str, Any]:
    """A row of ``statements.service_logs``; ``place`` is its job's, in the order asked for."""
    return {
        "job": place,
        "timestamp": at(minute).replace(tzinfo=None),
        "instance_id": 0,
        "container_name": "main",
        "log": text,
        "record_attributes": '{"log.iostream": "stdout"}',
        "lines": 1,
        "error_lines": 0,
        **columns,
    }


def history_row(bare: str = "JOB_A", **columns: Any) -> dict[str, Any]:
    """A row of GET_JOB_HISTORY; OBJECT columns come as JSON text."""
    return {
        "database_name": "LAB",
        "schema_name": "JOBS",
        "name": bare,
        "id": 17,
        "query_id": "01bd-query",
        "status": "DONE",
        "message": "Job completed",
        "compute_pool_name": "POOL",
        "created_time": NOON,
        "completed_time": at(4),
        "deleted_time": None,
        "parameters": '{"REPLICAS": 1}',
        "instance_statuses": (
            '{"instances": [{"instanceId": "0", "containers": [{"containerName": "main",'
            ' "status": "DONE", "lastExitCode": 0, "restartCount": 0, "image": "i:1",'
            ' "imageSha256": "sha256:abc", "startTime": "2026-01-01T12:01:00Z"}]}]}'
        ),
        **columns,
    }


def job(bare: str = "JOB_A", status: str = "RUNNING", **columns: Any) -> JobRecord:
    """A listed job."""
    return JobRecord.from_row(job_row(bare, status, **columns))


def container(**columns: Any) -> ContainerRecord:
    """A container of a job."""
    return ContainerRecord.from_row(container_row(**columns))


def identity(**fields: Any) -> JobIdentity:
    """The identity of a job of asset ``daily/scores``."""
    return JobIdentity(
        **{"asset": ("daily", "scores"), "run_id": "run-1", "submitted": NOON, **fields}
    )


def tracked(
    bare: str = "JOB_A", status: str = "RUNNING", who: JobIdentity | None = None, **columns: Any
) -> TrackedJob:
    """A listed job of ours, by default one of asset ``daily/scores``."""
    return TrackedJob(job(bare, status, **columns), who or identity())


def planned(**fields: Any) -> PlannedJob:
    """A job to start for asset ``daily/scores``."""
    return PlannedJob(
        **{
            "request": request(),
            "compute_pool": "pool",
            "asset": ("daily", "scores"),
            "partition": None,
            "run_id": "run-1",
            "attempt": 0,
            "blocking": False,
            **fields,
        }
    )
