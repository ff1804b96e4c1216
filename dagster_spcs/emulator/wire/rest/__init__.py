"""Snowflake's REST API (``/api/v2``) as ``snowflake.core`` and Prefect's worker use it.

Each call becomes a statement, or reads what exists in the account; the answers' keys and types are
those of snowflake-rest-api-specs and of the models of ``snowflake.core``.

Not here: what statements do (``statements``), and the login, which is the SQL wire's (``wire``).
Read ``calls`` first, then ``services``.
"""

from dagster_spcs.emulator.wire.rest import (
    compute_pools,
    databases,
    image_repositories,
    services,
    stages,
    tables,
    warehouses,
)

__all__ = [
    "compute_pools",
    "databases",
    "image_repositories",
    "services",
    "stages",
    "tables",
    "warehouses",
]
