"""Jobs that were dropped before a tick saw their end, and names that are used again."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from dagster_spcs.emulator import Emulator
from dagster_spcs.errors import UnexpectedAnswer
from dagster_spcs.event_log import keys
from dagster_spcs.sensor.cursor import read_cursor
from dagster_spcs.spcs.client import SpcsClient, Submission
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import HistoryRecord
from dagster_spcs.spcs.status import JobStatus
from tests.integration.conftest import (
    Clock,
    Location,
    requested_asset,
    script_asset,
    script_request,
)
from tests.support.emulators import POOL, until
from tests.support.events import is_end

Locate = Callable[..., Location]
NAME = "DAGSTER_ONE_NAME"


@pytest.fixture(autouse=True)
def same_clock(emulator: Emulator) -> Iterator[None]:
    yield
    emulator.faults.clear()
    emulator.faults.clock_offset = timedelta()


def newest(location: Location, asset: str = "a") -> JobName:
    """Return the name of the job that was started last."""
    return JobName.parse(location.observations(asset)[0].metadata[keys.JOB_NAME].value)


def ends(location: Location, asset: str = "a") -> list[str]:
    """Return the statuses of the jobs whose end is recorded, by their submission."""
    told = [
        event
        for event in [*location.materializations(asset), *location.observations(asset)]
        if is_end(event)
    ]
    told.sort(key=lambda event: event.metadata[keys.SUBMITTED].value)
    return [event.metadata[keys.STATUS].value for event in told]


def end_and_drop(client: SpcsClient, *names: JobName) -> None:
    """Wait until the jobs have ended, and drop them."""
    for ended in client.wait(names, poll_seconds=0.02):
        client.drop(ended.name)


@pytest.mark.parametrize("source", ["warehouse", "no-warehouse"])
def test_job_dropped_at_work_is_told_as_dropped(
    locate: Locate, client: SpcsClient, source: str
) -> None:
    """A job that somebody dropped before it ended is reported once, as what it is."""
    location = locate(script_asset("a", "sleep 60"), metadata=source)
    location.run("a")
    location.tick()
    client.drop(newest(location))

    for _ in range(3):
        location.tick()

    told = location.observations("a")
    assert [each.metadata[keys.STATUS].value for each in told] == ["DELETED", "SUBMITTED"]
    assert "was dropped by somebody" in told[0].description


def test_job_that_ended_and_was_dropped_between_two_ticks_is_materialized(
    locate: Locate, client: SpcsClient
) -> None:
    """The history still knows how it ended, and nothing is lost."""
    location = locate(script_asset("a", "sleep 0.2"), script_asset("b", "sleep 60"))
    location.run("a", "b")
    location.tick()
    end_and_drop(client, newest(location))

    for _ in range(3):
        location.tick()

    [recorded] = location.materializations("a")
    assert recorded.metadata[keys.STATUS].value == "DONE"
    assert recorded.metadata[keys.INSTANCES].records[0].data["exit_code"] == 0
    assert len(location.observations("b")) == 1


@pytest.mark.parametrize(("source", "told"), [("warehouse", "DONE"), ("no-warehouse", "DELETED")])
def test_job_that_no_tick_ever_saw_is_told(
    locate: Locate, client: SpcsClient, source: str, told: str
) -> None:
    """A job that was started, ended and dropped between two ticks is in no listing."""
    location = locate(script_asset("a", "true"), metadata=source)
    location.tick()
    location.run("a")
    end_and_drop(client, newest(location))

    for _ in range(3):
        location.tick()

    assert ends(location) == [told]


def test_many_dropped_jobs_are_told_in_bounded_ticks(locate: Locate, client: SpcsClient) -> None:
    """Whoever cleans up during an outage leaves no tick with more than it may record."""
    names = [f"a{index}" for index in range(7)]
    location = locate(*(script_asset(name, "true") for name in names), max_completions=3)
    location.run(*names)
    location.tick()
    end_and_drop(
        client,
        *(
            JobName.parse(location.observations(name)[-1].metadata[keys.JOB_NAME].value)
            for name in names
        ),
    )
    before = sum(len(location.materializations(name)) for name in names)

    sizes = [len(location.tick().asset_events) // 2 for _ in range(4)]

    assert sum(sizes) == 7 - before
    assert max(sizes) <= 3
    assert all(len(location.materializations(name)) == 1 for name in names)


def start_and_end(location: Location, client: SpcsClient, script: str) -> JobName:
    """Start a job under a name that every job of the test has, and wait for its end."""
    _, name = location.start(client, script, name=NAME)
    [_] = client.wait([name], poll_seconds=0.02)
    return name


@pytest.mark.parametrize("minutes", [-6, 0, 6])
@pytest.mark.parametrize("saw", ["neither", "the first at work"])
def test_name_that_is_used_again_before_the_first_job_was_recorded(
    locate: Locate, client: SpcsClient, emulator: Emulator, saw: str, minutes: int
) -> None:
    """Each of the two is recorded as how it ended, whichever the name now stands for."""
    emulator.faults.clock_offset = timedelta(minutes=minutes)
    location = locate(script_asset("a", "true"))
    location.tick()
    _, name = location.start(client, "sleep 0.3; exit 3", name=NAME)
    if saw != "neither":
        location.tick()
    end_and_drop(client, name)
    location.start(client, "true", name=NAME)

    location.tick_until(lambda: location.materializations("a"))
    for _ in range(2):
        location.tick()

    assert ends(location) == ["FAILED", "DONE"]


@pytest.mark.parametrize("minutes", [-6, 0, 6])
def test_several_dropped_jobs_of_one_name(
    locate: Locate, client: SpcsClient, emulator: Emulator, minutes: int
) -> None:
    """The history has a row of each; which is whose is told by their order, not by the clocks."""
    emulator.faults.clock_offset = timedelta(minutes=minutes)
    location = locate(script_asset("a", "true"))
    location.tick()
    for script in ("exit 3", "true", "sleep 60", "true"):
        _, name = location.start(client, script, name=NAME)
        if script == "sleep 60":
            client.drop(name)
        else:
            end_and_drop(client, name)

    for _ in range(3):
        location.tick()

    assert ends(location) == ["FAILED", "DONE", "DELETED", "DONE"]


@pytest.mark.parametrize("late", [0, 1])
def test_row_that_is_late_is_not_another_ones(
    locate: Locate,
    client: SpcsClient,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    late: int,
) -> None:
    """Of two jobs of one name and one row, the row is that of the job submitted at its time."""
    read = SpcsClient.history_of_names

    def without_one(*asked: Any, **since: Any) -> dict[JobName, list[HistoryRecord]]:
        return {
            name: [row for number, row in enumerate(rows) if number != late]
            for name, rows in read(*asked, **since).items()
        }

    monkeypatch.setattr(SpcsClient, "history_of_names", without_one)
    location = locate(script_asset("a", "true"))
    location.tick()
    for _ in range(2):
        client.drop(start_and_end(location, client, "exit 3"))

    for _ in range(3):
        location.tick()
    assert ends(location) == ["FAILED"]

    clock.pass_(minutes=3)
    for _ in range(3):
        location.tick()
    assert ends(location) == (["DELETED", "FAILED"] if late == 0 else ["FAILED", "DELETED"])


@pytest.mark.parametrize("minutes", [-50, 0, 50])
def test_history_that_is_late_is_waited_for(
    locate: Locate, client: SpcsClient, emulator: Emulator, minutes: int
) -> None:
    """A job that ended well and was dropped is not told as dropped because its row is not there."""
    emulator.faults.history_lag_seconds = 3600
    emulator.faults.clock_offset = timedelta(minutes=minutes)
    location = locate(script_asset("a", "true"))
    location.tick()
    location.run("a")
    end_and_drop(client, newest(location))
    for _ in range(3):
        location.tick()
    assert ends(location) == []

    emulator.faults.history_lag_seconds = 0
    location.tick()
    assert ends(location) == ["DONE"]


def test_refused_history_is_asked_again(
    locate: Locate, client: SpcsClient, emulator: Emulator
) -> None:
    """One refused statement does not make a success a loss."""
    location = locate(script_asset("a", "true"))
    location.tick()
    location.run("a")
    end_and_drop(client, newest(location))
    refused = emulator.faults.refuse("SELECT", times=1)
    for _ in range(3):
        location.tick()
    assert refused.struck == 1
    assert ends(location) == ["DONE"]


def test_history_that_cannot_be_read_fails_no_tick(
    locate: Locate, client: SpcsClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is recorded without it, and says why."""

    def odd(*_: Any, **__: Any) -> None:
        raise UnexpectedAnswer("the account's answer has no column 'created_time'")

    monkeypatch.setattr(SpcsClient, "history_of_names", odd)
    location = locate(script_asset("a", "true"))
    location.tick()
    location.run("a")
    end_and_drop(client, newest(location))
    location.tick()
    clock.pass_(minutes=3)
    location.tick()
    assert ends(location) == ["DELETED"]
    [told, _] = location.observations("a")
    assert "created_time" in told.metadata[keys.MISSING].value


@pytest.mark.parametrize("minutes", [-50, 50])
def test_long_job_dropped_under_a_clock_that_is_off(
    locate: Locate, client: SpcsClient, emulator: Emulator, clock: Clock, minutes: int
) -> None:
    """What the cursor remembers by the account's clock, the event log knows by Dagster's."""
    emulator.faults.clock_offset = timedelta(minutes=minutes)
    location = locate(script_asset("a", "sleep 60"), script_asset("b", "true"))
    location.run("a")
    emulator.faults.clock_offset += timedelta(minutes=30)  # much has come since
    location.run("b")
    location.tick_until(lambda: location.materializations("b"))
    client.drop(newest(location))
    for _ in range(2):
        clock.pass_(hours=2)  # runs of hours ago are not what makes the tick look
        location.tick()
    assert ends(location) == ["DELETED"]


def test_job_that_timed_out_and_was_dropped(locate: Locate, client: SpcsClient) -> None:
    """The tick that cancelled it died: it was nobody's wish, and is tried again."""
    request = script_request("exec sleep 60", timeout=timedelta(seconds=0.5))
    location = locate(requested_asset("a", request, max_retries=1, retry_delay_seconds=0))
    location.tick()
    location.run("a")
    until(
        lambda: (
            location.tick(report=False, save=False)
            and client.describe(newest(location)).status
            in (JobStatus.CANCELLING, JobStatus.CANCELLED)
        )
    )
    end_and_drop(client, newest(location))
    requests = [request for _ in range(3) for request in location.tick().run_requests or []]
    assert ends(location) == ["TIMED_OUT"]
    assert len(requests) == 1


def test_jobs_past_the_limit_are_recorded_by_later_ticks(
    locate: Locate, client: SpcsClient
) -> None:
    """However few jobs a tick may record, each dropped job has its one event in the end."""
    location = locate(
        *(script_asset(name, "true", mode="blocking") for name in "abc"), max_completions=1
    )
    location.tick()
    for asset in "abc":
        run, name = location.start(client, "true", asset=asset, blocking=True)
        end_and_drop(client, name)
        location.instance.report_run_failed(run)
    sizes = [len(location.tick().asset_events) // 2 for _ in range(4)]
    assert sizes == [1, 1, 1, 0]
    assert [ends(location, asset) for asset in "abc"] == [["DONE"]] * 3


def test_name_that_another_tool_took(locate: Locate, client: SpcsClient, schema: str) -> None:
    """What has the name now, with a comment of its own, is not the job that was dropped."""
    location = locate(script_asset("a", "true"))
    location.tick()
    name = start_and_end(location, client, "true")
    client.drop(name)
    client.submit(Submission(script_request("sleep 60"), name, POOL, "of another tool"))

    for _ in range(3):
        location.tick()

    assert ends(location) == ["DONE"]


def test_cursor_lost_after_a_name_was_used_again(locate: Locate, client: SpcsClient) -> None:
    """What is in the event log is known by its submission, so nothing is recorded twice."""
    location = locate(script_asset("a", "true"))
    name = start_and_end(location, client, "exit 3")
    location.tick_until(lambda: ends(location))
    client.drop(name)
    start_and_end(location, client, "true")
    location.tick_until(lambda: location.materializations("a"))
    client.drop(name)

    location.cursor = None
    for _ in range(3):
        location.tick()

    assert ends(location) == ["FAILED", "DONE"]


@pytest.mark.parametrize("delay", [0, 3600])
@pytest.mark.parametrize("dropped", ["before the tick", "after the tick"])
def test_retry_of_a_dropped_job_whose_tick_was_not_saved(
    locate: Locate, client: SpcsClient, dropped: str, delay: int
) -> None:
    """The daemon died between the event and the cursor: the attempt is asked for all the same."""
    asset = script_asset("a", "exit 3", max_retries=1, retry_delay_seconds=delay)
    location = locate(asset, failure_runs=False)
    location.tick()
    location.run("a")
    if dropped == "before the tick":
        end_and_drop(client, newest(location))
    while not ends(location):
        lost = location.tick(save=False)
    if dropped == "after the tick":
        client.drop(newest(location))

    results = [location.tick() for _ in range(3)]

    assert ends(location) == ["FAILED"]
    requested = [request.run_key for result in results for request in result.run_requests or []]
    if delay:
        [waiting] = read_cursor(location.cursor).retries
        assert (waiting.attempt, requested) == (1, [])
    else:
        assert requested == [request.run_key for request in lost.run_requests]
