"""Jobs that are at the account although no container ran: for tests of thousands of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from dagster_spcs.emulator.account.account import Account
from dagster_spcs.emulator.account.jobs import ContainerState, Instance, Job
from dagster_spcs.emulator.account.runner import exit_message
from dagster_spcs.emulator.containers.logs import ContainerLog
from dagster_spcs.spcs.status import JobStatus

_MESSAGES = {
    JobStatus.PENDING: "Job is pending",
    JobStatus.RUNNING: "Job is running",
    JobStatus.DONE: "Job completed successfully.",
    JobStatus.FAILED: "Job has failed",
}
_INSTANCE_STATUS = {
    JobStatus.PENDING: "PENDING",
    JobStatus.RUNNING: "READY",
    JobStatus.DONE: "SUCCEEDED",
}


@dataclass(frozen=True)
class PlantedJob:
    """A job of one container, ``main``, as it would stand in the account.

    Args:
        name: database, schema and name, as stored.
        compute_pool: a pool; it need not have room.
        comment: its COMMENT.
        status: where it stands; it stays there until it is moved with ``Emulator.plant`` again,
            cancelled or dropped.
        created: when it was submitted; now if None.
        completed: when it ended; now if None and the status is final.
        exit_code: of its container, if it has ended.
        log: lines the container printed.
    """

    name: tuple[str, str, str]
    compute_pool: str
    comment: str | None = None
    status: JobStatus = JobStatus.DONE
    created: datetime | None = None
    completed: datetime | None = None
    exit_code: int = 0
    log: Sequence[str] = ()


def plant(account: Account, planted: PlantedJob) -> None:
    """Put a job into the account, or move the one that stands there to another status."""
    now = account.now()
    known = account.jobs.get(planted.name)
    status, is_final = planted.status, planted.status.is_final
    created = planted.created or (now if known is None else known.created)
    instance = _instance(planted, created)
    completed = planted.completed or now
    job = Job(
        id=account.next_id() if known is None else known.id,
        name=planted.name,
        query_id=str(uuid4()) if known is None else known.query_id,
        spec_yaml="spec: {}\n",
        spec_digest=hashlib.sha256(b"planted").hexdigest(),
        dns_name="",
        compute_pool=planted.compute_pool,
        is_async=True,
        replicas=1,
        owner="ACCOUNTADMIN",
        created=created,
        updated=completed if is_final else now,
        instances=[instance],
        status=status,
        message=_MESSAGES.get(status, f"Job is {status.value}"),
        completed=completed if is_final else None,
        comment=planted.comment if planted.comment is not None or known is None else known.comment,
    )
    if planted.log:
        log = ContainerLog(job.log_path(account.log_folder, 0, "main"), account.now)
        log.append("stdout", *(line.encode() for line in planted.log))
        log.close()
    account.jobs[planted.name] = job
    account.changed(job)


def _instance(planted: PlantedJob, created: datetime) -> Instance:
    """Return the one instance, with its one container, as the job's status has it."""
    ran = planted.status is not JobStatus.PENDING
    container = ContainerState(
        "main",
        "planted",
        "",
        status="READY" if ran else "PENDING",
        message="Running" if ran else "Waiting to start",
        start_time=f"{created:%Y-%m-%dT%H:%M:%SZ}" if ran else None,
    )
    if planted.status.is_final:
        container.status = "DONE" if planted.exit_code == 0 else "FAILED"
        container.last_exit_code = planted.exit_code
        container.message = exit_message(planted.exit_code)
    status = _INSTANCE_STATUS.get(planted.status, "FAILED")
    return Instance(0, [container], created, status=status, start_time=container.start_time)
