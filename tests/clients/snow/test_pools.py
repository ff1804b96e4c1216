"""``snow spcs compute-pool``."""

import json
import uuid

import pytest


@pytest.fixture
def pool(snow):
    """A compute pool."""
    name = f"P{uuid.uuid4().hex[:8]}".upper()
    (row,) = snow.rows(
        "spcs", "compute-pool", "create", name, "--family", "CPU_X64_XS", "--min-nodes", "1",
        "--max-nodes", "2", "--no-auto-resume", "--auto-suspend-secs", "600", "--comment", "mine",
    )  # fmt: skip
    assert row["status"] == f"Compute pool {name} successfully created."
    yield name
    snow.run("sql", "-q", f"DROP COMPUTE POOL IF EXISTS {name}")


def described(snow, pool):
    """Return what is told of the pool."""
    (row,) = snow.rows("spcs", "compute-pool", "describe", pool)
    return row


def test_create_and_describe(snow, pool):
    row = described(snow, pool)
    assert (row["min_nodes"], row["max_nodes"], row["instance_family"]) == (1, 2, "CPU_X64_XS")
    assert (row["auto_suspend_secs"], row["comment"]) == (600, "mine")


def test_create_twice(snow, pool):
    words = ("spcs", "compute-pool", "create", pool, "--family", "CPU_X64_XS")
    assert "already exists" in snow.run(*words, fails=True)
    snow.run(*words, "--if-not-exists")


def test_list(snow, pool):
    told = snow.json("spcs", "compute-pool", "list", "--like", pool)
    assert [row["name"] for row in told] == [pool]


def test_status(snow, pool):
    (row,) = snow.rows("spcs", "compute-pool", "status", pool)
    assert json.loads(row["SYSTEM$GET_COMPUTE_POOL_STATUS"])["status"] in ("IDLE", "STARTING")


def test_set_and_unset(snow, pool):
    snow.run("spcs", "compute-pool", "set", pool, "--max-nodes", "3", "--comment", "other")
    row = described(snow, pool)
    assert (row["max_nodes"], row["comment"]) == (3, "other")
    snow.run("spcs", "compute-pool", "unset", pool, "--comment")
    assert described(snow, pool)["comment"] in (None, "")


def test_suspend_and_resume(snow, pool):
    snow.run("spcs", "compute-pool", "suspend", pool)
    assert described(snow, pool)["state"] in ("SUSPENDED", "STOPPING")
    snow.run("spcs", "compute-pool", "resume", pool)
    assert described(snow, pool)["state"] in ("STARTING", "IDLE", "ACTIVE")


def test_stop_all(snow, pool):
    snow.run("spcs", "compute-pool", "stop-all", pool)


def test_drop(snow, pool):
    (row,) = snow.rows("spcs", "compute-pool", "drop", pool)
    assert row["status"] == f"{pool} successfully dropped."
    assert snow.json("spcs", "compute-pool", "list", "--like", pool) == []


def test_drop_a_missing_one(snow):
    assert "does not exist" in snow.run("spcs", "compute-pool", "drop", "NOWHERE", fails=True)
