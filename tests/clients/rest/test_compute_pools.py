"""Compute pools: create, look at, suspend, resume, drop."""

import time
from collections.abc import Iterator

import pytest
from conftest import unique
from snowflake.core import CreateMode, Root
from snowflake.core.compute_pool import ComputePool, ComputePoolResource
from snowflake.core.exceptions import ConflictError, NotFoundError


def pool(name: str, **more: object) -> ComputePool:
    """Return a small pool."""
    return ComputePool(name=name, instance_family="CPU_X64_XS", min_nodes=1, max_nodes=2, **more)


def wait(resource: ComputePoolResource, states: set[str]) -> str:
    """Poll until the pool is in one of the states."""
    deadline = time.monotonic() + 60
    while (state := resource.fetch().state) not in states:
        assert time.monotonic() < deadline, f"still {state}"
        time.sleep(0.2)
    return state


@pytest.fixture
def name(root: Root) -> Iterator[str]:
    name = unique("POOL")
    yield name
    root.compute_pools[name].drop(if_exists=True)


def test_create_and_fetch(root: Root, name: str) -> None:
    created = root.compute_pools.create(pool(name, auto_suspend_secs=600, comment="small"))
    shown = created.fetch()
    assert (shown.name, shown.instance_family) == (name, "CPU_X64_XS")
    assert (shown.min_nodes, shown.max_nodes, shown.auto_suspend_secs) == (1, 2, 600)
    assert shown.comment == "small"
    assert shown.auto_resume is True
    assert shown.created_on.tzinfo is not None


def test_a_new_pool_becomes_ready(root: Root, name: str) -> None:
    assert wait(root.compute_pools.create(pool(name)), {"IDLE", "ACTIVE"}) == "IDLE"


def test_create_suspended(root: Root, name: str) -> None:
    created = root.compute_pools.create(pool(name), initially_suspended=True)
    assert created.fetch().state == "SUSPENDED"


def test_create_twice(root: Root, name: str) -> None:
    root.compute_pools.create(pool(name))
    with pytest.raises(ConflictError, match="already exists"):
        root.compute_pools.create(pool(name))
    root.compute_pools.create(pool(name, comment="other"), mode=CreateMode.if_not_exists)
    assert root.compute_pools[name].fetch().comment in (None, "")


def test_suspend_and_resume(root: Root, name: str) -> None:
    created = root.compute_pools.create(pool(name))
    wait(created, {"IDLE"})
    created.suspend()
    assert wait(created, {"SUSPENDED"}) == "SUSPENDED"
    created.resume()
    assert wait(created, {"IDLE", "ACTIVE"}) == "IDLE"


def test_create_or_alter(root: Root, name: str) -> None:
    created = root.compute_pools.create(pool(name))
    changed = created.fetch()
    changed.max_nodes = 3
    changed.comment = "bigger"
    created.create_or_alter(changed)
    shown = created.fetch()
    assert (shown.max_nodes, shown.comment) == (3, "bigger")


def test_iter(root: Root, name: str) -> None:
    root.compute_pools.create(pool(name))
    assert {"CPU_S", name} <= {one.name for one in root.compute_pools.iter()}
    assert [one.name for one in root.compute_pools.iter(like=name.lower())] == [name]
    assert [one.name for one in root.compute_pools.iter(starts_with="CPU_S", limit=1)] == ["CPU_S"]


def test_the_given_pool(root: Root) -> None:
    shown = root.compute_pools["cpu_s"].fetch()
    assert shown.name == "CPU_S"
    assert shown.max_nodes == 4
    assert shown.state in {"IDLE", "ACTIVE"}


def test_stop_all_services(root: Root, name: str) -> None:
    root.compute_pools.create(pool(name)).stop_all_services()
    assert root.compute_pools[name].fetch().num_services == 0


def test_drop(root: Root, name: str) -> None:
    created = root.compute_pools.create(pool(name))
    created.drop()
    with pytest.raises(NotFoundError):
        created.fetch()
    assert list(root.compute_pools.iter(like=name)) == []


def test_a_missing_pool(root: Root) -> None:
    missing = root.compute_pools["NO_SUCH_POOL"]
    for call in (missing.fetch, missing.suspend, missing.resume, missing.drop):
        with pytest.raises(NotFoundError, match="does not exist"):
            call()
    missing.drop(if_exists=True)
