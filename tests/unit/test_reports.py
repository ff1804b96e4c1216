"""Reports: everything known of finished jobs, with few statements, and what is missing noted."""

import pytest

from dagster_spcs.errors import ConnectionFailed, FunctionUnavailable, NotPrivileged, ObjectNotFound
from dagster_spcs.jobs.gather import JobReport, gather
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.records import HistoryRecord, TableFacts
from dagster_spcs.spcs.statements import Statement
from dagster_spcs.testing import InMemorySession

from .samples import NOON, at, container, container_row, history_row, job, log_row

HISTORY = "SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY"
LOGS = "SELECT JOB, TIMESTAMP"
NODE_LOGS = "SELECT SYSTEM$GET_SERVICE_LOGS"
CONTAINERS = "SHOW SERVICE CONTAINERS"
POOLS = "SHOW COMPUTE POOLS"
POOL = [{"name": "POOL", "instance_family": "CPU_X64_S"}]


def done(bare: str = "JOB_A", **columns):
    """A finished job."""
    return job(bare, "DONE", **columns)


@pytest.fixture
def answering(session: InMemorySession) -> InMemorySession:
    """A session that answers everything about the jobs it is asked for."""

    def histories(statement: Statement) -> list:
        return [history_row(each) for each in ("JOB_A", "JOB_B") if f"'{each}'" in statement.text]

    def logs(statement: Statement) -> list:
        said = {"JOB_A": "hello a", "JOB_B": "hello b"}
        return [log_row(each, said[each]) for each in said if f".{each}'" in statement.text]

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
    [report] = gather(client, [job("JOB_A", "FAILED")])
    assert [line.text for line in report.log.lines] == ["from the node"]
    assert (report.log.total, report.log.errors) == (None, None)


def test_failed_job_whose_lines_are_all_there(
    client: SpcsClient, answering: InMemorySession
) -> None:
    """Where the event table has every line of the node, its own are shown, with their streams."""
    answering.always(NODE_LOGS, [{"log": "hello a"}])
    [report] = gather(client, [job("JOB_A", "FAILED")])
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
    answering.always(LOGS, [log_row("JOB_A", "hello a")])
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
    jobs = [done("JOB_A"), job("JOB_B", "FAILED")]
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


# What a report tells


@pytest.mark.parametrize(
    ("starts", "started"),
    [
        pytest.param([], None, id="no-containers"),
        pytest.param([None, ""], None, id="never-started"),
        pytest.param(["2026-01-01T12:03:00Z", "2026-01-01T12:02:00Z"], at(2), id="the-first"),
        pytest.param(["", "2026-01-01T12:02:00Z"], at(2), id="the-first-that-did"),
        pytest.param(["2026-01-01T11:59:59Z"], NOON, id="not-before-the-job"),
    ],
)
def test_started(starts: list, started) -> None:
    """A job starts with its first container, never before its creation."""
    containers = tuple(container(start_time=start) for start in starts)
    assert JobReport(done(), containers).started == started


def test_completed() -> None:
    """The history tells the end best; without it, the last change of status does."""
    told = HistoryRecord.from_row(history_row())
    untold = HistoryRecord.from_row(history_row(completed_time=None))
    assert JobReport(done(), history=told).completed == at(4)
    assert JobReport(done(), history=untold).completed == at(5)
    assert JobReport(done()).completed == at(5)


def test_exit_codes() -> None:
    """Exit codes are told of the containers that have one, zero included."""
    containers = (
        container(last_exit_code=0),
        container(instance_id="1", last_exit_code=137),
        container(instance_id="2", last_exit_code=None),
    )
    assert JobReport(done(), containers).exit_codes == {"0/main": 0, "1/main": 137}
