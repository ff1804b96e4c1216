"""The statements the emulator answers itself; importing this registers them all.

Not here: what exists in the account (``account``), and SQL that fakesnow answers (``sql.tables``).
Read ``registry`` and ``dispatch`` first, then ``jobs``.
"""

from dagster_spcs.emulator.statements import (
    access,
    cancelling,
    events,
    execute,
    file_formats,
    history,
    images,
    jobs,
    loading,
    logs,
    ml_jobs,
    parameters,
    places,
    pools,
    results,
    staged_queries,
    stages,
    system_functions,
    tables,
    tasks,
    use,
    users,
    waiting,
    warehouses,
)

__all__ = [
    "access",
    "cancelling",
    "events",
    "execute",
    "file_formats",
    "history",
    "images",
    "jobs",
    "loading",
    "logs",
    "ml_jobs",
    "parameters",
    "places",
    "pools",
    "results",
    "staged_queries",
    "stages",
    "system_functions",
    "tables",
    "tasks",
    "use",
    "users",
    "waiting",
    "warehouses",
]
