"""Borders that never raise: what a container prints, the account answers, the event log holds.

Whatever comes over a border, the others' events are made, and every event can be stored and shown.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import count
from typing import Any

import dagster as dg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dagster_spcs import SpcsJobResource, build_spcs_polling_sensor, spcs_job_asset
from dagster_spcs.errors import FunctionUnavailable, NotAnswered, ObjectNotFound, StatementError
from dagster_spcs.event_log import keys
from dagster_spcs.event_log.container_reports import ContainerReports, container_reports
from dagster_spcs.event_log.end import EndEvents, JobEnd, end_events, read_end
from dagster_spcs.event_log.ledger import Ledger, Page
from dagster_spcs.event_log.start import JobStart, read_start, start_event
from dagster_spcs.jobs.gather import Gatherer
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.submission import SubmittedJob
from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob
from dagster_spcs.pipes.messages import MARK, PipesMessages, read_messages
from dagster_spcs.sensor.cursor import Cursor
from dagster_spcs.sensor.observed import ObservedJobs
from dagster_spcs.sensor.recording import recorded_report
from dagster_spcs.sensor.retries import RetryRule, next_attempt
from dagster_spcs.sensor.run_requests import failure_request
from dagster_spcs.sensor.tick import Tick, TickOptions
from dagster_spcs.spcs import statements
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.clocks import ACCOUNT_DIFFERS_BY
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import (
    HistoryRecord,
    JobListing,
    JobLog,
    JobRecord,
    LogLine,
    TableFacts,
)
from dagster_spcs.spcs.unreadable import Unreadable
from dagster_spcs.testing import InMemorySession

from .samples import (
    NOON,
    at,
    container,
    container_row,
    history_row,
    identity,
    job,
    job_row,
    log_row,
    name,
    planned,
    request,
)

ASSET = ("daily", "scores")
KEY = dg.AssetKey(list(ASSET))
FEW = settings(
    max_examples=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
MANY = settings(FEW, max_examples=150)
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

# --- what comes from outside ------------------------------------------------------------------

ODD_TEXTS = [
    "",
    "\0",
    "\ud800",
    "a\udfffb",
    "\x1b[31m",
    "\u202e",
    "x" * 5000,
    "NaN",
    "1e400",
    "9" * 5000,
    "[" * 100_000,
    '{"a":' * 100_000,
    '["\\ud800", "\\u0000"]',
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "dagster_spcs/status",
    "DONE",
    "```",
]
TEXT = st.text(st.characters(exclude_categories=()), max_size=20) | st.sampled_from(ODD_TEXTS)
NUMBERS = (
    st.integers()
    | st.sampled_from([2**31, 2**63, -(2**63) - 1, 2**64, 10**40, 10**400, 10**4000])
    | st.floats()
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
DEEP: Any = 1
for _ in range(500):
    DEEP = [DEEP]
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
) | st.just(DEEP)
DATES = st.sampled_from(
    [
        NOON,
        NOON.replace(tzinfo=None),
        datetime.min,
        datetime.max,
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
        date.min,
        date(2026, 1, 1),
        timedelta.max,
    ]
)
NESTED = st.sampled_from(
    [
        '{"instances": 3}',
        '{"instances": [null]}',
        '{"instances": [{"instanceId": "0", "containers": [7]}]}',
        '{"instances": [{"instanceId": "\\ud800", "containers": [{}]}]}',
        '{"instances": [{"instanceId": 1e400, "containers": [{}]}]}',
        '{"instances": [{"instanceId": "0", "containers": [{"lastExitCode": "\\u0000"}]}]}',
        '{"instances": [{"instanceId": "0", "containers": [{"containerName": "\\ud800\\u0000",'
        ' "status": "\\ud800", "message": "\\u0000", "image": "\\udfff", "imageSha256": "\\ud800",'
        ' "lastExitCode": 1}]}]}',
        '{"instances": [{"instanceId": "7", "containers": [{"restartCount": 1e308}]}]}',
        '{"REPLICAS": 1e400}',
        '{"REPLICAS": -5}',
        '{"REPLICAS": 99999999999999999999}',
        '{"log.iostream": ["stdout"]}',
    ]
)
CELLS = (
    SCALARS
    | DATES
    | NESTED
    | st.binary(max_size=8)
    | st.decimals()
    | st.sampled_from([Decimal("1E+1000"), [], {}, {"a": [None]}, (), b"\xff"])
    | JSON
)
MISSING = object()


def _changed(row: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**row, **changes}.items() if value is not MISSING}


def like(row: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Rows that are one good row but for some columns, or in all columns something else."""
    cell = CELLS | st.just(MISSING)
    some = st.dictionaries(st.sampled_from(sorted(row)), cell, max_size=3)
    everything = st.fixed_dictionaries(dict.fromkeys(row, cell))
    return st.builds(_changed, st.just(row), some | everything)


def answers_like(*rows: Mapping[str, Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Answers of rows like these."""
    return st.lists(st.one_of([like(row) for row in rows]), max_size=3)


# --- what must hold ---------------------------------------------------------------------------


def no_constant(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def all_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from all_texts(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from all_texts(key)
            yield from all_texts(each)


def assert_storable(event: Any) -> None:
    """An event can be stored and read, and holds nothing that a database or a page refuses."""
    text = dg.serialize_value(event)
    # Every number is finite, and every text is text, in whatever kind of metadata it stands.
    value = json.loads(text, parse_constant=no_constant)
    bad = [each for each in all_texts(value) if _NO_TEXT.search(each)]
    assert not bad, f"no text: {ascii(bad[0])[:100]}"
    assert dg.serialize_value(dg.deserialize_value(text)) == text


def assert_all_storable(report: JobReport) -> list[EndEvents]:
    """The events of each part of a report can be stored."""
    made = [end_events(part, account="org-acc") for part in report.parts]
    for events in made:
        for event in (events.own, events.verdict, *events.reported):
            assert_storable(event)
    return made


def assert_typed(value: Any, *, raw: bool = False) -> None:
    """A value is a record all of whose texts, numbers and times can be worked with.

    Args:
        value: the record, or a part of one.
        raw: whether it is kept as it came: a line as it was printed, or a place, which a quoted
            identifier may name with nearly any character.
    """
    if isinstance(value, str):
        assert raw or not _CONTROLS.search(value), ascii(value)[:100]
    elif isinstance(value, datetime):
        assert value.tzinfo is not None
        assert value - timedelta(days=365) < value < value + timedelta(days=365)
    elif isinstance(value, bool | float) or value is None:
        pass
    elif isinstance(value, int):
        assert -(2**63) <= value < 2**63
    elif isinstance(value, tuple):
        for each in value:
            assert_typed(each)
    else:
        assert is_dataclass(value), type(value)
        for each in fields(value):
            is_line = isinstance(value, LogLine) and each.name == "text"
            is_raw = is_line or (isinstance(value, JobName) and each.name != "name")
            assert_typed(getattr(value, each.name), raw=is_raw)


# --- the first border: what a container prints --------------------------------------------------

TAGS = [
    "__infer__",
    "text",
    "url",
    "path",
    "notebook",
    "json",
    "md",
    "float",
    "int",
    "bool",
    "dagster_run",
    "asset",
    "null",
    "timestamp",
    "table",
    "table_schema",
    "table_column_lineage",
    "no such type",
]
_CONSTRAINTS = st.fixed_dictionaries(
    {},
    optional={
        "nullable": SCALARS,
        "unique": SCALARS,
        "other": st.lists(TEXT, max_size=2) | JSON,
        "odd": JSON,
    },
)
_COLUMNS = st.lists(
    st.fixed_dictionaries(
        {"name": TEXT | JSON},
        optional={
            "type": TEXT | JSON,
            "description": TEXT | JSON,
            "constraints": _CONSTRAINTS | JSON,
            "tags": st.dictionaries(TEXT, TEXT, max_size=2) | JSON,
        },
    ),
    max_size=3,
)
_LINEAGE = st.fixed_dictionaries(
    {
        "deps_by_column": st.dictionaries(
            TEXT,
            st.lists(st.fixed_dictionaries({"asset_key": TEXT, "column": TEXT | JSON}), max_size=2),
            max_size=2,
        )
    }
)
FITTING = (
    SCALARS
    | JSON
    | _COLUMNS
    | st.fixed_dictionaries({"columns": _COLUMNS})
    | st.fixed_dictionaries(
        {
            "records": st.lists(st.dictionaries(TEXT, SCALARS, max_size=2), max_size=2),
            "schema": _COLUMNS | st.fixed_dictionaries({"columns": _COLUMNS}),
        }
    )
    | _LINEAGE
    | st.sampled_from([0, -1, 1e9, 4e11, -6e10, 1e300])
)
VALUES = (
    st.fixed_dictionaries({"type": st.sampled_from(TAGS), "raw_value": FITTING})
    | st.fixed_dictionaries({"type": JSON, "raw_value": JSON})
    | JSON
)
LABELS = TEXT | st.sampled_from(
    [
        "rows",
        "dagster_spcs/status",
        "dagster_spcs/created",
        "dagster_spcs/anything",
        "dagster_spcs/",
        "dagster/row_count",
        "dagster/column_schema",
        "\0dagster_spcs/status",
    ]
)
METADATA = st.dictionaries(LABELS, VALUES, max_size=4)
ASSET_KEYS = st.sampled_from(["daily/scores", "daily\\/scores", "other", "", "/"]) | TEXT | JSON
MOSTLY_OWN = st.just("daily/scores") | ASSET_KEYS
MATERIALIZATION = st.fixed_dictionaries(
    {},
    optional={
        "asset_key": MOSTLY_OWN,
        "metadata": METADATA | JSON,
        "data_version": TEXT | JSON,
    },
)
CHECK = st.fixed_dictionaries(
    {},
    optional={
        "asset_key": MOSTLY_OWN,
        "check_name": st.just("no_holes") | TEXT | st.just(keys.CHECK_NAME) | JSON,
        "passed": st.booleans() | JSON,
        "severity": st.sampled_from(["WARN", "ERROR", None]) | JSON,
        "metadata": METADATA | JSON,
    },
)
CLOSED = st.just({}) | st.fixed_dictionaries(
    {"exception": JSON | st.fixed_dictionaries({"name": TEXT, "message": TEXT, "stack": JSON})}
)
MESSAGES = (
    st.tuples(st.just("report_asset_materialization"), MATERIALIZATION)
    | st.tuples(st.just("report_asset_check"), CHECK)
    | st.tuples(st.just("closed"), CLOSED)
    | st.tuples(st.sampled_from(["opened", "log", "no_such_method"]) | TEXT, JSON)
)


def printed(method: Any, params: Any) -> str:
    """Return a message as a container prints it."""
    told = json.dumps({"method": method, "params": params})
    return f'{MARK}: "0.1", {told[1:]}'


@st.composite
def logs(draw: st.DrawFn) -> list[LogLine]:
    """Draw the lines of a log, with messages whole, in pieces, several on a line, and broken."""
    lines: list[LogLine] = []
    for number in range(draw(st.integers(1, 4))):
        text = printed(*draw(MESSAGES))
        shape = draw(st.sampled_from(["whole"] * 3 + ["pieces", "cut", "several", "odd"]))
        if shape == "pieces":
            cut = draw(st.integers(0, len(text)))
            texts = [text[:cut], text[cut:]]
        elif shape == "cut":
            texts = [text[: draw(st.integers(0, len(text)))]]
        elif shape == "several":
            texts = [draw(TEXT) + text + printed(*draw(MESSAGES)) + draw(TEXT)]
        elif shape == "odd":
            texts = [MARK + draw(TEXT), draw(TEXT), text]
        else:
            texts = [text]
        moment = draw(st.none() | st.just(at(number)))
        stream = draw(st.sampled_from(["stdout", "stderr", None]))
        instance = draw(st.integers(0, 1))
        lines += [LogLine(each, instance, "main", moment, stream) for each in texts]
    return lines


def tracked(bare: str = "JOB_A", status: str = "DONE", **fields: Any) -> TrackedJob:
    """A job of asset ``daily/scores``."""
    return TrackedJob(job(bare, status), identity(**fields))


def report_with(lines: Sequence[LogLine], status: str = "DONE") -> JobReport:
    """A report of a job that spoke Pipes."""
    found = read_messages(lines)
    return JobReport(
        tracked(status=status, pipes=True),
        containers=(container(),),
        log=JobLog(found.shown),
        history=HistoryRecord.from_row(history_row()),
        messages=found,
    )


def lines_of(*messages: tuple[str, Any]) -> list[LogLine]:
    return [LogLine(printed(*each), 0, "main") for each in messages]


def with_metadata(**metadata: Any) -> list[LogLine]:
    """A log with one materialization."""
    params = {"asset_key": "daily/scores", "metadata": metadata}
    return lines_of(("report_asset_materialization", params))


@MANY
@given(lines=logs(), status=st.sampled_from(["DONE", "FAILED"]))
@example(with_metadata(a={"type": "table_schema", "raw_value": [{"name": "\ud800\0"}]}), "DONE")
@example(with_metadata(a=float("nan"), b=[float("inf")], c=10**400, d="\ud800\0"), "DONE")
def test_events_of_whatever_a_container_printed_can_be_stored(
    lines: list[LogLine], status: str
) -> None:
    """No log makes reading raise, nor an event that cannot be stored or holds what is no text."""
    report = report_with(lines, status)
    assert isinstance(report.messages, PipesMessages)
    assert isinstance(container_reports(report.messages, KEY), ContainerReports)
    assert_all_storable(report)


@MANY
@given(lines=logs())
@example(with_metadata(**{"dagster_spcs/status": "x", "\0dagster_spcs/status": 1}))
def test_containers_set_no_key_of_the_library(lines: list[LogLine]) -> None:
    """What stands under ``dagster_spcs/*`` is the same as without the container's messages."""
    report = report_with(lines)
    silent = replace(report, messages=None)
    own, plain = (end_events(each, account=None).own for each in (report, silent))
    names = {each for each in own.metadata if each.startswith(keys.NAMESPACE)} - {keys.MISSING}
    assert {each: own.metadata[each] for each in names} == {
        each: value for each, value in plain.metadata.items() if each.startswith(keys.NAMESPACE)
    }
    for check in container_reports(report.messages, KEY).checks:
        assert check.check_name != keys.CHECK_NAME
        assert not any(each.startswith(keys.NAMESPACE) for each in check.metadata)


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's own storage, SQLite in memory."""
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@FEW
@given(lines=logs(), status=st.sampled_from(["DONE", "FAILED"]))
def test_events_are_stored_and_read_back(
    instance: dg.DagsterInstance, lines: list[LogLine], status: str
) -> None:
    """Dagster's storage takes the events of any log, and gives back the same."""
    [events] = [end_events(each, account=None) for each in report_with(lines, status).parts]
    for event in (events.own, events.verdict, *events.reported):
        instance.report_runless_asset_event(event)
    fetch = instance.fetch_materializations if status == "DONE" else instance.fetch_observations
    [record] = fetch(KEY, limit=1).records
    stored = record.asset_materialization or record.asset_observation
    assert stored is not None
    assert dict(stored.metadata) == dict(events.own.metadata)
    assert isinstance(read_end(at(9), stored), JobEnd)
    for check in events.reported:
        [told] = instance.event_log_storage.get_asset_check_execution_history(
            check.asset_check_key, limit=1
        )
        assert told.event is not None


def test_one_bad_message_costs_no_other_one() -> None:
    """What stands between two good reports is noted, and both are there."""
    bad = [{"asset_key": "daily/scores", "metadata": each} for each in ([1], "x", {"a": DEEP})]
    lines = lines_of(
        ("report_asset_materialization", {"asset_key": "daily/scores", "metadata": {"a": 1}}),
        *[("report_asset_materialization", each) for each in bad],
        ("report_asset_check", {"asset_key": "daily/scores", "check_name": "c", "passed": "yes"}),
        ("report_asset_materialization", {"asset_key": "daily/scores", "metadata": {"b": 2}}),
    )
    said = container_reports(read_messages(lines), KEY)
    assert set(said.metadata) >= {"a", "b"}
    assert len(said.notes) == 4


# --- the second border: what the account answers ----------------------------------------------

DESCRIBE = "DESCRIBE SERVICE"
LISTING = "SHOW JOB SERVICES"
HISTORY = "SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY"
LOGS = "SELECT JOB, TIMESTAMP"
NODE_LOGS = "SELECT SYSTEM$GET_SERVICE_LOGS"
CONTAINERS = "SHOW SERVICE CONTAINERS"
INSTANCES = "SHOW SERVICE INSTANCES"
POOLS = "SHOW COMPUTE POOLS"
COUNTS = "SELECT 'LAB.JOBS.T' AS TABLE_NAME"
COLUMNS = "SELECT TABLE_SCHEMA"
TOLD = "SELECT * FROM TABLE("

INSTANCE_ROW = {
    "instance_id": "0",
    "status": "READY",
    "creation_time": "2026-01-01T12:00:00Z",
    "start_time": "2026-01-01T12:01:00Z",
    "ip_address": "10.0.0.1",
}
POOL_ROW = {"name": "POOL", "instance_family": "CPU_X64_S"}
COUNT_ROW = {"table_name": "LAB.JOBS.T", "row_count": 3}
COLUMN_ROW = {
    "table_schema": "JOBS",
    "table_name": "T",
    "column_name": "A",
    "data_type": "TEXT",
}
EVENT_ROW = {
    "timestamp": NOON,
    "event_name": "CONTAINER.STATUS_CHANGE",
    "severity": "INFO",
    "event_details": '{"status": "DONE", "message": "m"}',
    "instance_id": 0,
    "container_name": "main",
}
METRIC_ROW = {
    "timestamp": NOON,
    "metric_name": "cpu",
    "value": "0.5",
    "unit": "cpu",
    "instance_id": 0,
    "container_name": "main",
}
SPEC_ROW = {
    **job_row(),
    "spec": "spec:\n  containers:\n  - name: main\n    env:\n"
    "      DAGSTER_PARTITION_KEYS: '[\"p\"]'\n",
}
SPECS = st.sampled_from(
    [
        "- a\n- b",
        "spec: [" * 1000,
        "spec: {containers: 3}",
        "spec: {containers: [3]}",
        "spec: 2001-99-99",
        "a: &a [*a]",
        "!!python/object:os.system {}",
        "\x01",
        *[
            f"spec: {{containers: [{{name: main, env: {{DAGSTER_PARTITION_KEYS: {told}}}}}]}}"
            for told in (
                '\'["p", "q"]\'',
                "'[\"\\ud800\"]'",
                "'[\"\\u0000\"]'",
                '\'["p", "p"]\'',
                "'[\"\"]'",
                "'[3]'",
                "'{}'",
                "'[['",
                "7",
                f"'[\"{'x' * 3000}\"]'",
            )
        ],
    ]
)


def client_over(session: InMemorySession) -> SpcsClient:
    return SpcsClient(session, sleep=session.slept.append, clock=lambda: sum(session.slept))


def answering(beginning: str, rows: Sequence[Mapping[str, Any]]) -> SpcsClient:
    """A client whose account gives one answer."""
    session = InMemorySession()
    session.always(beginning, rows)
    return client_over(session)


@MANY
@given(rows=answers_like(job_row(), job_row("JOB_B")))
@example([job_row(schema_name="\ud800")])
@example([job_row(database_name="a\0b")])
def test_list_jobs_of_any_rows(rows: list[dict[str, Any]]) -> None:
    """A listing holds records and reasons, whatever its rows hold, and the good job among them."""
    listed = answering(LISTING, [job_row("GOOD"), *rows]).list_jobs(database="LAB", schema="JOBS")
    assert isinstance(listed, JobListing)
    assert all(isinstance(each, JobRecord) for each in listed)
    assert all(isinstance(each, Unreadable) for each in listed.unreadable)
    assert listed[0].name == name("GOOD")
    for each in (*listed, *listed.unreadable):
        assert_typed(each._replace(comment=None) if isinstance(each, JobRecord) else each)


@FEW
@given(last=CELLS | st.just(MISSING))
@example("\0")
@example(None)
def test_list_jobs_goes_on_after_any_full_page(last: Any) -> None:
    """A page whose last row has any name is followed by the next one, or by an end of the list."""
    session = InMemorySession()
    full = [job_row("GOOD"), _changed(job_row(), {"name": last})]
    session.answer(LISTING, full, [])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statements, "MAX_LISTED", 2)
        listed = client_over(session).list_jobs(database="LAB", schema="JOBS")
    assert listed[0].name == name("GOOD")


@MANY
@given(rows=answers_like(history_row(), history_row("JOB_B")))
@example([_changed(history_row(), {"database_name": "\x1f"})])
def test_history_of_any_rows(rows: list[dict[str, Any]]) -> None:
    """Each job has its record, a reason or nothing; a good job has its record."""
    good = job("GOOD", created_on=at(0))
    client = answering(HISTORY, [*rows, history_row("GOOD")])
    found = client.history([good, job("JOB_A"), job("JOB_B")])
    assert isinstance(found[good.name], HistoryRecord)
    for each in found.values():
        assert isinstance(each, HistoryRecord | Unreadable)
        assert_typed(each)
    names = {good.name, name("JOB_A"), name("JOB_B")}
    for own in client.history_of_names(names, since=NOON).values():
        for each in own:
            assert isinstance(each, HistoryRecord | Unreadable)
            assert_typed(each)


@MANY
@given(rows=answers_like(log_row(1, "text"), log_row(2, "text")))
def test_logs_of_any_rows(rows: list[dict[str, Any]]) -> None:
    """Each job has its lines and reasons; a good line is among its job's."""
    client = answering(LOGS, [*rows, log_row(0, "hello")])
    found = client.logs_of_many([job("GOOD"), job("JOB_A"), job("JOB_B")])
    # Another row may say that it is of the same job.
    assert "hello" in [line.text for line in found[name("GOOD")].lines]
    for each in found.values():
        assert isinstance(each, JobLog)
        assert_typed(each)


SINGLE: dict[str, tuple[str, Mapping[str, Any], Callable[[SpcsClient], Any]]] = {
    "describe": (DESCRIBE, job_row(), lambda client: client.describe(name())),
    "specification": (DESCRIBE, SPEC_ROW, lambda client: client.specification(name())),
    "containers": (CONTAINERS, container_row(), lambda client: client.containers(name())),
    "instances": (INSTANCES, INSTANCE_ROW, lambda client: client.instances(name())),
    "events": (TOLD, EVENT_ROW, lambda client: client.events(job())),
    "metrics": (TOLD, METRIC_ROW, lambda client: client.metrics(job())),
    "node_logs": (NODE_LOGS, {"x": "t"}, lambda client: client.node_logs(name(), [container()])),
    "follow": (NODE_LOGS, {"x": "t"}, lambda client: client.follow(name(), 0, "main", "")),
    "instance_family": (POOLS, POOL_ROW, lambda client: client.instance_family("POOL")),
}


@pytest.mark.parametrize("method", SINGLE)
@settings(FEW, max_examples=60)
@given(data=st.data())
def test_any_answer_about_one_thing(method: str, data: st.DataObject) -> None:
    """It is a typed value, or ``NotAnswered`` tells why there is none."""
    beginning, row, ask = SINGLE[method]
    rows = data.draw(answers_like(row))
    if method == "specification":
        rows = [{**each, "spec": data.draw(SPECS | CELLS)} for each in rows]
    try:
        answer = ask(answering(beginning, rows))
    except NotAnswered:
        return
    if method == "specification":
        assert isinstance(answer, dict)
    elif method in ("node_logs", "follow"):
        assert isinstance(answer, JobLog | str)
    else:
        for each in answer if isinstance(answer, list) else [answer]:
            assert_typed(each._replace(comment=None) if isinstance(each, JobRecord) else each)


@pytest.mark.parametrize("spec", [10**40, "\ud800", [1], b"\xff", float("nan"), "[" * 100_000])
def test_specification_that_is_none(spec: Any) -> None:
    """A cell that is no YAML mapping is told as ``NotAnswered``."""
    with pytest.raises(NotAnswered):
        answering(DESCRIBE, [{**SPEC_ROW, "spec": spec}]).specification(name())


@MANY
@given(counts=answers_like(COUNT_ROW), columns=answers_like(COLUMN_ROW))
def test_table_facts_of_any_rows(
    counts: list[dict[str, Any]], columns: list[dict[str, Any]]
) -> None:
    """The facts of a table are typed, or ``NotAnswered`` tells why there are none."""
    session = InMemorySession()
    session.always(COUNTS, counts)
    session.always(COLUMNS, columns)
    try:
        found = client_over(session).table_facts(["LAB.JOBS.T"])
    except NotAnswered:
        return
    assert isinstance(found["LAB.JOBS.T"], TableFacts)
    assert_typed(found["LAB.JOBS.T"])


REFUSALS = st.sampled_from(
    [
        StatementError("refused\ud800\0", errno=1),
        ObjectNotFound(""),
        FunctionUnavailable("no such function"),
    ]
)
LINES = st.builds(lambda line: line.text, logs().map(lambda lines: lines[0]))
ANSWERS: dict[str, st.SearchStrategy[Any]] = {
    HISTORY: REFUSALS | answers_like(history_row(), history_row("JOB_B")),
    LOGS: REFUSALS
    | answers_like(log_row(1, "text"), log_row(2, "text"))
    | st.lists(st.builds(log_row, st.just("JOB_A"), LINES), max_size=3),
    NODE_LOGS: REFUSALS
    | answers_like({"x": "text"})
    | st.lists(st.fixed_dictionaries({"x": LINES}), max_size=2),
    CONTAINERS: REFUSALS
    | answers_like(container_row(), container_row(instance_id="1", last_exit_code=1)),
    POOLS: REFUSALS | answers_like(POOL_ROW),
    COUNTS: REFUSALS | answers_like(COUNT_ROW),
    COLUMNS: REFUSALS | answers_like(COLUMN_ROW),
    DESCRIBE: REFUSALS
    | st.lists(st.fixed_dictionaries({"spec": SPECS | CELLS}), max_size=2)
    | answers_like(SPEC_ROW),
}
JOBS = st.sampled_from(
    [
        tracked(),
        tracked(status="FAILED"),
        tracked(status="CANCELLED", deadline=at(1)),
        tracked(pipes=True),
        tracked(status="FAILED", pipes=True, partition="p"),
        tracked(batch=True),
        tracked(status="FAILED", batch=True),
        tracked(status="INTERNAL_ERROR", batch=True, pipes=True),
    ]
)


@MANY
@given(
    jobs=st.lists(JOBS, min_size=1, max_size=2),
    answers=st.fixed_dictionaries(ANSWERS),
    source=st.sampled_from(["warehouse", "no-warehouse"]),
    table=st.sampled_from([None, "LAB.JOBS.T"]),
)
def test_gathering_from_any_answers(
    jobs: list[TrackedJob], answers: dict[str, Any], source: Any, table: str | None
) -> None:
    """Good jobs have their reports, and events that can be stored, whatever else is answered."""
    session = InMemorySession()
    for beginning, answer in answers.items():
        session.always(beginning, answer)
    jobs = [
        replace(each, record=each.record._replace(name=name(bare)))
        for each, bare in zip(jobs, ("JOB_A", "JOB_B"), strict=False)
    ]
    gatherer = Gatherer(
        client_over(session), source=source, last_lines=10, table_of=lambda _: table
    )
    reports = gatherer.gather(jobs, at(10))
    assert [each.job.name for each in reports] == [each.name for each in jobs]
    for report in reports:
        assert_all_storable(report)


@pytest.mark.parametrize("told", ["\\ud800", "\\u0000", "x\\u0000y"])
def test_partitions_that_a_specification_tells(told: str) -> None:
    """Partitions that Dagster cannot store are noted, and the batch's event can be stored."""
    session = InMemorySession()
    for beginning in ANSWERS:
        session.always(beginning, [])
    session.always(CONTAINERS, [container_row()])
    spec = {"spec": {"containers": [{"env": {"DAGSTER_PARTITION_KEYS": f'["{told}"]'}}]}}
    session.always(DESCRIBE, [{**job_row(), "spec": json.dumps(spec)}])
    gatherer = Gatherer(client_over(session), source="no-warehouse", last_lines=10)
    [report] = gatherer.gather([tracked(batch=True)], at(10))
    assert_all_storable(report)


# --- the third border: what stands in Dagster's event log --------------------------------------

OWN_KEYS = sorted(value for value in vars(keys).values() if isinstance(value, str) and "/" in value)
OTHER = dg.AssetKey("other")
OF_OTHER = identity(asset=("other",))
DOCUMENT = json.loads(OF_OTHER.to_document())
GOOD_START = start_event(
    SubmittedJob(planned=planned(), name=name("DAGSTER_A"), identity=OF_OTHER, adopted=False),
    account=None,
)
FAILED = JobReport(TrackedJob(job("DAGSTER_A", "FAILED"), OF_OTHER))
GOOD_END = end_events(FAILED, account=None).own
DOCUMENTS = st.builds(
    lambda changes: json.dumps(_changed(DOCUMENT, changes)),
    st.dictionaries(
        st.sampled_from([*DOCUMENT, "d", "x", "s", "o", "c", "odd"]),
        JSON | st.just(MISSING),
        max_size=2,
    ),
)
STAMPS = st.floats() | st.sampled_from(
    [0.0, NOON.timestamp(), -62135596800.0, 253402300799.0, 1e300, -1.0]
)
STORED = st.one_of(
    st.builds(dg.TextMetadataValue, TEXT | DOCUMENTS),
    st.builds(dg.MarkdownMetadataValue, TEXT),
    st.builds(dg.IntMetadataValue, st.none() | st.integers()),
    st.builds(dg.FloatMetadataValue, st.none() | st.floats()),
    st.builds(dg.TimestampMetadataValue, STAMPS),
    st.builds(dg.JsonMetadataValue, st.lists(TEXT, max_size=3) | st.just({"a": [1]})),
    st.builds(dg.BoolMetadataValue, st.booleans() | st.none()),
    st.builds(dg.DagsterRunMetadataValue, TEXT),
    st.builds(dg.DagsterAssetMetadataValue, st.just(KEY)),
    st.builds(dg.NullMetadataValue),
)


@st.composite
def stored_events(draw: st.DrawFn) -> dg.AssetMaterialization | dg.AssetObservation:
    """Draw an event that is nearly one of the library's, or has nothing of one but the keys."""
    base = draw(st.sampled_from([{}, GOOD_START.metadata, GOOD_END.metadata]))
    changes = draw(
        st.dictionaries(
            st.sampled_from(sorted(base) or OWN_KEYS) | st.sampled_from(OWN_KEYS),
            STORED | st.just(MISSING),
            max_size=4,
        )
    )
    kind = draw(st.sampled_from([dg.AssetMaterialization, dg.AssetObservation]))
    partition = draw(st.sampled_from([None, "p"]))
    return kind(OTHER, metadata=_changed(base, changes), partition=partition)


def end_that_says(key: str, value: Any) -> dg.AssetObservation:
    """The end of a job, one of whose entries says something else."""
    return dg.AssetObservation(OTHER, metadata={**GOOD_END.metadata, key: value})


ENDS = st.builds(
    end_that_says, st.sampled_from([keys.STATUS, keys.CREATED, keys.SUBMITTED]), STORED
)
FIRST_DAY, LAST_DAY = (dg.TimestampMetadataValue(each) for each in (-62135596800.0, 253402300799.0))


@MANY
@given(event=stored_events() | ENDS)
@example(end_that_says(keys.CREATED, FIRST_DAY))
@example(end_that_says(keys.CREATED, LAST_DAY))
@example(end_that_says(keys.SUBMITTED, FIRST_DAY))
def test_reading_any_event(event: dg.AssetMaterialization | dg.AssetObservation) -> None:
    """An event is a start, an end, a reason or nothing, and what was read can be worked with."""
    start, end = read_start(at(1), event), read_end(at(1), event)
    assert start is None or isinstance(start, JobStart | Unreadable)
    assert end is None or isinstance(end, JobEnd | Unreadable)
    if isinstance(start, JobStart):
        assert len(start.key.digest) == 6
        session = InMemorySession()
        session.always(POOLS, [POOL_ROW])
        gatherer = Gatherer(client_over(session), source="no-warehouse", last_lines=10)
        assert_all_storable(gatherer.of_dropped(start.job_if_gone, None, start.partitions))
    if isinstance(end, JobEnd):
        assert len(end.key.digest) == 6
        assert end.created - ACCOUNT_DIFFERS_BY < end.created < end.created + ACCOUNT_DIFFERS_BY
        report = recorded_report(FAILED.job, end)
        next_attempt(report, RetryRule(max_retries=1), at(2))
        assert isinstance(failure_request(report), dg.RunRequest)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (keys.COMPUTE_POOL, dg.TextMetadataValue("a\0b")),
        (keys.COMPUTE_POOL, dg.TextMetadataValue("\ud800")),
        (keys.PARTITIONS, dg.JsonMetadataValue(["\ud800"])),
        (keys.PARTITIONS, dg.JsonMetadataValue(["\0"])),
        (keys.SERVICE, dg.TextMetadataValue('"a\0b"."c".JOB_A')),
        (keys.SERVICE, dg.TextMetadataValue('"\ud800"."c".JOB_A')),
    ],
)
def test_start_that_says_what_is_no_text(key: str, value: Any) -> None:
    """The end of such a job, were it dropped, can be gathered and stored, or it is unreadable."""
    start = read_start(
        at(1), dg.AssetObservation(OTHER, metadata={**GOOD_START.metadata, key: value})
    )
    if isinstance(start, JobStart):
        session = InMemorySession()
        session.always(POOLS, [POOL_ROW])
        gatherer = Gatherer(client_over(session), source="no-warehouse", last_lines=10)
        assert_all_storable(gatherer.of_dropped(start.job_if_gone, None, start.partitions))


@FEW
@given(events=st.lists(stored_events() | ENDS, max_size=3))
def test_ledger_over_any_events(events: list[Any]) -> None:
    """Among any events the ledger finds the good start and the good end of a job."""
    with dg.DagsterInstance.ephemeral() as opened:
        for event in (*events, GOOD_START, GOOD_END):
            opened.report_runless_asset_event(event)
        ledger = Ledger(opened)
        for page in (ledger.read(["other"], at(-1)), ledger.read_starts(["other"], at(-1))):
            assert isinstance(page, Page)
            entry = page.of(JobKey("LAB.JOBS.DAGSTER_A", NOON))
            assert entry.start is not None
            assert entry.ends
        assert isinstance(ledger.read(["other"], at(-1), ["p", "q"]), Page)
        assert isinstance(ledger.last_end(["other"]), JobEnd)
        assert ledger.has_success_since(["other"], "p", at(-9999), at(-1)) in (True, False)


# --- comments ---------------------------------------------------------------------------------


@MANY
@given(comment=TEXT | DOCUMENTS | TEXT.map(lambda text: "dagster-spcs" + text))
def test_any_comment(comment: str) -> None:
    """A comment is an identity, a reason or nothing."""
    found = JobIdentity.from_comment(comment)
    assert found is None or isinstance(found, JobIdentity | Unreadable)
    if isinstance(found, JobIdentity):
        assert JobIdentity.from_comment(found.to_document()) == found


@pytest.mark.parametrize("field", ["a", "p", "r", "x", "s", "o"])
@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800"])
def test_identity_of_what_is_no_text(field: str, text: str) -> None:
    """No identity has text that a database refuses: a query with NUL fails on PostgreSQL."""
    comment = json.dumps({**DOCUMENT, field: [text] if field == "a" else text})
    assert isinstance(JobIdentity.from_comment(comment), Unreadable)


# --- a tick -----------------------------------------------------------------------------------


class Connections(dg.ConfigurableResource):  # type: ignore[type-arg]
    """What the resource asks for database and schema; nothing connects."""

    database: str = "LAB"
    schema_: str = "JOBS"

    def get_connection(self) -> None:
        raise AssertionError("this test connects to nothing")


@spcs_job_asset(name="scores")
def scores() -> Any:
    return request()


@spcs_job_asset(name="other", max_retries=2, retry_delay_seconds=0)
def other() -> Any:
    return request()


_FRESH = count()
RESOURCE = SpcsJobResource(snowflake=Connections(), compute_pool="POOL")
REPOSITORY = dg.Definitions(
    assets=[scores, other],
    sensors=[build_spcs_polling_sensor(failure_runs=True)],
    resources={"spcs": RESOURCE},
).get_repository_def()
BAD_NAME = "DAGSTER_BAD"


def tick(
    instance: dg.DagsterInstance,
    session: InMemorySession,
    cursor: Cursor | None = None,
    *,
    observed: Mapping[str, str] | None = None,
) -> dg.SensorResult:
    """Evaluate the sensor once over a session."""
    options = TickOptions(
        resource_key="spcs",
        source="warehouse",
        max_completions=100,
        max_seconds=40,
        failure_runs=True,
        observed=ObservedJobs(observed or {}),
    )
    with dg.build_sensor_context(instance=instance, repository_def=REPOSITORY) as context:
        return Tick(context, client_over(session), RESOURCE, cursor or Cursor(), options).run()


def account_with(
    rows: Sequence[Mapping[str, Any]], answers: Mapping[str, Any] | None = None
) -> tuple[InMemorySession, str]:
    """An account with a good finished job of asset ``scores``, whose name is returned, and rows."""
    bare = f"DAGSTER_GOOD{next(_FRESH)}"
    comment = identity(asset=("scores",)).to_document()
    session = InMemorySession()
    for beginning, answer in (answers or {}).items():
        session.always(beginning, answer)
    session.always(LISTING, [*rows, job_row(bare, "DONE", comment=comment)])
    for beginning in ANSWERS:
        if beginning not in (answers or {}):
            session.always(beginning, [])
    return session, bare


def assert_recorded(instance: dg.DagsterInstance, result: dg.SensorResult, bare: str) -> None:
    """The job's materialization is among the events, and all of them can be stored."""
    own = [
        each
        for each in result.asset_events
        if isinstance(each, dg.AssetMaterialization)
        and each.asset_key == dg.AssetKey("scores")
        and each.metadata[keys.JOB_NAME].value == f"LAB.JOBS.{bare}"
    ]
    assert len(own) == 1
    for event in result.asset_events:
        assert_storable(event)
        instance.report_runless_asset_event(event)
    for run in result.run_requests or ():
        assert not [each for each in all_texts(run.run_config) if _NO_TEXT.search(each)]
    assert result.cursor is not None
    assert Cursor.model_validate_json(result.cursor).newest is not None


COMMENTS = CELLS | st.builds(
    lambda changes: json.dumps(_changed(DOCUMENT, changes)),
    st.dictionaries(
        st.sampled_from([*DOCUMENT, "d", "x", "s", "o", "c"]),
        st.none() | st.booleans() | st.integers() | TEXT | st.just(MISSING),
        max_size=2,
    ),
)


@settings(FEW, max_examples=40)
@given(row=like(job_row(BAD_NAME, "FAILED")), comment=COMMENTS)
@example(job_row(BAD_NAME, "FAILED"), json.dumps({**DOCUMENT, "p": "\0", "b": True}))
@example(job_row(BAD_NAME, "FAILED"), json.dumps({**DOCUMENT, "n": 10**30}))
@example(job_row(BAD_NAME, "DONE"), json.dumps({**DOCUMENT, "q": True, "r": "\0"}))
def test_tick_with_a_hostile_row(row: dict[str, Any], comment: Any) -> None:
    """One listed row of any cells costs the good job nothing."""
    with dg.DagsterInstance.ephemeral() as instance:
        session, bare = account_with([{**row, "comment": comment}])
        assert_recorded(instance, tick(instance, session), bare)


@settings(FEW, max_examples=40)
@given(answers=st.fixed_dictionaries(ANSWERS), pipes=st.booleans(), batch=st.booleans())
def test_tick_with_hostile_answers(answers: dict[str, Any], pipes: bool, batch: bool) -> None:
    """Whatever the account answers about two finished jobs, the good one is recorded."""
    document = json.dumps({**DOCUMENT, "m": pipes, "q": batch})
    rows = [job_row("JOB_A", "DONE"), job_row("DAGSTER_B", "FAILED", comment=document)]
    with dg.DagsterInstance.ephemeral() as instance:
        session, bare = account_with(rows, answers)
        assert_recorded(instance, tick(instance, session), bare)


@pytest.mark.parametrize("schema", ["\ud800", "a\0b", "OTHER", ""])
def test_tick_with_an_observed_row_of_another_schema(schema: str) -> None:
    """A row whose schema is not the one that was listed stops no tick, and costs no other job."""
    with dg.DagsterInstance.ephemeral() as instance:
        session, bare = account_with([job_row("NIGHTLY", "DONE", schema_name=schema)])
        result = tick(instance, session, observed={"NIGHTLY*": "other"})
        assert_recorded(instance, result, bare)


@FEW
@given(events=st.lists(stored_events() | ENDS, min_size=1, max_size=3))
@example([end_that_says(keys.CREATED, FIRST_DAY)])
@example([end_that_says(keys.CREATED, LAST_DAY)])
def test_tick_over_any_events(events: list[Any]) -> None:
    """Any events of an asset in Dagster's log cost the job of another one nothing."""
    with dg.DagsterInstance.ephemeral() as instance:
        for event in events:
            instance.report_runless_asset_event(event)
        rows = [job_row("DAGSTER_A", "FAILED", comment=OF_OTHER.to_document())]
        session, bare = account_with(rows)
        assert_recorded(instance, tick(instance, session), bare)
