"""A Snowflake to write to, and the image's program on the path as its working directory puts it."""

import csv
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector import SnowflakeConnection

from dagster_spcs.emulator import Emulator

IMAGE = Path(__file__).parents[2] / "definitions" / "text_analysis"
REVIEWS = Path(__file__).parents[2] / "definitions" / "data" / "reviews.csv"
sys.path.insert(0, str(IMAGE))

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="session")
def image() -> Path:
    """The folder the image is built from."""
    return IMAGE


@pytest.fixture(scope="session")
def reviews() -> list[dict[str, str]]:
    """The bundled reviews."""
    with REVIEWS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def server() -> Iterator[dict[str, Any]]:
    """What the connector needs to reach a server that speaks Snowflake's protocol."""
    with Emulator() as emulator:
        yield {**emulator.connection_parameters(), "paramstyle": "qmark", "database": "LAB"}


@pytest.fixture(scope="session")
def schema_names(server: dict[str, Any]) -> Iterator[str]:
    """Names no test has used."""
    with snowflake.connector.connect(**server) as connection:
        connection.cursor().execute("CREATE DATABASE IF NOT EXISTS LAB")
    return (f"S{number}" for number in itertools.count(1))


@pytest.fixture
def settings(server: dict[str, Any], schema_names: Iterator[str]) -> dict[str, Any]:
    """Connection settings with a schema of the test's own."""
    schema = next(schema_names)
    with snowflake.connector.connect(**server) as connection:
        connection.cursor().execute(f"CREATE SCHEMA LAB.{schema}")
    return {**server, "schema": schema}


@pytest.fixture
def connection(settings: dict[str, Any]) -> Iterator[SnowflakeConnection]:
    """An open connection."""
    with snowflake.connector.connect(**settings) as opened:
        yield opened


@pytest.fixture
def query(connection: SnowflakeConnection) -> Callable[..., Rows]:
    """Run a statement and return its rows."""

    def run_query(text: str, *binds: Any) -> Rows:
        with connection.cursor() as cursor:
            cursor.execute(text, binds or None)
            return [tuple(row) for row in cursor.fetchall()]

    return run_query


@pytest.fixture
def texts(query: Callable[..., Rows]) -> Callable[..., None]:
    """Make the source table TEXTS (ID, BODY) of these texts, with ids from 1."""

    def make(*bodies: str | None) -> None:
        query("CREATE OR REPLACE TABLE texts (id INT, body VARCHAR)")
        for number, body in enumerate(bodies, start=1):
            query("INSERT INTO texts VALUES (?, ?)", number, body)

    return make
