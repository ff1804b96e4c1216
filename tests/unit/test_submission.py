"""Starting jobs: the same name for the same attempt, adoption of one's own, nobody else's."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dagster_spcs.errors import NotPrivileged, ObjectExists, SpcsError
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.job_errors import JobNameInUse
from dagster_spcs.jobs.submission import Place, PlannedJob, SubmittedJob, submit
from dagster_spcs.jobs.tracked_job import JobKey
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.job_errors import SubmissionFailed
from dagster_spcs.spcs.names import MAX_JOB_NAME, JobName
from dagster_spcs.spcs.statements import Statement
from dagster_spcs.testing import InMemorySession

from .samples import AWKWARD_TEXT, NOON, PLACE, identity, job, job_row, planned, request

EXECUTE = "EXECUTE JOB SERVICE"
DESCRIBE = "DESCRIBE SERVICE"
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
    assert isinstance(found, JobIdentity)
    return found


# Names


@given(ASSETS, st.none() | AWKWARD_TEXT, st.integers(0, 9))
@example(("日本語",), None, 0)
@example(("a", "b" * 200), "2026-01-01", 0)
def test_name_in(asset: tuple[str, ...], partition: str | None, attempt: int) -> None:
    """Any asset and partition has a name, always the same, in the place of the resource."""
    each = planned(asset=asset, partition=partition, attempt=attempt)
    chosen = each.name_in(PLACE)
    assert chosen == replace(each, compute_pool="other", blocking=True).name_in(PLACE)
    assert (chosen.database, chosen.schema) == ("LAB", "JOBS")
    assert PLACE.holds(chosen)


def test_names_differ() -> None:
    """Another asset, partition, run, attempt or call is another name."""
    every: list[PlannedJob] = [
        planned(),
        planned(asset=("daily", "scores", "x")),
        planned(asset=("other", "scores")),
        planned(partition="a"),
        planned(run_id="run-2"),
        planned(attempt=1),
        planned(asset=(), call="1/scores"),
        planned(asset=(), call="2/scores"),
    ]
    assert len({each.name_in(PLACE) for each in every}) == len(every)


def test_name_is_readable() -> None:
    """The name shows the last part of the asset key, or the op, or the stem that is given."""
    beginnings = [
        (planned(), "DAGSTER_SCORES_"),
        (planned(asset=(), call="1/score_all"), "DAGSTER_SCORE_ALL_"),
        (planned(request=request(name="nightly")), "DAGSTER_NIGHTLY_"),
        (planned(asset=(), call="1/x", request=request(name="nightly")), "DAGSTER_NIGHTLY_"),
    ]
    for each, beginning in beginnings:
        assert each.name_in(PLACE).name.startswith(beginning)


def test_stem_takes_no_part_in_telling_jobs_apart() -> None:
    """Under one stem two runs, and two attempts, have two names that end like those without."""
    for change in ({}, {"run_id": "run-2"}, {"attempt": 1}, {"partition": "p"}):
        plain = planned(**change).name_in(PLACE).name
        stem = planned(request=request(name="nightly"), **change).name_in(PLACE).name
        assert stem.rpartition("_")[2] == plain.rpartition("_")[2]


def test_prefix_may_be_long() -> None:
    """The longest prefix leaves room for a name."""
    place = Place("LAB", "JOBS", "D" * 44)
    assert place.holds(planned().name_in(place))
    assert len(planned().name_in(place).name) <= MAX_JOB_NAME


def test_place_holds_its_own_jobs() -> None:
    """A job elsewhere, or whose name begins otherwise, is not one that the resource starts."""
    assert PLACE.holds(JobName("DAGSTER_A", "JOBS", "LAB"))
    for other in (
        JobName("DAGSTERA", "JOBS", "LAB"),
        JobName("OTHER_A", "JOBS", "LAB"),
        JobName("DAGSTER_A", "OPS", "LAB"),
        JobName("DAGSTER_A", "JOBS", "PROD"),
    ):
        assert not PLACE.holds(other)


# Starting


def test_submit(client: SpcsClient, session: InMemorySession) -> None:
    """A job is submitted under its name with its identity as comment."""
    session.answer(EXECUTE, [])
    each = planned(
        partition="2026-01-01",
        blocking=True,
        request=request(comment="nightly", timeout=timedelta(minutes=30)),
    )
    [submitted] = submit(client, PLACE, [each], max_concurrent=4, is_retry=False)
    assert (submitted.name, submitted.planned) == (each.name_in(PLACE), each)
    assert not submitted.adopted
    assert sent_identity(session) == submitted.identity
    assert submitted.identity.asset == ("daily", "scores")
    assert submitted.identity.partition == "2026-01-01"
    assert (submitted.identity.run_id, submitted.identity.attempt) == ("run-1", 0)
    assert (submitted.identity.blocking, submitted.identity.note) == (True, "nightly")
    assert submitted.identity.deadline is not None
    waited = submitted.identity.deadline - submitted.identity.submitted
    assert waited == timedelta(minutes=30)
    assert submitted.key == JobKey(str(submitted.name), submitted.identity.submitted)


def test_identity_tells_what_the_sensor_needs() -> None:
    """The comment names the deployment, the resource, and what the containers were asked for."""
    told = planned(resource_key="spcs", pipes=True, partitions=("a", "b")).identity_in(PLACE, NOON)
    assert (told.deployment, told.resource_key, told.submitted) == ("DAGSTER", "spcs", NOON)
    assert (told.pipes, told.batch, told.call, told.deadline) == (True, True, None, None)
    called = planned(asset=(), call="1/x").identity_in(PLACE, NOON)
    assert (called.asset, called.call, called.batch) == ((), "1/x", False)


def test_submit_keeps_the_order(client: SpcsClient, session: InMemorySession) -> None:
    """Jobs come back in the order they were planned."""
    session.always(EXECUTE, [])
    plan = [planned(partition=str(n)) for n in (3, 1, 2)]
    submitted = submit(client, PLACE, plan, max_concurrent=4, is_retry=False)
    assert [each.planned.partition for each in submitted] == ["3", "1", "2"]


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
def test_submit_adopts_its_own(
    status: str, is_retry: bool, client: SpcsClient, session: InMemorySession
) -> None:
    """A job of the same asset, partition and run is the one that was wanted."""
    session.answer(EXECUTE, ObjectExists("exists"))
    session.answer(DESCRIBE, [job_row(status=status, comment=comment(note="first"))])
    [submitted] = submit(client, PLACE, [planned()], max_concurrent=4, is_retry=is_retry)
    assert submitted.adopted
    assert submitted.identity.note == "first"


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED", "INTERNAL_ERROR"])
def test_retry_follows_a_failed_job(
    status: str, client: SpcsClient, session: InMemorySession
) -> None:
    """When a step is tried again, a failed job is followed by one of the next attempt."""
    session.answer(EXECUTE, ObjectExists("exists"), ObjectExists("exists"), [])
    session.answer(DESCRIBE, [job_row(status=status, comment=comment())])
    session.answer(DESCRIBE, [job_row(status=status, comment=comment(attempt=1))])
    [submitted] = submit(client, PLACE, [planned()], max_concurrent=4, is_retry=True)
    assert not submitted.adopted
    assert submitted.name == planned(attempt=2).name_in(PLACE)
    assert submitted.identity.attempt == sent_identity(session).attempt == 2


def test_retry_follows_only_what_failed(client: SpcsClient, session: InMemorySession) -> None:
    """Of several partitions only those whose job failed are started again, in order."""
    good, bad = planned(partition="good"), planned(partition="bad")
    statuses = {good.name_in(PLACE).name: "DONE", bad.name_in(PLACE).name: "FAILED"}
    partitions = {good.name_in(PLACE).name: "good", bad.name_in(PLACE).name: "bad"}

    def execute(statement: Statement) -> list:
        if any(f"{bare}\n" in statement.text for bare in statuses):
            raise ObjectExists("exists")
        return []

    def describe(statement: Statement) -> list:
        bare = statement.text.rpartition(".")[2]
        return [job_row(bare, statuses[bare], comment=comment(partition=partitions[bare]))]

    session.always(EXECUTE, execute)
    session.always(DESCRIBE, describe)
    submitted = submit(client, PLACE, [bad, good], max_concurrent=4, is_retry=True)
    assert [(each.planned.partition, each.adopted) for each in submitted] == [
        ("bad", False),
        ("good", True),
    ]


def test_retry_under_a_stem(client: SpcsClient, session: InMemorySession) -> None:
    """A job under a stem that the user gives is followed by another attempt like any other."""
    each = planned(request=request(name="nightly"))
    session.answer(EXECUTE, ObjectExists("exists"), [])
    session.answer(DESCRIBE, [job_row(each.name_in(PLACE).name, "FAILED", comment=comment())])
    [submitted] = submit(client, PLACE, [each], max_concurrent=4, is_retry=True)
    assert submitted.name == replace(each, attempt=1).name_in(PLACE)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        pytest.param("made by hand", "not one of this version", id="no-identity"),
        pytest.param(None, "not one of this version", id="no-comment"),
        pytest.param('{"k":"dagster-spcs","v":9}', "not one of this version", id="later-version"),
        pytest.param(comment(asset=("other",)), "for asset other", id="asset"),
        pytest.param(comment(partition="p"), "for asset daily/scores, p", id="partition"),
        pytest.param(comment(batch=True), "for asset daily/scores", id="batch"),
        pytest.param(comment(call="1/x"), "for asset daily/scores", id="call"),
        pytest.param(comment(run_id="run-2"), "by run run-2", id="run"),
    ],
)
def test_submit_adopts_nobody_elses(
    found: str | None, why: str, client: SpcsClient, session: InMemorySession
) -> None:
    """A job that was submitted for something else keeps its name, and the error says whose."""
    session.answer(EXECUTE, ObjectExists("exists"))
    own = planned().name_in(PLACE)
    session.answer(DESCRIBE, [job_row(own.name, "DONE", comment=found)])
    with pytest.raises(JobNameInUse, match=why) as caught:
        submit(client, PLACE, [planned()], max_concurrent=4, is_retry=False)
    assert caught.value.name == own


def test_submit_in_part(client: SpcsClient, session: InMemorySession) -> None:
    """When some are refused, the error names those in flight."""
    one, two = planned(partition="1"), planned(partition="2")

    def execute(statement: Statement) -> list:
        if f"{two.name_in(PLACE).name}\n" in statement.text:
            raise NotPrivileged("no USAGE on POOL")
        return []

    session.always(EXECUTE, execute)
    told: list[SubmittedJob] = []
    with pytest.raises(SubmissionFailed) as caught:
        submit(
            client,
            PLACE,
            [one, two],
            max_concurrent=4,
            is_retry=False,
            on_submitted=told.append,
        )
    assert [job.name for job in told] == [one.name_in(PLACE)]
    assert caught.value.started == [one.name_in(PLACE)]
    assert set(caught.value.failed) == {two.name_in(PLACE)}


def test_taken_name_beside_a_started_job(client: SpcsClient, session: InMemorySession) -> None:
    """When one of several names is taken, the error still tells which job is in flight."""
    one, two = planned(partition="1"), planned(partition="2")

    def execute(statement: Statement) -> list:
        if f"{two.name_in(PLACE).name}\n" in statement.text:
            raise ObjectExists("exists")
        return []

    session.always(EXECUTE, execute)
    session.answer(DESCRIBE, [job_row(two.name_in(PLACE).name, comment="made by hand")])
    with pytest.raises(SpcsError) as caught:
        submit(client, PLACE, [one, two], max_concurrent=4, is_retry=False)
    assert str(one.name_in(PLACE)) in str(caught.value)


def test_refused_second_attempt_beside_a_started_job(
    client: SpcsClient, session: InMemorySession
) -> None:
    """When a second attempt is refused, the error still tells what the first round started."""
    one, two = planned(partition="1"), planned(partition="2")
    first, second = two.name_in(PLACE).name, replace(two, attempt=1).name_in(PLACE).name

    def execute(statement: Statement) -> list:
        if f"{first}\n" in statement.text:
            raise ObjectExists("exists")
        if f"{second}\n" in statement.text:
            raise NotPrivileged("no USAGE on POOL")
        return []

    session.always(EXECUTE, execute)
    session.answer(DESCRIBE, [job_row(first, "FAILED", comment=comment(partition="2"))])
    with pytest.raises(SpcsError) as caught:
        submit(client, PLACE, [one, two], max_concurrent=4, is_retry=True)
    assert str(one.name_in(PLACE)) in str(caught.value)


def test_refusal_of_the_only_job(client: SpcsClient, session: InMemorySession) -> None:
    """A single job that is refused raises its own error."""
    session.answer(EXECUTE, NotPrivileged("no USAGE on POOL"))
    with pytest.raises(NotPrivileged):
        submit(client, PLACE, [planned()], max_concurrent=4, is_retry=False)


def test_tracked(client: SpcsClient, session: InMemorySession) -> None:
    """A submitted job and what the account lists of it are one job, by one key."""
    session.answer(EXECUTE, [])
    [submitted] = submit(client, PLACE, [planned()], max_concurrent=4, is_retry=False)
    found = submitted.tracked(job(submitted.name.name, created_on=NOON))
    assert (found.key, found.identity) == (submitted.key, submitted.identity)
