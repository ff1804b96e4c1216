"""What containers print, and clocks that differ: told clearly, nothing lost, pages readable."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from tests.integration.conftest import Location, requested_asset, script_asset, script_request

Locate = Callable[..., Location]


@pytest.fixture(autouse=True)
def same_clock(emulator: Emulator) -> Iterator[None]:
    yield
    emulator.faults.clock_offset = timedelta()


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_line_of_ten_megabytes(locate: Locate, mode: str) -> None:
    """It is cut on the page, and what comes after it is there."""
    script = "head -c 10000000 /dev/zero | tr '\\0' x; echo; echo after"
    location = locate(script_asset("a", script, mode=mode))
    location.run("a")
    location.tick_until(lambda: location.materializations("a"))
    [event] = location.materializations("a")
    shown = event.metadata[keys.LOG].value
    assert len(shown.encode()) < 20_000
    assert shown.rstrip("`\n").endswith("after")
    assert event.metadata[keys.LOG_LINES].value > 1


def test_hostile_output(locate: Locate) -> None:
    """No line closes the block it stands in, colours a terminal or turns the text around."""
    script = r"""printf '```\n````\n<script>alert(1)</script>\n'
printf '\033[31mred\033[0m \007 \342\200\256backwards\n'
printf '\377\376 not unicode\n' >&2; echo '<img src=x onerror=alert(1)>'; exit 3"""
    location = locate(script_asset("a", script))
    location.run("a")
    location.tick_until(lambda: len(location.observations("a")) == 2)
    shown = location.observations("a")[0].metadata[keys.LOG].value
    fence = shown.split("text\n")[0]
    assert set(fence) == {"`"}
    assert len(fence) > 4
    assert shown.count(fence) == 2
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert "red" in shown
    assert "<script>alert(1)</script>" in shown  # as text, inside the block


@pytest.mark.parametrize("minutes", [-9, 9])
@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_clocks_that_differ_by_minutes(
    locate: Locate, emulator: Emulator, mode: str, minutes: int
) -> None:
    """An account ahead or behind: one event, with its logs, and no early or missed deadline."""
    emulator.faults.clock_offset = timedelta(minutes=minutes)
    request = script_request("echo hello; sleep 0.2", timeout=timedelta(minutes=5))
    location = locate(requested_asset("a", request, mode=mode))
    location.run("a")
    location.tick_until(lambda: location.materializations("a"))
    location.cursor = None
    location.tick()
    location.tick()
    [event] = location.materializations("a")
    assert "hello" in event.metadata[keys.LOG].value
    assert 0 <= event.metadata[keys.SECONDS_RUNNING].value < 60


@pytest.mark.parametrize("minutes", [-9, 9])
def test_deadline_is_by_dagsters_clock(locate: Locate, emulator: Emulator, minutes: int) -> None:
    emulator.faults.clock_offset = timedelta(minutes=minutes)
    request = script_request("echo begun; sleep 600", timeout=timedelta(seconds=1))
    location = locate(requested_asset("a", request))
    location.run("a")
    location.tick_until(lambda: len(location.observations("a")) == 2)
    told = location.observations("a")[0]
    assert told.metadata[keys.STATUS].value == "TIMED_OUT"
    assert "begun" in told.metadata[keys.LOG].value
