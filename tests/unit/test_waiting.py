"""Waiting in the run: each job as it ends, with the lines of its containers."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dagster_spcs.errors import ConnectionFailed, NotPrivileged, StatementError
from dagster_spcs.jobs.gather import Gatherer
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.submission import SubmittedJob
from dagster_spcs.run.waiting import (
    MOST_FOLLOWED,
    LogStreams,
    containers_of,
    gather_whole,
    print_line,
    wait_and_stream,
)
from dagster_spcs.spcs import clocks
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.records import JobLog, LogLine
from dagster_spcs.spcs.request import JobRequest, StageFile
from dagster_spcs.spec import Container, ServiceSpec
from dagster_spcs.testing import InMemorySession

from .samples import container_row, identity, job_row, log_row, name, planned, request, tracked
from .test_log_follower import stamp

LIST = "SHOW JOB SERVICES"
FOLLOW = "SELECT SYSTEM$GET_SERVICE_LOGS"


def containers(*names: str) -> ServiceSpec:
    """A specification with these containers."""
    return ServiceSpec(
        containers=[Container(name=each, image="/lab/jobs/repo/image:1") for each in names]
    )


def started(bare: str = "JOB_A", partition: str | None = None, **fields: Any) -> SubmittedJob:
    """A job that was started."""
    each = planned(partition=partition, request=request(**fields))
    return SubmittedJob(name(bare), identity(partition=partition), each, adopted=False)


def overdue(bare: str = "JOB_A") -> SubmittedJob:
    """A job that was started, whose deadline is past."""
    now = clocks.utc_now()
    who = identity(submitted=now - timedelta(hours=2), deadline=now - timedelta(hours=1))
    return SubmittedJob(name(bare), who, planned(), adopted=False)


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


# Jobs


def follow_all(
    client: SpcsClient, jobs: Sequence[SubmittedJob]
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Wait for jobs; return how each ended, the lines, and the warnings."""
    lines: list[str] = []
    warnings: list[str] = []
    streams = LogStreams(client, jobs, warnings.append, lines.append)
    ended = [
        (job.name.name, job.status.value)
        for together in wait_and_stream(client, jobs, streams, poll_seconds=3, warn=warnings.append)
        for job in together
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
    assert follow_all(client, [started()]) == ([("JOB_A", "DONE")], ["one", "two", "three"], [])
    assert session.slept == [3, 3, 3]
    assert session.unused() == []


def test_labels_tell_jobs_and_containers_apart(
    client: SpcsClient, session: InMemorySession
) -> None:
    """With several jobs a line names its partition, with several containers its container."""
    session.answer(LIST, [job_row("JOB_A", "DONE"), job_row("JOB_B", "DONE")])
    session.always(FOLLOW, [{"log": f"{stamp(1)} hi"}])
    jobs = [
        started("JOB_A", "p1"),
        started("JOB_B", None, spec=containers("main", "side")),
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
    ended, _, _ = follow_all(client, [started("JOB_A", "a"), started("JOB_B", "b")])
    assert ended == [("JOB_B", "FAILED"), ("JOB_A", "DONE")]


def test_log_that_is_not_there_yet(client: SpcsClient, session: InMemorySession) -> None:
    """A refused read while the job runs is tried again in silence."""
    session.answer(LIST, [job_row()], [job_row(status="DONE")])
    session.answer(FOLLOW, StatementError("Waiting to start"), [{"log": f"{stamp(1)} one"}])
    assert follow_all(client, [started()]) == ([("JOB_A", "DONE")], ["one"], [])


def test_log_that_is_gone_at_the_end(client: SpcsClient, session: InMemorySession) -> None:
    """A refused last read is told once a job; the job is yielded all the same."""
    session.answer(LIST, [job_row(status="DONE")])
    session.always(FOLLOW, StatementError("The node is gone."))
    ended, lines, warnings = follow_all(client, [started(spec=containers("main", "side"))])
    assert (ended, lines) == ([("JOB_A", "DONE")], [])
    [warning] = warnings
    assert warning.startswith("The log of LAB.JOBS.JOB_A could not be followed to its end")


def test_broken_connection(client: SpcsClient, session: InMemorySession) -> None:
    """A connection that stays broken ends the waiting with its error."""
    session.always(LIST, [job_row()])
    session.always(FOLLOW, ConnectionFailed("broke"))
    with pytest.raises(ConnectionFailed):
        follow_all(client, [started()])


def test_only_some_are_followed(client: SpcsClient, session: InMemorySession) -> None:
    """Of very many jobs only the first are followed, and that is told; all are waited for."""
    bare = [f"JOB_{number:02}" for number in range(MOST_FOLLOWED + 5)]
    session.answer(LIST, [job_row(each, "DONE") for each in bare])
    session.always(FOLLOW, [{"log": f"{stamp(1)} hi"}])
    ended, lines, warnings = follow_all(client, [started(each, each) for each in bare])
    assert len(ended) == MOST_FOLLOWED + 5
    assert lines == [f"[{each}] hi" for each in bare[:MOST_FOLLOWED]]
    [warning] = warnings
    assert warning.startswith("The logs of 10 containers are followed live. For the other 5 ")


def test_all_are_followed(client: SpcsClient, session: InMemorySession) -> None:
    """Where every container is followed nothing is said of others."""
    jobs = [started(f"JOB_{number}") for number in range(MOST_FOLLOWED)]
    warnings: list[str] = []
    LogStreams(client, jobs, warnings.append, warnings.append)
    assert warnings == []


def test_last_lines_of_the_others(client: SpcsClient, session: InMemorySession) -> None:
    """What was not followed is printed from the report; what was is not printed twice."""
    lines: list[str] = []
    streams = LogStreams(client, [started(replicas=MOST_FOLLOWED + 1)], print, lines.append)
    log = JobLog((LogLine("followed", 0, "main"), LogLine("left", MOST_FOLLOWED, "main")))
    streams.print_others(JobReport(tracked("JOB_A", "DONE"), log=log))
    assert lines == [f"[{MOST_FOLLOWED}/main] left"]


def test_last_lines_of_containers_that_are_not_known(
    client: SpcsClient, session: InMemorySession
) -> None:
    """The containers of a specification on a stage are known only when the job has ended."""
    lines: list[str] = []
    on_stage = started(spec=StageFile(stage="@st", path="a.yaml"))
    streams = LogStreams(client, [on_stage], lines.append, lines.append)
    streams.read(name(), last=True)
    streams.print_others(
        JobReport(tracked("JOB_A", "DONE"), log=JobLog((LogLine("hi", 0, "main"),)))
    )
    assert lines == ["hi"]
    assert session.asked == []


def test_job_past_its_deadline(client: SpcsClient, session: InMemorySession) -> None:
    """It is cancelled once, and yielded when it has ended."""
    session.answer(LIST, [job_row()], [job_row(status="CANCELLING")], [job_row(status="CANCELLED")])
    session.always(FOLLOW, [{"log": None}])
    session.answer("CALL", [])
    ended, _, warnings = follow_all(client, [overdue()])
    assert ended == [("JOB_A", "CANCELLED")]
    assert warnings == ["LAB.JOBS.JOB_A is past its deadline and is cancelled."]


def test_refused_cancellation(client: SpcsClient, session: InMemorySession) -> None:
    """A cancellation that is refused is tried again at the next look."""
    session.answer(LIST, [job_row()], [job_row()], [job_row(status="CANCELLED")])
    session.always(FOLLOW, [{"log": None}])
    session.answer("CALL", NotPrivileged("no OPERATE"), [])
    _, _, warnings = follow_all(client, [overdue()])
    assert [warning.split(":")[0] for warning in warnings] == [
        "LAB.JOBS.JOB_A is past its deadline and is cancelled.",
        "It could not be cancelled",
        "LAB.JOBS.JOB_A is past its deadline and is cancelled.",
    ]
    assert session.unused() == []


def test_signs_of_life(client: SpcsClient, session: InMemorySession) -> None:
    """A sign is shown at each look."""
    session.answer(LIST, [job_row()], [job_row()], [job_row(status="DONE")])
    session.always(FOLLOW, [{"log": None}])
    shown: list[bool] = []
    jobs = [started()]
    streams = LogStreams(client, jobs, print, print)
    waiting = wait_and_stream(
        client,
        jobs,
        streams,
        poll_seconds=3,
        warn=print,
        show_alive=lambda: shown.append(True),
    )
    assert len(list(waiting)) == 1
    assert len(shown) == 2


def test_compute_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines are printed, whatever characters they have."""
    print_line("hi \ud800")
    assert capsys.readouterr().out == "hi ?\n"


def message(method: str, **params: object) -> str:
    """A Pipes message."""
    return json.dumps({"__dagster_pipes_version": "0.1", "method": method, "params": params})


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain", ["plain"]),
        (message("opened"), []),
        (f"50 %{message('opened')} done", ["50 %", " done"]),
        (message("log", message="two\nlines", level="WARNING"), ["WARNING: two", "WARNING: lines"]),
        (message("log", message="cut off")[:-5], []),
        (message("log", message=7), []),
        (f"before{message('opened')[:-5]}", ["before"]),
    ],
)
def test_lines_of_a_container_that_speaks_pipes(
    client: SpcsClient, session: InMemorySession, line: str, shown: list[str]
) -> None:
    """Messages are no lines, except for what is logged through Pipes."""
    for pipes, expected in ((True, shown), (False, [line])):
        session.answer(FOLLOW, [{"log": f"2026-01-01T12:00:00.000000000Z {line}"}])
        lines: list[str] = []
        job = started()
        job = replace(job, planned=replace(job.planned, pipes=pipes))
        LogStreams(client, [job], print, lines.append).read(name(), last=True)
        assert lines == expected


# Reports of ended jobs

LOGS = "SELECT JOB, TIMESTAMP"
OPENED = '{"__dagster_pipes_version": "0.1", "method": "opened"}'
CLOSED = '{"__dagster_pipes_version": "0.1", "method": "closed"}'


def gather_all(
    client: SpcsClient,
    who: JobIdentity,
    status: str,
    partitions: Sequence[str] = (),
    **columns: Any,
) -> tuple[JobReport, list[str], list[str]]:
    """Gather the report of one job; return it, what was said meanwhile, and the warnings."""
    said: list[str] = []
    warnings: list[str] = []
    gatherer = Gatherer(
        client,
        source="warehouse",
        last_lines=10,
        partitions_of_start=lambda job: partitions,
    )
    [report] = gather_whole(
        client,
        gatherer,
        [tracked("JOB_A", status, who, **columns)],
        poll_seconds=0,
        say=said.append,
        warn=warnings.append,
    )
    return report, said, warnings


@pytest.fixture
def ended(session: InMemorySession) -> InMemorySession:
    """A session that knows of an ended job, and nothing of its log."""
    session.always("SELECT * FROM TABLE(SNOWFLAKE", [])
    session.always(LOGS, [])
    session.always("SHOW SERVICE CONTAINERS", [container_row()])
    session.always("SHOW COMPUTE POOLS", [])
    session.always(FOLLOW, StatementError("the node is gone"))
    return session


def test_report_that_is_whole(client: SpcsClient, ended: InMemorySession) -> None:
    """A job that does not speak Pipes is reported at once."""
    report, said, _ = gather_all(client, identity(), "DONE")
    assert (report.succeeded, said) == (True, [])


def test_rest_of_a_log(client: SpcsClient, ended: InMemorySession) -> None:
    """The container's last word is waited for, because lines arrive late."""
    opened, closed = log_row(0, OPENED, 1), log_row(0, CLOSED, 2)
    ended.answer(LOGS, [opened], [opened], [opened, closed])
    report, said, _ = gather_all(client, identity(pipes=True), "DONE")
    assert report.messages is not None
    assert report.messages.has_closed
    assert len(said) == 2
    assert ended.unused() == []


def test_other_instances_of_a_batch(client: SpcsClient, ended: InMemorySession) -> None:
    """A batch is reported when each of its instances has ended."""
    at_work = container_row(instance_id="1", last_exit_code=None, status="READY")
    failed = container_row(last_exit_code=1)
    ended.answer(
        "SHOW SERVICE CONTAINERS", [failed, at_work], [failed, container_row(instance_id="1")]
    )
    report, said, _ = gather_all(
        client, identity(batch=True), "FAILED", ["a", "b"], target_instances=2
    )
    assert [part.succeeded for part in report.parts] == [False, True]
    assert len(said) == 1


def test_batch_past_its_deadline(client: SpcsClient, ended: InMemorySession) -> None:
    """Instances that work on beyond the deadline are cancelled; a refusal is told."""
    rows = [
        container_row(last_exit_code=1),
        container_row(instance_id="1", last_exit_code=None, status="READY"),
    ]
    ended.always("SHOW SERVICE CONTAINERS", rows)
    who = overdue().identity.model_copy(update={"batch": True})
    for answer, warned in (([], 0), (NotPrivileged("no OPERATE"), 1)):
        ended.answer("CALL", answer)
        report, said, warnings = gather_all(client, who, "FAILED", ["a", "b"], target_instances=2)
        assert report.timed_out
        assert (said, len(warnings)) == ([], warned)
    assert ended.unused() == []
