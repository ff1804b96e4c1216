"""A job's logs over REST."""

import time

import pytest
from helpers import IMAGE, job, specification, wait
from snowflake.core.exceptions import APIError, NotFoundError
from snowflake.core.schema import SchemaResource


def test_logs_of_an_ended_job(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("spoke", spec=specification(NAME="log")))
    wait(service)
    logs = service.get_service_logs(instance_id="0", container_name="main")
    assert "hello from log" in logs
    assert "goodbye" in logs


def test_the_last_lines_only(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("spoke", spec=specification(args=("a", "b", "c"))))
    wait(service)
    logs = service.get_service_logs("0", "main", num_lines=2)
    lines = logs.strip().splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("argument c") and lines[1].endswith("goodbye")


def test_logs_of_a_running_job(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("speaks", spec=specification(SECONDS_TO_RUN=60)))
    wait(service, {"RUNNING"})
    deadline = time.monotonic() + 30
    while "hello" not in (logs := service.get_service_logs("0", "main")):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "goodbye" not in logs
    service.drop()


def test_logs_of_each_container(schema: SchemaResource) -> None:
    two = (
        specification(name="first", NAME="one")
        + f"  - name: second\n    image: {IMAGE}\n    env:\n      NAME: two\n"
    )
    service = schema.services.execute_job(job("pair", spec=two))
    wait(service)
    assert "hello from one" in service.get_service_logs("0", "first")
    assert "hello from two" in service.get_service_logs("0", "second")


def test_logs_of_a_failed_job(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("failed", spec=specification(EXIT_CODE=7)))
    assert wait(service) == "FAILED"
    assert "goodbye" in service.get_service_logs("0", "main")


def test_logs_later(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("spoke"))
    wait(service)
    assert "hello" in service.get_service_logs_async("0", "main").result(timeout=30)


def test_logs_that_are_not_there(schema: SchemaResource) -> None:
    with pytest.raises(NotFoundError):
        schema.services["nothing"].get_service_logs("0", "main")
    service = schema.services.execute_job(job("spoke"))
    wait(service)
    with pytest.raises(APIError):
        service.get_service_logs("0", "no-such-container")
