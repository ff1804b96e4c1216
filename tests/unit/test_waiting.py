"""Waiting in the run: each line once, each job as it ends."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_spcs.errors import ConnectionFailed, StatementError
from dagster_spcs.jobs.submission import LaunchedJob
from dagster_spcs.run.waiting import (
    GAP,
    MOST_FOLLOWED,
    LogFollower,
    containers_of,
    wait_and_stream,
)
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.request import JobRequest, StageFile
from dagster_spcs.spcs.statements import Statement
from dagster_spcs.spec import Container, ServiceSpec
from dagster_spcs.testing import InMemorySession

from .samples import NOON, identity, job_row, name, planned, request
from .test_sqltext import read_literal

LIST = "SHOW JOB SERVICES"
FOLLOW = "SELECT SYSTEM$GET_SERVICE_LOGS"


def containers(*names: str) -> ServiceSpec:
    """A specification with these containers."""
    return ServiceSpec(
        containers=[Container(name=each, image="/lab/jobs/repo/image:1") for each in names]
    )


def launched(bare: str = "JOB_A", partition: str | None = None, **fields) -> LaunchedJob:
    """A job that was started."""
    each = planned(partition=partition, request=request(**fields))
    return LaunchedJob(name(bare), identity(partition=partition), each, adopted=False)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param(request(spec=containers("main")), [(0, "main")], id="one"),
        pytest.param(
            request(spec=containers("main", "side"), replicas=2),
            [(0, "main"), (0, "side"), (1, "main"), (1, "side")],
            id="two-of-two",
        ),
        pytest.param(request(spec=StageFile(stage="@st", path="a.yaml")), [], id="not-known"),
    ],
)
def test_containers_of(asked: JobRequest, found: list) -> None:
    """Containers are known as far as the request itself tells."""
    assert containers_of(asked) == found


# One container's log


def stamp(tick: int) -> str:
    """A time stamp as the account puts it before a line."""
    return f"{NOON + timedelta(microseconds=tick):%Y-%m-%dT%H:%M:%S.%f}000Z"


def account(written: list[str], session: InMemorySession) -> None:
    """Answer with every line written so far whose stamp is not before the one asked for."""

    def answer(statement: Statement) -> list:
        since = read_literal(statement.text.split(", ")[-2])
        return [{"log": "\n".join(line for line in written if line.split(" ")[0] >= since)}]

    session.always(FOLLOW, answer)


WORDS = st.sampled_from(["", "a", "b", "a b", "\t x"])


@given(st.lists(st.tuples(st.integers(0, 2), WORDS, st.booleans()), max_size=30))
def test_each_line_once(events: list[tuple[int, str, bool]]) -> None:
    """However lines and reads fall together, each line comes once and in order.

    Lines may share a time stamp; those that share one differ in their text here.
    """
    session = InMemorySession()
    written: list[str] = []
    account(written, session)
    follower = LogFollower(SpcsClient(session), name(), 0, "main", "")
    read: list[str] = []
    now = 0
    for index, (later, text, look) in enumerate(events):
        now += later
        written.append(f"{stamp(now)} {text}{index}")
        if look:
            read += follower.read()
    read += follower.read()
    assert read == [line.split(" ", 1)[1] for line in written]
    assert follower.read() == []


def test_line_printed_twice(session: InMemorySession) -> None:
    """Two lines of the same text and time are two lines."""
    written = [f"{stamp(1)} retrying", f"{stamp(1)} retrying"]
    account(written, session)
    follower = LogFollower(SpcsClient(session), name(), 0, "main", "")
    assert follower.read() == ["retrying", "retrying"]
    written.append(f"{stamp(1)} retrying")
    assert follower.read() == ["retrying"]
    assert follower.read() == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(None, [], id="no-output"),
        pytest.param("", [], id="empty"),
        pytest.param(f"{stamp(1)} one\n{stamp(2)} two", ["one", "two"], id="two"),
        pytest.param(f"{stamp(1)} one\n", ["one"], id="newline-at-the-end"),
        pytest.param(f"{stamp(1)} ", [""], id="empty-line"),
        pytest.param(f"{stamp(1)} a  b ", ["a  b "], id="blanks-are-kept"),
    ],
)
def test_read_once(text: str | None, lines: list[str], session: InMemorySession) -> None:
    """A line comes without its time stamp and otherwise as it was printed."""
    session.answer(FOLLOW, [{"log": text}])
    assert LogFollower(SpcsClient(session), name(), 0, "main", "").read() == lines


def test_label(session: InMemorySession) -> None:
    """A follower puts its label in front of each line."""
    session.answer(FOLLOW, [{"log": f"{stamp(1)} one"}])
    follower = LogFollower(SpcsClient(session), name(), 1, "side", "[1/side] ")
    assert follower.read() == ["[1/side] one"]
    assert ", 1, 'side', " in session.texts()[0]


def test_gap_is_told(client: SpcsClient, session: InMemorySession) -> None:
    """An answer that begins after the last line seen has lost what was between."""
    session.answer(
        FOLLOW, [{"log": f"{stamp(1)} one"}], [{"log": f"{stamp(1)} one\n{stamp(2)} two"}]
    )
    session.answer(FOLLOW, [{"log": f"{stamp(7)} seven"}])
    follower = LogFollower(client, name(), 0, "main", "")
    assert [follower.read() for _ in range(3)] == [["one"], ["two"], [GAP, "seven"]]


# Jobs


def follow_all(
    client: SpcsClient, jobs: list[LaunchedJob]
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Wait for jobs; return how each ended, the lines, and the warnings."""
    lines: list[str] = []
    warnings: list[str] = []
    ended = [
        (job.name.name, record.status.value)
        for together in wait_and_stream(
            client, jobs, poll_seconds=3, emit=lines.append, warn=warnings.append
        )
        for job, record in together
    ]
    return ended, lines, warnings


def test_waits_and_follows(client: SpcsClient, session: InMemorySession) -> None:
    """Lines come while the job runs and once more after its end; PENDING has none to read."""
    session.answer(
        LIST,
        [job_row(status="PENDING")],
        [job_row()],
        [job_row()],
        [job_row(status="DONE")],
    )
    session.answer(FOLLOW, [{"log": f"{stamp(1)} one"}])
    session.answer(FOLLOW, [{"log": f"{stamp(1)} one\n{stamp(2)} two"}])
    session.answer(FOLLOW, [{"log": f"{stamp(2)} two\n{stamp(3)} three"}])
    assert follow_all(client, [launched()]) == ([("JOB_A", "DONE")], ["one", "two", "three"], [])
    assert session.slept == [3, 3, 3]
    assert session.unused() == []


def test_labels_tell_jobs_and_containers_apart(
    client: SpcsClient, session: InMemorySession
) -> None:
    """With several jobs a line names its partition, with several containers its container."""
    session.answer(LIST, [job_row("JOB_A", "DONE"), job_row("JOB_B", "DONE")])
    session.always(FOLLOW, [{"log": f"{stamp(1)} hi"}])
    jobs = [
        launched("JOB_A", "p1"),
        launched("JOB_B", None, spec=containers("main", "side")),
    ]
    _, lines, _ = follow_all(client, jobs)
    assert lines == ["[p1] hi", "[scores 0/main] hi", "[scores 0/side] hi"]


def test_jobs_are_yielded_as_they_end(client: SpcsClient, session: InMemorySession) -> None:
    """A job that fails is yielded like one that succeeds, each with its own record."""
    session.answer(
        LIST,
        [job_row("JOB_A"), job_row("JOB_B", "FAILED")],
        [job_row("JOB_A", "DONE"), job_row("JOB_B", "FAILED")],
    )
    session.always(FOLLOW, [{"log": None}])
    ended, _, _ = follow_all(client, [launched("JOB_A", "a"), launched("JOB_B", "b")])
    assert ended == [("JOB_B", "FAILED"), ("JOB_A", "DONE")]


def test_log_that_is_not_there_yet(client: SpcsClient, session: InMemorySession) -> None:
    """A refused read while the job runs is tried again in silence."""
    session.answer(LIST, [job_row()], [job_row(status="DONE")])
    session.answer(FOLLOW, StatementError("Waiting to start"), [{"log": f"{stamp(1)} one"}])
    assert follow_all(client, [launched()]) == ([("JOB_A", "DONE")], ["one"], [])


def test_log_that_is_gone_at_the_end(client: SpcsClient, session: InMemorySession) -> None:
    """A refused last read is told once a job; the job is yielded all the same."""
    session.answer(LIST, [job_row(status="DONE")])
    session.always(FOLLOW, StatementError("The node is gone."))
    ended, lines, warnings = follow_all(client, [launched(spec=containers("main", "side"))])
    assert (ended, lines) == ([("JOB_A", "DONE")], [])
    [warning] = warnings
    assert warning.startswith("the log of LAB.JOBS.JOB_A could not be followed to its end")


def test_broken_connection(client: SpcsClient, session: InMemorySession) -> None:
    """A connection that stays broken ends the waiting with its error."""
    session.always(LIST, [job_row()])
    session.always(FOLLOW, ConnectionFailed("broke"))
    with pytest.raises(ConnectionFailed):
        follow_all(client, [launched()])


def test_only_some_are_followed(client: SpcsClient, session: InMemorySession) -> None:
    """Of very many jobs only the first are followed; all are waited for."""
    bare = [f"JOB_{number:02}" for number in range(MOST_FOLLOWED + 5)]
    session.answer(LIST, [job_row(each, "DONE") for each in bare])
    session.always(FOLLOW, [{"log": f"{stamp(1)} hi"}])
    ended, lines, _ = follow_all(client, [launched(each, each) for each in bare])
    assert len(ended) == MOST_FOLLOWED + 5
    assert lines == [f"[{each}] hi" for each in bare[:MOST_FOLLOWED]]
