"""Records: rows of the account in, typed facts out, and shapes that are not known refused."""

from datetime import datetime, timezone
from typing import Any

import pytest

from dagster_spcs.spcs.records import (
    ContainerRecord,
    HistoryRecord,
    InstanceRecord,
    JobListing,
    JobLog,
    JobRecord,
    LogLine,
    MetricRecord,
    read_row,
    read_rows,
)
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.spcs.unreadable import Unreadable

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


def unreadable(from_row: Any, row: Any) -> Unreadable:
    """Why a row cannot be read."""
    told = read_row(from_row, row)
    assert isinstance(told, Unreadable)
    assert "\n" not in told.reason
    return told


def test_job_needs() -> None:
    """A row without a column that matters is unreadable, and the reason names the column."""
    for column in ("status", "compute_pool", "created_on", "updated_on"):
        row = job_row()
        assert f"'{column}' is NULL" in unreadable(JobRecord.from_row, {**row, column: None}).reason
        del row[column]
        assert f"no column '{column}'" in unreadable(JobRecord.from_row, row).reason


def test_job_needs_its_whole_name() -> None:
    """A job that cannot be told from every other one is unreadable."""
    for column in ("name", "schema_name", "database_name"):
        row = job_row()
        assert "is incomplete" in unreadable(JobRecord.from_row, {**row, column: None}).reason
        assert "is incomplete" in unreadable(JobRecord.from_row, {**row, column: 7}).reason
        del row[column]
        assert "is incomplete" in unreadable(JobRecord.from_row, row).reason


@pytest.mark.parametrize(
    ("from_row", "row"),
    [
        pytest.param(JobRecord.from_row, job_row(created_on="yesterday"), id="no-moment"),
        pytest.param(JobRecord.from_row, job_row(created_on=7), id="number-for-a-moment"),
        pytest.param(JobRecord.from_row, job_row(created_on="0001-01-01T00:00:00Z"), id="year-one"),
        pytest.param(JobRecord.from_row, job_row(target_instances="many"), id="no-number"),
        pytest.param(JobRecord.from_row, job_row(target_instances=2**70), id="huge-number"),
        pytest.param(JobRecord.from_row, job_row("lower-case"), id="no-job-name"),
        pytest.param(ContainerRecord.from_row, container_row(instance_id="x"), id="no-instance"),
        pytest.param(HistoryRecord.from_row, history_row(instance_statuses="{"), id="no-json"),
        pytest.param(
            HistoryRecord.from_row,
            history_row(instance_statuses='{"instances": [{"containers": [{}]}]}'),
            id="instance-without-id",
        ),
        pytest.param(HistoryRecord.from_row, history_row(id="seventeen"), id="no-job-id"),
        pytest.param(JobRecord.from_row, [], id="no-row"),
    ],
)
def test_unreadable_values(from_row: Any, row: Any) -> None:
    """A value in a form that is not known makes its own row unreadable, and raises nothing."""
    assert unreadable(from_row, row).what.startswith(f"a {from_row.__qualname__.partition('.')[0]}")


def test_unreadable_row_tells_its_job() -> None:
    """Whose row it is can be told if the name can be read."""
    assert unreadable(JobRecord.from_row, job_row("JOB_A", created_on=None)).name == "JOB_A"
    assert unreadable(JobRecord.from_row, job_row(name=None)).name == ""
    odd = unreadable(JobRecord.from_row, job_row("A\nB"))
    assert (odd.name, "\n" in str(odd)) == ("A\ufffdB", False)


def test_read_rows() -> None:
    """Rows that cannot be read cost the others nothing, and both keep their order."""
    rows = [job_row("JOB_A"), job_row("JOB_B", status=None), job_row("JOB_C"), {}]
    jobs, bad = read_rows(JobRecord.from_row, rows)
    assert [each.name.name for each in jobs] == ["JOB_A", "JOB_C"]
    assert [each.name for each in bad] == ["JOB_B", ""]


def test_job_listing_is_a_sequence() -> None:
    """A listing is the sequence of its jobs, with what could not be read beside it."""
    jobs, bad = read_rows(JobRecord.from_row, [job_row("JOB_A"), job_row("JOB_B"), {}])
    listing = JobListing(jobs, bad)
    assert (len(listing), list(listing), listing[1], listing[:1]) == (2, jobs, jobs[1], (jobs[0],))
    assert listing.unreadable == tuple(bad)
    assert not JobListing([]).unreadable


def test_text_that_is_none() -> None:
    """Control characters and halves of characters are replaced, so that events can be stored."""
    record = JobRecord.from_row(job_row(status="BAD\0", comment="a\ud800b"))
    assert (record.status_text, record.comment) == ("BAD\ufffd", "a\ufffdb")


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
    row = log_row(0, "oops", 2, record_attributes='{"log.iostream": "stderr"}')
    assert LogLine.from_row(row) == LogLine("oops", 0, "main", timestamp=at(2), stream="stderr")


def test_log_line_without_attributes() -> None:
    """A line may be empty and without attributes."""
    row = log_row(0, "", log=None, record_attributes=None, timestamp=None)
    assert LogLine.from_row(row) == LogLine("", 0, "main")


def test_log_from_rows() -> None:
    """Lines come oldest first, with the totals of the job; what cannot be read stands beside."""
    rows = [
        log_row(0, "second", 2, lines=40, error_lines=3),
        log_row(0, "first", 1, lines=40, error_lines=3),
        log_row(0, "bad", instance_id="x"),
    ]
    log = JobLog.from_rows(rows)
    assert [line.text for line in log.lines] == ["first", "second"]
    assert (log.total, log.errors, len(log.unreadable)) == (40, 3, 1)


def test_log_whose_totals_cannot_be_read() -> None:
    """Its lines are there, and the totals are not known."""
    log = JobLog.from_rows([log_row(0, "hi", lines="many")])
    assert [line.text for line in log.lines] == ["hi"]
    assert (log.total, log.errors, len(log.unreadable)) == (None, None, 1)


def test_line_with_odd_attributes() -> None:
    """A line is shown though its attributes cannot be read; then its stream is not known."""
    for attributes in ("{", "[]", '{"log.iostream": 7}', 7):
        row = log_row(0, "hi", record_attributes=attributes)
        assert LogLine.from_row(row).stream is None


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
    assert "'much'" in unreadable(MetricRecord.from_row, metric_row(value="much")).reason
