"""That a job was started: what is written is read back as it was, and nothing else is read."""

from datetime import datetime
from typing import cast

import dagster as dg
from hypothesis import example, given
from hypothesis import strategies as st

from dagster_spcs.event_log import keys
from dagster_spcs.event_log.start import JobStart, read_start, start_event
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.submission import SubmittedJob
from dagster_spcs.jobs.tracked_job import JobKey
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.spcs.unreadable import Unreadable

from .samples import IDENTITIES, MOMENTS, NOON, PLAIN_TEXT, STORED_TEXT, at, identity, name, planned

PLACES = PLAIN_TEXT.filter(bool)


def submitted(
    who: JobIdentity,
    job_name: JobName | None = None,
    *,
    partitions: tuple[str, ...] = (),
    adopted: bool = False,
) -> SubmittedJob:
    """A job that is at the account."""
    plan = planned(asset=who.asset, partitions=partitions, compute_pool="POOL")
    return SubmittedJob(job_name or name(), who, plan, adopted)


def stored(event: dg.AssetObservation) -> dg.AssetObservation:
    """The event as it comes back from Dagster's storage."""
    return dg.deserialize_value(dg.serialize_value(event), dg.AssetObservation)


def observation(**metadata: str) -> dg.AssetObservation:
    """An observation of the sample's asset, with some of our metadata."""
    entries = {f"{keys.NAMESPACE}{label}": text for label, text in metadata.items()}
    return dg.AssetObservation(dg.AssetKey(["daily", "scores"]), metadata=entries)


@given(IDENTITIES, PLACES, PLACES, st.lists(STORED_TEXT, max_size=3).map(tuple), MOMENTS)
@example(identity(asset=("",), partition=""), "a.b", '"', ("",), at(1))
def test_start_reads_back(
    who: JobIdentity, schema: str, database: str, partitions: tuple[str, ...], stored_at: datetime
) -> None:
    """Any identity comes back equal through Dagster's storage, its time to the microsecond."""
    job = submitted(who, name(schema=schema, database=database), partitions=partitions)
    event = stored(start_event(job, account="org-acct"))
    assert event.asset_key == dg.AssetKey(list(who.asset))
    assert event.partition == who.partition
    told = read_start(stored_at, event)
    assert told == JobStart(
        at=stored_at,
        name=job.name,
        identity=who,
        compute_pool="POOL",
        partitions=partitions,
        waiting_run=who.run_id if who.blocking else None,
    )
    assert told.key == job.key == JobKey(f"{database}.{schema}.JOB_A", who.submitted)


def test_start_event() -> None:
    """A started job shows on the asset's page, with its name and the run that started it."""
    for adopted, verb in ((False, "Started"), (True, "Found")):
        who = identity(partition="p", attempt=1)
        event = start_event(submitted(who, adopted=adopted), account="org-acct")
        assert event.asset_key == dg.AssetKey(["daily", "scores"])
        assert event.partition == "p"
        assert event.description == (
            f"{verb} job LAB.JOBS.JOB_A on POOL; its log now:"
            """ SELECT SYSTEM$GET_SERVICE_LOGS('"LAB"."JOBS".JOB_A', 0, 'main', 100)"""
        )
        assert event.tags[keys.JOB_TAG] == "JOB_A"
        assert event.tags[keys.STATUS_TAG] == "SUBMITTED"
        assert event.metadata[keys.SUBMITTED] == dg.MetadataValue.timestamp(NOON)
        assert event.metadata[keys.SUBMITTING_RUN] == dg.MetadataValue.dagster_run("run-1")
        assert keys.JOB_URL in event.metadata


def test_run_that_waits() -> None:
    """It is the one that started the job, until a retried run finds the job and says so."""
    job = submitted(identity(blocking=True))
    for waiting_run, expected in ((None, "run-1"), ("run-2", "run-2")):
        event = stored(start_event(job, account=None, waiting_run=waiting_run))
        assert cast(JobStart, read_start(NOON, event)).waiting_run == expected


def test_link_only_where_the_account_is_known() -> None:
    """Without an account there is no link."""
    assert keys.JOB_URL not in start_event(submitted(identity()), account=None).metadata


def test_dropped_job_as_its_start_tells() -> None:
    """Of a job that is gone its start tells key, identity, pool, and how many instances."""
    who = identity(batch=True)
    told = read_start(NOON, start_event(submitted(who, partitions=("a", "b")), account=None))
    job = cast(JobStart, told).job_if_gone
    assert (job.key, job.identity, job.status) == (
        JobKey("LAB.JOBS.JOB_A", NOON),
        who,
        JobStatus.DELETED,
    )
    assert (job.record.compute_pool, job.record.replicas) == ("POOL", 2)


def test_other_events_tell_of_no_start() -> None:
    """An event of somebody else's, or of an end, is no start."""
    own = {keys.JOB_NAME: "LAB.JOBS.JOB_A", keys.STATUS: "DONE"}
    for event in (
        dg.AssetObservation("a"),
        dg.AssetObservation("a", metadata={"rows": 7}),
        dg.AssetMaterialization("a", metadata=own),
    ):
        assert read_start(NOON, event) is None


def test_starts_that_cannot_be_read() -> None:
    """A start that is damaged, or of a later version, is told with a reason, and never raises."""
    good = identity().to_document()
    service = name().sql
    damaged = [
        observation(identity="", service=service, compute_pool="POOL"),
        observation(identity="made by hand", service=service, compute_pool="POOL"),
        observation(identity='{"k":"dagster-spcs","v":9}', service=service, compute_pool="POOL"),
        observation(identity=good, compute_pool="POOL"),
        observation(identity=good, service="no name!", compute_pool="POOL"),
        observation(identity=good, service=service),
        observation(identity=good, service=service, compute_pool="POOL", partitions="a"),
        observation(
            identity=identity(asset=("other",)).to_document(), service=service, compute_pool="POOL"
        ),
    ]
    for event in damaged:
        told = read_start(NOON, event)
        assert isinstance(told, Unreadable)
        assert told.reason


def test_start_of_an_earlier_release_is_read() -> None:
    """What is read of a start is its service, identity and pool; all else may change."""
    event = observation(
        identity=identity().to_document(), service=name().sql, compute_pool="POOL", other="x"
    )
    told = read_start(NOON, event)
    assert told == JobStart(NOON, name(), identity(), "POOL")
