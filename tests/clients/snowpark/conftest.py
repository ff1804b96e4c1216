"""A Snowpark session that stands in a schema of its own for each test."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from snowflake.snowpark import Session


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
    name = f"SNOWPARK_{uuid.uuid4().hex[:8].upper()}"
    session = Session.builder.configs(settings()).create()
    session.sql(f"CREATE DATABASE {name}").collect()
    session.close()
    return name


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    """A session in the test's schema."""
    name = f"S_{uuid.uuid4().hex[:8].upper()}"
    opened = Session.builder.configs({**settings(), "database": database}).create()
    opened.sql(f"CREATE SCHEMA {name}").collect()
    opened.use_schema(name)
    yield opened
    opened.close()
