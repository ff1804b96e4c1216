"""The statements the emulator answers itself; importing this registers them all."""

from dagster_spcs.emulator.statements import (
    access,
    execute,
    history,
    images,
    jobs,
    logs,
    pools,
    results,
    warehouses,
)

__all__ = [
    "access",
    "execute",
    "history",
    "images",
    "jobs",
    "logs",
    "pools",
    "results",
    "warehouses",
]
