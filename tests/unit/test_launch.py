"""Starting jobs: the same name for the same attempt, adoption of one's own, nobody else's."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dagster_spcs.errors import (
    InvalidName,
    JobNameInUse,
    NotPrivileged,
    ObjectExists,
    SpcsError,
    SubmissionFailed,
)
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.submission import Place, asset_prefix, in_flight, launch, name_of
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.statements import Statement
from dagster_spcs.testing import InMemorySession

from .samples import AWKWARD_TEXT, PLACE, identity, job_row, name, planned, request

EXECUTE = "EXECUTE JOB SERVICE"
DESCRIBE = "DESCRIBE SERVICE"
LIST = "SHOW JOB SERVICES"
ASSETS = st.lists(AWKWARD_TEXT, min_size=1, max_size=3).map(tuple)


def comment(**fields) -> str:
    """The comment of a job of asset ``daily/scores``."""
    return identity(**fields).to_comment()


def sent_identity(session: InMemorySession, index: int = -1) -> JobIdentity:
    """The identity in a submission's COMMENT."""
    [line] = [
        line for line in session.texts(EXECUTE)[index].split("\n") if line.startswith("COMMENT = ")
    ]
    found = JobIdentity.from_comment(line.removeprefix("COMMENT = '").removesuffix("'"))
    assert found is not None
    return found


# Names


@given(ASSETS, st.none() | AWKWARD_TEXT, st.integers(0, 9))
@example(("日本語",), None, 0)
@example(("a", "b" * 200), "2026-01-01", 0)
def test_name_of(asset: tuple[str, ...], partition: str | None, attempt: int) -> None:
    """Any asset and partition has a name, always the same, under the prefix of its asset."""
    each = planned(asset=asset, partition=partition, attempt=attempt)
    chosen = name_of(PLACE, each)
    assert chosen == name_of(PLACE, replace(each, compute_pool="other", blocking=True))
    assert (chosen.database, chosen.schema) == ("LAB", "JOBS")
    assert chosen.name.startswith(asset_prefix(PLACE, asset))
    assert asset_prefix(PLACE, asset).startswith("DAGSTER_")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"asset": ("daily", "scores", "x")}, id="asset"),
        pytest.param({"asset": ("other", "scores")}, id="asset-prefix"),
        pytest.param({"partition": "a"}, id="partition"),
        pytest.param({"run_id": "run-2"}, id="run"),
        pytest.param({"attempt": 1}, id="attempt"),
    ],
)
def test_names_differ(change: dict) -> None:
    """Another asset, partition, run or attempt is another name."""
    assert name_of(PLACE, planned()) != name_of(PLACE, planned(**change))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("dagster_n", JobName("DAGSTER_N", "JOBS", "LAB"), id="bare"),
        pytest.param("jobs.dagster_n", JobName("DAGSTER_N", "JOBS", "LAB"), id="schema"),
        pytest.param("lab.jobs.dagster_n", JobName("DAGSTER_N", "JOBS", "LAB"), id="complete"),
    ],
)
def test_name_the_user_gives(written: str, expected: JobName) -> None:
    """A name that the user gives is taken, in the resource's place where it says nothing else."""
    assert name_of(PLACE, planned(request=request(name=written))) == expected


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("nightly", id="no-prefix"),
        pytest.param("dagsternightly", id="half-a-prefix"),
        pytest.param("ops.dagster_nightly", id="another-schema"),
        pytest.param("p.jobs.dagster_nightly", id="another-database"),
    ],
)
def test_name_where_the_sensor_does_not_look(written: str) -> None:
    """A job that the sensor would not see is not started."""
    with pytest.raises(InvalidName, match="the sensor looks for jobs in"):
        name_of(PLACE, planned(request=request(name=written)))


# Starting


def test_launch(client: SpcsClient, session: InMemorySession) -> None:
    """A job is submitted under its name with its identity as comment."""
    session.answer(EXECUTE, [])
    each = planned(
        partition="2026-01-01",
        blocking=True,
        request=request(comment="nightly", timeout=timedelta(minutes=30)),
    )
    [launched] = launch(client, PLACE, [each], at_once=4, is_retry=False)
    assert (launched.name, launched.planned) == (name_of(PLACE, each), each)
    assert not launched.adopted
    assert sent_identity(session) == launched.identity
    assert launched.identity.asset == ("daily", "scores")
    assert launched.identity.partition == "2026-01-01"
    assert (launched.identity.run_id, launched.identity.attempt) == ("run-1", 0)
    assert (launched.identity.blocking, launched.identity.note) == (True, "nightly")
    assert launched.identity.deadline is not None
    waited = launched.identity.deadline - launched.identity.submitted
    assert waited == timedelta(minutes=30)


def test_launch_keeps_the_order(client: SpcsClient, session: InMemorySession) -> None:
    """Jobs come back in the order they were planned."""
    session.always(EXECUTE, [])
    plan = [planned(partition=str(n)) for n in (3, 1, 2)]
    launched = launch(client, PLACE, plan, at_once=4, is_retry=False)
    assert [each.planned.partition for each in launched] == ["3", "1", "2"]


@pytest.mark.parametrize(
    ("status", "is_retry"),
    [
        pytest.param("PENDING", False, id="in-flight"),
        pytest.param("DONE", False, id="done"),
        pytest.param("FAILED", False, id="failed-and-not-a-retry"),
        pytest.param("RUNNING", True, id="retry-finds-it-in-flight"),
        pytest.param("DONE", True, id="retry-finds-it-done"),
    ],
)
def test_launch_adopts_its_own(
    status: str, is_retry: bool, client: SpcsClient, session: InMemorySession
) -> None:
    """A job of the same asset, partition and run is the one that was wanted."""
    session.answer(EXECUTE, ObjectExists("exists"))
    session.answer(DESCRIBE, [job_row(status=status, comment=comment(note="first"))])
    [launched] = launch(client, PLACE, [planned()], at_once=4, is_retry=is_retry)
    assert launched.adopted
    assert launched.identity.note == "first"


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED", "INTERNAL_ERROR"])
def test_retry_follows_a_failed_job(
    status: str, client: SpcsClient, session: InMemorySession
) -> None:
    """When a step is tried again, a failed job is followed by one of the next attempt."""
    session.answer(EXECUTE, ObjectExists("exists"), ObjectExists("exists"), [])
    session.answer(DESCRIBE, [job_row(status=status, comment=comment())])
    session.answer(DESCRIBE, [job_row(status=status, comment=comment(attempt=1))])
    [launched] = launch(client, PLACE, [planned()], at_once=4, is_retry=True)
    assert not launched.adopted
    assert launched.name == name_of(PLACE, planned(attempt=2))
    assert launched.identity.attempt == sent_identity(session).attempt == 2


def test_retry_follows_only_what_failed(client: SpcsClient, session: InMemorySession) -> None:
    """Of several partitions only those whose job failed are started again, in order."""
    good, bad = planned(partition="good"), planned(partition="bad")
    statuses = {name_of(PLACE, good).name: "DONE", name_of(PLACE, bad).name: "FAILED"}
    partitions = {name_of(PLACE, good).name: "good", name_of(PLACE, bad).name: "bad"}

    def execute(statement: Statement) -> list:
        if any(f"{bare}\n" in statement.text for bare in statuses):
            raise ObjectExists("exists")
        return []

    def describe(statement: Statement) -> list:
        bare = statement.text.rpartition(".")[2]
        return [job_row(bare, statuses[bare], comment=comment(partition=partitions[bare]))]

    session.always(EXECUTE, execute)
    session.always(DESCRIBE, describe)
    launched = launch(client, PLACE, [bad, good], at_once=4, is_retry=True)
    assert [(each.planned.partition, each.adopted) for each in launched] == [
        ("bad", False),
        ("good", True),
    ]


def test_retry_under_a_name_of_the_users(client: SpcsClient, session: InMemorySession) -> None:
    """A failed job under a fixed name cannot be followed by another: the name is in use."""
    session.always(EXECUTE, ObjectExists("exists"))
    # One answer only: trying for ever would fail here.
    session.answer(DESCRIBE, [job_row("DAGSTER_NIGHTLY", "FAILED", comment=comment())])
    with pytest.raises(JobNameInUse, match="NIGHTLY"):
        launch(
            client,
            PLACE,
            [planned(request=request(name="dagster_nightly"))],
            at_once=4,
            is_retry=True,
        )


@pytest.mark.parametrize(
    ("found", "why"),
    [
        pytest.param("made by hand", "not one of dagster-spcs", id="no-identity"),
        pytest.param(None, "not one of dagster-spcs", id="no-comment"),
        pytest.param(comment(asset=("other",)), "for asset other", id="asset"),
        pytest.param(comment(partition="p"), "for asset daily/scores, p", id="partition"),
        pytest.param(comment(run_id="run-2"), "by run run-2", id="run"),
    ],
)
def test_launch_adopts_nobody_elses(
    found: str | None, why: str, client: SpcsClient, session: InMemorySession
) -> None:
    """A job that was submitted for something else keeps its name, and the error says whose."""
    session.answer(EXECUTE, ObjectExists("exists"))
    session.answer(DESCRIBE, [job_row("DAGSTER_NIGHTLY", "DONE", comment=found)])
    with pytest.raises(JobNameInUse, match=why) as caught:
        launch(
            client,
            PLACE,
            [planned(request=request(name="dagster_nightly"))],
            at_once=4,
            is_retry=False,
        )
    assert caught.value.name == name("DAGSTER_NIGHTLY")


def test_launch_in_part(client: SpcsClient, session: InMemorySession) -> None:
    """When some are refused, the error names those in flight."""
    one, two = planned(partition="1"), planned(partition="2")

    def execute(statement: Statement) -> list:
        if f"{name_of(PLACE, two).name}\n" in statement.text:
            raise NotPrivileged("no USAGE on POOL")
        return []

    session.always(EXECUTE, execute)
    with pytest.raises(SubmissionFailed) as caught:
        launch(client, PLACE, [one, two], at_once=4, is_retry=False)
    assert caught.value.started == [name_of(PLACE, one)]
    assert set(caught.value.failed) == {name_of(PLACE, two)}


def test_taken_name_beside_a_started_job(client: SpcsClient, session: InMemorySession) -> None:
    """When one of several names is taken, the error still tells which job is in flight."""
    one, two = planned(partition="1"), planned(partition="2")

    def execute(statement: Statement) -> list:
        if f"{name_of(PLACE, two).name}\n" in statement.text:
            raise ObjectExists("exists")
        return []

    session.always(EXECUTE, execute)
    session.answer(DESCRIBE, [job_row(name_of(PLACE, two).name, comment="made by hand")])
    with pytest.raises(SpcsError) as caught:
        launch(client, PLACE, [one, two], at_once=4, is_retry=False)
    assert str(name_of(PLACE, one)) in str(caught.value)


def test_refused_second_attempt_beside_a_started_job(
    client: SpcsClient, session: InMemorySession
) -> None:
    """When a second attempt is refused, the error still tells what the first round started."""
    one, two = planned(partition="1"), planned(partition="2")
    first, second = name_of(PLACE, two).name, name_of(PLACE, replace(two, attempt=1)).name

    def execute(statement: Statement) -> list:
        if f"{first}\n" in statement.text:
            raise ObjectExists("exists")
        if f"{second}\n" in statement.text:
            raise NotPrivileged("no USAGE on POOL")
        return []

    session.always(EXECUTE, execute)
    session.answer(DESCRIBE, [job_row(first, "FAILED", comment=comment(partition="2"))])
    with pytest.raises(SpcsError) as caught:
        launch(client, PLACE, [one, two], at_once=4, is_retry=True)
    assert str(name_of(PLACE, one)) in str(caught.value)


# Overlap


def test_in_flight(client: SpcsClient, session: InMemorySession) -> None:
    """Unfinished jobs of the same asset and partition that other runs started are in flight."""
    session.answer(
        LIST,
        [
            job_row("DAGSTER_SCORES_1", comment=comment(partition="p", run_id="run-2")),
            job_row("DAGSTER_SCORES_2", comment=comment(partition="p", run_id="run-1")),
            job_row("DAGSTER_SCORES_3", "DONE", comment=comment(partition="p", run_id="run-2")),
            job_row("DAGSTER_SCORES_4", comment=comment(partition="q", run_id="run-3")),
            job_row("DAGSTER_SCORES_5", comment=comment(asset=("scores",), run_id="run-2")),
            job_row("DAGSTER_SCORES_6", comment="made by hand"),
            job_row("DAGSTER_SCORES_7", "HIBERNATING", comment=comment(run_id="run-2")),
        ],
    )
    plan = [planned(partition="p"), planned(partition="none"), planned(), planned(partition="q")]
    found = in_flight(client, PLACE, plan)
    assert [[job.name.name for job in jobs] for jobs in found] == [
        ["DAGSTER_SCORES_1"],
        [],
        ["DAGSTER_SCORES_7"],
        ["DAGSTER_SCORES_4"],
    ]
    assert len(session.asked) == 1


def test_in_flight_under_two_prefixes(client: SpcsClient, session: InMemorySession) -> None:
    """Assets whose names begin differently cost one listing each."""
    session.always(LIST, [])
    in_flight(client, PLACE, [planned(asset=("a",)), planned(asset=("b",)), planned(asset=("a",))])
    assert len(session.texts(LIST)) == 2


def test_prefix_may_be_long(client: SpcsClient, session: InMemorySession) -> None:
    """The longest prefix leaves room for a name that is found again by its asset."""
    place = Place("LAB", "JOBS", "D" * 44)
    assert name_of(place, planned()).name.startswith(asset_prefix(place, ("daily", "scores")))
