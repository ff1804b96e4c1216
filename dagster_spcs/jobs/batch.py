"""Many partitions in one job: each instance makes the partition of its index."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dagster_spcs.errors import UnexpectedAnswer
from dagster_spcs.jobs.gather import JobReport
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.request import JobRequest
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.spec import ServiceSpec

PARTITIONS_VARIABLE = "DAGSTER_PARTITION_KEYS"
"""A JSON list; an instance's own partition stands at ``SNOWFLAKE_JOB_INDEX``."""


def with_partitions(request: JobRequest, partitions: Sequence[str]) -> JobRequest:
    """Return the request for one job over these partitions, an instance each.

    Raises:
        ValueError: if the request asks for replicas itself, or its specification is a template or
            on a stage, where nothing can be added.
    """
    if request.replicas != 1:
        raise ValueError("with batch=True the partitions are the replicas; leave `replicas` out")
    if not isinstance(request.spec, ServiceSpec):
        raise ValueError("batch=True needs the specification as a ServiceSpec")
    told = {PARTITIONS_VARIABLE: json.dumps(list(partitions), ensure_ascii=False)}
    spec = request.spec.with_environment(told)
    return request.model_copy(update={"spec": spec, "replicas": len(partitions)})


def partitions_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the partitions that a job makes, in the instances' order, from its specification.

    Raises:
        UnexpectedAnswer: if it does not tell; only the owner's role sees a specification (page
            "DESCRIBE SERVICE").
    """
    try:
        for container in document["spec"]["containers"]:
            text = (container.get("env") or {}).get(PARTITIONS_VARIABLE)
            if text is not None:
                return tuple(map(str, json.loads(text)))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnexpectedAnswer(f"the specification cannot be read: {error!r}") from error
    raise UnexpectedAnswer(f"the specification has no variable {PARTITIONS_VARIABLE}")


def by_partition(
    report: JobReport, identity: JobIdentity, partitions: Sequence[str]
) -> list[tuple[JobReport, JobIdentity]]:
    """Return a report for each partition: the job's, as far as it is about that instance."""
    return [
        (_of_instance(report, index), identity.model_copy(update={"partition": partition}))
        for index, partition in enumerate(partitions)
    ]


def _of_instance(report: JobReport, index: int) -> JobReport:
    containers = tuple(each for each in report.containers if each.instance_id == index)
    is_done = bool(containers) and all(each.exit_code == 0 for each in containers)
    has_ended = bool(containers) and all(each.has_ended for each in containers)
    job = report.job
    # A job is FAILED because of an instance that ended by itself; others may have run out of time.
    in_time = is_done or (has_ended and job.status is JobStatus.FAILED)
    if is_done:
        job = replace(job, status=JobStatus.DONE, status_text=JobStatus.DONE.value)
    lines = tuple(line for line in report.log.lines if line.instance_id == index)
    return replace(
        report,
        job=job,
        containers=containers,
        # The totals are the whole job's.
        log=replace(report.log, lines=lines, total=None, errors=None),
        timed_out=report.timed_out and not in_time,
    )
