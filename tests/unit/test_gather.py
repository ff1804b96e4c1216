"""Reports: everything known of finished jobs, with few statements, and what is missing noted."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from dagster_spcs.errors import ConnectionFailed, FunctionUnavailable, NotPrivileged, ObjectNotFound
from dagster_spcs.jobs.gather import GATHERED_TOGETHER, Gatherer, MetadataSource
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.tracked_job import TrackedJob, gone
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import HistoryRecord, TableFacts
from dagster_spcs.spcs.statements import Statement
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.testing import InMemorySession

from .samples import at, container_row, history_row, identity, log_row, name, tracked

HISTORY = "SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY"
LOGS = "SELECT JOB, TIMESTAMP"
NODE_LOGS = "SELECT SYSTEM$GET_SERVICE_LOGS"
CONTAINERS = "SHOW SERVICE CONTAINERS"
POOLS = "SHOW COMPUTE POOLS"
LATER = at(90)
POOL = [{"name": "POOL", "instance_family": "CPU_X64_S"}]


def done(bare: str = "JOB_A", **columns) -> TrackedJob:
    """A finished job."""
    return tracked(bare, "DONE", **columns)


def gather(
    client: SpcsClient,
    jobs: Sequence[TrackedJob],
    *,
    source: MetadataSource = "warehouse",
    last_lines: int = 100,
    tables: Mapping[JobName, str] | None = None,
    partitions: Sequence[str] = (),
    now: datetime = LATER,
) -> list[JobReport]:
    """Gather the reports of some jobs."""
    gatherer = Gatherer(
        client,
        source=source,
        last_lines=last_lines,
        table_of=lambda job: (tables or {}).get(job.name),
        partitions_of_start=lambda job: partitions,
    )
    return gatherer.gather(jobs, now)


@pytest.fixture
def answering(session: InMemorySession) -> InMemorySession:
    """A session that answers everything about the jobs it is asked for."""

    def histories(statement: Statement) -> list:
        return [history_row(each) for each in ("JOB_A", "JOB_B") if f"'{each}'" in statement.text]

    def logs(statement: Statement) -> list:
        said = {"JOB_A": "hello a", "JOB_B": "hello b"}
        asked = re.findall(r"TABLE\(.*?(JOB_[AB])!", statement.text)
        return [log_row(place, said[each]) for place, each in enumerate(asked)]

    session.always(HISTORY, histories)
    session.always(LOGS, logs)
    session.always(CONTAINERS, [container_row()])
    session.always(NODE_LOGS, [{"log": "from the node"}])
    session.always(POOLS, POOL)
    return session


def asked_for(session: InMemorySession) -> dict[str, int]:
    """How often each kind of question was asked."""
    kinds = {HISTORY: 0, LOGS: 0, CONTAINERS: 0, NODE_LOGS: 0, POOLS: 0}
    return {kind: len(session.texts(kind)) for kind in kinds}


def test_no_jobs(client: SpcsClient, session: InMemorySession) -> None:
    """Without jobs nothing is asked, and no warehouse is woken."""
    assert gather(client, []) == []
    assert session.asked == []


def test_with_a_warehouse(client: SpcsClient, answering: InMemorySession) -> None:
    """Two finished jobs cost one statement for histories, one for logs, one for their pool."""
    reports = gather(client, [done("JOB_B"), done("JOB_A")])
    assert [report.job.name.name for report in reports] == ["JOB_B", "JOB_A"]
    assert [report.log.lines[0].text for report in reports] == ["hello b", "hello a"]
    assert all(report.history is not None for report in reports)
    assert {report.family for report in reports} == {"CPU_X64_S"}
    assert asked_for(answering) == {HISTORY: 1, LOGS: 1, CONTAINERS: 0, NODE_LOGS: 0, POOLS: 1}


def test_failed_job_is_read_from_its_node(client: SpcsClient, answering: InMemorySession) -> None:
    """The event table lags, so the last lines of a failure come from the node, which has them."""
    [report] = gather(client, [tracked("JOB_A", "FAILED")])
    assert [line.text for line in report.log.lines] == ["from the node"]
    assert (report.log.total, report.log.errors) == (None, None)


def test_failed_job_whose_lines_are_all_there(
    client: SpcsClient, answering: InMemorySession
) -> None:
    """Where the event table has every line of the node, its own are shown, with their streams."""
    answering.always(NODE_LOGS, [{"log": "hello a"}])
    [report] = gather(client, [tracked("JOB_A", "FAILED")])
    assert [line.stream for line in report.log.lines] == ["stdout"]
    assert report.log.total == 1


def test_without_a_warehouse(client: SpcsClient, answering: InMemorySession) -> None:
    """Without a warehouse, no statement is sent that needs one."""
    [report] = gather(client, [done()], source="no-warehouse")
    assert [line.text for line in report.log.lines] == ["from the node"]
    assert report.exit_codes == {"0/main": 0}
    assert report.history is None
    assert not any(statement.needs_warehouse for statement in answering.asked)


def test_functions_that_are_not_enabled(client: SpcsClient, answering: InMemorySession) -> None:
    """An account without the table functions is asked the other way, and nothing is missing."""
    answering.always(HISTORY, FunctionUnavailable("unknown function"))
    answering.always(LOGS, FunctionUnavailable("unknown function"))
    [report] = gather(client, [done()])
    assert [line.text for line in report.log.lines] == ["from the node"]
    assert report.exit_codes == {"0/main": 0}
    assert report.missing == ()


def test_lines_that_are_late(client: SpcsClient, answering: InMemorySession) -> None:
    """A job without lines in the event table yet is asked of its node; the others are not."""
    answering.always(LOGS, [log_row(0, "hello a")])
    reports = gather(client, [done("JOB_A"), done("JOB_B")])
    assert [report.log.lines[0].text for report in reports] == ["hello a", "from the node"]
    assert asked_for(answering)[NODE_LOGS] == 1


def test_history_that_is_late(client: SpcsClient, answering: InMemorySession) -> None:
    """A job without a history row is asked for its containers, and that it has none is told."""
    answering.always(HISTORY, [])
    [report] = gather(client, [done()])
    assert report.history is None
    assert report.missing == ("history: it has no row of this job",)
    assert report.exit_codes == {"0/main": 0}


@pytest.mark.parametrize(
    ("refused", "noted"),
    [
        pytest.param([HISTORY], ["history: no"], id="history"),
        pytest.param([LOGS], ["logs: no"], id="logs"),
        pytest.param([HISTORY, CONTAINERS], ["history: no", "containers: no"], id="containers"),
        pytest.param([LOGS, NODE_LOGS], ["logs: no", "node logs: no"], id="node-logs"),
    ],
)
def test_refusals_are_noted(
    refused: list[str], noted: list[str], client: SpcsClient, answering: InMemorySession
) -> None:
    """What the account refuses is noted in one line, and the rest is reported."""
    for beginning in refused:
        answering.always(beginning, NotPrivileged("no"))
    [report] = gather(client, [done()])
    assert list(report.missing) == noted
    assert report.family == "CPU_X64_S"


def test_refused_pool_is_noted(client: SpcsClient, answering: InMemorySession) -> None:
    """A pool that may not be looked at leaves the family unknown, not the job unreported."""
    answering.always(POOLS, NotPrivileged("no"))
    [report] = gather(client, [done()])
    assert report.family is None
    assert [each for each in report.missing if each.endswith(": no")]


def test_pool_with_an_odd_name(client: SpcsClient, answering: InMemorySession) -> None:
    """A job on a pool with a quoted name is reported like any other."""
    answering.always(POOLS, [{"name": "my pool", "instance_family": "GPU_NV_S"}])
    [report] = gather(client, [done(compute_pool="my pool")])
    assert report.family == "GPU_NV_S"


def test_dropped_job(client: SpcsClient, answering: InMemorySession) -> None:
    """A job dropped before it was reported is reported, with what is missing."""
    for beginning in (CONTAINERS, NODE_LOGS):
        answering.always(beginning, ObjectNotFound("Service does not exist."))
    [report] = gather(client, [done()], source="no-warehouse")
    assert report.containers == ()
    assert report.missing == ("containers: Service does not exist.",)


@pytest.mark.parametrize("broken", [HISTORY, LOGS, POOLS])
def test_broken_connection(broken: str, client: SpcsClient, answering: InMemorySession) -> None:
    """A broken connection is no refusal: nothing is reported in part, all is tried again later."""
    answering.always(broken, ConnectionFailed("broke"))
    with pytest.raises(ConnectionFailed):
        gather(client, [done()])


def test_each_pool_is_asked_for_once(client: SpcsClient, answering: InMemorySession) -> None:
    """Many jobs on two pools cost two questions about pools."""

    def pools(statement: Statement) -> list:
        return [{"name": each, "instance_family": f"{each}_F"} for each in ("POOL", "GPUS")]

    answering.always(POOLS, pools)
    jobs = [done(f"JOB_{n}", compute_pool="GPUS" if n % 2 else "POOL") for n in range(6)]
    reports = gather(client, jobs, source="no-warehouse")
    assert [report.family for report in reports] == ["POOL_F", "GPUS_F"] * 3
    assert asked_for(answering)[POOLS] == 2


def test_last_lines(client: SpcsClient, answering: InMemorySession) -> None:
    """The number of lines wanted is asked for in every way."""
    answering.always(LOGS, [])
    gather(client, [done()], last_lines=7)
    assert "<= 7" in answering.texts(LOGS)[0]
    assert answering.texts(NODE_LOGS)[0].endswith(", 'main', 7)")


# Result tables

COLUMNS = "SELECT TABLE_SCHEMA"


def count(statement: Statement) -> list:
    """Rows of the tables asked for; one table is not there."""
    if "gone" in statement.text:
        raise ObjectNotFound("Table does not exist.")
    tables = [each for each in ("lab.out.a", "lab.out.b") if f"'{each}'" in statement.text]
    return [{"table_name": each, "row_count": 7} for each in tables]


@pytest.fixture
def counting(answering: InMemorySession) -> InMemorySession:
    """A session that knows two result tables."""
    answering.always("SELECT 'lab.out.", count)
    answering.always(COLUMNS, [])
    return answering


def test_result_tables(client: SpcsClient, counting: InMemorySession) -> None:
    """The tables of jobs that ended well are counted, all in one statement."""
    jobs = [done("JOB_A"), tracked("JOB_B", "FAILED")]
    tables = {jobs[0].name: "lab.out.a", jobs[1].name: "lab.out.b"}
    one, other = gather(client, jobs, tables=tables)
    assert one.table == TableFacts(7, ())
    assert other.table is None
    assert len(counting.texts("SELECT 'lab.out.")) == 1


def test_result_tables_without_a_warehouse(client: SpcsClient, counting: InMemorySession) -> None:
    """Without a warehouse no table is counted."""
    [report] = gather(client, [done()], source="no-warehouse", tables={done().name: "lab.out.a"})
    assert report.table is None
    assert not any(statement.needs_warehouse for statement in counting.asked)


def test_result_table_that_is_not_there(client: SpcsClient, counting: InMemorySession) -> None:
    """A missing result table is noted on the job that should have filled it, and only there."""
    jobs = [done("JOB_A"), done("JOB_B")]
    one, other = gather(client, jobs, tables={jobs[0].name: "lab.out.gone"})
    assert one.missing == ("result table: Table does not exist.",)
    assert other.missing == ()


def test_result_table_beside_a_missing_one(client: SpcsClient, counting: InMemorySession) -> None:
    """One job's missing table does not hide the rows of another's."""
    jobs = [done("JOB_A"), done("JOB_B")]
    tables = {jobs[0].name: "lab.out.gone", jobs[1].name: "lab.out.b"}
    _, other = gather(client, jobs, tables=tables)
    assert other.table == TableFacts(7, ())


# Batches of jobs


def test_history_of_very_many_jobs(client: SpcsClient, answering: InMemorySession) -> None:
    """Expected jobs cost one statement for their history, however many groups they are read in."""
    jobs = [done(f"JOB_{number}") for number in range(3 * GATHERED_TOGETHER["warehouse"])]
    answering.always(HISTORY, [history_row(job.name.name) for job in jobs])
    gatherer = Gatherer(client, source="warehouse", last_lines=1)
    gatherer.expect(jobs)
    reports = [
        report for start in (0, 50, 100) for report in gatherer.gather(jobs[start:][:50], at(9))
    ]
    assert all(report.history is not None for report in reports)
    counts = asked_for(answering)
    assert (counts[HISTORY], counts[POOLS], len(reports)) == (1, 1, 150)


def test_expected_jobs_without_a_warehouse(client: SpcsClient, session: InMemorySession) -> None:
    """Without a warehouse nothing is read in advance."""
    jobs = [done(f"JOB_{number}") for number in range(100)]
    Gatherer(client, source="no-warehouse", last_lines=1).expect(jobs)
    assert session.asked == []


def test_unreadable_history_row(client: SpcsClient, answering: InMemorySession) -> None:
    """A row that cannot be read costs its own job a note, and the others nothing."""
    rows = [history_row("JOB_A", instance_statuses="{"), history_row("JOB_B")]
    answering.always(HISTORY, rows)
    one, other = gather(client, [done("JOB_A"), done("JOB_B")])
    [note] = one.missing
    assert note.startswith("history: a HistoryRecord of JOB_A could not be read: ")
    assert (one.history, one.exit_codes) == (None, {"0/main": 0})
    assert other.history is not None
    assert other.missing == ()


def test_unreadable_lines(client: SpcsClient, answering: InMemorySession) -> None:
    """Lines that cannot be read are counted in one note, and the others are shown."""
    bad = log_row(0, "", instance_id="many")
    answering.always(LOGS, [log_row(0, "hello"), bad, bad, bad])
    [report] = gather(client, [done()])
    assert [line.text for line in report.log.lines] == ["hello"]
    [note] = report.missing
    assert note.startswith("log: a LogLine could not be read: ")
    assert note.endswith(" and 2 more")


# The verdict


@pytest.mark.parametrize(
    ("status", "now", "timed_out", "needs_cancelling"),
    [
        pytest.param("RUNNING", 31, True, True, id="at-work-past-its-deadline"),
        pytest.param("CANCELLED", 40, True, False, id="cancelled-at-its-deadline"),
        pytest.param("DONE", 40, False, False, id="done-late"),
        pytest.param("FAILED", 40, False, False, id="failed-late"),
    ],
)
def test_deadline(
    status: str,
    now: float,
    timed_out: bool,
    needs_cancelling: bool,
    client: SpcsClient,
    answering: InMemorySession,
) -> None:
    """A job timed out if its deadline ended it, or is to end it now."""
    late = tracked("JOB_A", status, identity(deadline=at(30)), updated_on=at(30))
    [report] = gather(client, [late], now=at(now))
    assert (report.timed_out, report.needs_cancelling) == (timed_out, needs_cancelling)


# Jobs that are gone


def dropped(**fields) -> TrackedJob:
    """A job of which only its start is known."""
    return gone(name(), identity(**fields), "POOL")


def of_dropped(
    client: SpcsClient, job: TrackedJob, row: HistoryRecord | None, partitions: Sequence[str] = ()
) -> JobReport:
    """The report of a job that is gone."""
    return Gatherer(client, source="warehouse", last_lines=1).of_dropped(job, row, partitions)


def test_dropped_job_with_a_history(client: SpcsClient, answering: InMemorySession) -> None:
    """Its row tells end, containers and exit codes; that its log is lost is noted."""
    row = HistoryRecord.from_row(history_row(status="FAILED"))
    report = of_dropped(client, dropped(), row)
    assert (report.job.status, report.history, report.exit_codes) == (
        JobStatus.FAILED,
        row,
        {"0/main": 0},
    )
    assert report.completed == at(4)
    assert report.missing == ("log: the job was dropped before it was read",)
    assert report.family == "CPU_X64_S"


def test_dropped_job_without_a_history(client: SpcsClient, answering: InMemorySession) -> None:
    """It was dropped, and no more is known."""
    report = of_dropped(client, dropped(), None, ["a", "b"])
    assert (report.job.status, report.timed_out) == (JobStatus.DELETED, False)
    assert report.missing == ("log: the job was dropped before it was read",)
    assert [part.job.partition for part in report.parts] == ["a", "b"]


def test_creation_of_a_dropped_job(client: SpcsClient, answering: InMemorySession) -> None:
    """The report has the creation that the account tells, by its own clock, as of listed jobs."""
    row = HistoryRecord.from_row(history_row(created_time=at(2)))
    assert of_dropped(client, dropped(), row).job.record.created_on == at(2)


def test_dropped_job_that_ran_out_of_time(client: SpcsClient, answering: InMemorySession) -> None:
    """Its duration tells, though the account's clock is an hour behind."""
    row = HistoryRecord.from_row(
        history_row(status="CANCELLED", created_time=at(-60), completed_time=at(-30))
    )
    assert of_dropped(client, dropped(deadline=at(30)), row).timed_out


# Containers that speak Pipes

OPENED = json.dumps({"__dagster_pipes_version": "0.1", "method": "opened", "params": {}})
CLOSED = json.dumps({"__dagster_pipes_version": "0.1", "method": "closed", "params": {}})
SPEAKS = identity(pipes=True)


def speaking(**columns) -> TrackedJob:
    """A finished job that was asked to speak Pipes."""
    return tracked("JOB_A", "DONE", SPEAKS, **columns)


def test_messages_of_the_event_table(client: SpcsClient, answering: InMemorySession) -> None:
    """A log with the container's last word is whole; messages are no lines of it."""
    said = [log_row(0, text, minute, lines=3) for minute, text in enumerate((OPENED, "hi", CLOSED))]
    answering.always(LOGS, said)
    [report] = gather(client, [speaking()])
    assert report.messages is not None
    assert [message.method for message in report.messages.messages] == ["opened", "closed"]
    assert [line.text for line in report.log.lines] == ["hi"]
    assert (report.log.total, report.log.errors) == (1, 0)
    assert report.is_whole
    assert asked_for(answering)[NODE_LOGS] == 0


def test_lines_of_a_log_with_messages(client: SpcsClient, answering: InMemorySession) -> None:
    """Messages are not counted, not even where only a part of a long log was read."""
    totals = {"lines": 5000, "error_lines": 70}
    said = [log_row(0, text, minute, **totals) for minute, text in enumerate((OPENED, "hi"))]
    error = log_row(0, "oh", 3, record_attributes='{"log.iostream": "stderr"}', **totals)
    closed = log_row(0, CLOSED, 4, record_attributes='{"log.iostream": "stderr"}', **totals)
    answering.always(LOGS, [*said, error, closed])
    [report] = gather(client, [speaking()])
    assert (report.log.total, report.log.errors) == (4998, 69)


def test_log_of_a_node_that_is_gone(client: SpcsClient, answering: InMemorySession) -> None:
    """A container that was asked to speak Pipes and does not: its lines are in the event table."""
    answering.always(LOGS, [log_row(0, "hi")])
    answering.always(NODE_LOGS, [{"log": ""}])
    [report] = gather(client, [speaking()])
    assert [line.text for line in report.log.lines] == ["hi"]
    assert (report.log.total, report.log.errors) == (1, 0)


def test_messages_of_the_node(client: SpcsClient, answering: InMemorySession) -> None:
    """What has not reached the event table yet is read from the node."""
    answering.always(LOGS, [log_row(0, OPENED)])
    answering.always(NODE_LOGS, [{"log": f"{OPENED}\nhi\n{CLOSED}"}])
    [report] = gather(client, [speaking()])
    assert report.messages is not None
    assert report.messages.has_closed
    assert report.is_whole
    assert (report.log.total, report.log.errors) == (1, None)


def test_log_that_is_not_whole(client: SpcsClient, answering: InMemorySession) -> None:
    """Without a last word, and with a node that is gone, more of the log is to come."""
    answering.always(LOGS, [log_row(0, OPENED)])
    answering.always(NODE_LOGS, ObjectNotFound("the node is gone"))
    [report] = gather(client, [speaking()])
    assert not report.is_whole
    assert report.missing == ()


# Jobs over several partitions


def test_partitions_of_the_start(client: SpcsClient, answering: InMemorySession) -> None:
    """What the start tells of a batch's partitions is not asked for again."""
    batch = tracked("JOB_A", "DONE", identity(batch=True))
    [report] = gather(client, [batch], partitions=["a"])
    assert report.partitions == ("a",)
    assert answering.texts("DESCRIBE") == []


def test_partitions_of_the_specification(client: SpcsClient, answering: InMemorySession) -> None:
    """Where no start tells them the specification does."""
    spec = 'spec: {containers: [{env: {DAGSTER_PARTITION_KEYS: \'["a", "b"]\'}}]}'
    answering.always("DESCRIBE", [{"spec": spec}])
    [report] = gather(client, [tracked("JOB_A", "DONE", identity(batch=True))])
    assert report.partitions == ("a", "b")


def test_partitions_that_nobody_tells(client: SpcsClient, answering: InMemorySession) -> None:
    """A specification that may not be seen, or tells none, is noted."""
    for answer in ([{"spec": None}], [{"spec": "["}], NotPrivileged("no")):
        answering.always("DESCRIBE", answer)
        [report] = gather(client, [tracked("JOB_A", "DONE", identity(batch=True))])
        assert report.partitions == ()
        assert [note for note in report.missing if note.startswith("the partitions of this job: ")]


def test_batch_with_instances_at_work(client: SpcsClient, answering: InMemorySession) -> None:
    """A batch of which one instance failed goes on while others work, until its deadline."""
    rows = [
        container_row(last_exit_code=1, status="FAILED"),
        container_row(instance_id="1", last_exit_code=None, status="READY"),
    ]
    answering.always(CONTAINERS, rows)
    answering.always(HISTORY, [])
    batch = tracked("JOB_A", "FAILED", identity(batch=True, deadline=at(30)), target_instances=2)
    [early] = gather(client, [batch], partitions=["a", "b"], now=at(20))
    assert (early.goes_on, early.is_whole, early.needs_cancelling) == (True, False, False)
    [late] = gather(client, [batch], partitions=["a", "b"], now=at(31))
    assert (late.goes_on, late.needs_cancelling) == (True, True)


def test_batch_whose_instances_have_ended(client: SpcsClient, answering: InMemorySession) -> None:
    """It is whole, and each partition has its own end."""
    rows = [container_row(last_exit_code=1), container_row(instance_id="1")]
    answering.always(CONTAINERS, rows)
    answering.always(HISTORY, [])
    batch = tracked("JOB_A", "FAILED", identity(batch=True), target_instances=2)
    [report] = gather(client, [batch], partitions=["a", "b"])
    assert (report.goes_on, report.is_whole) == (False, True)
    assert [part.succeeded for part in report.parts] == [False, True]


def test_two_jobs_of_one_name(client: SpcsClient, answering: InMemorySession) -> None:
    """Reports are told apart by the jobs' keys, in the order given."""
    one, two = done(), replace(done(), identity=identity(partition="p", submitted=at(1)))
    reports = gather(client, [two, one], source="no-warehouse")
    assert [report.job for report in reports] == [two, one]
