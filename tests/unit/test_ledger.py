"""What the event log says of jobs, over a real event log."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import dagster as dg
import pytest

from dagster_spcs.event_log import keys
from dagster_spcs.event_log.end import JobEnd, end_events
from dagster_spcs.event_log.ledger import NOTHING, Entry, Ledger
from dagster_spcs.event_log.start import JobStart, start_event
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.submission import SubmittedJob
from dagster_spcs.jobs.tracked_job import JobKey

from .samples import NOON, at, identity, name, planned, tracked

ASSET = ("daily", "scores")
KEY = dg.AssetKey(list(ASSET))
LONG_AGO = datetime(2000, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def start(instance: dg.DagsterInstance, bare: str = "JOB_A", *parts: str, **who: Any) -> JobKey:
    """Store that a job was started; return its key."""
    own = identity(batch=bool(parts), **who)
    plan = planned(partitions=parts, partition=own.partition)
    job = SubmittedJob(name(bare), own, plan, adopted=False)
    instance.report_runless_asset_event(start_event(job, account=None))
    return job.key


def end(
    instance: dg.DagsterInstance, bare: str = "JOB_A", status: str = "DONE", **who: Any
) -> JobKey:
    """Store that a job ended; return its key."""
    job = tracked(bare, status, identity(**who))
    instance.report_runless_asset_event(end_events(JobReport(job), account=None).own)
    return job.key


def odd(instance: dg.DagsterInstance, **metadata: Any) -> None:
    """Store an observation of the asset with metadata that nobody here wrote."""
    instance.report_runless_asset_event(dg.AssetObservation(KEY, metadata=metadata))


def test_start_and_end_of_each_job(instance: dg.DagsterInstance) -> None:
    """Each is found under its job's key, whatever else the asset's events are."""
    first, second = start(instance), start(instance, "JOB_B")
    end(instance)
    end(instance, "JOB_C", "FAILED")
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY))
    odd(instance, rows=7)
    start(instance, asset=("other",))

    page = Ledger(instance).read(ASSET, LONG_AGO)

    assert page.unreadable == ()
    assert {key.name for key in page.entries} == {f"LAB.JOBS.JOB_{each}" for each in "ABC"}
    entry = page.of(first)
    assert isinstance(entry.start, JobStart)
    assert (entry.start.key, entry.start.identity.asset) == (first, ASSET)
    [recorded] = entry.ends
    assert (recorded.key, recorded.partition, recorded.succeeded) == (first, None, True)
    [stored] = instance.fetch_materializations(KEY, limit=2).records[1:]
    assert recorded.at == datetime.fromtimestamp(stored.timestamp, timezone.utc)
    assert page.of(second).ends == ()
    assert page.of(JobKey("LAB.JOBS.JOB_C", NOON)).start is None
    assert page.of(JobKey("LAB.JOBS.JOB_A", at(1))) is NOTHING


def test_jobs_of_one_name(instance: dg.DagsterInstance) -> None:
    """The end of an earlier job of a name is not the end of a later one."""
    earlier = end(instance, submitted=at(-60))
    later = start(instance)
    page = Ledger(instance).read(ASSET, LONG_AGO)
    assert len(page.of(earlier).ends) == 1
    assert page.of(later).ends == ()


def test_first_start_counts(instance: dg.DagsterInstance) -> None:
    """A step that is repeated finds its job again: the job was started the first time."""
    key = start(instance)
    [first] = instance.fetch_observations(KEY, limit=1).records
    start(instance)
    found = Ledger(instance).read(ASSET, LONG_AGO).of(key).start
    assert found is not None
    assert found.at == datetime.fromtimestamp(first.timestamp, timezone.utc)


def test_ends_of_a_batch(instance: dg.DagsterInstance) -> None:
    """Each partition has an end of its own; one of the whole counts for all of them."""
    key = start(instance, "JOB_A", "p1", "p2")
    end(instance, partition="p1", batch=True)
    entry = Ledger(instance).read(ASSET, LONG_AGO).of(key)
    assert entry.start is not None
    assert entry.start.partitions == ("p1", "p2")
    assert entry.end_of("p1") is not None
    assert entry.end_of("p2") is None
    assert not entry.has_ends_of(("p1", "p2"))
    assert entry.has_ends_of(("p1",))
    end(instance, status="FAILED", batch=True)
    whole = Ledger(instance).read(ASSET, LONG_AGO).of(key)
    assert whole.has_ends_of(("p1", "p2"))
    told = whole.end_of("p1"), whole.end_of("p2")
    assert [each.partition for each in told if each is not None] == ["p1", None]


def test_end_of_a_partition_is_no_end_of_the_whole() -> None:
    """What is recorded of one partition tells nothing of a job without partitions."""
    job = tracked("JOB_A", "DONE", identity(partition="p1"))
    entry = Entry(ends=(JobEnd(NOON, job.key, "p1", "DONE", NOON),))
    assert entry.end_of(None) is None
    assert not NOTHING.has_ends_of([None])


def test_since(instance: dg.DagsterInstance) -> None:
    """Events from before that time are left out."""
    start(instance)
    [stored] = instance.fetch_observations(KEY, limit=1).records
    moment = datetime.fromtimestamp(stored.timestamp, timezone.utc)
    second = timedelta(seconds=1)
    assert Ledger(instance).read(ASSET, moment - second).entries
    assert not Ledger(instance).read(ASSET, moment + second).entries
    assert Ledger(instance).read_starts(ASSET, moment - second).entries
    assert not Ledger(instance).read_starts(ASSET, moment + second).entries


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param((), {"p1", "p2", None}, id="all"),
        pytest.param(("p1",), {"p1"}, id="one"),
        pytest.param(("p1", None), {"p1", "p2", None}, id="with-the-whole"),
        pytest.param(tuple(f"p{n}" for n in range(500)), {"p1", "p2"}, id="as-many-as-can-be"),
        pytest.param(tuple(f"q{n}" for n in range(501)), {"p1", "p2", None}, id="too-many"),
    ],
)
def test_partitions(
    instance: dg.DagsterInstance, wanted: tuple[str | None, ...], found: set[str | None]
) -> None:
    """Only events of these partitions are asked for, if they are few and all named."""
    for number, partition in enumerate(("p1", "p2", None)):
        end(instance, f"JOB_{number}X", partition=partition)
    page = Ledger(instance).read(ASSET, LONG_AGO, wanted)
    assert {each.partition for entry in page.entries.values() for each in entry.ends} == found


def test_starts_without_successes(instance: dg.DagsterInstance) -> None:
    """Starts and failures are read; a success is not looked for."""
    key = start(instance)
    end(instance)
    failed = end(instance, "JOB_B", "FAILED")
    page = Ledger(instance).read_starts(ASSET, LONG_AGO)
    assert page.of(key).start is not None
    assert page.of(key).ends == ()
    assert len(page.of(failed).ends) == 1


def test_every_page_is_read(instance: dg.DagsterInstance) -> None:
    """However few events one query returns, all are found."""
    for number in range(5):
        start(instance, f"JOB_{number}X")
        end(instance, f"JOB_{number}X")
    page = Ledger(instance, page=2).read(ASSET, LONG_AGO)
    assert len(page.entries) == 5
    assert all(entry.start is not None and entry.ends for entry in page.entries.values())


def test_what_cannot_be_read_is_kept_aside(instance: dg.DagsterInstance) -> None:
    """It is nobody's start and nobody's end, and says why."""
    odd(instance, **{keys.IDENTITY: "no identity"})
    odd(instance, **{keys.JOB_NAME: "J", keys.CREATED: "yesterday", keys.SUBMITTED: 1.0})
    key = start(instance)
    page = Ledger(instance).read(ASSET, LONG_AGO)
    assert page.entries.keys() == {key}
    assert len(page.unreadable) == 2
    assert all(each.reason for each in page.unreadable)


def test_last_end(instance: dg.DagsterInstance) -> None:
    """The end that was recorded last, whenever its job was submitted; starts do not count."""
    ledger = Ledger(instance)
    assert ledger.last_end(ASSET) is None
    end(instance, "JOB_A", "FAILED", submitted=at(10))
    end(instance, "JOB_B", submitted=at(5))
    start(instance, "JOB_C")
    odd(instance, **{keys.JOB_NAME: "J", keys.CREATED: "yesterday"})
    last = ledger.last_end(ASSET)
    assert last is not None
    assert last.key.name == "LAB.JOBS.JOB_B"
    end(instance, "JOB_D", "FAILED", submitted=at(1))
    last = ledger.last_end(ASSET)
    assert last is not None
    assert last.key.name == "LAB.JOBS.JOB_D"


@pytest.mark.parametrize(
    ("status", "partition", "asked", "created", "found"),
    [
        pytest.param("DONE", None, None, at(-1), True, id="later"),
        pytest.param("DONE", None, None, NOON, False, id="the-same-job"),
        pytest.param("DONE", None, None, at(1), False, id="earlier"),
        pytest.param("FAILED", None, None, at(-1), False, id="no-success"),
        pytest.param("DONE", "p1", "p1", at(-1), True, id="of-the-partition"),
        pytest.param("DONE", "p2", "p1", at(-1), False, id="of-another-partition"),
    ],
)
def test_success_since(
    instance: dg.DagsterInstance,
    status: str,
    partition: str | None,
    asked: str | None,
    created: datetime,
    found: bool,
) -> None:
    """Only a success of a job that was created later makes another attempt needless."""
    end(instance, status=status, partition=partition)
    ledger = Ledger(instance)
    assert ledger.has_success_since(ASSET, asked, created, LONG_AGO) is found
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    assert not ledger.has_success_since(ASSET, asked, created, tomorrow)
