"""What a test can do to the account, seen through the real connector and the library's session."""

import json
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector.errors import Error, ProgrammingError

from dagster_spcs.emulator import Emulator, Faults, PlantedJob, SentStatement
from dagster_spcs.errors import ConnectionFailed
from dagster_spcs.spcs.session import SnowflakeSession
from dagster_spcs.spcs.statements import Statement
from dagster_spcs.spcs.status import JobStatus
from tests.support.emulators import POOL, Lab, connect, new_emulator, new_name, open_lab, until


@pytest.fixture
def faulty(emulator: Emulator) -> Iterator[Emulator]:
    """The shared emulator, well again after the test."""
    yield emulator
    emulator.faults.clear()
    emulator.faults.clock_offset = timedelta()


def texts(emulator: Emulator, part: str) -> list[str]:
    return [each.text for each in emulator.statements if part in each.text]


def test_refusal(faulty: Emulator, lab: Lab) -> None:
    """The chosen statements fail, as often as was asked, and are not carried out."""
    fault = faulty.faults.refuse("create TABLE", number=1234, text="not today", times=2)
    for _ in range(2):
        with pytest.raises(ProgrammingError, match="not today") as raised:
            lab.rows("CREATE TABLE REFUSED (N INT)")
        assert raised.value.errno == 1234
    assert lab.value("SELECT 1") == 1
    lab.rows("CREATE TABLE REFUSED (N INT)")
    assert fault.struck == 2


def test_lost_request(faulty: Emulator, lab: Lab) -> None:
    """The connector finds its connection broken and sends the statement again."""
    lab.rows("CREATE OR REPLACE TABLE LOST (N INT)")
    fault = faulty.faults.lose_request("INSERT INTO LOST")
    lab.rows("INSERT INTO LOST VALUES (1)")
    assert fault.struck == 1
    assert lab.value("SELECT COUNT(*) FROM LOST") == 1


def test_lost_answer(faulty: Emulator, lab: Lab) -> None:
    """The repetition has the same request id: it gets the answer, and nothing happens twice."""
    lab.rows("CREATE OR REPLACE TABLE LOST (N INT)")
    fault = faulty.faults.lose_answer("INSERT INTO LOST")
    lab.rows("INSERT INTO LOST VALUES (1)")
    assert fault.struck == 1
    assert lab.value("SELECT COUNT(*) FROM LOST") == 1


def test_repetition_within_the_latency(faulty: Emulator, lab: Lab) -> None:
    """A request that is sent again while the first one is on its way is carried out once."""
    lab.rows("CREATE OR REPLACE TABLE LATE (N INT)")
    faulty.faults.latency_seconds = 0.2
    request = urllib.request.Request(
        f"http://{faulty.host}:{faulty.port}/queries/v1/query-request?requestId={uuid.uuid4()}",
        data=json.dumps({"sqlText": "INSERT INTO LATE VALUES (1)"}).encode(),
        headers={"Authorization": f'Snowflake Token="{lab.connection.rest.token}"'},
    )

    def send(_: int) -> dict[str, Any]:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(send, range(2))
    assert first == second
    assert first["success"]
    assert lab.value("SELECT COUNT(*) FROM LATE") == 1


def test_large_answer_that_is_lost(faulty: Emulator, lab: Lab) -> None:
    """What is too large to be kept for a repetition is asked for anew."""
    lab.rows("CREATE OR REPLACE TABLE LARGE AS SELECT REPEAT('x', 100) AS T, SEQ4() AS N"
             " FROM TABLE(GENERATOR(ROWCOUNT => 3000))")  # fmt: skip
    faulty.faults.lose_answer("SELECT N, T")
    assert len(lab.rows("SELECT N, T FROM LARGE")) == 3000


def test_latency(faulty: Emulator, lab: Lab) -> None:
    """Every statement takes so long; two sessions do not wait for each other."""
    faulty.faults.latency_seconds = 0.05
    before = faulty.statements[-1].at
    for _ in range(3):
        lab.value("SELECT 1")
    assert faulty.statements[-1].at - before >= timedelta(seconds=0.1)


def test_slow_statement(faulty: Emulator, lab: Lab) -> None:
    """A slow statement is carried out at once and answered late."""
    lab.rows("CREATE OR REPLACE TABLE SLOW (N INT)")
    fault = faulty.faults.slow("INSERT INTO SLOW", seconds=0.2, times=1)
    began = datetime.now(timezone.utc)
    lab.rows("INSERT INTO SLOW VALUES (1)")
    assert datetime.now(timezone.utc) - began >= timedelta(seconds=0.2)
    assert fault.struck == 1


def test_expired_tokens(faulty: Emulator, lab: Lab) -> None:
    """The connector renews a token that has run out; the session goes on."""
    lab.rows("CREATE OR REPLACE TEMPORARY TABLE OF_THIS_SESSION (N INT)")
    faulty.faults.expire_sessions()
    assert lab.value("SELECT COUNT(*) FROM OF_THIS_SESSION") == 0


def test_outage(faulty: Emulator) -> None:
    """Nobody gets through while it lasts, and everybody afterwards."""
    with faulty.faults.outage(), pytest.raises(Error):
        connect(faulty, login_timeout=1)
    with connect(faulty) as connection:
        assert connection.cursor().execute("SELECT 1").fetchone() == (1,)


# The connector asks, on a thread of its own, for the abort of what timed out, and cannot.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_outage_of_an_open_session(faulty: Emulator, stack: ExitStack) -> None:
    """The library's session tells it as a connection that failed, and connects anew later."""
    session = SnowflakeSession(lambda: connect(faulty, network_timeout=1, login_timeout=1))
    stack.callback(session.close)
    one = Statement("SELECT 1 AS N")
    assert session.run(one) == [{"n": 1}]
    with faulty.faults.outage(), pytest.raises(ConnectionFailed):
        session.run(one)
    assert session.run(one) == [{"n": 1}]


def test_late_history(faulty: Emulator, lab: Lab) -> None:
    """A finished job's row comes late; SHOW has it at once."""
    faulty.faults.history_lag_seconds = 3600
    name = lab.run("true")
    assert lab.describe(name)["status"] == "DONE"
    assert lab.history(name) == []
    faulty.faults.clock_offset = timedelta(hours=2)
    assert [row["STATUS"] for row in lab.history(name)] == ["DONE"]


def test_late_logs(faulty: Emulator, lab: Lab) -> None:
    """The event table has a line late; the node has it at once."""
    faulty.faults.log_lag_seconds = 3600
    name = lab.run("echo hello")
    logs = f"SELECT LOG FROM TABLE({name}!SPCS_GET_LOGS())"
    assert lab.log(name) == ["hello"]
    assert lab.rows(logs) == []
    faulty.faults.clock_offset = timedelta(hours=2)
    assert lab.rows(logs) == [{"LOG": "hello"}]


def test_clock(faulty: Emulator, lab: Lab) -> None:
    """Jobs, their logs and their history live by the account's clock."""
    faulty.faults.clock_offset = timedelta(days=3)
    name = lab.run("echo hello")
    [row] = lab.history(name)
    created = row["CREATED_TIME"].astimezone(timezone.utc)
    assert created > datetime.now(timezone.utc) + timedelta(days=2)
    assert lab.rows(f"SELECT LOG FROM TABLE({name}!SPCS_GET_LOGS())") == [{"LOG": "hello"}]


def test_chances_repeat() -> None:
    """The same seed strikes the same statements."""

    def struck(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.lose_answer("SHOW", times=None, chance=0.3)
        return [bool(faults.strike("SHOW JOB SERVICES")) for _ in range(200)]

    assert struck(7) == struck(7)
    assert struck(7) != struck(8)
    assert 30 < sum(struck(7)) < 90


@pytest.mark.parametrize(
    ("statement", "needed"),
    [
        ("SHOW JOB SERVICES LIKE 'A%'", False),
        ("DESCRIBE SERVICE X", False),
        ("DROP SERVICE X", False),
        ("CALL X!SPCS_CANCEL_JOB()", False),
        ("SELECT SYSTEM$GET_SERVICE_LOGS('X', 0, 'main')", False),
        ("select 'from'", False),
        ("EXECUTE JOB SERVICE IN COMPUTE POOL P ASYNC = TRUE FROM SPECIFICATION $$x$$", False),
        ("EXECUTE JOB SERVICE IN COMPUTE POOL P FROM SPECIFICATION $$ASYNC = TRUE$$", True),
        ("-- why\nSELECT * FROM TABLE(X!SPCS_GET_LOGS())", True),
        ("WITH A AS (SELECT 1) SELECT * FROM A", True),
        ("INSERT INTO T VALUES (1)", True),
        ("CREATE TABLE T (N INT)", False),
        ("CREATE TABLE T AS SELECT 1", True),
    ],
)
def test_need_of_a_warehouse(statement: str, needed: bool) -> None:
    sent = SentStatement("id", "user", statement, datetime.now(timezone.utc))
    assert sent.needs_warehouse is needed


def test_planted_jobs(faulty: Emulator, lab: Lab) -> None:
    """Planted jobs are listed, described, logged and kept in history like others."""
    name = ("LAB", "PUBLIC", new_name("PLANTED"))
    faulty.plant([PlantedJob(name, POOL, comment="c", status=JobStatus.RUNNING)])
    described = lab.describe(name[2])
    assert (described["status"], described["comment"]) == ("RUNNING", "c")
    faulty.plant([PlantedJob(name, POOL, status=JobStatus.FAILED, exit_code=3, log=["a", "b"])])
    [container] = lab.containers(name[2])
    assert (container["status"], container["last_exit_code"]) == ("FAILED", 3)
    assert container["message"] == "User application error, check container logs"
    assert lab.log(name[2]) == ["a", "b"]
    [row] = lab.history(name[2])
    assert (row["STATUS"], row["QUERY_ID"] != "") == ("FAILED", True)
    assert lab.describe(name[2])["comment"] == "c"


def test_kill_and_restart(tmp_path: Path, stack: ExitStack) -> None:
    """After a crash the account is back at the same address; what was at work has failed."""
    emulator = stack.enter_context(new_emulator(tmp_path, data_dir=tmp_path / "data"))
    lab = Lab(open_lab(emulator))
    done = lab.run("echo kept")
    running = lab.submit("exec sleep 600")
    until(lambda: lab.describe(running)["status"] == "RUNNING")
    port = emulator.port
    emulator.kill()
    with pytest.raises(Error):
        connect(emulator, login_timeout=1)
    emulator.start()
    assert emulator.port == port
    again = Lab(stack.enter_context(open_lab(emulator)))
    assert again.describe(running)["status"] == "INTERNAL_ERROR"
    assert again.log(done) == ["kept"]


def test_page_names_everything() -> None:
    """What a test may set or call is on the emulator's page."""
    page = Path("docs/emulator.md").read_text()
    names = [name for name in [*vars(Faults()), *vars(Faults)] if not name.startswith("_")]
    unnamed = {name for name in names if f"`{name}" not in page}
    assert unnamed <= {"strike", "unreachable", "expired_sessions", "turns_away"}
