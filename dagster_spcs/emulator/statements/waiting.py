"""Waiting for jobs, and the older way of looking at them."""

import json
import time

from dagster_spcs.emulator.account.jobs import Job
from dagster_spcs.emulator.account.states import reachable
from dagster_spcs.emulator.sql.answers import Result, SqlError, wait_ended
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.registry import METHODS, SYSTEM_FUNCTIONS, Context
from dagster_spcs.spcs.status import JobStatus


async def wait_for(words: Words, context: Context) -> Result:
    """``<job>!SPCS_WAIT_FOR('<status>', <seconds>)``."""
    job = context.account.job(context.session.resolve(words.object_name()))
    words.expect("!", "SPCS_WAIT_FOR", "(")
    wanted = words.string().upper()
    words.expect(",")
    until = time.monotonic() + words.number()
    words.expect(")")
    words.end()
    await _wait(job, wanted, until, context)
    return Result.value("SPCS_WAIT_FOR", f"Service {job.short_name} has reached status {wanted}.")


METHODS["SPCS_WAIT_FOR"] = wait_for


async def wait_for_services(words: Words, context: Context) -> Result:
    """``SYSTEM$WAIT_FOR_SERVICES(<seconds>, '<name>' [, …])``: OK once each ended DONE (chosen)."""
    until = time.monotonic() + words.number()
    jobs = []
    while words.take(","):
        name = Words(words.string()).object_name()
        jobs.append(context.account.job(context.session.resolve(name)))
    words.expect(")")
    words.end()
    for job in jobs:
        await _wait(job, JobStatus.DONE.value, until, context)
    return Result.value("SYSTEM$WAIT_FOR_SERVICES", "OK")


SYSTEM_FUNCTIONS["SYSTEM$WAIT_FOR_SERVICES"] = wait_for_services


async def _wait(job: Job, wanted: str, until: float, context: Context) -> None:
    target = JobStatus(wanted)
    while job.status is not target:
        if target not in reachable(job.status):
            raise _ended(job, wanted, "it can no longer be reached")
        left = until - time.monotonic()
        if left <= 0 or not await context.account.wait_for_change(job, left):
            raise _ended(job, wanted, "timed out")


def _ended(job: Job, wanted: str, why: str) -> SqlError:
    return wait_ended(job.short_name, wanted, job.status.value, why)


async def get_service_status(words: Words, context: Context) -> Result:
    """``SYSTEM$GET_SERVICE_STATUS('<name>' [, <seconds>])``: JSON, one object a container."""
    job = context.account.job(context.session.resolve(Words(words.string()).object_name()))
    if words.take(","):
        until = time.monotonic() + words.number()
        while not job.status.is_final and (left := until - time.monotonic()) > 0:
            await context.account.wait_for_change(job, left)
    words.expect(")")
    words.end()
    containers = [
        {
            "status": container.status,
            "message": container.message,
            "containerName": container.name,
            "instanceId": str(instance.id),
            "serviceName": job.short_name,
            "image": container.image,
            "restartCount": container.restart_count,
            "startTime": container.start_time or "",
        }
        for instance in job.instances
        for container in instance.containers
    ]
    return Result.value("SYSTEM$GET_SERVICE_STATUS", json.dumps(containers))


SYSTEM_FUNCTIONS["SYSTEM$GET_SERVICE_STATUS"] = get_service_status
