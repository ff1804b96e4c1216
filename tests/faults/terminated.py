"""A step of two jobs whose process gets TERM while Dagster stores the first asset's event."""

import os
import signal
import sys
from typing import Any

import dagster as dg

from dagster_spcs import JobRequest, spcs_job_multi_asset
from tests.faults.connection import read_settings, request_of
from tests.faults.retried import resource_of


def terminate_while_storing() -> None:
    """Let this process get TERM while it stores a materialization."""
    store = dg.DagsterInstance.handle_new_event
    told: list[bool] = []

    def terminate_and_store(
        instance: dg.DagsterInstance, event: dg.EventLogEntry, **options: Any
    ) -> Any:
        dagster_event = event.dagster_event
        if dagster_event is not None and dagster_event.is_step_materialization and not told:
            told.append(True)
            os.kill(os.getpid(), signal.SIGTERM)
        return store(instance, event, **options)

    dg.DagsterInstance.handle_new_event = terminate_and_store


def make_job(path: str, executor: str) -> dg.JobDefinition:
    """Return a job whose one step waits for two jobs: one ends at once, one after a minute."""
    terminate_while_storing()  # here, because each step may have a process of its own
    settings = read_settings(path)

    @spcs_job_multi_asset(specs=[dg.AssetSpec("short"), dg.AssetSpec("long")], mode="blocking")
    def both() -> dict[str, JobRequest]:
        """Two jobs."""
        return {
            "short": request_of(settings, "true"),
            "long": request_of(settings, "sleep 60"),
        }

    return dg.Definitions(
        assets=[both],
        jobs=[dg.define_asset_job("make")],
        resources={"spcs": resource_of(settings)},
        executor=dg.in_process_executor if executor == "in_process" else dg.multiprocess_executor,
    ).resolve_job_def("make")


if __name__ == "__main__":
    job = dg.build_reconstructable_job(
        "tests.faults.terminated", "make_job", reconstructable_args=tuple(sys.argv[1:])
    )
    with dg.execute_job(job, dg.DagsterInstance.get()):
        pass
