"""The statements the emulator answers itself; importing this registers them all."""

from dagster_spcs.emulator.statements import (
    access,
    databases,
    execute,
    history,
    images,
    jobs,
    logs,
    pools,
    results,
    waiting,
    warehouses,
)

__all__ = [
    "access",
    "databases",
    "execute",
    "history",
    "images",
    "jobs",
    "logs",
    "pools",
    "results",
    "waiting",
    "warehouses",
]
