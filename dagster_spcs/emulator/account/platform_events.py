"""What the platform tells of a job's life: its changes of status (page "Monitoring Services")."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from dagster_spcs.emulator.account.jobs import Job
from dagster_spcs.emulator.account.status_changes import StatusChange
from dagster_spcs.spcs.status import JobStatus

_SERVICE_MESSAGES = {
    JobStatus.PENDING: "Job is pending",
    JobStatus.RUNNING: "Job is running",
    JobStatus.DONE: "Job is completed",
    JobStatus.CANCELLING: "Job is being canceled",
    JobStatus.CANCELLED: "Job has been canceled",
    JobStatus.FAILED: "Job has failed",
    JobStatus.INTERNAL_ERROR: "Job has encountered an error",
    JobStatus.DELETED: "Job has been deleted",
}
_INSTANCE_MESSAGES = {
    "PENDING": "Job instance is pending",
    "READY": "Job instance is running",
    "TERMINATING": "Job instance is terminating",
    "SUCCEEDED": "Job instance has completed",
    "FAILED": "Job instance has failed",
}


def changes(job: Job, now: datetime) -> list[StatusChange]:
    """Return what has changed since the last change that the job has kept."""
    last = {change.subject: change.status for change in job.changes}
    return [
        # The order of the documented sample, which a query can only tell from times.
        replace(each, at=now + timedelta(microseconds=index))
        for index, each in enumerate(_statuses(job, now))
        if last.get(each.subject) != each.status
    ]


def _statuses(job: Job, now: datetime) -> Iterator[StatusChange]:
    for instance in job.instances:
        for container in instance.containers:
            yield StatusChange(
                now, "CONTAINER", container.status, container.message, instance.id, container.name
            )
    status = job.status.value
    message = _SERVICE_MESSAGES.get(job.status, f"Job is {status}")
    yield StatusChange(now, "SERVICE", status, message)
    for instance in job.instances:
        text = _INSTANCE_MESSAGES.get(instance.status, f"Job instance is {instance.status}")
        yield StatusChange(now, "SERVICE_INSTANCE", instance.status, text, instance.id)
