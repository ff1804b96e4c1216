"""That a job ended: its events, and that what is written is read back as it was."""

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import dagster as dg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dagster_spcs.event_log import keys
from dagster_spcs.event_log.end import JobEnd, check_result, end_events, read_end, verdict
from dagster_spcs.event_log.start import start_event
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob
from dagster_spcs.pipes.messages import PipesMessage, PipesMessages
from dagster_spcs.spcs.records import JobLog, LogLine
from dagster_spcs.spcs.unreadable import Unreadable

from .samples import NOON, at, container, identity, job, tracked
from .test_start import IDENTITIES, PLACES, submitted

ENDS = ["FAILED", "CANCELLED", "INTERNAL_ERROR", "DELETED"]


def report(status: str = "DONE", who: JobIdentity | None = None, **fields: Any) -> JobReport:
    """A report of a job with two instances, one of which failed."""
    return replace(
        JobReport(
            job=tracked("JOB_A", status, who, target_instances=2),
            containers=(container(), container(instance_id="1", last_exit_code=3)),
            log=JobLog((LogLine("hello", 0, "main"),), total=40, errors=2),
        ),
        **fields,
    )


def own_event(made: JobReport) -> dg.AssetMaterialization | dg.AssetObservation:
    """The job's own event as it comes back from Dagster's storage."""
    event = end_events(made, account="org-acct").own
    return dg.deserialize_value(dg.serialize_value(event), type(event))


def said(*messages: tuple[str, dict[str, Any]]) -> PipesMessages:
    """What containers said through Pipes of the sample's asset."""
    return PipesMessages(
        tuple(
            PipesMessage(method, {"asset_key": "daily/scores", **params})
            for method, params in messages
        ),
        (),
    )


@given(IDENTITIES, PLACES, PLACES, st.sampled_from(["DONE", *ENDS]))
@example(identity(asset=("",), partition=""), "a.b", '"', "DONE")
def test_end_reads_back(who: JobIdentity, schema: str, database: str, status: str) -> None:
    """Of any job the key comes back equal through Dagster's storage, to the microsecond."""
    record = job("JOB_A", status, schema_name=schema, database_name=database, created_on=at(60))
    made = JobReport(TrackedJob(record, who))
    event = own_event(made)
    assert event.asset_key == dg.AssetKey(list(who.asset))
    assert event.partition == who.partition
    told = read_end(at(90), event)
    assert told == JobEnd(
        at=at(90), key=made.job.key, partition=who.partition, status=status, created=at(60)
    )


@given(
    st.datetimes(datetime(1980, 1, 1), datetime(2199, 12, 31), timezones=st.just(timezone.utc)),
    st.datetimes(datetime(1980, 1, 1), datetime(2199, 12, 31), timezones=st.just(timezone.utc)),
)
def test_creation_reads_back(submitted_at: datetime, created: datetime) -> None:
    """Two moments tell two jobs of one name apart, and the account's own clock is kept."""
    made = JobReport(tracked("JOB_A", "DONE", identity(submitted=submitted_at), created_on=created))
    told = read_end(NOON, own_event(made))
    assert isinstance(told, JobEnd)
    assert (told.key, told.created) == (JobKey("LAB.JOBS.JOB_A", submitted_at), created)


def test_what_an_end_tells() -> None:
    """Whether the job ended well, and whether its own deadline ended it."""
    cases = [
        (report(), True, False),
        (report("FAILED"), False, False),
        (report("CANCELLED"), False, False),
        (report("CANCELLED", timed_out=True), False, True),
        (report("RUNNING", timed_out=True), False, True),
    ]
    for made, succeeded, timed_out in cases:
        told = read_end(NOON, own_event(made))
        assert isinstance(told, JobEnd)
        assert (told.succeeded, told.timed_out) == (succeeded, timed_out)


def test_other_events_tell_of_no_end() -> None:
    """An event of somebody else's, or of a start, is no end."""
    for event in (
        dg.AssetObservation("a"),
        dg.AssetMaterialization("a", metadata={"rows": 7}),
        dg.AssetMaterialization("a", metadata={keys.JOB_NAME: "LAB.JOBS.JOB_A"}),
        start_event(submitted(identity()), account=None),
    ):
        assert read_end(NOON, event) is None


def test_ends_that_cannot_be_read() -> None:
    """An end that is damaged is told with a reason, and never raises."""
    good: dict[str, Any] = {
        keys.JOB_NAME: "LAB.JOBS.JOB_A",
        keys.CREATED: dg.MetadataValue.timestamp(NOON),
        keys.SUBMITTED: dg.MetadataValue.timestamp(NOON),
        keys.STATUS: "DONE",
    }
    assert isinstance(read_end(NOON, dg.AssetMaterialization("a", metadata=good)), JobEnd)
    damaged: list[dict[str, Any]] = [
        {keys.JOB_NAME: 7},
        {keys.STATUS: 7},
        {keys.CREATED: "yesterday"},
        {keys.SUBMITTED: "yesterday"},
        {keys.SUBMITTED: 1e300},
        {keys.SUBMITTED: dg.MetadataValue.null()},
    ]
    for change in damaged:
        told = read_end(NOON, dg.AssetMaterialization("a", metadata={**good, **change}))
        assert isinstance(told, Unreadable)
        assert told.reason
    del good[keys.SUBMITTED]
    assert isinstance(read_end(NOON, dg.AssetMaterialization("a", metadata=good)), Unreadable)


def test_success_becomes_a_materialization() -> None:
    """A job that ended DONE materializes its asset and passes the check."""
    made = end_events(report(who=identity(partition="p")), account=None)
    assert isinstance(made.own, dg.AssetMaterialization)
    assert (made.own.asset_key, made.own.partition) == (dg.AssetKey(["daily", "scores"]), "p")
    assert made.own.tags is not None
    assert (made.own.tags[keys.JOB_TAG], made.own.tags[keys.STATUS_TAG]) == ("JOB_A", "DONE")
    assert made.verdict.passed
    assert made.verdict.check_name == keys.CHECK_NAME
    assert made.verdict.asset_key == made.own.asset_key
    assert (made.reported, made.data_version) == ((), None)


@pytest.mark.parametrize("status", ENDS)
def test_failure_becomes_an_observation(status: str) -> None:
    """Any other end observes the asset, never materializes it, and fails the check with the log."""
    made = end_events(report(status), account=None)
    assert isinstance(made.own, dg.AssetObservation)
    assert made.own.tags[keys.STATUS_TAG] == status
    endings = {
        "CANCELLED": "was cancelled (1/main exited 3)",
        "DELETED": "was dropped by somebody before its end was seen",
    }
    assert made.own.description == "Job LAB.JOBS.JOB_A " + endings.get(
        status, f"ended {status} (1/main exited 3)"
    )
    assert not made.verdict.passed
    assert made.verdict.severity is dg.AssetCheckSeverity.ERROR
    assert made.verdict.description == f"{made.own.description}\nhello"
    assert "hello" in str(made.verdict.metadata[keys.LOG].value)


def test_timeout_becomes_an_observation() -> None:
    """A job that its deadline ended has the status that says so."""
    made = end_events(report("RUNNING", timed_out=True), account=None)
    assert isinstance(made.own, dg.AssetObservation)
    assert made.own.tags[keys.STATUS_TAG] == "TIMED_OUT"
    assert "timed out and was cancelled" in str(made.own.description)


@pytest.mark.parametrize("status", ["DONE", *ENDS])
def test_waiting_run_gives_the_same_verdict(status: str) -> None:
    """A run that waited evaluates the check just as the sensor would."""
    evaluation = verdict(report(status))
    result = check_result(evaluation)
    for field in ("asset_key", "check_name", "passed", "severity", "description", "metadata"):
        assert getattr(result, field) == getattr(evaluation, field)


def test_parts_of_a_batch() -> None:
    """Each partition has an end of its own, under the one key of the job."""
    whole = report("FAILED", identity(batch=True), partitions=("a", "b"))
    ends = [read_end(NOON, own_event(part)) for part in whole.parts]
    assert all(isinstance(end, JobEnd) and end.key == whole.job.key for end in ends)
    assert [(end.partition, end.status) for end in ends if isinstance(end, JobEnd)] == [
        ("a", "DONE"),
        ("b", "FAILED"),
    ]


def test_batch_whose_partitions_are_not_known() -> None:
    """Even after a success it materializes nothing: of no partition it would be wrong."""
    made = end_events(report(who=identity(batch=True)), account=None)
    assert isinstance(made.own, dg.AssetObservation)
    assert "which partitions it made could not be read" in str(made.own.description)
    assert isinstance(read_end(NOON, made.own), JobEnd)


def test_what_containers_report() -> None:
    """Their metadata and data version are the event's, their checks follow it."""
    messages = said(
        ("report_asset_materialization", {"metadata": {"rows": 7}, "data_version": "v1"}),
        ("report_asset_check", {"check_name": "enough", "passed": False}),
    )
    made = end_events(report(messages=messages), account=None)
    assert made.own.metadata["rows"].value == 7
    assert made.data_version == "v1"
    assert made.own.tags is not None
    assert made.own.tags[keys.DATA_VERSION_TAG] == "v1"
    [check] = made.reported
    assert (check.check_name, check.passed) == ("enough", False)


def test_containers_cannot_tell_another_end() -> None:
    """What they report under our keys is noted, and the end stays the job's."""
    messages = said(
        (
            "report_asset_materialization",
            {"metadata": {keys.STATUS: "DONE", keys.JOB_NAME: "LAB.JOBS.OTHER"}},
        )
    )
    told = read_end(NOON, own_event(report("FAILED", messages=messages)))
    assert isinstance(told, JobEnd)
    assert (told.key.name, told.status) == ("LAB.JOBS.JOB_A", "FAILED")
