"""Jobs that were dropped before a tick saw their end, and names that are used again."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_spcs import JobRequest, SpcsJobResource, spcs_job_asset
from dagster_spcs.emulator import Emulator
from dagster_spcs.errors import UnexpectedAnswer
from dagster_spcs.event_log import events
from dagster_spcs.sensor import cursor as cursor_module
from dagster_spcs.sensor import dropped as dropped_module
from dagster_spcs.sensor import tick as tick_module
from dagster_spcs.spcs.client import SpcsClient, Submission
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import HistoryRecord
from dagster_spcs.spcs.status import JobStatus
from tests.integration.conftest import Location, requested_asset, script_asset, script_request
from tests.integration.test_blocking import start_beside
from tests.support.emulators import POOL, until

Locate = Callable[..., Location]


@pytest.fixture(autouse=True)
def same_clock(emulator: Emulator) -> Iterator[None]:
    yield
    emulator.faults.clear()
    emulator.faults.clock_offset = timedelta()


def newest(location: Location, asset: str = "a") -> JobName:
    """Return the name of the job that was started last."""
    return JobName.parse(location.observations(asset)[0].metadata[events.JOB_NAME].value)


def ends(location: Location, asset: str = "a") -> list[str]:
    """Return the statuses of the jobs whose end is recorded, by their submission."""
    told = [
        event
        for event in [*location.materializations(asset), *location.observations(asset)]
        if events.end_told_by(event)
    ]
    told.sort(key=lambda event: event.metadata[events.SUBMITTED].value)
    return [event.metadata[events.STATUS].value for event in told]


def pass_time(location: Location) -> None:
    """Make everything that is left for a later tick be left for long already."""
    remembered = json.loads(location.cursor or "")
    remembered["held"] = dict.fromkeys(remembered["held"], "2020-01-01T00:00:00Z")
    location.cursor = json.dumps(remembered)


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
    assert [each.metadata[events.STATUS].value for each in told] == ["DELETED", "SUBMITTED"]
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
    assert recorded.metadata[events.STATUS].value == "DONE"
    assert recorded.metadata[events.INSTANCES].records[0].data["exit_code"] == 0
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
            JobName.parse(location.observations(name)[-1].metadata[events.JOB_NAME].value)
            for name in names
        ),
    )
    before = sum(len(location.materializations(name)) for name in names)

    sizes = [len(location.tick().asset_events) // 2 for _ in range(4)]

    assert sum(sizes) == 7 - before
    assert max(sizes) <= 3
    assert all(len(location.materializations(name)) == 1 for name in names)


def test_retry_of_a_name_that_was_used_before(locate: Locate, client: SpcsClient) -> None:
    """A job under the name of an earlier one that was dropped has a retry of its own."""
    location = locate(
        requested_asset(
            "a", script_request("exit 1", name="DAGSTER_MINE"), max_retries=1, retry_delay_seconds=0
        )
    )
    keys = set()
    for number in (1, 2):
        location.run("a")
        requests: list[dg.RunRequest] = []
        while not requests:
            requests += location.tick().run_requests
        keys.add(requests[0].run_key)
        assert len(keys) == number
        client.drop(newest(location))


def one_name(*scripts: str, **options: Any) -> dg.AssetsDefinition:
    """Return an asset whose jobs all have one name, and do one thing after the other."""
    left = list(scripts)

    @spcs_job_asset(name="a", **options)
    def job() -> JobRequest:
        """A job of the test."""
        return script_request(left.pop(0), name="DAGSTER_MINE")

    return job


@pytest.mark.parametrize("minutes", [-6, 0, 6])
@pytest.mark.parametrize("saw", ["neither", "the first at work"])
def test_name_that_is_used_again_before_the_first_job_was_told(
    locate: Locate, client: SpcsClient, emulator: Emulator, saw: str, minutes: int
) -> None:
    """Each of the two is told as how it ended, whichever the name now stands for."""
    emulator.faults.clock_offset = timedelta(minutes=minutes)
    location = locate(one_name("sleep 0.3; exit 3", "true"))
    location.tick()
    location.run("a")
    if saw != "neither":
        location.tick()
    end_and_drop(client, newest(location))
    location.run("a")

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
    location = locate(one_name("exit 3", "true", "sleep 60", "true"))
    location.tick()
    for at_work in (False, False, True, False):
        location.run("a")
        if at_work:
            client.drop(newest(location))
        else:
            end_and_drop(client, newest(location))

    for _ in range(3):
        location.tick()

    assert ends(location) == ["FAILED", "DONE", "DELETED", "DONE"]


@pytest.mark.parametrize("late", [0, 1])
def test_row_that_is_late_is_not_another_ones(
    locate: Locate, client: SpcsClient, monkeypatch: pytest.MonkeyPatch, late: int
) -> None:
    """Of two jobs of one name and one row, the row is that of the job submitted at its time."""
    read = SpcsClient.history_of_names

    def without_one(*asked: Any, **since: Any) -> dict[JobName, list[HistoryRecord]]:
        return {
            name: [row for number, row in enumerate(rows) if number != late]
            for name, rows in read(*asked, **since).items()
        }

    monkeypatch.setattr(SpcsClient, "history_of_names", without_one)
    location = locate(one_name("exit 3", "exit 3"))
    location.tick()
    for _ in range(2):
        location.run("a")
        end_and_drop(client, newest(location))

    for _ in range(3):
        location.tick()
    assert ends(location) == ["FAILED"]

    pass_time(location)
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


def test_history_that_cannot_be_read_is_asked_again(
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


def test_history_row_of_an_odd_form_fails_no_tick(
    locate: Locate, client: SpcsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is told without it, when it has not become readable."""

    def odd(*_: Any, **__: Any) -> None:
        raise UnexpectedAnswer("the account's answer has no column 'created_time'")

    monkeypatch.setattr(SpcsClient, "history_of_names", odd)
    location = locate(script_asset("a", "true"))
    location.tick()
    location.run("a")
    end_and_drop(client, newest(location))
    location.tick()
    pass_time(location)
    location.tick()
    assert ends(location) == ["DELETED"]
    [told, _] = location.observations("a")
    assert "created_time" in told.metadata[events.MISSING].value


@pytest.mark.parametrize("minutes", [-50, 50])
def test_long_job_dropped_under_a_clock_that_is_off(
    locate: Locate,
    client: SpcsClient,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    minutes: int,
) -> None:
    """What the cursor remembers by the account's clock, the event log knows by Dagster's."""
    monkeypatch.setattr(cursor_module, "LISTED_WITHIN", timedelta())  # as if much had come since
    emulator.faults.clock_offset = timedelta(minutes=minutes)
    location = locate(script_asset("a", "sleep 60"), script_asset("b", "true"))
    location.run("a")
    location.run("b")
    location.tick_until(lambda: location.materializations("b"))
    client.drop(newest(location))
    for _ in range(2):
        remembered = json.loads(location.cursor or "")
        # Runs of hours ago are not what makes the tick look.
        remembered["looked"] = (datetime.now(timezone.utc) + timedelta(hours=2)).isoformat()
        location.cursor = json.dumps(remembered)
        location.tick()
    assert ends(location) == ["DELETED"]


@pytest.mark.parametrize("seconds", [-4, 4])
def test_row_of_an_earlier_job_of_the_name_is_not_taken(
    locate: Locate,
    client: SpcsClient,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
) -> None:
    """The history reaches further back than the search for starts; here in seconds, not hours."""
    for module in (dropped_module, tick_module):
        monkeypatch.setattr(module, "ACCOUNT_DIFFERS_BY", timedelta(seconds=5))
    monkeypatch.setattr(tick_module, "HOSTS_DIFFER_BY", timedelta(seconds=0.1))
    emulator.faults.clock_offset = timedelta(seconds=seconds)
    location = locate(one_name("exit 3", "true"))
    location.tick()
    location.run("a")
    location.tick_until(lambda: ends(location))
    client.drop(newest(location))
    told = time.monotonic()
    until(lambda: location.tick() and time.monotonic() > told + 1)
    location.run("a")
    end_and_drop(client, newest(location))
    for _ in range(3):
        location.tick()
    assert ends(location) == ["FAILED", "DONE"]


def test_asset_that_is_missing_for_a_while(
    locate: Locate, client: SpcsClient, emulator: Emulator, tmp_path: Path
) -> None:
    """A bad deployment: what its jobs have made meanwhile is recorded after the next one."""
    wait = f"while [ ! -e {tmp_path / 'go'} ]; do sleep 0.1; done"
    a, b = script_asset("a", wait), script_asset("b", "true")
    location = locate(a, b)
    location.run("a")
    location.tick()
    cursor = location.cursor
    emulator.faults.clock_offset = timedelta(hours=1)  # much is made meanwhile
    location = locate(b)
    location.cursor = cursor
    location.run("b")
    location.tick_until(lambda: location.materializations("b"))
    (tmp_path / "go").touch()
    [_] = client.wait([newest(location)], poll_seconds=0.02)
    location.tick()
    assert ends(location) == []

    cursor = location.cursor
    location = locate(a, b)
    location.cursor = cursor
    for _ in range(3):
        location.tick()
    assert ends(location) == ["DONE"]
    assert json.loads(location.cursor or "")["assets"] == []


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


def test_jobs_past_the_limit_are_held_as_well(
    locate: Locate, client: SpcsClient, resource: SpcsJobResource
) -> None:
    """Each run is told once that it is not waited for, however few jobs a tick may record."""
    location = locate(
        *(script_asset(name, "true", mode="blocking") for name in "abc"),
        hold_seconds=0,
        max_completions=1,
    )
    location.tick()
    for asset in "abc":
        _, name = start_beside(location, client, resource, "true", asset=asset)
        end_and_drop(client, name)
    for _ in range(6):
        location.tick()
    assert [ends(location, asset) for asset in "abc"] == [["DONE"]] * 3
    told = [each for asset in "abc" for each in location.observations(asset)]
    assert sum(events.taken_over_by(each) is not None for each in told) == 3


def test_name_that_another_tool_took(locate: Locate, client: SpcsClient, schema: str) -> None:
    """What stands there now, with a comment of its own, is not the job that was dropped."""
    location = locate(one_name("true"))
    location.tick()
    location.run("a")
    name = newest(location)
    end_and_drop(client, name)
    client.submit(Submission(script_request("sleep 60"), name, POOL, "of another tool"))

    for _ in range(3):
        location.tick()

    assert ends(location) == ["DONE"]


def test_cursor_lost_after_a_name_was_used_again(locate: Locate, client: SpcsClient) -> None:
    """What is in the event log is known by its submission, so nothing is told twice."""
    location = locate(one_name("exit 3", "true"))
    location.run("a")
    location.tick_until(lambda: ends(location))
    client.drop(newest(location))
    location.run("a")
    location.tick_until(lambda: location.materializations("a"))
    client.drop(newest(location))

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
    keys = [request.run_key for result in results for request in result.run_requests or []]
    if delay:
        [waiting] = json.loads(location.cursor or "")["retries"]
        assert (waiting["attempt"], keys) == (1, [])
    else:
        assert keys == [request.run_key for request in lost.run_requests]
