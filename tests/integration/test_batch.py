"""Several partitions in one job: an instance each, an event each."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_spcs import (
    Container,
    JobName,
    JobRequest,
    ResourceAmounts,
    Resources,
    ServiceSpec,
    spcs_job_asset,
)
from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.status import JobStatus
from tests.integration.conftest import Location, requested_asset, script_request
from tests.support.emulators import SHELL, open_lab, until

Locate = Callable[..., Location]

PARTITIONS = dg.StaticPartitionsDefinition(["p1", "p2", "p3"])
RANGE = {"dagster/asset_partition_range_start": "p1", "dagster/asset_partition_range_end": "p3"}
SAY = 'echo "$SNOWFLAKE_JOB_INDEX of $DAGSTER_PARTITION_KEYS"'
SECOND_FAILS = f'{SAY}; [ "$SNOWFLAKE_JOB_INDEX" != 1 ] && sleep 0.3'


def batch_asset(script: str, **options: Any) -> dg.AssetsDefinition:
    return batch_asset_of(script_request(script), **options)


def batch_asset_of(request: JobRequest, **options: Any) -> dg.AssetsDefinition:
    return requested_asset(
        "a",
        request,
        batch=True,
        partitions_def=PARTITIONS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        **options,
    )


def recorded(location: Location) -> dict[str | None, Any]:
    return {each.partition: each.metadata for each in location.materializations("a")}


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_one_job_makes_all_partitions(
    locate: Locate, client: SpcsClient, schema: str, mode: str
) -> None:
    location = locate(batch_asset(SAY, mode=mode))
    assert location.run("a", tags=RANGE).success
    location.tick_until(lambda: len(recorded(location)) == 3)
    location.cursor = None
    location.tick()
    [job] = client.list_jobs(database="LAB", schema=schema)
    assert len(location.materializations("a")) == 3
    for index, partition in enumerate(["p1", "p2", "p3"]):
        told = recorded(location)[partition]
        assert told[keys.JOB_NAME].value == str(job.name)
        assert told[keys.REPLICAS].value == 3
        assert f'{index} of ["p1", "p2", "p3"]' in told[keys.LOG].value
        assert [row.data["instance"] for row in told[keys.INSTANCES].value.records] == [index]


def test_one_instance_fails(locate: Locate) -> None:
    """The others' partitions are made, even those that ended after the job was FAILED."""
    location = locate(batch_asset(SECOND_FAILS))
    location.run("a", tags=RANGE)
    location.tick_until(lambda: len(recorded(location)) == 2)
    assert recorded(location).keys() == {"p1", "p3"}
    [failed] = [each for each in location.observations("a") if each.partition == "p2"]
    assert failed.metadata[keys.STATUS].value == "FAILED"


def test_waiting_run_names_the_failed_partition(locate: Locate) -> None:
    location = locate(batch_asset(SECOND_FAILS, mode="blocking"))
    result = location.run("a", tags=RANGE)
    assert not result.success
    assert recorded(location).keys() == {"p1", "p3"}
    [failure] = [event for event in result.all_events if event.is_step_failure]
    text = str(failure.step_failure_data.user_failure_data.description)
    assert "Partition p2:" in text
    assert "Partition p1" not in text
    location.tick()
    assert len(location.materializations("a")) == 2


def test_failed_partition_is_tried_again_alone(locate: Locate) -> None:
    """Another attempt is for the partition that failed, in a job of its own."""
    location = locate(batch_asset(SECOND_FAILS, max_retries=1, retry_delay_seconds=0))
    location.run("a", tags=RANGE)
    requests: list[dg.RunRequest] = []

    def requested() -> list[dg.RunRequest]:
        requests.extend(location.tick().run_requests or ())
        return requests

    for _ in range(500):
        if requested():
            break
    [request] = requests
    assert request.partition_key == "p2"


def test_statement_refused_once_costs_no_partition(
    locate: Locate, client: SpcsClient, emulator: Emulator, tmp_path: Path
) -> None:
    """One has failed, the others are at work, and nothing is known of any for a moment."""
    wait = f"until [ -e {tmp_path / 'go'} ]; do sleep 0.1; done"
    location = locate(
        batch_asset(f'[ "$SNOWFLAKE_JOB_INDEX" = 1 ] && exit 3; {wait}'), metadata="no-warehouse"
    )
    location.run("a", tags=RANGE)
    name = JobName.parse(location.observations("a")[0].metadata[keys.JOB_NAME].value)
    until(lambda: client.describe(name).status is JobStatus.FAILED)
    fault = emulator.faults.refuse("SHOW SERVICE CONTAINERS", times=1)
    location.tick_until(lambda: fault.struck)
    (tmp_path / "go").touch()
    location.tick_until(lambda: len(recorded(location)) == 2)
    assert recorded(location).keys() == {"p1", "p3"}
    assert [each.partition for each in location.observations("a")] == ["p2", None]


def test_single_partition(locate: Locate) -> None:
    """A run over one partition tells the container in the same way."""
    location = locate(batch_asset(SAY))
    location.run("a", partition_key="p2")
    location.tick_until(lambda: recorded(location))
    assert '0 of ["p2"]' in recorded(location)["p2"][keys.LOG].value


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_instances_that_work_on_past_the_deadline_are_told(
    locate: Locate, client: SpcsClient, mode: str
) -> None:
    """After one has failed the job is FAILED, and the others might work for ever."""
    script = '[ "$SNOWFLAKE_JOB_INDEX" != 1 ] && exec sleep 600'
    request = script_request(script, timeout=timedelta(seconds=1))
    location = locate(batch_asset_of(request, mode=mode))
    location.run("a", tags=RANGE)

    location.tick_until(lambda: len(location.observations("a")) == 4)

    *ends, started = location.observations("a")
    client.drop(JobName.parse(started.metadata[keys.JOB_NAME].value))
    assert {each.partition: each.metadata[keys.STATUS].value for each in ends} == {
        "p1": "TIMED_OUT",
        "p2": "FAILED",
        "p3": "TIMED_OUT",
    }


def test_terminated_run_ends_the_instances_that_work_on(
    locate: Locate, client: SpcsClient, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is FAILED with its first failure, and the run that waits for the others ends them."""
    script = '[ "$SNOWFLAKE_JOB_INDEX" != 1 ] && exec sleep 600'
    location = locate(batch_asset(script, mode="blocking"))

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dagster_spcs.run.execution.gather_whole", interrupt)
    assert not location.run("a", tags=RANGE).success

    [job] = client.list_jobs(database="LAB", schema=schema)
    until(lambda: all(each.has_ended for each in client.containers(job.name)))
    location.tick_until(lambda: len(location.observations("a")) == 4)
    assert {each.partition for each in location.observations("a")} == {None, "p1", "p2", "p3"}


def test_instance_that_was_never_started_is_told(
    locate: Locate, client: SpcsClient, emulator: Emulator, tmp_path: Path
) -> None:
    """With no room for it when the job FAILED; what the others have made is not lost over it."""
    with open_lab(emulator) as connection:
        connection.cursor().execute(
            "CREATE COMPUTE POOL IF NOT EXISTS ONE_NODE MIN_NODES = 1 MAX_NODES = 1"
            " INSTANCE_FAMILY = CPU_X64_XS"
        )
    script = (
        f'[ "$SNOWFLAKE_JOB_INDEX" = 0 ] && exit 3; until [ -e {tmp_path}/go ]; do sleep 0.1; done'
    )
    whole = ResourceAmounts(cpu="1", memory="1Gi")
    main = Container(name="main", image=SHELL, args=[script], resources=Resources(requests=whole))
    request = JobRequest(spec=ServiceSpec(containers=[main]), compute_pool="ONE_NODE")
    location = locate(batch_asset_of(request))
    location.run("a", tags=RANGE)
    name = JobName.parse(location.observations("a")[0].metadata[keys.JOB_NAME].value)

    def at_work() -> list[bool]:
        return [each.started is not None for each in client.containers(name)]

    until(lambda: at_work() == [True, True, False])
    client.cancel(name)
    location.tick_until(lambda: len(location.observations("a")) == 4)
    assert {each.partition for each in location.observations("a")} == {None, "p1", "p2", "p3"}


@pytest.mark.parametrize("lost", [False, True])
def test_dropped_job_is_told_for_each_of_its_partitions(
    locate: Locate, client: SpcsClient, lost: bool
) -> None:
    """Its specification is gone with it; what it was to make is known from its start."""
    location = locate(batch_asset(SECOND_FAILS))
    location.tick()
    location.run("a", tags=RANGE)
    name = JobName.parse(location.observations("a")[0].metadata[keys.JOB_NAME].value)
    while sum(each.exit_code is not None for each in client.containers(name)) < 3:
        pass
    client.drop(name)

    told = location.tick(report=not lost, save=not lost)
    if lost:  # the daemon died in the middle of storing what the tick made
        location.instance.report_runless_asset_event(told.asset_events[0])
    for _ in range(2):
        location.tick()

    assert recorded(location).keys() == {"p1", "p3"}
    assert len(location.materializations("a")) == 2
    ends = [each for each in location.observations("a") if each.partition is not None]
    assert [each.partition for each in ends] == ["p2"]


def test_what_is_in_flight_for_any_is_in_the_way(locate: Locate) -> None:
    location = locate(batch_asset("sleep 600"))
    location.run("a", tags=RANGE)
    location.run("a", partition_key="p2")
    started = [each.partition for each in location.observations("a")]
    assert started == [None]


def test_batch_does_not_go_with_pipes() -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="do not go together"):
        spcs_job_asset(batch=True, pipes=True)
