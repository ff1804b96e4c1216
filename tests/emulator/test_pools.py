"""Compute pools: places on a bounded number of nodes."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from dagster_spcs.emulator.account.pools import ComputePool, Place

GIB = Decimal(1)


def pool(max_nodes: int = 1) -> ComputePool:
    """Return a pool of CPU_X64_S: 3 cores, 13 GiB a node."""
    created = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return ComputePool("P", "CPU_X64_S", 1, max_nodes, created, "ACCOUNTADMIN")


def asking(pool: ComputePool, cpu: float) -> asyncio.Task[Place]:
    """Ask for a place."""
    return asyncio.create_task(pool.place(Decimal(str(cpu)), GIB))


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test on an event loop of its own."""
    asyncio.run(test)


def test_places_share_a_node() -> None:
    """Instances that fit on a node together use one node."""

    async def test() -> None:
        one = pool(max_nodes=5)
        await asking(one, 1)
        await asking(one, 2)
        assert (one.busy_nodes, one.state) == (1, "ACTIVE")
        await asking(one, 0.5)
        assert one.busy_nodes == 2

    run(test())


def test_nodes_are_bounded() -> None:
    """Without room an instance waits, and goes on when another leaves."""

    async def test() -> None:
        one = pool()
        first = await asking(one, 3)
        second = asking(one, 1)
        await settle()
        assert not second.done()
        one.leave(first)
        await second
        assert one.busy_nodes == 1

    run(test())


def test_first_come_first_served() -> None:
    """A small instance does not overtake a large one that came before it."""

    async def test() -> None:
        one = pool()
        first = await asking(one, 2)
        large = asking(one, 3)
        await settle()
        small = asking(one, 1)
        await settle()
        assert (large.done(), small.done()) == (False, False)
        one.leave(first)
        await settle()
        assert (large.done(), small.done()) == (True, False)
        one.leave(await large)
        await small

    run(test())


def test_who_stops_waiting_makes_way() -> None:
    """A cancelled wait frees its turn, and a place just given goes back."""

    async def test() -> None:
        one = pool()
        first = await asking(one, 3)
        waiting, next_ = asking(one, 3), asking(one, 3)
        await settle()
        waiting.cancel()
        await settle()
        one.leave(first)
        assert not next_.done()
        next_.cancel()  # its place was given out, but it has not run yet
        await settle()
        assert (one.busy_nodes, one.state) == (0, "IDLE")
        await asking(one, 3)

    run(test())


@pytest.mark.parametrize(
    ("cpu", "memory", "fits"),
    [
        pytest.param(3, 13, True, id="whole-node"),
        pytest.param(4, 1, False, id="too-many-cores"),
        pytest.param(1, 14, False, id="too-much-memory"),
    ],
)
def test_what_fits(cpu: int, memory: int, fits: bool) -> None:
    """What an empty node cannot hold does not fit."""
    assert pool().fits(Decimal(cpu), Decimal(memory)) is fits


def test_a_suspended_pool_shows_it() -> None:
    """A pool without work is IDLE, or SUSPENDED if it was suspended."""
    one = pool()
    assert one.state == "IDLE"
    one.suspended = True
    assert one.state == "SUSPENDED"


def test_place_is_given_on_when_the_first_in_line_leaves() -> None:
    """Whoever waits behind one that gives up is served at once, and so is a grown pool."""

    async def scene() -> None:
        crowded = pool(1)
        asking(crowded, 2)
        large, small = asking(crowded, 3), asking(crowded, 1)
        await settle()
        assert not small.done()
        large.cancel()
        await settle()
        assert small.done()
        another = asking(crowded, 3)
        await settle()
        assert not another.done()
        crowded.resize(1, 2)
        await settle()
        assert another.done()

    run(scene())
