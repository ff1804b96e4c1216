"""Events: what a job's report becomes on an asset's page; numbers stay numbers."""

import itertools
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote

import dagster as dg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dagster_spcs.event_log import events
from dagster_spcs.jobs.gather import JobReport
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.records import HistoryRecord, JobLog, LogLine, TableFacts

from .samples import AWKWARD_TEXT, NOON, at, container, history_row, identity, job, name

ENDS = ["FAILED", "CANCELLED", "INTERNAL_ERROR", "DELETED"]


def report(status: str = "DONE", **fields: Any) -> JobReport:
    """A report of which everything is known."""
    return replace(
        JobReport(
            job=job("JOB_A", status, target_instances=2),
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


def metadata(report_: JobReport | None = None, **fields: Any) -> dict[str, Any]:
    """A report's metadata as Dagster keeps it, in plain values where it can."""
    made = events.job_metadata(report_ or report(), identity(**fields), account="org-acct")
    kept = dg.AssetMaterialization("a", metadata=made).metadata
    return {key: value.value for key, value in kept.items()}


def test_metadata() -> None:
    """Everything known of a job stands under a key of its own."""
    found = metadata(partition="p", attempt=2)
    plain = {
        events.JOB_NAME: "LAB.JOBS.JOB_A",
        events.STATUS: "DONE",
        events.MESSAGE: "Job completed",
        events.QUERY_ID: "01bd-query",
        events.COMPUTE_POOL: "POOL",
        events.INSTANCE_FAMILY: "CPU_X64_S",
        events.IMAGE: "/lab/jobs/repo/image:1",
        events.IMAGE_DIGEST: "sha256:abc",
        events.REPLICAS: 1,
        events.ATTEMPT: 2,
        events.SUBMITTED: NOON.timestamp(),
        events.SUBMITTING_RUN: "run-1",
        events.CREATED: NOON.timestamp(),
        events.STARTED: at(1).timestamp(),
        events.COMPLETED: at(4).timestamp(),
        events.SECONDS_QUEUED: 60.0,
        events.SECONDS_RUNNING: 180.0,
        events.LOG_LINES: 40,
        events.ERROR_LINES: 2,
        events.ESTIMATED_CREDITS: pytest.approx(0.11 * 180 / 3600),
    }
    assert {key: found[key] for key in plain} == plain
    assert "hello" in found[events.LOG]
    assert found[events.JOB_URL].startswith("https://app.snowflake.com/org/acct/")
    assert events.MISSING not in found


def test_result_table() -> None:
    """Rows and columns of the result table stand under Dagster's own keys."""
    found = metadata(report(table=TableFacts(7, (("ID", "NUMBER"),))))
    assert found[events.ROW_COUNT] == 7
    [column] = found[events.COLUMN_SCHEMA].columns
    assert (column.name, column.type) == ("ID", "NUMBER")
    assert not metadata().keys() & {events.ROW_COUNT, events.COLUMN_SCHEMA}


def test_instances_table() -> None:
    """Each container has a row, with its exit code as a number."""
    table = events.job_metadata(report(), identity())[events.INSTANCES]
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
    table = events.job_metadata(never, identity())[events.INSTANCES]
    [record] = table.records
    assert record.data["message"] == "red"
    assert not record.data["exit_code"]
    metadata(never)


@pytest.mark.parametrize(
    ("unknown", "absent"),
    [
        pytest.param({"history": None}, [events.QUERY_ID, events.MESSAGE], id="history"),
        pytest.param({"family": None}, [events.ESTIMATED_CREDITS], id="family"),
        pytest.param({"family": "GEN_X64_G2_2"}, [events.ESTIMATED_CREDITS], id="rate"),
        pytest.param(
            {"containers": ()},
            [
                events.IMAGE,
                events.INSTANCES,
                events.STARTED,
                events.SECONDS_QUEUED,
                events.SECONDS_RUNNING,
                events.ESTIMATED_CREDITS,
            ],
            id="containers",
        ),
        pytest.param({"log": JobLog(())}, [events.LOG_LINES, events.ERROR_LINES], id="totals"),
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
    assert (found[events.LOG_LINES], found[events.ERROR_LINES]) == (0, 0)


def test_missing_is_told() -> None:
    """What could not be read is on the event, a line each, without terminal codes."""
    found = metadata(report(missing=("history: no", "logs: \x1b[31mno")))
    assert found[events.MISSING] == "history: no\nlogs: no"


def test_times_never_run_backwards() -> None:
    """Clocks that disagree give no negative durations."""
    late = report(containers=(container(start_time="2026-01-01T13:00:00Z"),))
    assert metadata(late)[events.SECONDS_RUNNING] == 0.0


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
    found = events.snowsight_url(account, name())
    assert found is None if url is None else url in (found or "")


@given(AWKWARD_TEXT.filter(bool), AWKWARD_TEXT.filter(bool))
@example("a/b", "c d")
def test_snowsight_url_of_odd_places(database: str, schema: str) -> None:
    """Whatever database and schema are called, each is one part of the path."""
    url = events.snowsight_url("org-acct", name(database=database, schema=schema)) or ""
    parts = url.partition("#/data/")[2].split("/")
    assert len(parts) == 6
    assert (unquote(parts[1]), unquote(parts[3])) == (database, schema)


@pytest.mark.parametrize("adopted", [False, True])
def test_submitted_observation(adopted: bool) -> None:
    """A started job shows on the asset's page, with its name and the run that started it."""
    event = events.submitted_observation(
        identity(partition="p", attempt=1), name(), "POOL", account="org-acct", adopted=adopted
    )
    assert event.asset_key == dg.AssetKey(["daily", "scores"])
    assert event.partition == "p"
    assert event.description == f"{'Found' if adopted else 'Started'} job LAB.JOBS.JOB_A on POOL"
    assert event.tags[events.JOB_TAG] == "JOB_A"
    assert event.tags[events.STATUS_TAG] == "SUBMITTED"
    assert event.metadata[events.SUBMITTED] == dg.MetadataValue.timestamp(NOON)
    assert event.metadata[events.SUBMITTING_RUN] == dg.MetadataValue.dagster_run("run-1")
    assert events.JOB_URL in event.metadata


@given(
    moments=st.lists(
        st.datetimes(datetime(1980, 1, 2), datetime(2200, 1, 1), timezones=st.just(timezone.utc)),
        min_size=2,
        max_size=2,
        unique=True,
    )
)
def test_end_is_of_the_job_that_was_submitted_then(moments: list[datetime]) -> None:
    """To the microsecond, through the comment and the event log, whatever the account's clock."""
    told = [identity(submitted=moment).to_comment() for moment in moments]
    own, other = (each for each in map(JobIdentity.from_comment, told) if each is not None)
    made = events.finished_events(report(), own, events.job_metadata(report(), own))
    stored = dg.deserialize_value(dg.serialize_value(made[0]), dg.AssetMaterialization)
    end = events.end_told_by(stored)
    assert end is not None
    assert end.is_of(job("JOB_A", created_on=at(60)), own)
    assert not end.is_of(report().job, other)


def test_success_becomes_a_materialization() -> None:
    """A job that ended DONE materializes its asset and passes the check, in this order."""
    known = events.job_metadata(report(), identity(partition="p"))
    own, check = events.finished_events(report(), identity(partition="p"), known)
    assert isinstance(own, dg.AssetMaterialization)
    assert (own.asset_key, own.partition) == (dg.AssetKey(["daily", "scores"]), "p")
    assert own.tags is not None
    assert (own.tags[events.JOB_TAG], own.tags[events.STATUS_TAG]) == ("JOB_A", "DONE")
    assert own.metadata.keys() == known.keys()
    assert isinstance(check, dg.AssetCheckEvaluation)
    assert check.passed
    assert check.check_name == events.CHECK_NAME


@pytest.mark.parametrize("status", ENDS)
def test_failure_becomes_an_observation(status: str) -> None:
    """Any other end observes the asset, never materializes it, and fails the check with the log."""
    failed = report(status)
    own, check = events.finished_events(failed, identity(), {})
    assert isinstance(own, dg.AssetObservation)
    assert own.tags[events.STATUS_TAG] == status
    said = {
        "CANCELLED": "was cancelled by somebody (1/main exited 3)",
        "DELETED": "was dropped by somebody before its end was seen",
    }
    assert own.description == "Job LAB.JOBS.JOB_A " + said.get(
        status, f"ended {status} (1/main exited 3)"
    )
    assert isinstance(check, dg.AssetCheckEvaluation)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.description == own.description
    assert "hello" in str(check.metadata[events.LOG].value)


def test_failure_without_exit_codes() -> None:
    """A job of which no exit code is known just ended."""
    text = events.failure_text(report("FAILED", containers=()))
    assert text == "Job LAB.JOBS.JOB_A ended FAILED"


@pytest.mark.parametrize("status", ["DONE", *ENDS])
def test_waiting_run_gives_the_same_verdict(status: str) -> None:
    """A run that waited evaluates the check just as the sensor would."""
    evaluation = events.check_evaluation(report(status), identity())
    result = events.check_result(evaluation)
    for field in ("asset_key", "check_name", "passed", "severity", "description", "metadata"):
        assert getattr(result, field) == getattr(evaluation, field)


@given(st.lists(AWKWARD_TEXT, min_size=1, max_size=3).map(tuple), st.none() | AWKWARD_TEXT)
def test_any_asset_and_partition(asset: tuple[str, ...], partition: str | None) -> None:
    """Events arrive at their asset and partition, whatever these are called."""
    who = identity(asset=asset, partition=partition)
    own, check = events.finished_events(report(), who, {})
    assert own.asset_key == check.asset_key == dg.AssetKey(list(asset))
    assert isinstance(own, dg.AssetMaterialization)
    assert own.partition == partition


def test_keys_are_told_apart() -> None:
    """No two kinds of metadata share a key, and all of ours carry the package's name."""
    keys = {
        constant: value
        for constant, value in vars(events).items()
        if constant.isupper() and isinstance(value, str) and "/" in value
    }
    tags = {constant for constant in keys if constant.endswith("_TAG")}
    metadata_keys = {constant: value for constant, value in keys.items() if constant not in tags}
    pairs = itertools.combinations(metadata_keys.values(), 2)
    assert all(one != other for one, other in pairs)
    assert {value.partition("/")[0] for value in keys.values()} == {"dagster_spcs", "dagster"}
