"""The client: one sentence about jobs a method, over a session that is only a script."""

import threading

import pytest

from dagster_spcs.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    NoCurrentSchema,
    NotPrivileged,
    ObjectExists,
    ObjectNotFound,
    SessionExpired,
    SpcsError,
    StatementError,
    UnexpectedAnswer,
)
from dagster_spcs.spcs.client import LOG_BATCH, SpcsClient
from dagster_spcs.spcs.job_errors import JobTimedOut, SubmissionFailed
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import HistoryRecord, JobLog, TableFacts
from dagster_spcs.spcs.statements import Statement
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.spcs.submission import Submission
from dagster_spcs.spcs.unreadable import Unreadable
from dagster_spcs.testing import InMemorySession

from .samples import (
    NOON,
    at,
    container,
    container_row,
    history_row,
    job,
    job_row,
    log_row,
    name,
    request,
)

EXECUTE = "EXECUTE JOB SERVICE"
DESCRIBE = "DESCRIBE SERVICE"
LIST = "SHOW JOB SERVICES"
NODE_LOGS = "SELECT SYSTEM$GET_SERVICE_LOGS"
HISTORY = "SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY"
LOGS = "SELECT JOB, TIMESTAMP"
STARTED = [{"status": "Started Snowpark Container Services Job 'JOB_A'."}]


def submission(bare: str = "JOB_A") -> Submission:
    """A job to start."""
    return Submission(request(), name(bare), "pool", "hello")


# Submitting


def test_submit(client: SpcsClient, session: InMemorySession) -> None:
    """A job is started with one statement."""
    session.answer(EXECUTE, STARTED)
    submitted = client.submit(submission())
    assert (submitted.name, submitted.adopted) == (name(), None)
    [text] = session.texts()
    assert 'IN COMPUTE POOL "POOL"' in text
    assert "COMMENT = 'hello'" in text


def test_submit_under_a_taken_name(client: SpcsClient, session: InMemorySession) -> None:
    """A job that holds the name already is returned, not started again."""
    session.answer(EXECUTE, ObjectExists("Object 'JOB_A' already exists."))
    session.answer(DESCRIBE, [job_row(comment="mine")])
    adopted = client.submit(submission()).adopted
    assert adopted is not None
    assert (adopted.name, adopted.comment) == (name(), "mine")


def test_submit_whose_answer_was_lost(client: SpcsClient, session: InMemorySession) -> None:
    """A submission that breaks off is repeated, and meets its own first try by name."""
    session.answer(EXECUTE, ConnectionFailed("broke"), ObjectExists("exists"))
    session.answer(DESCRIBE, [job_row("JOB_A", "PENDING")])
    adopted = client.submit(submission()).adopted
    assert adopted is not None
    assert adopted.status is JobStatus.PENDING


def test_submit_refused(client: SpcsClient, session: InMemorySession) -> None:
    """A refusal reaches the caller as it is, without a second try."""
    session.answer(EXECUTE, NotPrivileged("no USAGE on POOL"))
    with pytest.raises(NotPrivileged):
        client.submit(submission())
    assert session.slept == []


def test_submit_many_keeps_the_order(client: SpcsClient, session: InMemorySession) -> None:
    """Outcomes come in the order of the submissions, adopted ones among them."""

    def execute(statement: Statement) -> list:
        if "JOB_1\n" in statement.text:
            raise ObjectExists("exists")
        return STARTED

    session.always(EXECUTE, execute)
    session.answer(DESCRIBE, [job_row("JOB_1")])
    submitted = client.submit_many([submission(f"JOB_{n}") for n in range(5)], max_concurrent=3)
    assert [each.name.name for each in submitted] == [f"JOB_{n}" for n in range(5)]
    assert [each.adopted is not None for each in submitted] == [False, True, False, False, False]


def test_submit_many_at_once(client: SpcsClient, session: InMemorySession) -> None:
    """So many statements are in flight as allowed: each here is answered once it has company."""
    company = threading.Barrier(2, timeout=30)

    def execute(statement: Statement) -> list:
        company.wait()
        return STARTED

    session.always(EXECUTE, execute)
    assert (
        len(client.submit_many([submission("JOB_1"), submission("JOB_2")], max_concurrent=2)) == 2
    )


def test_submit_many_one_at_a_time(client: SpcsClient, session: InMemorySession) -> None:
    """Never more statements are in flight than allowed."""
    busy = threading.Lock()

    def execute(statement: Statement) -> list:
        assert busy.acquire(blocking=False), "a second statement is in flight"
        busy.release()
        return STARTED

    session.always(EXECUTE, execute)
    assert (
        len(client.submit_many([submission(f"JOB_{n}") for n in range(20)], max_concurrent=1)) == 20
    )


@pytest.mark.parametrize("failing", [["JOB_1"], ["JOB_0", "JOB_2"], ["JOB_0", "JOB_1", "JOB_2"]])
def test_submit_many_in_part(
    failing: list[str], client: SpcsClient, session: InMemorySession
) -> None:
    """When some fail, the error names those that are in flight and why the others are not."""

    def execute(statement: Statement) -> list:
        if any(f"{bare}\n" in statement.text for bare in failing):
            raise NotPrivileged("no USAGE on POOL")
        return STARTED

    session.always(EXECUTE, execute)
    bare = ["JOB_0", "JOB_1", "JOB_2"]
    with pytest.raises(SubmissionFailed) as caught:
        client.submit_many([submission(each) for each in bare])
    assert set(caught.value.failed) == {name(each) for each in failing}
    started = [name(each) for each in bare if each not in failing]
    assert caught.value.started == [each.name for each in caught.value.submitted] == started


def test_submit_one_of_many(client: SpcsClient, session: InMemorySession) -> None:
    """A single submission that is refused raises its own error."""
    session.answer(EXECUTE, NotPrivileged("no USAGE on POOL"))
    with pytest.raises(NotPrivileged):
        client.submit_many([submission()])


def test_submit_none(client: SpcsClient, session: InMemorySession) -> None:
    """Nothing to submit asks nothing."""
    assert list(client.submit_many([])) == []
    assert session.asked == []


# Looking


def test_describe(client: SpcsClient, session: InMemorySession) -> None:
    """Describing is one statement and one record."""
    session.answer(DESCRIBE, [job_row("JOB_A", "DONE")])
    assert client.describe(name()).status is JobStatus.DONE
    assert session.texts() == ['DESCRIBE SERVICE "LAB"."JOBS".JOB_A']


@pytest.mark.parametrize(
    "answer",
    [pytest.param(ObjectNotFound("gone"), id="refused"), pytest.param([], id="no-row")],
)
def test_describe_a_dropped_job(answer, client: SpcsClient, session: InMemorySession) -> None:
    """A dropped job is not found."""
    session.answer(DESCRIBE, answer)
    with pytest.raises(ObjectNotFound):
        client.describe(name())


def test_list(client: SpcsClient, session: InMemorySession) -> None:
    """A listing is one statement; what LIKE finds by ignoring case is left out."""
    session.answer(LIST, [job_row("D_1"), job_row("d_2"), job_row("D_3", "DONE")])
    listed = client.list_jobs(database="LAB", schema="JOBS", prefix="D_")
    assert [each.name.name for each in listed] == ["D_1", "D_3"]
    [text] = session.texts()
    assert text == r"""SHOW JOB SERVICES LIKE 'D\\_%' IN SCHEMA "LAB"."JOBS" """.strip()


def test_list_passes_over_odd_names(client: SpcsClient, session: InMemorySession) -> None:
    """A service whose name no job of ours could have is left out, and hides no other one."""
    for odd in ("D_lower", "D_DOLLAR$", "D_TRAILING_", "D_" + "X" * 80):
        session.answer(LIST, [job_row(odd), job_row("D_1")])
        listed = client.list_jobs(database="LAB", schema="JOBS", prefix="D_")
        assert [each.name.name for each in listed] == ["D_1"]
        assert listed.unreadable == ()


def test_list_with_rows_that_cannot_be_read(client: SpcsClient, session: InMemorySession) -> None:
    """Such a row is told beside the jobs, with its name if that can be told."""
    rows = [job_row("D_1"), job_row("D_2", created_on="yesterday"), job_row(name=None)]
    session.answer(LIST, rows)
    listed = client.list_jobs(database="LAB", schema="JOBS", prefix="D_")
    assert [each.name.name for each in listed] == ["D_1"]
    assert [each.name for each in listed.unreadable] == ["D_2", ""]


def test_list_pages(client: SpcsClient, session: InMemorySession) -> None:
    """Ten thousand rows are followed by a question for the rest, from the last name on."""
    session.answer(LIST, [job_row(f"D_{n:05}") for n in range(10_000)], [job_row("D_LAST")])
    listed = client.list_jobs(database="LAB", schema="JOBS", prefix="D_")
    assert len(listed) == 10_001
    first, second = session.texts()
    assert "LIMIT" not in first
    assert second == f"{first} LIMIT 10000 FROM 'D_09999'"


def test_containers_and_instances(client: SpcsClient, session: InMemorySession) -> None:
    """Containers and instances are one statement each."""
    session.answer("SHOW SERVICE CONTAINERS", [container_row(), container_row(instance_id="1")])
    session.answer("SHOW SERVICE INSTANCES", [{"instance_id": "0", "status": "DONE"}])
    assert [each.where for each in client.containers(name())] == ["0/main", "1/main"]
    assert [each.instance_id for each in client.instances(name())] == [0]


@pytest.mark.parametrize(
    ("pool", "family"),
    [
        pytest.param("CPU_S", "CPU_X64_S", id="found"),
        pytest.param("CPUXS", None, id="only-like-it"),
        pytest.param("my pool", "GPU_NV_S", id="quoted-name"),
        pytest.param("GONE", None, id="not-visible"),
    ],
)
def test_instance_family(
    pool: str, family: str | None, client: SpcsClient, session: InMemorySession
) -> None:
    """A pool's family is found by the pool's own name, in stored form as jobs carry it."""
    session.answer(
        "SHOW COMPUTE POOLS",
        [
            {"name": "CPU_S", "instance_family": "CPU_X64_S"},
            {"name": "my pool", "instance_family": "GPU_NV_S"},
        ],
    )
    assert client.instance_family(pool) == family


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        pytest.param("spec: {containers: []}", {"spec": {"containers": []}}, id="yaml"),
        pytest.param(None, {}, id="not-shown-to-this-role"),
        pytest.param("", {}, id="empty"),
    ],
)
def test_specification(
    spec: str | None, found: dict, client: SpcsClient, session: InMemorySession
) -> None:
    """A job's specification is plain data, empty where the role does not see it."""
    session.answer(DESCRIBE, [job_row(spec=spec)])
    assert client.specification(name()) == found


def test_specification_that_cannot_be_read(client: SpcsClient, session: InMemorySession) -> None:
    """What is no mapping is an odd answer, whatever the parser makes of it."""
    for spec in ("[", "- a", "text", "!!python/object:x {}", "\0"):
        session.answer(DESCRIBE, [job_row(spec=spec)])
        with pytest.raises(UnexpectedAnswer, match=r"the specification of LAB\.JOBS\.JOB_A"):
            client.specification(name())


def test_one_row_that_cannot_be_read(client: SpcsClient, session: InMemorySession) -> None:
    """Where one thing was asked for, an answer that cannot be read is an error."""
    session.answer(DESCRIBE, [job_row(created_on="yesterday")])
    with pytest.raises(UnexpectedAnswer, match="a JobRecord of JOB_A could not be read"):
        client.describe(name())
    session.answer("SHOW SERVICE CONTAINERS", [container_row(), container_row(instance_id="x")])
    with pytest.raises(UnexpectedAnswer, match="a ContainerRecord could not be read"):
        client.containers(name())


# Waiting


def test_wait(client: SpcsClient, session: InMemorySession) -> None:
    """Jobs are yielded as they end; one listing an interval does for all of them."""
    session.answer(
        LIST,
        [job_row("JOB_A"), job_row("JOB_B"), job_row("JOB_OTHER", "DONE")],
        [job_row("JOB_A"), job_row("JOB_B", "FAILED")],
        [job_row("JOB_A", "DONE"), job_row("JOB_B", "FAILED")],
    )
    ended = list(client.wait([name("JOB_A"), name("JOB_B")], poll_seconds=7))
    assert [(each.name.name, each.status.value) for each in ended] == [
        ("JOB_B", "FAILED"),
        ("JOB_A", "DONE"),
    ]
    assert session.slept == [7, 7]
    assert session.unused() == []


def test_wait_yields_at_once(client: SpcsClient, session: InMemorySession) -> None:
    """A job that has ended is yielded before the next look."""
    session.answer(LIST, [job_row("JOB_A", "DONE"), job_row("JOB_B")])
    waiting = client.wait([name("JOB_A"), name("JOB_B")])
    assert next(iter(waiting)).name == name("JOB_A")
    assert (len(session.asked), session.slept) == (1, [])


def test_wait_for_nothing(client: SpcsClient, session: InMemorySession) -> None:
    """Waiting for no job ends at once and asks nothing."""
    assert list(client.wait([])) == []
    assert session.asked == []


def test_wait_in_two_schemas(client: SpcsClient, session: InMemorySession) -> None:
    """Jobs of different schemas cost one listing a schema, and are told apart by it."""
    names = {name("JOB_A"), name("JOB_A", schema="S2")}

    def rows(statement: Statement) -> list:
        schema = "S2" if '"S2"' in statement.text else "JOBS"
        return [job_row("JOB_A", "DONE", schema_name=schema)]

    session.always(LIST, rows)
    ended = list(client.wait(names))
    assert {each.name for each in ended} == names
    assert len(session.asked) == 2


def test_wait_goes_on(client: SpcsClient, session: InMemorySession) -> None:
    """A status that is not final, known or not, is waited through."""
    for word in ("SUSPENDED", "HIBERNATING", "CANCELLING", "DELETING"):
        session.answer(LIST, [job_row(status=word)], [job_row(status="CANCELLED")])
        [ended] = client.wait([name()])
        assert ended.status is JobStatus.CANCELLED


def test_wait_in_batches(client: SpcsClient, session: InMemorySession) -> None:
    """Jobs that one look found ended come together."""
    session.answer(
        LIST,
        [job_row("JOB_A", "DONE"), job_row("JOB_B", "DONE"), job_row("JOB_C")],
        [job_row("JOB_C", "DONE")],
    )
    names = [name("JOB_A"), name("JOB_B"), name("JOB_C")]
    ended = client.wait_in_batches(names)
    assert [[each.name.name for each in batch] for batch in ended] == [
        ["JOB_A", "JOB_B"],
        ["JOB_C"],
    ]


def test_wait_for_a_job_that_cannot_be_read_for_a_while(session: InMemorySession) -> None:
    """A job whose row cannot be read is there: it is looked at again, and that is told."""
    bad = job_row(updated_on="yesterday")
    session.answer(LIST, [job_row()], [bad], [job_row(status="DONE")])
    session.answer(DESCRIBE, [bad])
    told: list[SpcsError] = []
    client = SpcsClient(session, on_retry=told.append, sleep=session.slept.append)
    [ended] = client.wait([name()])
    assert ended.status is JobStatus.DONE
    assert [type(each) for each in told] == [UnexpectedAnswer]


@pytest.mark.parametrize(
    "refusal",
    [StatementError("internal", errno=603), UnexpectedAnswer("odd")],
    ids=["refused", "unreadable"],
)
def test_wait_through_refused_looks(session: InMemorySession, refusal: SpcsError) -> None:
    """A look that is refused is told and taken again at the next interval."""
    session.answer(LIST, [job_row()], refusal, refusal, [job_row(status="DONE")])
    told: list[SpcsError] = []
    polled: list[int] = []
    client = SpcsClient(
        session,
        retry_timeout_seconds=60,
        on_retry=told.append,
        sleep=session.slept.append,
        clock=lambda: sum(session.slept),
    )
    [ended] = client.wait([name()], poll_seconds=7, on_poll=lambda jobs: polled.append(len(jobs)))
    assert ended.status is JobStatus.DONE
    assert (told, session.slept, polled) == ([refusal, refusal], [7, 7, 7], [1])


def test_refused_looks_end_the_wait_like_an_outage(session: InMemorySession) -> None:
    """They are counted from the first one after the last answer."""
    refusal = StatementError("internal", errno=603)
    session.answer(LIST, refusal, [job_row()])
    session.always(LIST, refusal)
    client = SpcsClient(
        session,
        retry_timeout_seconds=20,
        sleep=session.slept.append,
        clock=lambda: sum(session.slept),
    )
    with pytest.raises(StatementError):
        list(client.wait([name()], poll_seconds=7))
    assert session.slept == [7, 7, 7, 7, 7]


@pytest.mark.parametrize("kind", [ObjectNotFound, NotPrivileged, NoCurrentSchema])
def test_lasting_refusal_ends_the_wait(
    client: SpcsClient, session: InMemorySession, kind: type[StatementError]
) -> None:
    """Nothing is gained by asking again."""
    session.answer(LIST, [job_row()], kind("refused"))
    with pytest.raises(kind):
        list(client.wait([name()]))
    assert len(session.texts(LIST)) == 2


def test_wait_for_a_job_that_is_dropped(client: SpcsClient, session: InMemorySession) -> None:
    """A job dropped while it is waited for ends as DELETED."""
    session.answer(LIST, [job_row(comment="mine")], [])
    session.always(DESCRIBE, ObjectNotFound("gone"))
    [ended] = client.wait([name()])
    assert (ended.status, ended.name, ended.comment) == (JobStatus.DELETED, name(), "mine")


def test_wait_for_a_job_that_never_was(client: SpcsClient, session: InMemorySession) -> None:
    """A name that never was a job's is an error, not an endless wait."""
    session.answer(LIST, [])
    session.answer(DESCRIBE, ObjectNotFound("no such service"))
    with pytest.raises(ObjectNotFound):
        list(client.wait([name()]))


def test_wait_for_a_job_that_is_not_listed_yet(
    client: SpcsClient, session: InMemorySession
) -> None:
    """A job that exists and that the listing does not show yet is waited for like any other."""
    session.answer(LIST, [], [], [job_row()], [job_row(status="DONE")])
    session.always(DESCRIBE, [job_row(status="PENDING")])
    looks: list[list[str]] = []
    ended = client.wait(
        [name()], on_poll=lambda jobs: looks.append([each.status.value for each in jobs])
    )
    assert [each.status for each in ended] == [JobStatus.DONE]
    assert looks == [["PENDING"], ["PENDING"], ["RUNNING"]]


def test_wait_tells_of_each_look(client: SpcsClient, session: InMemorySession) -> None:
    """After each look the unfinished jobs are passed on, by name."""
    session.answer(
        LIST,
        [job_row("JOB_B"), job_row("JOB_A")],
        [job_row("JOB_B"), job_row("JOB_A", "DONE")],
        [job_row("JOB_B", "DONE")],
    )
    looks: list[list[str]] = []
    names = [name("JOB_A"), name("JOB_B")]
    list(client.wait(names, on_poll=lambda jobs: looks.append([each.name.name for each in jobs])))
    assert looks == [["JOB_A", "JOB_B"], ["JOB_B"]]


def test_wait_too_long(client: SpcsClient, session: InMemorySession) -> None:
    """When the time is up the jobs that go on are named; those that ended were yielded."""
    session.always(LIST, [job_row("JOB_A", "DONE"), job_row("JOB_C"), job_row("JOB_B")])
    waiting = client.wait(
        [name("JOB_C"), name("JOB_B"), name("JOB_A")], poll_seconds=10, timeout_seconds=30
    )
    assert next(waiting).name == name("JOB_A")
    with pytest.raises(JobTimedOut) as caught:
        next(waiting)
    assert caught.value.names == [name("JOB_B"), name("JOB_C")]
    assert session.slept == [10, 10, 10]


def test_wait_looks_once_when_there_is_no_time(
    client: SpcsClient, session: InMemorySession
) -> None:
    """No time at all is one look."""
    session.answer(LIST, [job_row()])
    with pytest.raises(JobTimedOut):
        list(client.wait([name()], timeout_seconds=0))
    assert session.slept == []


# History and logs


def test_history_of_a_name_used_again(client: SpcsClient, session: InMemorySession) -> None:
    """A job's row is the one of its own creation, whatever else had the name before or after."""
    rows = [
        history_row("JOB_A", created_time=at(minute), query_id=f"q{minute}")
        for minute in (10, 20, 30)
    ]
    session.answer(HISTORY, rows)
    [found] = client.history([job("JOB_A", created_on=at(20))]).values()
    assert isinstance(found, HistoryRecord)
    assert found.query_id == "q20"


def test_history_of_another_job_of_the_name(client: SpcsClient, session: InMemorySession) -> None:
    """A row of another creation is no row of the job."""
    session.answer(HISTORY, [history_row("JOB_A", created_time=at(10))])
    assert client.history([job("JOB_A", created_on=at(20))]) == {}


def test_history_that_cannot_be_read(client: SpcsClient, session: InMemorySession) -> None:
    """A row that cannot be read is told for its job, unless another one is the job's."""
    bad = history_row("JOB_A", id="seventeen")
    session.answer(HISTORY, [bad, history_row("JOB_B")], [bad, history_row("JOB_A")])
    jobs = [job("JOB_A"), job("JOB_B"), job("JOB_C")]
    found = client.history(jobs)
    assert isinstance(found[name("JOB_A")], Unreadable)
    assert isinstance(found[name("JOB_B")], HistoryRecord)
    assert name("JOB_C") not in found
    assert isinstance(client.history(jobs)[name("JOB_A")], HistoryRecord)


def test_history(client: SpcsClient, session: InMemorySession) -> None:
    """History of many jobs is one statement over the span of their creation."""
    session.answer(
        HISTORY,
        [history_row("JOB_A", created_time=at(30)), history_row("JOB_B", created_time=at(0))],
    )
    jobs = [job("JOB_A", created_on=at(30)), job("JOB_B", created_on=at(0))]
    assert set(client.history(jobs)) == {name("JOB_A"), name("JOB_B")}
    [text] = session.texts()
    assert "START => TO_TIMESTAMP_LTZ('2026-01-01 11:55:00" in text
    assert "END => TO_TIMESTAMP_LTZ('2026-01-01 12:35:00" in text
    assert "NAME IN ('JOB_A', 'JOB_B')" in text


def test_history_of_a_name_used_twice(client: SpcsClient, session: InMemorySession) -> None:
    """Of several jobs that had one name, the newest is the one that is listed."""
    earlier = history_row(created_time=at(-3), status="FAILED", query_id="old")
    session.answer(HISTORY, [history_row(query_id="new"), earlier])
    found = client.history([job()])[name()]
    assert isinstance(found, HistoryRecord)
    assert found.query_id == "new"


def test_history_of_names(client: SpcsClient, session: InMemorySession) -> None:
    """All rows of each name, by creation; of jobs that are gone nothing else is known."""
    rows = [
        history_row("JOB_A", created_time=at(30), query_id="second"),
        history_row("JOB_B", created_time=at(20), query_id="other"),
        history_row("JOB_A", created_time=at(10), query_id="first"),
    ]
    session.answer(HISTORY, rows)
    found = client.history_of_names({name("JOB_A"), name("JOB_B")}, since=NOON)
    told = {
        each.name: [row.query_id for row in rows if isinstance(row, HistoryRecord)]
        for each, rows in found.items()
    }
    assert told == {"JOB_A": ["first", "second"], "JOB_B": ["other"]}
    assert client.history_of_names(set(), since=NOON) == {}


def test_history_of_names_that_cannot_be_read(client: SpcsClient, session: InMemorySession) -> None:
    """Rows that cannot be read come last, each with its own name."""
    session.answer(HISTORY, [history_row("JOB_A", id="x"), history_row("JOB_A")])
    found = client.history_of_names({name("JOB_A"), name("JOB_B")}, since=NOON)
    assert [type(row) for row in found[name("JOB_A")]] == [HistoryRecord, Unreadable]
    assert name("JOB_B") not in found


def test_history_of_nothing(client: SpcsClient, session: InMemorySession) -> None:
    """Without jobs nothing is asked, and no warehouse is woken."""
    assert client.history([]) == {}
    assert client.logs_of_many([]) == {}
    assert session.asked == []


def test_logs(client: SpcsClient, session: InMemorySession) -> None:
    """Lines come oldest first, with the totals of the job."""
    session.answer(
        LOGS,
        [
            log_row(0, "second", 2, lines=40, error_lines=3),
            log_row(0, "first", 1, lines=40, error_lines=3),
        ],
    )
    log = client.logs(job(), last_lines=2)
    assert [line.text for line in log.lines] == ["first", "second"]
    assert (log.total, log.errors) == (40, 3)
    [text] = session.texts()
    assert "<= 2" in text
    assert "2026-01-01 11:59:00" in text


def test_logs_of_a_silent_job(client: SpcsClient, session: InMemorySession) -> None:
    """A job without lines has an empty log."""
    session.answer(LOGS, [])
    assert client.logs(job()) == JobLog(())


def test_logs_of_many(client: SpcsClient, session: InMemorySession) -> None:
    """Logs are read fifty jobs a statement, and each line goes to its own job."""

    def answer(statement: Statement) -> list:
        asked = [each for each in jobs if each.name.sql in statement.text]
        return [log_row(place, f"hi {each.name}") for place, each in enumerate(asked)]

    jobs = [job(f"JOB_{n}X") for n in range(2 * LOG_BATCH + 1)]
    session.always(LOGS, answer)
    found = client.logs_of_many(jobs)
    texts = {name: [line.text for line in log.lines] for name, log in found.items()}
    assert texts == {each.name: [f"hi {each.name}"] for each in jobs}
    assert len(session.asked) == 3


@pytest.mark.parametrize(
    "dropped",
    [
        pytest.param({"JOB_3X"}, id="one"),
        pytest.param({"JOB_0X", "JOB_6X"}, id="first-and-last"),
        pytest.param({f"JOB_{n}X" for n in range(7)}, id="all"),
    ],
)
def test_logs_beside_a_dropped_job(
    dropped: set[str], client: SpcsClient, session: InMemorySession
) -> None:
    """A dropped job refuses the statement of all; the others' logs are read all the same."""

    def answer(statement: Statement) -> list:
        asked = [each.name.name for each in jobs if each.name.sql in statement.text]
        if dropped & set(asked):
            raise ObjectNotFound("gone")
        return [log_row(place, "hi") for place in range(len(asked))]

    jobs = [job(f"JOB_{n}X") for n in range(7)]
    session.always(LOGS, answer)
    found = client.logs_of_many(jobs)
    assert {each.name for each in found} == {each.name.name for each in jobs} - dropped


@pytest.mark.parametrize(
    ("texts", "last_lines", "lines"),
    [
        pytest.param(["a\nb"], 100, ["a", "b"], id="lines"),
        pytest.param([""], 100, [], id="no-output"),
        pytest.param([None], 100, [], id="null"),
        pytest.param(["a\n\nb"], 100, ["a", "", "b"], id="empty-line-inside"),
        pytest.param(["a", "b"], 100, ["a", "b"], id="two-containers"),
        pytest.param(["a\nb\nc"], 2, ["b", "c"], id="the-last-ones"),
        pytest.param(["a\nb\nc"], 0, [], id="none-wanted"),
    ],
)
def test_node_logs(
    texts: list[str | None],
    last_lines: int,
    lines: list[str],
    client: SpcsClient,
    session: InMemorySession,
) -> None:
    """Logs come from the node, one statement a container, whatever the column is called."""
    session.answer(NODE_LOGS, *([{"SYSTEM$...": text}] for text in texts))
    containers = [container(instance_id=str(n)) for n in range(len(texts))]
    log = client.node_logs(name(), containers, last_lines=last_lines)
    assert [line.text for line in log.lines] == lines
    assert (log.total, log.errors) == (None, None)


def test_node_logs_show_every_container(client: SpcsClient, session: InMemorySession) -> None:
    """A talkative container does not crowd out another one's last words."""
    talk = "\n".join(str(n) for n in range(10))
    session.answer(NODE_LOGS, [{"log": "died of x"}], [{"log": talk}])
    containers = [container(), container(instance_id="1")]
    log = client.node_logs(name(), containers, last_lines=10)
    assert len(log.lines) <= 10
    assert "died of x" in [line.text for line in log.lines]


def test_node_log_that_is_no_text(client: SpcsClient, session: InMemorySession) -> None:
    """An answer that is not text is an odd one."""
    session.answer(NODE_LOGS, [{"log": 7}])
    with pytest.raises(UnexpectedAnswer, match="a text was expected, int came"):
        client.node_logs(name(), [container()])


def test_follow(client: SpcsClient, session: InMemorySession) -> None:
    """Following is one statement; no output is an empty text."""
    session.answer(NODE_LOGS, [{"log": "2026Z hi"}], [{"log": None}])
    assert client.follow(name(), 0, "main", "") == "2026Z hi"
    assert client.follow(name(), 0, "main", "2026Z") == ""


# Result tables


def test_table_facts(client: SpcsClient, session: InMemorySession) -> None:
    """Rows of all tables are one statement, columns one a database."""
    session.answer(
        "SELECT 'a.s.t'",
        [{"table_name": "a.s.t", "row_count": 3}, {"table_name": 'b.s."u"', "row_count": 0}],
    )
    of_table = {"table_schema": "S", "table_name": "T"}
    columns = [
        {**of_table, "column_name": "ID", "data_type": "NUMBER"},
        {**of_table, "column_name": "BODY", "data_type": "TEXT"},
    ]
    session.answer('SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM "A"', columns)
    session.answer('SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM "B"', [])
    facts = client.table_facts(["a.s.t", 'b.s."u"'])
    assert facts == {
        "a.s.t": TableFacts(3, (("ID", "NUMBER"), ("BODY", "TEXT"))),
        'b.s."u"': TableFacts(0, ()),
    }
    assert session.unused() == []


def test_facts_that_are_not_given(client: SpcsClient, session: InMemorySession) -> None:
    """A table without a number of rows is an odd answer that names it."""
    session.answer("SELECT 'a.s.t'", [])
    with pytest.raises(UnexpectedAnswer, match=r"no number of rows came for a\.s\.t"):
        client.table_facts(["a.s.t"])


def test_facts_of_no_tables(client: SpcsClient, session: InMemorySession) -> None:
    """Without tables nothing is asked, and no warehouse is woken."""
    assert client.table_facts([]) == {}
    assert session.asked == []


# Ending


def test_cancel_and_drop(client: SpcsClient, session: InMemorySession) -> None:
    """Cancelling and dropping are one statement each."""
    session.answer("CALL", [])
    session.answer("DROP SERVICE IF EXISTS", [])
    client.cancel(name())
    client.drop(name())
    assert session.unused() == []


def test_cancel_many(client: SpcsClient, session: InMemorySession) -> None:
    """Jobs that refuse to be cancelled are told with their reasons; the others are cancelled."""

    def cancel(statement: Statement) -> list:
        if "JOB_B" in statement.text:
            raise NotPrivileged("no OPERATE")
        return []

    session.always("CALL", cancel)
    refused = client.cancel_many([name("JOB_A"), name("JOB_B"), name("JOB_C")])
    assert {each: type(error) for each, error in refused.items()} == {name("JOB_B"): NotPrivileged}
    assert len(session.asked) == 3


def test_close(session: InMemorySession) -> None:
    """Leaving the ``with`` block closes the session, after an error too."""
    session.answer(DESCRIBE, [{"name": "X"}])
    with pytest.raises(UnexpectedAnswer), SpcsClient(session) as client:
        client.describe(name())
    assert session.closed


# Trying again


@pytest.mark.parametrize("error", [ConnectionFailed("broke"), SessionExpired("expired")])
def test_retries(error: SpcsError, client: SpcsClient, session: InMemorySession) -> None:
    """A lost connection or session is tried three times more, with growing pauses."""
    session.answer(DESCRIBE, error, error, error, [job_row()])
    assert client.describe(name()).name == name()
    assert session.slept == [0.5, 1.0, 2.0]


def test_retries_end(client: SpcsClient, session: InMemorySession) -> None:
    """After the fourth failure the error reaches the caller."""
    session.always(DESCRIBE, ConnectionFailed("broke"))
    with pytest.raises(ConnectionFailed):
        client.describe(name())
    assert len(session.asked) == 4


@pytest.mark.parametrize(
    "error", [AuthenticationFailed("no"), StatementError("no"), NotPrivileged("no")]
)
def test_no_retry(error: SpcsError, client: SpcsClient, session: InMemorySession) -> None:
    """What would fail again is not tried again."""
    session.answer(DESCRIBE, error)
    with pytest.raises(type(error)):
        client.describe(name())
    assert session.slept == []


def test_patience(session: InMemorySession) -> None:
    """An outage of minutes is sat out with pauses of at most 15 seconds, and each is told of."""
    broke = [ConnectionFailed("broke") for _ in range(12)]
    told: list[SpcsError] = []
    session.answer(DESCRIBE, *broke, [job_row()])
    patient = SpcsClient(
        session, retry_timeout_seconds=600, on_retry=told.append, sleep=session.slept.append
    )
    assert patient.describe(name()).name == name()
    assert (max(session.slept), told) == (15.0, broke)


def test_interrupt_is_not_held_up(session: InMemorySession) -> None:
    """Whoever interrupts work on several threads does not wait until an outage is over."""
    session.always(DESCRIBE, ConnectionFailed("broke"))
    meeting = threading.Barrier(2)
    patient = SpcsClient(session, retry_timeout_seconds=3600)

    def look(each: JobName) -> None:
        if each.name == "STOP":
            meeting.wait()
            raise KeyboardInterrupt
        meeting.wait()
        patient.describe(each)

    with pytest.raises(KeyboardInterrupt):
        patient.concurrently(look, [name("STOP"), name("JOB_A")], max_concurrent=2)


def test_names_without_a_place(client: SpcsClient, session: InMemorySession) -> None:
    """A name without database and schema means the session's own."""
    session.answer(DESCRIBE, [job_row()])
    client.describe(JobName("JOB_A"))
    assert session.texts() == ["DESCRIBE SERVICE JOB_A"]


def test_one_attempt_is_one(session: InMemorySession) -> None:
    """A client that is told to try once does not send a statement again."""
    session.always(LIST, ConnectionFailed("broken"))
    with pytest.raises(ConnectionFailed):
        SpcsClient(session, retry_timeout_seconds=0).list_jobs(database="LAB", schema="JOBS")
    assert len(session.asked) == 1
