"""Engines for the account whose address the environment tells; a schema of its own per test."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from snowflake.sqlalchemy import URL
from sqlalchemy import Engine, create_engine, text

HTTP = {"protocol": "http"}
"""The dialect takes this apart from the URL only."""


def url(**more: Any) -> str:
    """Return the address of the account, as the dialect's helper writes it."""
    return URL(
        account=os.environ["SPCS_ACCOUNT"],
        user=os.environ["SPCS_USER"],
        password=os.environ["SPCS_PASSWORD"],
        host=os.environ["SPCS_HOST"],
        port=int(os.environ["SPCS_PORT"]),
        **more,
    )


@pytest.fixture
def place() -> Iterator[tuple[str, str]]:
    """A database and schema of this test's own."""
    name = f"D{uuid.uuid4().hex[:10]}".upper()
    engine = create_engine(url(), connect_args=HTTP)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        connection.execute(text(f"CREATE SCHEMA {name}.WORK"))
    yield name, "WORK"
    with engine.begin() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    engine.dispose()


@pytest.fixture
def engine(place: tuple[str, str]) -> Iterator[Engine]:
    """An engine whose connections are in the test's schema."""
    engine = create_engine(url(database=place[0], schema=place[1]), connect_args=HTTP)
    yield engine
    engine.dispose()
