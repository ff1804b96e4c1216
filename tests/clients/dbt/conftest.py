"""A dbt project run through dbtRunner, each test in a schema of its own."""

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from dbt.cli.main import dbtRunner
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


class Project:
    """A copy of the project with a profile that leads to one schema."""

    def __init__(self, folder: Path, database: str, schema: str) -> None:
        self.folder = folder
        self.database = database
        self.schema = schema
        shutil.copytree(Path(__file__).parent / "shop", folder)
        target = {
            "type": "snowflake",
            **settings(),
            "role": "ACCOUNTADMIN",
            "database": database,
            "warehouse": "COMPUTE_WH",
            "schema": schema,
            "threads": 1,
        }
        profile = {"shop": {"target": "laptop", "outputs": {"laptop": target}}}
        (folder / "profiles.yml").write_text(json.dumps(profile))

    def dbt(self, *arguments: str, succeeds: bool = True, **variables: Any) -> str:
        """Run dbt within this process and return what it said."""
        said: list[str] = []
        command = [
            *arguments,
            *("--project-dir", str(self.folder), "--profiles-dir", str(self.folder)),
        ]
        if variables:
            command += ["--vars", json.dumps(variables)]
        runner = dbtRunner(callbacks=[lambda event: said.append(event.info.msg)])
        ended = runner.invoke(command)
        printed = "\n".join([*said, str(ended.exception or "")])
        assert ended.success is succeeds, printed
        return printed

    def run(self, *models: str, **variables: Any) -> str:
        """Run some models."""
        return self.dbt("run", "--select", *models, **variables)


@pytest.fixture(scope="session")
def database() -> str:
    """A database for this test run."""
    name = f"DBT_{uuid.uuid4().hex[:8].upper()}"
    with snowflake.connector.connect(**settings()) as connection:
        connection.cursor().execute(f"CREATE DATABASE {name}")
        connection.cursor().execute("CREATE WAREHOUSE IF NOT EXISTS COMPUTE_WH")
    return name


@pytest.fixture
def project(database: str, tmp_path: Path) -> Project:
    """The project on a schema that dbt has yet to create."""
    return Project(tmp_path / "shop", database, f"S_{uuid.uuid4().hex[:8].upper()}")


@pytest.fixture
def connection(project: Project) -> Iterator[SnowflakeConnection]:
    """A session to look at what dbt made."""
    with snowflake.connector.connect(**settings(), database=project.database) as opened:
        opened.cursor().execute(f"CREATE SCHEMA IF NOT EXISTS {project.schema}")
        opened.cursor().execute(f"USE SCHEMA {project.schema}")
        yield opened


@pytest.fixture
def seeded(project: Project, connection: SnowflakeConnection) -> Project:
    """The project with its orders, put there without dbt."""
    connection.cursor().execute(
        "CREATE TABLE ORDERS AS SELECT * FROM VALUES (1, 'Ada', 10.5, '2024-01-01'::DATE),"
        " (2, 'Bo', 20.0, '2024-01-02'::DATE), (3, 'Ada', 5.25, '2024-01-03'::DATE)"
        " AS T (ID, CUSTOMER, AMOUNT, ORDERED_ON)"
    )
    return project


def rows(connection: SnowflakeConnection, statement: str) -> list[Any]:
    """All rows of a query."""
    return connection.cursor().execute(statement).fetchall()
