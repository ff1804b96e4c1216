"""Jobs that never start, jobs that are kept too long, and too many at once."""

import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from dagster_spcs import (
    Container,
    JobRequest,
    ServiceSpec,
    SpcsJobResource,
    build_spcs_polling_sensor,
)
from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.status import JobStatus
from tests.integration.conftest import (
    Clock,
    Location,
    requested_asset,
    script_asset,
    snowflake_resource,
)
from tests.support.emulators import POOL, SHELL, new_name, open_lab, until
from tests.support.events import is_end, is_start

Locate = Callable[..., Location]


def names(client: SpcsClient, schema: str) -> list[str]:
    """The jobs that are listed, by their assets."""
    listed = client.list_jobs(database="LAB", schema=schema)
    return sorted(job.name.name.split("_")[1].lower() for job in listed)


def test_finished_jobs_are_dropped_when_their_time_is_up(
    locate: Locate, client: SpcsClient, schema: str, clock: Clock
) -> None:
    """After their events are stored; failed ones seven times as late; others' never."""
    location = locate(
        script_asset("a", "true"), script_asset("b", "exit 3"), drop_after=timedelta(days=1)
    )
    location.run("a", "b")
    _, kept = location.start(client, "true", asset="elsewhere")
    [_] = client.wait([kept], poll_seconds=0.02)
    location.tick_until(
        lambda: location.materializations("a") and len(location.observations("b")) == 2
    )
    location.tick()
    assert names(client, schema) == ["a", "b", "elsewhere"]
    for days, left in ((2, ["b", "elsewhere"]), (3, ["b", "elsewhere"]), (4, ["elsewhere"])):
        clock.pass_(days=days)
        location.tick()
        location.tick()
        assert names(client, schema) == left
    assert sum(map(is_end, location.observations("b"))) == 1
    assert len(location.materializations("a")) == 1


def test_job_whose_events_may_not_be_stored_is_kept(
    locate: Locate, client: SpcsClient, schema: str
) -> None:
    """The tick that records it does not drop it: it may die before the events are stored."""
    location = locate(script_asset("a", "true"), drop_after=timedelta(0))
    location.run("a")
    [job] = client.list_jobs(database="LAB", schema=schema)
    [_] = client.wait([job.name], poll_seconds=0.02)
    for _ in range(3):
        location.tick(report=False, save=False)
    assert names(client, schema) == ["a"]
    location.tick()
    assert names(client, schema) == ["a"]
    location.tick()
    assert names(client, schema) == []


def test_drop_that_is_refused(
    locate: Locate, client: SpcsClient, schema: str, emulator: Emulator
) -> None:
    """It costs nothing else, and is tried again."""
    location = locate(script_asset("a", "true"), drop_after=timedelta(0))
    location.run("a")
    location.tick_until(lambda: location.materializations("a"))
    emulator.faults.refuse("DROP SERVICE", times=1)
    location.tick()
    assert names(client, schema) == ["a"]
    location.tick()
    assert names(client, schema) == []


@pytest.mark.parametrize("value", [3, "1 day", -timedelta(1)])
def test_drop_after_that_cannot_be_meant(value: object) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="write a span of time"):
        build_spcs_polling_sensor(drop_after=value)


def whole_node(pool: str, script: str, **fields: object) -> JobRequest:
    """Return a request whose one instance fills a node of the pool."""
    amounts = {"cpu": "1", "memory": "1Gi"}
    main = Container(
        name="main",
        image=SHELL,
        args=[script],
        resources={"requests": amounts, "limits": amounts},
    )
    spec = ServiceSpec(containers=[main])
    return JobRequest(spec=spec, compute_pool=pool, **fields)


NO_ROOM = "Unschedulable due to insufficient resources"


@pytest.fixture
def tiny_pool(emulator: Emulator) -> str:
    """A pool of one node, the test's own."""
    name = new_name("TINY")
    with open_lab(emulator) as connection:
        connection.cursor().execute(
            f"CREATE COMPUTE POOL {name} MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS"
        )
    return name


def test_reason_why_a_job_is_pending(
    locate: Locate,
    emulator: Emulator,
    client: SpcsClient,
    clock: Clock,
    schema: str,
    tiny_pool: str,
) -> None:
    """Once on the asset's page, on each tick; nothing is asked about it twice."""
    location = locate(
        requested_asset("a", whole_node(tiny_pool, "sleep 60"), mode="deferred"),
        requested_asset("b", whole_node(tiny_pool, "true"), mode="deferred"),
    )
    location.run("a")
    [first] = client.list_jobs(database="LAB", schema=schema)
    until(lambda: client.describe(first.name).status is JobStatus.RUNNING)
    location.run("b")
    assert skip_reason(location) == "No job ended; 2 in flight, 1 of them PENDING."
    assert len(location.observations("b")) == 1

    clock.pass_(minutes=3)
    sent = len(emulator.statements)
    for _ in range(3):
        told = skip_reason(location)
        assert told == f"No job ended; 2 in flight, 1 of them PENDING ({NO_ROOM})."
    asked = [each.text for each in emulator.statements[sent:]]
    assert sum(text.startswith("SHOW SERVICE CONTAINERS") for text in asked) == 1
    why, start = location.observations("b")
    assert (why.description or "").endswith(f": {NO_ROOM}")
    assert "SYSTEM$GET_SERVICE_LOGS" in (start.description or "")

    client.cancel(first.name)
    location.tick_until(lambda: location.materializations("b"))
    assert len(location.materializations("b")) == 1


def skip_reason(location: Location) -> str:
    """What a tick says."""
    return str(location.tick().skip_message)


def test_what_a_tick_says_it_recorded(locate: Locate, client: SpcsClient, schema: str) -> None:
    """Assets and statuses, as many as fit into a line."""
    location = locate(*(script_asset(f"a{number}", f"exit {number}") for number in range(7)))
    location.run(*(f"a{number}" for number in range(7)))
    jobs = client.list_jobs(database="LAB", schema=schema)
    assert len(list(client.wait([job.name for job in jobs], poll_seconds=0.02))) == 7
    told = skip_reason(location)
    assert told.startswith("Recorded 7: ")
    assert told.endswith(" and 2 more; 0 in flight.")
    assert told.count("FAILED") + told.count("DONE") == 5


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_job_that_never_starts(
    locate: Locate, client: SpcsClient, mode: str, schema: str, tiny_pool: str
) -> None:
    """It is cancelled when its time to start is up; the job that has the node is left alone."""
    soon = timedelta(seconds=1)
    location = locate(
        requested_asset("a", whole_node(tiny_pool, "true", start_timeout=soon), mode=mode),
        requested_asset(
            "b", whole_node(tiny_pool, "sleep 60", start_timeout=soon), mode="deferred"
        ),
    )
    location.run("b")
    [first] = client.list_jobs(database="LAB", schema=schema)
    until(lambda: client.describe(first.name).status is JobStatus.RUNNING)

    assert location.run("a").success == (mode == "deferred")
    location.tick_until(lambda: any(map(is_end, location.observations("a"))))
    [end] = filter(is_end, location.observations("a"))
    assert end.metadata[keys.STATUS].value == "TIMED_OUT"
    assert "did not start in time and was cancelled" in (end.description or "")
    for _ in range(2):
        location.tick()
    assert not any(map(is_end, location.observations("b")))
    client.cancel(first.name)
    location.tick_until(lambda: any(map(is_end, location.observations("b"))))
    [end] = filter(is_end, location.observations("b"))
    assert "was cancelled" in (end.description or "")


def most_at_once(folder: Path) -> int:
    """How many of the containers below were at work at the same time, at most."""
    moments = sorted(
        (float(moment), 1 if what == "begin" else -1)
        for what, moment in (line.split() for line in (folder / "log").read_text().splitlines())
    )
    return max(itertools.accumulate(step for _, step in moments))


def noting(folder: Path) -> str:
    """Return the script of a container that notes when it begins and ends."""
    note = f"$(date +%s.%N) >> {folder}/log"
    return f"echo begin {note}; sleep 0.3; echo end {note}"


PARTED = {
    "partitions_def": dg.StaticPartitionsDefinition(["p1", "p2", "p3", "p4", "p5"]),
    "backfill_policy": dg.BackfillPolicy.single_run(),
}
RANGE = {"dagster/asset_partition_range_start": "p1", "dagster/asset_partition_range_end": "p5"}


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
@pytest.mark.parametrize("where", ["asset", "resource"])
def test_jobs_at_work_at_once(
    locate: Locate, emulator: Emulator, schema: str, tmp_path: Path, mode: str, where: str
) -> None:
    """A step that would start more waits for room; all of them are made in the end."""
    limit = {"max_in_flight": 2}
    resource = SpcsJobResource(
        snowflake=snowflake_resource(emulator, schema),
        compute_pool=POOL,
        poll_seconds=0.05,
        **(limit if where == "resource" else {}),
    )
    options = {**PARTED, **(limit if where == "asset" else {})}
    location = locate(script_asset("a", noting(tmp_path), mode=mode, **options), resource=resource)
    assert location.run("a", tags=RANGE).success
    location.tick_until(lambda: len(location.materializations("a")) == 5)
    assert most_at_once(tmp_path) == 2


def test_limit_counts_the_jobs_of_other_runs(
    locate: Locate, client: SpcsClient, tmp_path: Path
) -> None:
    """And those of a run that was killed."""
    gate = tmp_path / "gate"
    location = locate(script_asset("a", "true", overlap="allow", max_in_flight=1))
    location.start(client, f"while [ ! -e {gate} ]; do sleep 0.05; done")
    run = threading.Thread(target=location.run, args=("a",))
    run.start()
    until(lambda: "Waiting with 1 jobs" in logs(location))
    gate.touch()
    run.join()
    assert len([event for event in location.observations("a") if is_start(event)]) == 2


def logs(location: Location) -> str:
    """What the runs of a location have logged."""
    return "\n".join(
        entry.user_message
        for run in location.instance.get_runs()
        for entry in location.instance.all_logs(run.run_id)
    )


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True])
def test_limit_that_cannot_be_meant(value: object) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="write how many jobs"):
        script_asset("a", "true", max_in_flight=value)
