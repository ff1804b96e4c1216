"""Logs: SYSTEM$GET_SERVICE_LOGS and SPCS_GET_LOGS (facts 5)."""

import json

import pytest
from snowflake.connector.errors import ProgrammingError

from dagster_spcs.emulator import Emulator
from dagster_spcs.emulator.statements import logs
from tests.support.emulators import Lab, container, spec_of, until

MIB = 1 << 20


def test_both_streams_as_one_text(lab: Lab) -> None:
    """GET_SERVICE_LOGS is one text of lines, standard error among them."""
    name = lab.run("echo one; echo two >&2; echo; printf three")
    assert sorted(lab.log(name)) == ["", "one", "three", "two"]
    row = lab.row(f"CALL SYSTEM$GET_SERVICE_LOGS('lab.public.{name}', '0', 'main')")
    assert list(row) == ["SYSTEM$GET_SERVICE_LOGS"]


@pytest.mark.parametrize(
    ("lines", "text"),
    [(1, "c"), (2, "b\nc"), (3, "a\nb\nc"), (100, "a\nb\nc")],
    ids=["one", "two", "all", "more"],
)
def test_the_last_lines(lab: Lab, lines: int, text: str) -> None:
    """The number of lines counts from the end."""
    name = lab.run("echo a; echo b; echo c")
    assert lab.value(f"SELECT SYSTEM$GET_SERVICE_LOGS('{name}', 0, 'main', {lines})") == text


def test_a_log_so_far(lab: Lab) -> None:
    """A container that printed nothing has an empty log."""
    assert lab.log(lab.run("true")) == [""]


def test_events_as_rows(lab: Lab) -> None:
    """SPCS_GET_EVENTS tells each change of status, in the order of the documented sample."""
    name = lab.submit("exit 3")
    until(lambda: lab.describe(name)["status"] == "FAILED")
    rows = lab.rows(f"SELECT * FROM TABLE({name}!SPCS_GET_EVENTS()) ORDER BY TIMESTAMP")
    told = [(row["EVENT_NAME"], json.loads(row["EVENT_DETAILS"])["status"]) for row in rows]
    assert told[:3] == [
        ("CONTAINER.STATUS_CHANGE", "PENDING"),
        ("SERVICE.STATUS_CHANGE", "PENDING"),
        ("SERVICE_INSTANCE.STATUS_CHANGE", "PENDING"),
    ]
    for what, statuses in {
        "CONTAINER": ["PENDING", "READY", "FAILED"],
        "SERVICE": ["PENDING", "RUNNING", "FAILED"],
        "SERVICE_INSTANCE": ["PENDING", "READY", "FAILED"],
    }.items():
        assert [status for each, status in told if each == f"{what}.STATUS_CHANGE"] == statuses
    assert {row["SEVERITY"] for row in rows if "FAILED" in row["EVENT_DETAILS"]} == {"ERROR"}
    after = "START_TIME => DATEADD(day, 1, CURRENT_TIMESTAMP())"
    assert lab.rows(f"SELECT * FROM TABLE({name}!SPCS_GET_EVENTS({after}))") == []


def test_logs_as_rows(lab: Lab) -> None:
    """SPCS_GET_LOGS gives one row a line, the newest first, with its stream."""
    spec = spec_of(container("echo a; sleep 0.05; echo b >&2"), container("echo c", "side"))
    name = lab.submit_spec(spec)
    lab.wait(name)
    rows = lab.rows(f"SELECT * FROM TABLE(lab.public.{name}!SPCS_GET_LOGS())")
    assert [row["TIMESTAMP"] for row in rows] == sorted(
        (row["TIMESTAMP"] for row in rows), reverse=True
    )
    seen = {
        (row["CONTAINER_NAME"], row["LOG"], json.loads(row["RECORD_ATTRIBUTES"])["log.iostream"])
        for row in rows
    }
    assert seen == {("main", "a", "stdout"), ("main", "b", "stderr"), ("side", "c", "stdout")}


def test_a_window_of_time(lab: Lab) -> None:
    """START_TIME and END_TIME bound the rows; the default is the last day."""
    name = lab.run("echo now")
    count = "SELECT COUNT(*) FROM TABLE({}!SPCS_GET_LOGS({}))"
    now = "CURRENT_TIMESTAMP()"
    for window, expected in [
        (f"START_TIME => DATEADD('minute', -5, {now})", 1),
        (f"START_TIME => DATEADD('minute', 5, {now})", 0),
        (f"START_TIME => DATEADD('day', -2, {now}), END_TIME => DATEADD('day', -1, {now})", 0),
        ("START_TIME => TO_TIMESTAMP_LTZ('2024-01-01 00:00:00')", 1),
        ("", 1),
    ]:
        assert lab.value(count.format(name, window)) == expected, window


@pytest.mark.parametrize(
    ("level", "kept"),
    [("INFO", {"out", "err"}), ("ERROR", {"err"}), ("NONE", set())],
    ids=["info", "error", "none"],
)
def test_log_levels(lab: Lab, level: str, kept: set[str]) -> None:
    """The specification's level decides what reaches the event table, not the live log."""
    exporters = {"eventTableConfig": {"logLevel": level}}
    name = lab.submit_spec(spec_of(container("echo out; echo err >&2"), logExporters=exporters))
    lab.wait(name)
    rows = lab.rows(f"SELECT LOG FROM TABLE({name}!SPCS_GET_LOGS())")
    assert {row["LOG"] for row in rows} == kept
    assert set(lab.log(name)) == {"out", "err"}


def test_much_output(lab: Lab) -> None:
    """50 MB of output end the job all the same; the live log is its last 100 KB."""
    name = lab.run("head -c 52428800 /dev/zero | tr '\\0' 'x' | fold -w 1000; echo; echo end")
    text = lab.value(f"SELECT SYSTEM$GET_SERVICE_LOGS('{name}', 0, 'main')")
    assert text.endswith("\nend")
    assert 99 * 1024 < len(text) <= 100 * 1024
    counted = f"SELECT COUNT(*) AS N, SUM(LENGTH(LOG)) AS S FROM TABLE({name}!SPCS_GET_LOGS())"
    row = lab.row(counted)
    assert int(row["S"]) == 50 * MIB + len("end")


def test_a_line_without_end(lab: Lab) -> None:
    """A line of several MB is kept in records of at most 16 KiB, and nothing of it is lost."""
    name = lab.run(f"head -c {3 * MIB} /dev/zero | tr '\\0' 'y'")
    row = lab.row(
        f"SELECT SUM(LENGTH(LOG)) AS S, MAX(LENGTH(LOG)) AS M FROM TABLE({name}!SPCS_GET_LOGS())"
    )
    assert int(row["S"]) == 3 * MIB
    assert row["M"] <= 16 * 1024


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param("7, 'main'", "Unable to get container status for instance id: 7. Available"
                     " instances", id="no-such-instance"),
        pytest.param("0, 'other'", "other", id="no-such-container"),
        pytest.param("0, 'main', 10, TRUE", "previous", id="previous-logs"),
    ],
)  # fmt: skip
def test_what_is_refused(lab: Lab, arguments: str, text: str) -> None:
    """Asking for what is not there is an error that clients know by its words."""
    name = lab.run("true")
    with pytest.raises(ProgrammingError, match=text):
        lab.rows(f"SELECT SYSTEM$GET_SERVICE_LOGS('{name}', {arguments})")


def test_before_the_start(lab: Lab) -> None:
    """The log of a container that has not started is the error ml-python looks for."""
    name = lab.submit("true")
    with pytest.raises(ProgrammingError, match="Waiting to start, Container Status: PENDING"):
        lab.log(name)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("SELECT SYSTEM$NO_SUCH_FUNCTION()", id="system-function"),
        pytest.param("CALL {n}!SPCS_EXPLODE()", id="method"),
        pytest.param("SELECT * FROM TABLE({n}!SPCS_GET_NOTHING())", id="table-method"),
    ],
)
def test_what_is_not_emulated_is_named(lab: Lab, statement: str) -> None:
    """What this emulator does not know it refuses by name."""
    name = lab.run("true")
    with pytest.raises(ProgrammingError, match=r"Unsupported feature '.*(EXPLODE|NO)") as caught:
        lab.rows(statement.format(n=name))
    assert caught.value.errno == 2


def test_a_large_log_is_read_alike(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is, or handed over: the same rows in the same order."""
    script = "for n in 1 2 3; do echo \"$n\"; echo 'é \\ \"x\"' >&2; done; printf 'a\\rb\\n'"
    name = lab.run(script)
    query = f"SELECT * FROM TABLE({name}!SPCS_GET_LOGS()) ORDER BY TIMESTAMP"

    def read() -> list[dict[str, object]]:
        rows = lab.rows(query)
        return [{**row, "RECORD_ATTRIBUTES": json.loads(row["RECORD_ATTRIBUTES"])} for row in rows]

    small = read()
    monkeypatch.setattr(logs, "_LARGE", 0)
    assert read() == small
    assert sorted(str(row["LOG"]) for row in small) == ["1", "2", "3", "a\rb", *['é \\ "x"'] * 3]


@pytest.mark.parametrize("large", [0, 1 << 40], ids=["where-it-is", "handed-over"])
def test_a_damaged_line_costs_no_other(
    account: Emulator, lab: Lab, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    """Whatever stands in the file, the lines around it are told."""
    name = lab.run("echo first; echo last")
    known = account._account
    assert known is not None
    job = next(job for job in known.jobs.values() if job.short_name == name)
    path = job.log_path(known.log_folder, 0, "main")
    first, last = path.read_bytes().splitlines(keepends=True)
    damage = b'\x00\xff nonsense\n12 stdout\n\n99999999999999999999999 stdout "x"\n1 stdout {\n'
    path.write_bytes(first + damage + last)
    monkeypatch.setattr(logs, "_LARGE", large)
    rows = lab.rows(f"SELECT LOG FROM TABLE({name}!SPCS_GET_LOGS()) ORDER BY TIMESTAMP")
    assert [row["LOG"] for row in rows] == ["first", "last"]
    assert lab.log(name)[0] == "first"
    assert lab.log(name)[-1] == "last"
