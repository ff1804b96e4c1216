"""What an event shows of a finished job; numbers stay numbers."""

from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import dagster as dg
import pytest
from hypothesis import example, given

from dagster_spcs.event_log import keys
from dagster_spcs.event_log.container_reports import ContainerReports
from dagster_spcs.event_log.job_metadata import job_metadata
from dagster_spcs.event_log.snowsight import snowsight_url
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.spcs.records import HistoryRecord, JobLog, LogLine, TableFacts

from .samples import (
    NOON,
    STORED_TEXT,
    at,
    container,
    history_row,
    identity,
    name,
    tracked,
)

CREDITS = [keys.CREDITS_ON_RUNNING_NODES, keys.CREDITS_ON_STARTED_NODES]


def report(job: TrackedJob | None = None, **fields: Any) -> JobReport:
    """A report of which everything is known."""
    return replace(
        JobReport(
            job=job or tracked("JOB_A", "DONE", target_instances=2),
            containers=(
                container(start_time="2026-01-01T12:01:00Z"),
                container(instance_id="1", last_exit_code=3, start_time="2026-01-01T12:02:00Z"),
            ),
            log=JobLog((LogLine("hello", 0, "main"),), total=40, errors=2),
            history=HistoryRecord.from_row(history_row()),
            family="CPU_X64_S",
        ),
        **fields,
    )


def metadata(made: JobReport | None = None, said: ContainerReports | None = None) -> dict[str, Any]:
    """A report's metadata as Dagster keeps it, in plain values where it can."""
    given = job_metadata(made or report(), said or ContainerReports(), account="org-acct")
    kept = dg.AssetMaterialization("a", metadata=given).metadata
    return {key: value.value for key, value in kept.items()}


def test_metadata() -> None:
    """Everything known of a job stands under a key of its own."""
    job = tracked("JOB_A", "DONE", identity(partition="p", attempt=2), target_instances=2)
    found = metadata(report(job))
    plain = {
        keys.JOB_NAME: "LAB.JOBS.JOB_A",
        keys.STATUS: "DONE",
        keys.MESSAGE: "Job completed",
        keys.QUERY_ID: "01bd-query",
        keys.COMPUTE_POOL: "POOL",
        keys.INSTANCE_FAMILY: "CPU_X64_S",
        keys.IMAGE: "/lab/jobs/repo/image:1",
        keys.IMAGE_DIGEST: "sha256:abc",
        keys.REPLICAS: 1,
        keys.ATTEMPT: 2,
        keys.SUBMITTED: NOON.timestamp(),
        keys.SUBMITTING_RUN: "run-1",
        keys.CREATED: NOON.timestamp(),
        keys.STARTED: at(1).timestamp(),
        keys.COMPLETED: at(4).timestamp(),
        keys.SECONDS_QUEUED: 60.0,
        keys.SECONDS_RUNNING: 180.0,
        keys.LOG_LINES: 40,
        keys.ERROR_LINES: 2,
        keys.CREDITS_ON_RUNNING_NODES: pytest.approx(0.11 * 180 / 3600),
        keys.CREDITS_ON_STARTED_NODES: pytest.approx(0.11 * 300 / 3600),
    }
    assert {key: found[key] for key in plain} == plain
    assert "hello" in found[keys.LOG]
    assert found[keys.JOB_URL].startswith("https://app.snowflake.com/org/acct/")
    assert keys.MISSING not in found


def test_log_stands_near_the_top() -> None:
    """Name, status, and then what people look for first."""
    assert list(metadata())[:3] == [keys.JOB_NAME, keys.STATUS, keys.LOG]


def test_credits_of_one_instance() -> None:
    """Of a batch, each partition is told its own part."""
    batch = identity(batch=True)
    job = tracked("JOB_A", "DONE", batch, target_instances=4)
    whole = report(job)
    part = replace(whole, job=job.of_partition("p"))
    for key in CREDITS:
        assert metadata(part)[key] == pytest.approx(metadata(whole)[key] / part.replicas)


def test_observed_job() -> None:
    """A job that others started has no attempt, and no run."""
    found = metadata(report(tracked("JOB_A", "DONE", identity(run_id=""))))
    assert not found.keys() & {keys.ATTEMPT, keys.SUBMITTING_RUN}
    assert found[keys.SUBMITTED] == NOON.timestamp()


def test_result_table() -> None:
    """Rows and columns of the result table stand under Dagster's own keys."""
    found = metadata(report(table=TableFacts(7, (("ID", "NUMBER"),))))
    assert found[keys.ROW_COUNT] == 7
    [column] = found[keys.COLUMN_SCHEMA].columns
    assert (column.name, column.type) == ("ID", "NUMBER")
    assert not metadata().keys() & {keys.ROW_COUNT, keys.COLUMN_SCHEMA}


def test_instances_table() -> None:
    """Each container has a row, with its exit code as a number."""
    table = job_metadata(report(), ContainerReports())[keys.INSTANCES]
    rows = [record.data for record in table.records]
    assert [(row["instance"], row["container"], row["exit_code"]) for row in rows] == [
        (0, "main", 0),
        (1, "main", 3),
    ]
    columns = {column.name for column in table.schema.columns}
    assert all(set(row) == columns for row in rows)


def test_instances_table_without_an_exit_code() -> None:
    """A container that never ended has an empty cell, which Dagster can keep."""
    never = report(containers=(container(last_exit_code=None, message="\x1b[31mred"),))
    table = job_metadata(never, ContainerReports())[keys.INSTANCES]
    [record] = table.records
    assert not record.data["exit_code"]
    assert "\x1b" not in record.data["message"]
    assert record.data["message"].endswith("red")
    metadata(never)


@pytest.mark.parametrize(
    ("unknown", "absent"),
    [
        pytest.param({"history": None}, [keys.QUERY_ID, keys.MESSAGE], id="history"),
        pytest.param({"family": None}, CREDITS, id="family"),
        pytest.param({"family": "GEN_X64_G2_2"}, CREDITS, id="rate"),
        pytest.param(
            {"containers": ()},
            [
                keys.IMAGE,
                keys.INSTANCES,
                keys.STARTED,
                keys.SECONDS_QUEUED,
                keys.SECONDS_RUNNING,
                *CREDITS,
            ],
            id="containers",
        ),
        pytest.param({"log": JobLog(())}, [keys.LOG_LINES, keys.ERROR_LINES], id="totals"),
    ],
)
def test_what_is_not_known_is_absent(unknown: dict[str, Any], absent: list[str]) -> None:
    """What is not known has no key, rather than a wrong value."""
    found = metadata(report(**unknown))
    assert not found.keys() & set(absent)
    assert metadata().keys() >= set(absent)


def test_no_lines_are_a_number() -> None:
    """No lines, when that is known, is a zero."""
    found = metadata(report(log=JobLog((), total=0, errors=0)))
    assert (found[keys.LOG_LINES], found[keys.ERROR_LINES]) == (0, 0)


def test_missing_is_told() -> None:
    """What could not be read is on the event, a line each, without terminal codes."""
    found = metadata(
        report(missing=("history: no", "logs: \x1b[31mno")),
        ContainerReports(notes=("Pipes: no",)),
    )
    assert found[keys.MISSING] == "history: no\nlogs: no\nPipes: no"


def test_what_containers_report() -> None:
    """It stands beside what is known of the job, and never in its place."""
    said = ContainerReports(metadata={"rows": 7, keys.STATUS: "FINE"})
    found = metadata(said=said)
    assert (found["rows"], found[keys.STATUS]) == (7, "DONE")


def test_times_never_run_backwards() -> None:
    """Clocks that disagree give no negative durations."""
    late = report(containers=(container(start_time="2026-01-01T13:00:00Z"),))
    assert metadata(late)[keys.SECONDS_RUNNING] == 0.0


def test_timed_out() -> None:
    """A job that its deadline ended has a status of its own."""
    job = tracked("JOB_A", "CANCELLED")
    assert metadata(report(job, timed_out=True))[keys.STATUS] == "TIMED_OUT"


@pytest.mark.parametrize(
    ("account", "url"),
    [
        pytest.param(
            "org-acct",
            "https://app.snowflake.com/org/acct/#/data/databases/LAB/schemas/JOBS/service/JOB_A",
            id="organization-and-account",
        ),
        pytest.param("org-my-acct", "/org/my-acct/", id="dash-in-the-account"),
        pytest.param("xy12345", None, id="locator-only"),
        pytest.param("-acct", None, id="no-organization"),
        pytest.param("org-", None, id="no-account"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="not-known"),
    ],
)
def test_snowsight_url(account: str | None, url: str | None) -> None:
    """An address is made where the account's name allows it."""
    found = snowsight_url(account, name())
    assert found is None if url is None else url in (found or "")


@given(STORED_TEXT.filter(bool), STORED_TEXT.filter(bool))
@example("a/b", "c d")
def test_snowsight_url_of_odd_places(database: str, schema: str) -> None:
    """Whatever database and schema are called, each is one part of the path."""
    url = snowsight_url("org-acct", name(database=database, schema=schema)) or ""
    parts = url.partition("#/data/")[2].split("/")
    assert len(parts) == 6
    assert (unquote(parts[1]), unquote(parts[3])) == (database, schema)


def test_keys_are_told_apart() -> None:
    """No two kinds of metadata share a key, and all of ours carry the package's name."""
    every = {
        constant: value
        for constant, value in vars(keys).items()
        if constant.isupper() and isinstance(value, str) and "/" in value[:-1]
    }
    of_metadata = [value for constant, value in every.items() if not constant.endswith("_TAG")]
    assert len(set(of_metadata)) == len(of_metadata) > 20
    assert {value.partition("/")[0] for value in every.values()} == {"dagster_spcs", "dagster"}
    assert {value.partition("/")[0] + "/" for value in of_metadata} >= {keys.NAMESPACE}
