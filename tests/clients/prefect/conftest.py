"""Connects to the account that the environment names; each check has a schema of its own."""

import os
import uuid
from collections.abc import Iterator

import pytest
import snowflake.connector
from snowflake.connector import SnowflakeConnection
from snowflake.core import Root
from snowflake.core.schema import SchemaResource

PORT = int(os.environ["SPCS_PORT"])
SETTINGS = {
    "host": os.environ["SPCS_HOST"],
    "port": PORT,
    "protocol": "http",
    "account": os.environ["SPCS_ACCOUNT"],
    "user": os.environ["SPCS_USER"],
    "password": os.environ["SPCS_PASSWORD"],
}


def unique(prefix: str) -> str:
    """Return a name that nothing else has."""
    return f"{prefix}_{uuid.uuid4().hex[:10]}".upper()


@pytest.fixture(scope="session")
def connection() -> Iterator[SnowflakeConnection]:
    with snowflake.connector.connect(**SETTINGS) as connection:
        yield connection


@pytest.fixture(scope="session")
def root(connection: SnowflakeConnection) -> Root:
    return Root(connection)


@pytest.fixture
def schema(connection: SnowflakeConnection, root: Root) -> Iterator[SchemaResource]:
    """A schema in a database made for one check, by SQL so that only the checked part is REST."""
    database = unique("REST")
    cursor = connection.cursor()
    cursor.execute(f"CREATE DATABASE {database}")
    cursor.execute(f"CREATE SCHEMA {database}.WORK")
    yield root.databases[database].schemas["WORK"]
    cursor.execute(f"DROP DATABASE IF EXISTS {database}")
