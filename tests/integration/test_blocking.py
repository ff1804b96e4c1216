"""Runs that wait for their jobs."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from datetime import datetime, timezone

import dagster as dg
import pytest

from dagster_spcs import events
from dagster_spcs.client import SpcsClient, Submission
from dagster_spcs.identity import JobIdentity
from dagster_spcs.names import JobName
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.status import JobStatus
from tests.integration.conftest import Location, script_asset, script_request
from tests.support.emulators import POOL

Locate = Callable[..., Location]


def test_blocking_run_records_the_materialization_itself(
    locate: Locate, capfd: pytest.CaptureFixture[str]
) -> None:
    """A blocking step waits, prints each log line once, records all metadata, turns green."""
    script = "i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i+1)); sleep 0.02; done"
    location = locate(script_asset("a", script, mode="blocking"))

    result = location.run("a")

    assert result.success
    [recorded] = location.materializations("a")
    assert recorded.metadata[events.STATUS].value == "DONE"
    assert recorded.metadata[events.LOG_LINES].value == 20
    [check] = result.get_asset_check_evaluations()
    assert check.passed
    printed = [line for line in capfd.readouterr().out.splitlines() if line.startswith("line ")]
    assert printed == [f"line {index}" for index in range(20)]


def test_sensor_adds_nothing_to_a_blocking_run(locate: Locate) -> None:
    """What a run recorded itself is not recorded again."""
    location = locate(script_asset("a", "true", mode="blocking"))
    location.run("a")

    location.tick()
    location.tick()

    assert len(location.materializations("a")) == 1


def test_auto_waits_when_the_run_builds_something_from_the_result(locate: Locate) -> None:
    """A job asset and its downstream asset, materialized together, are both built in one run."""

    @dg.asset(deps=["a"])
    def downstream() -> None:
        pass

    location = locate(script_asset("a", "true"), downstream)

    assert location.run("a", "downstream").success

    assert len(location.materializations("a")) == 1
    assert len(location.materializations("downstream")) == 1


def test_auto_waits_in_a_backfill(locate: Locate) -> None:
    """A run that belongs to a backfill waits, so that its partition counts as done."""
    location = locate(script_asset("a", "true"))

    location.run("a", tags={"dagster/backfill": "abcdefgh"})

    assert len(location.materializations("a")) == 1


def test_failed_job_fails_the_run_with_its_last_lines(locate: Locate) -> None:
    """The run's failure names the job, its status, exit code, last lines, and the next step."""
    location = locate(script_asset("a", "echo the reason >&2; exit 7", mode="blocking"))

    result = location.run("a")

    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    text = failure.step_failure_data.error.message + str(
        failure.step_failure_data.user_failure_data.description
    )
    for part in ("ended FAILED", "0/main: 7", "the reason", "DROP SERVICE"):
        assert part in text
    [check] = result.get_asset_check_evaluations()
    assert not check.passed
    assert location.materializations("a") == []


def test_job_of_a_run_that_died_is_recorded_by_the_sensor(
    locate: Locate, client: SpcsClient, resource: SpcsJobResource
) -> None:
    """While its run is alive a finished job is left to it; once the run is gone it is not."""
    location = locate(script_asset("a", "true", mode="blocking"))
    run = location.instance.create_run_for_job(
        location._definitions.resolve_implicit_global_asset_job_def(),
        status=dg.DagsterRunStatus.STARTED,
    )
    identity = JobIdentity(
        asset=("a",), run_id=run.run_id, blocking=True, submitted=datetime.now(timezone.utc)
    )
    database, schema = resource.place()
    name = JobName("DAGSTER_A_ORPHAN", schema, database)
    client.submit(Submission(script_request("true"), name, POOL, identity.to_comment()))
    [_] = client.wait([name], poll_seconds=0.02)

    location.tick()
    location.tick()
    assert location.materializations("a") == []

    location.instance.report_run_failed(run)
    location.tick()
    location.tick()
    assert len(location.materializations("a")) == 1


def test_terminated_run_cancels_its_job(locate: Locate, client: SpcsClient, schema: str) -> None:
    """Interrupting a run that waits cancels the job it waits for."""
    location = locate(script_asset("a", "sleep 60", mode="blocking"))

    def interrupt_once_running() -> None:
        while not [
            job
            for job in client.list(database="LAB", schema=schema)
            if job.status is JobStatus.RUNNING
        ]:
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_once_running).start()
    with contextlib.suppress(dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
        location.run("a")

    [job] = client.list(database="LAB", schema=schema)
    [ended] = client.wait([job.name], poll_seconds=0.02)
    assert ended.status is JobStatus.CANCELLED


def test_single_run_over_several_partitions_gives_each_its_own_event(locate: Locate) -> None:
    """One job a partition, submitted together; each has its own materialization."""
    from dagster_spcs import JobRequest, spcs_job_asset

    @spcs_job_asset(
        partitions_def=dg.StaticPartitionsDefinition(["p0", "p1", "p2", "p3"]),
        backfill_policy=dg.BackfillPolicy.single_run(),
        mode="blocking",
    )
    def parted(context: dg.AssetExecutionContext) -> JobRequest:
        failing = context.partition_key == "p2"
        return script_request(f"echo {context.partition_key}; exit {int(failing)}")

    location = locate(parted)
    result = location.run(
        "parted",
        tags={
            "dagster/asset_partition_range_start": "p0",
            "dagster/asset_partition_range_end": "p3",
        },
    )

    assert not result.success
    assert sorted(each.partition for each in location.materializations("parted")) == [
        "p0",
        "p1",
        "p3",
    ]
    for each in location.materializations("parted"):
        assert each.partition in each.metadata[events.LOG].value
