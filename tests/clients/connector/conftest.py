"""Connections to the account whose address the environment tells; a schema of its own per test."""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector import SnowflakeConnection


def parameters(**more: Any) -> dict[str, Any]:
    """Return what ``snowflake.connector.connect`` takes."""
    return {
        "account": os.environ["SPCS_ACCOUNT"],
        "user": os.environ["SPCS_USER"],
        "password": os.environ["SPCS_PASSWORD"],
        "host": os.environ["SPCS_HOST"],
        "port": int(os.environ["SPCS_PORT"]),
        "protocol": "http",
        **more,
    }


@pytest.fixture
def place() -> Iterator[tuple[str, str]]:
    """A database and schema of this test's own."""
    database = f"D{uuid.uuid4().hex[:10]}".upper()
    with snowflake.connector.connect(**parameters()) as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE DATABASE {database}")
        cursor.execute(f"CREATE SCHEMA {database}.WORK")
        yield database, "WORK"
        cursor.execute(f"DROP DATABASE {database}")


@pytest.fixture
def connect(place: tuple[str, str]) -> Iterator[Callable[..., SnowflakeConnection]]:
    """Open connections into the test's schema; all are closed afterwards."""
    opened: list[SnowflakeConnection] = []

    def open_one(**more: Any) -> SnowflakeConnection:
        settings = parameters(database=place[0], schema=place[1], **more)
        opened.append(snowflake.connector.connect(**settings))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture
def connection(connect: Callable[..., SnowflakeConnection]) -> SnowflakeConnection:
    """A connection into the test's schema."""
    return connect()


@pytest.fixture
def cursor(connection: SnowflakeConnection) -> Any:
    """A cursor of that connection."""
    return connection.cursor()


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Poll until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.2)


SPECIFICATION = """
spec:
  containers:
  - name: main
    image: /db/schema/images/hello:1
    args: [{args}]
"""


def job_statement(name: str, *args: str, asynchronous: bool = True) -> str:
    """Return the statement that runs the image hello as a job."""
    text = SPECIFICATION.format(args=", ".join(f'"{arg}"' for arg in args))
    return (
        f"EXECUTE JOB SERVICE IN COMPUTE POOL CPU_S NAME = {name}"
        f" ASYNC = {str(asynchronous).upper()} FROM SPECIFICATION $${text}$$"
    )
