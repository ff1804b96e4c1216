"""Records: rows of the account in, typed facts out, and shapes that are not known refused."""

from datetime import datetime, timezone
from typing import Any

import pytest

from dagster_spcs.errors import UnexpectedAnswer
from dagster_spcs.spcs.records import (
    ContainerRecord,
    HistoryRecord,
    InstanceRecord,
    JobRecord,
    LogLine,
    MetricRecord,
)
from dagster_spcs.spcs.status import JobStatus

from .samples import NOON, at, container_row, history_row, job_row, log_row, name

ONE_PAST = datetime(2026, 1, 1, 12, 1, tzinfo=timezone.utc)
INSTANCE_ROW = {
    "instance_id": "1",
    "status": "RUNNING",
    "creation_time": "2026-01-01T12:00:00Z",
    "start_time": None,
    "ip_address": None,
}


def test_job_from_row() -> None:
    """A listed job is read by column name; columns that are not known are passed over."""
    row = job_row(
        status="DONE",
        target_instances=3,
        comment="hello",
        query_warehouse="WH",
        a_column_of_next_year=1,
    )
    assert JobRecord.from_row(row) == JobRecord(
        name=name(),
        status=JobStatus.DONE,
        status_text="DONE",
        compute_pool="POOL",
        created_on=NOON,
        updated_on=at(5),
        replicas=3,
        comment="hello",
        query_warehouse="WH",
    )


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param({"comment": ""}, {"comment": None}, id="empty-comment"),
        pytest.param({"target_instances": None}, {"replicas": 1}, id="no-target"),
        pytest.param({"target_instances": "2"}, {"replicas": 2}, id="target-as-text"),
        pytest.param(
            {"status": "HIBERNATING"},
            {"status": JobStatus.UNKNOWN, "status_text": "HIBERNATING"},
            id="unknown-status-is-kept",
        ),
        pytest.param(
            {"created_on": NOON.replace(tzinfo=None)}, {"created_on": NOON}, id="no-zone-is-utc"
        ),
        pytest.param(
            {"created_on": "2026-01-01T12:00:00Z"}, {"created_on": NOON}, id="moment-as-text"
        ),
    ],
)
def test_job_from_row_variants(columns: dict[str, Any], expected: dict[str, Any]) -> None:
    """Columns may be empty, or text where a number or a moment is meant."""
    job = JobRecord.from_row(job_row(**columns))
    assert {field: getattr(job, field) for field in expected} == expected


@pytest.mark.parametrize(
    "column",
    ["name", "schema_name", "database_name", "status", "compute_pool", "created_on", "updated_on"],
)
def test_job_from_row_needs(column: str) -> None:
    """A row without a column that matters is refused by that column's name."""
    row = job_row()
    with pytest.raises(UnexpectedAnswer, match=f"'{column}'.* is NULL"):
        JobRecord.from_row({**row, column: None})
    del row[column]
    with pytest.raises(UnexpectedAnswer, match=f"no column '{column}'"):
        JobRecord.from_row(row)


@pytest.mark.parametrize(
    ("read", "row"),
    [
        pytest.param(JobRecord.from_row, job_row(created_on="yesterday"), id="no-moment"),
        pytest.param(JobRecord.from_row, job_row(created_on=7), id="number-for-a-moment"),
        pytest.param(JobRecord.from_row, job_row(target_instances="many"), id="no-number"),
        pytest.param(ContainerRecord.from_row, container_row(instance_id="x"), id="no-instance"),
        pytest.param(HistoryRecord.from_row, history_row(instance_statuses="{"), id="no-json"),
        pytest.param(
            HistoryRecord.from_row,
            history_row(instance_statuses='{"instances": [{"containers": [{}]}]}'),
            id="instance-without-id",
        ),
    ],
)
def test_unreadable_values(read: Any, row: dict[str, Any]) -> None:
    """A value in a form that is not known is an ``UnexpectedAnswer``, which callers can catch."""
    with pytest.raises(UnexpectedAnswer):
        read(row)


def test_container_from_row() -> None:
    """A container is read with its exit code; the instance's number may come as text."""
    row = container_row(instance_id="2", last_exit_code="137", restart_count=1, status="FAILED")
    record = ContainerRecord.from_row(row)
    assert (record.where, record.exit_code, record.restarts) == ("2/main", 137, 1)
    assert (record.status, record.started) == ("FAILED", ONE_PAST)
    assert (record.image, record.image_digest) == ("/lab/jobs/repo/image:1", "sha256:abc")


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"last_exit_code": None, "start_time": None}, id="null"),
        pytest.param({"last_exit_code": None, "start_time": ""}, id="empty"),
    ],
)
def test_container_before_its_start(columns: dict[str, Any]) -> None:
    """A container that has not started has neither exit code nor start."""
    record = ContainerRecord.from_row(container_row(**columns))
    assert (record.exit_code, record.started) == (None, None)


def test_exit_code_zero_is_kept() -> None:
    """Zero is an exit code, not a missing one."""
    assert ContainerRecord.from_row(container_row(last_exit_code=0)).exit_code == 0
    assert ContainerRecord.from_history("0", {"lastExitCode": 0}).exit_code == 0


def test_instance_from_row() -> None:
    """An instance that has not started has no start and no address."""
    assert InstanceRecord.from_row(INSTANCE_ROW) == InstanceRecord(
        instance_id=1, status="RUNNING", created=NOON, started=None, ip_address=None
    )


def test_history_from_row() -> None:
    """A history row tells the end and what became of each container."""
    record = HistoryRecord.from_row(history_row())
    assert (record.name, record.status, record.job_id) == (name(), JobStatus.DONE, 17)
    assert (record.created, record.completed, record.deleted) == (NOON, at(4), None)
    [container] = record.containers
    assert (container.where, container.exit_code) == ("0/main", 0)
    assert container.started == ONE_PAST


@pytest.mark.parametrize(
    ("columns", "containers", "replicas"),
    [
        pytest.param({"instance_statuses": None, "parameters": None}, 0, 1, id="null"),
        pytest.param({"instance_statuses": "{}", "parameters": "{}"}, 0, 1, id="empty-objects"),
        pytest.param(
            {"instance_statuses": {"instances": [{"instanceId": 0, "containers": [{}, {}]}]}},
            2,
            1,
            id="object-not-text",
        ),
        pytest.param(
            {"instance_statuses": '{"instances": [{"instanceId": "0", "containers": null}]}'},
            0,
            1,
            id="no-containers",
        ),
        pytest.param({"parameters": '{"REPLICAS": "4"}'}, 1, 4, id="replicas"),
    ],
)
def test_history_from_row_variants(columns: dict[str, Any], containers: int, replicas: int) -> None:
    """Objects may be absent, empty, or come as objects instead of text."""
    record = HistoryRecord.from_row(history_row(**columns))
    assert (len(record.containers), record.replicas) == (containers, replicas)


def test_log_line_from_row() -> None:
    """A line of the event table tells its time, in UTC, and its stream."""
    row = log_row("JOB_A", "oops", 2, record_attributes='{"log.iostream": "stderr"}')
    assert LogLine.from_row(row) == LogLine("oops", 0, "main", timestamp=at(2), stream="stderr")


def test_log_line_without_attributes() -> None:
    """A line may be empty and without attributes."""
    row = log_row("JOB_A", "", log=None, record_attributes=None, timestamp=None)
    assert LogLine.from_row(row) == LogLine("", 0, "main")


def metric_row(**columns: Any) -> dict[str, Any]:
    """A row of SPCS_GET_METRICS (facts 5.1); its VALUE is text."""
    return {
        "timestamp": NOON.replace(tzinfo=None),
        "metric_name": "container.cpu.usage",
        "value": "0.25",
        "unit": "cpu",
        "instance_id": 1,
        "container_name": "main",
        "resource": None,
        "record": "{}",
        "record_attributes": "{}",
        **columns,
    }


def test_metric() -> None:
    """A value is a number, whatever it came as."""
    metric = MetricRecord.from_row(metric_row())
    assert (metric.timestamp, metric.value, metric.unit) == (NOON, 0.25, "cpu")
    assert (metric.name, metric.instance_id, metric.container) == (
        "container.cpu.usage",
        1,
        "main",
    )
    with pytest.raises(UnexpectedAnswer, match="'much'"):
        MetricRecord.from_row(metric_row(value="much"))
