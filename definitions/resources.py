"""Which account the example uses: yours if ``SNOWFLAKE_ACCOUNT`` is set, else the emulator."""

import os
from typing import Any

import dagster as dg
from dagster_snowflake import SnowflakeResource

from dagster_spcs import SpcsJobResource
from definitions import settings


def snowflake() -> SnowflakeResource:
    """Return the resource for SQL, chosen by environment alone."""
    return _account() if os.environ.get("SNOWFLAKE_ACCOUNT") else _emulator()


def spcs() -> SpcsJobResource:
    """Return the resource for jobs, over the same connections."""
    return SpcsJobResource(
        snowflake=snowflake(),
        compute_pool=settings.COMPUTE_POOL,
        query_warehouse=settings.WAREHOUSE,
        poll_seconds=2.0,
    )


def _account() -> SnowflakeResource:
    if os.environ.get("SNOWFLAKE_PRIVATE_KEY_PATH"):
        credentials: dict[str, Any] = {"private_key_path": dg.EnvVar("SNOWFLAKE_PRIVATE_KEY_PATH")}
    else:
        credentials = {"password": dg.EnvVar("SNOWFLAKE_PASSWORD")}
    return SnowflakeResource(
        account=dg.EnvVar("SNOWFLAKE_ACCOUNT"),
        user=dg.EnvVar("SNOWFLAKE_USER"),
        role=os.environ.get("SNOWFLAKE_ROLE", "SPCS_EXAMPLE_ROLE"),
        warehouse=settings.WAREHOUSE,
        database=settings.DATABASE,
        schema=settings.SCHEMA,
        # Without it dagster-snowflake ends every connection with a COMMIT of its own.
        autocommit=True,
        login_timeout=30,
        **credentials,
    )


def _emulator() -> SnowflakeResource:
    # From the connection file that the emulator wrote. The password goes through the environment,
    # so that it is not part of the configuration that Dagster shows.
    import tomllib

    file = settings.connections_file()
    if not file.exists():
        raise FileNotFoundError(
            f"No emulator has written {file}. Start one with `make dev`, or set SNOWFLAKE_ACCOUNT"
            " to use an account."
        )
    connection = tomllib.loads(file.read_text())["spcs-emulator"]
    os.environ["SPCS_EMULATOR_PASSWORD"] = connection["password"]
    return SnowflakeResource(
        account=connection["account"],
        user=connection["user"],
        password=dg.EnvVar("SPCS_EMULATOR_PASSWORD"),
        warehouse=settings.WAREHOUSE,
        database=settings.DATABASE,
        schema=settings.SCHEMA,
        autocommit=True,
        login_timeout=15,
        additional_snowflake_connection_args={
            key: connection[key] for key in ("host", "port", "protocol")
        },
    )
