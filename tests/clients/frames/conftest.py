"""Connections to the account under test, and a schema of its own for each test."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector import SnowflakeConnection


def settings() -> dict[str, Any]:
    """Connection settings from the environment."""
    return {
        "host": os.environ["SPCS_HOST"],
        "port": int(os.environ["SPCS_PORT"]),
        "protocol": "http",
        "user": os.environ["SPCS_USER"],
        "password": os.environ["SPCS_PASSWORD"],
        "account": os.environ["SPCS_ACCOUNT"],
    }


@pytest.fixture(scope="session")
def database() -> str:
    """A database for this test run."""
    name = f"FRAMES_{uuid.uuid4().hex[:8].upper()}"
    with snowflake.connector.connect(**settings()) as connection:
        connection.cursor().execute(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def schema(database: str) -> str:
    """A schema for this test."""
    name = f"S_{uuid.uuid4().hex[:8].upper()}"
    with snowflake.connector.connect(**settings()) as connection:
        connection.cursor().execute(f"CREATE SCHEMA {database}.{name}")
    return name


@pytest.fixture
def connection(database: str, schema: str) -> Iterator[SnowflakeConnection]:
    """A session that stands in the test's schema."""
    with snowflake.connector.connect(**settings(), database=database, schema=schema) as opened:
        yield opened
