"""A Snowpark session for each check, in a schema of its own."""

import os
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from snowflake.snowpark import Session

DATABASE = "ML_JOBS_CHECKS"


def connect() -> Session:
    """Open a session with the settings of the environment."""
    names = ("host", "port", "user", "password", "account")
    settings = {name: os.environ[f"SPCS_{name.upper()}"] for name in names}
    return Session.builder.configs(
        {**settings, "protocol": os.environ.get("SPCS_PROTOCOL", "http")}
    ).create()


@pytest.fixture
def session() -> Iterator[Session]:
    """A session that stands in a new schema."""
    opened = connect()
    opened.sql(f"CREATE DATABASE IF NOT EXISTS {DATABASE}").collect()
    schema = f"T_{uuid.uuid4().hex[:10].upper()}"
    opened.sql(f"CREATE SCHEMA {DATABASE}.{schema}").collect()
    opened.use_database(DATABASE)
    opened.use_schema(schema)
    yield opened
    opened.close()


@pytest.fixture
def pool() -> str:
    """The compute pool that jobs run in."""
    return os.environ.get("SPCS_POOL", "CPU_S")


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so; fail after a while."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
