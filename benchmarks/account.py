"""The account that the benchmarks share, and the resources that lead to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster_snowflake import SnowflakeResource
from snowflake.connector import SnowflakeConnection, connect

from benchmarks import emulator_process
from benchmarks.emulator_process import Account
from dagster_spcs import Container, JobRequest, ServiceSpec, SpcsJobResource

DATABASE = "BENCH"
SCHEMA = "PUBLIC"
ROOMY = "ROOMY"
"""A pool with a few nodes, for containers that run."""
FULL = "FULL"
"""A pool without a node: its jobs stay PENDING and start no process until it is widened."""
_SHELL = "/bench/public/images/shell:1"


@contextmanager
def account() -> Iterator[Account]:
    """Run an account of its own, so that no benchmark meets the jobs of another."""
    pools = {ROOMY: 6, FULL: 0}
    with emulator_process.account(image=_SHELL, compute_pools=pools, database=DATABASE) as opened:
        yield opened


def session(opened: Account) -> SnowflakeConnection:
    """Open a session with the bare connector."""
    return connect(**opened.parameters, database=DATABASE, schema=SCHEMA)


def script(text: str) -> JobRequest:
    """Return a request whose one container runs a shell script."""
    return JobRequest(
        spec=ServiceSpec(containers=[Container(name="main", image=_SHELL, args=[text])])
    )


def spcs_resource(
    connection: dict[str, Any], *, compute_pool: str = ROOMY, autocommit: bool | None = True
) -> SpcsJobResource:
    """Return the resource, as a code location would configure it."""
    own = ("account", "user", "password")
    snowflake = SnowflakeResource(
        **{key: connection[key] for key in own},
        database=DATABASE,
        schema=SCHEMA,
        autocommit=autocommit,
        login_timeout=15,
        additional_snowflake_connection_args={
            key: value for key, value in connection.items() if key not in own
        },
    )
    return SpcsJobResource(snowflake=snowflake, compute_pool=compute_pool, poll_seconds=1.0)
