"""Many partitions in one job: each instance makes the partition of its index."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dagster_spcs.errors import UnexpectedAnswer
from dagster_spcs.jobs.identity import MAX_PARTITION_BYTES
from dagster_spcs.spcs.request import JobRequest
from dagster_spcs.spcs.unreadable import Unreadable, is_text, read_safely
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
    partitions = read_safely("its partitions", _partitions, document)
    if isinstance(partitions, Unreadable):
        raise UnexpectedAnswer(f"the specification tells no partitions: {partitions.reason}")
    return partitions


def _partitions(document: Mapping[str, Any]) -> tuple[str, ...]:
    for container in document["spec"]["containers"]:
        text = (container.get("env") or {}).get(PARTITIONS_VARIABLE)
        if text is not None:
            keys = json.loads(text)
            if not isinstance(keys, list) or not all(map(_is_partition_key, keys)):
                raise ValueError(f"{PARTITIONS_VARIABLE} is no list of partition keys")
            return tuple(keys)
    raise ValueError(f"there is no variable {PARTITIONS_VARIABLE}")


def _is_partition_key(value: Any) -> bool:
    return isinstance(value, str) and is_text(value) and len(value.encode()) <= MAX_PARTITION_BYTES
