"""Which jobs of the failed runs that a run repeats it goes on with."""

from dataclasses import replace

import dagster as dg
import pytest

from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.run.earlier_runs import EarlierRuns
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.testing import InMemorySession

from .samples import at, identity, planned, tracked

EARLIER = EarlierRuns(frozenset({"run-0", "run-1"}))


def found(
    client: SpcsClient, *jobs: TrackedJob, earlier: EarlierRuns = EARLIER, **plan: object
) -> list[str]:
    """The runs of the jobs that a waiting run goes on with."""
    plan = {"run_id": "run-9", "blocking": True, **plan}
    submitted = earlier.find(client, [planned(**plan)], jobs, lambda _: False)
    return [each.identity.run_id for each in submitted]


def job(status: str = "RUNNING", **fields: object) -> TrackedJob:
    """A job that a run waited for."""
    return tracked("JOB_A", status, identity(**{"blocking": True, **fields}))


@pytest.mark.parametrize("status", ["PENDING", "RUNNING", "DONE"])
def test_goes_on(client: SpcsClient, status: str) -> None:
    """What is in flight or done is the work of this run already."""
    assert found(client, job(status)) == ["run-1"]


@pytest.mark.parametrize(
    "status", ["FAILED", "CANCELLED", "CANCELLING", "INTERNAL_ERROR", "DELETED"]
)
def test_starts_anew_after_a_failure(client: SpcsClient, status: str) -> None:
    """A job that failed, or is being cancelled, is no one's work any more."""
    assert found(client, job(status)) == []


@pytest.mark.parametrize(
    "other",
    [
        {"run_id": "run-2"},
        {"asset": ("other",)},
        {"partition": "p"},
        {"call": "digest//op"},
        {"batch": True},
    ],
    ids=lambda other: next(iter(other)),
)
def test_other_work(client: SpcsClient, other: dict[str, object]) -> None:
    """A job of another run, asset, partition or call is other work."""
    assert found(client, job(**other)) == []


@pytest.mark.parametrize(("ran", "goes_on"), [("1", False), ("2", True), (None, False)])
def test_code_version(client: SpcsClient, ran: str | None, goes_on: bool) -> None:
    """A job of another version of the code is other work: its result is not what is asked for."""
    assert bool(found(client, job(code_version=ran), code_version="2")) is goes_on


def test_done_in_a_step_that_succeeded(client: SpcsClient) -> None:
    """Who repeats a step that succeeded wants its work done once more; in flight is in flight."""
    earlier = replace(EARLIER, with_own_step_done=frozenset({"run-1"}))
    assert found(client, job("DONE"), earlier=earlier) == []
    assert found(client, job("RUNNING"), earlier=earlier) == ["run-1"]


def test_what_is_in_flight_comes_first_then_the_newest(client: SpcsClient) -> None:
    """Of several attempts one is taken."""
    done, old, new = (
        job("DONE", submitted=at(9)),
        job("RUNNING", submitted=at(1), run_id="run-0"),
        job("RUNNING", submitted=at(2)),
    )
    assert found(client, done, old, new) == ["run-1"]
    assert found(client, done, old) == ["run-0"]


def test_deferred_job_is_left_to_the_sensor(client: SpcsClient) -> None:
    """Two would record it."""
    assert found(client, job(blocking=False)) == []
    assert found(client, job(blocking=False), blocking=False) == ["run-1"]
    assert found(client, job(), blocking=False) == ["run-1"]


def test_recorded_end_feeds_nothing(client: SpcsClient) -> None:
    """A run that builds from the result needs a job whose end is not recorded."""
    plan = [planned(run_id="run-9", blocking=True)]
    assert EARLIER.find(client, plan, [job("DONE")], lambda _: True) == []


@pytest.mark.parametrize(
    ("env", "expected"),
    [('{DAGSTER_PARTITION_KEYS: \'["a", "b"]\'}', ["run-1"]), ("{}", [])],
    ids=["the-same", "unreadable"],
)
def test_partitions_of_a_batch(
    client: SpcsClient, session: InMemorySession, env: str, expected: list[str]
) -> None:
    """They are in the specification only."""
    spec = f"spec: {{containers: [{{name: main, image: /a/b/c/d, env: {env}}}]}}"
    session.always("DESCRIBE SERVICE", [{"spec": spec}])
    batch = job(batch=True)
    assert found(client, batch, partitions=("a", "b")) == expected
    assert found(client, batch, partitions=("a", "c")) == []


@pytest.mark.parametrize(
    ("status", "repeats"),
    [
        (dg.DagsterRunStatus.FAILURE, True),
        (dg.DagsterRunStatus.CANCELED, True),
        (dg.DagsterRunStatus.SUCCESS, False),
        (dg.DagsterRunStatus.STARTED, False),
    ],
    ids=lambda value: getattr(value, "value", ""),
)
def test_runs_that_are_repeated(status: dg.DagsterRunStatus, repeats: bool) -> None:
    """Those with the same root run that failed; not one that succeeded or is at work."""

    @dg.job
    def nothing() -> None:
        """Has no steps."""

    with dg.DagsterInstance.ephemeral() as instance:
        first = instance.create_run_for_job(nothing, status=status)
        again = instance.create_run_for_job(
            nothing, root_run_id=first.run_id, parent_run_id=first.run_id
        )
        instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.FAILURE)
        earlier = EarlierRuns.of(instance, again, "step")
        assert earlier.run_ids == ({first.run_id} if repeats else set())
        assert not EarlierRuns.of(instance, first, "step").run_ids
