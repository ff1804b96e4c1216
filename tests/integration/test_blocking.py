"""Runs that wait for their jobs."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_snowflake import SnowflakeResource
from pydantic import PrivateAttr

from dagster_spcs import JobRequest, spcs_job_asset
from dagster_spcs.emulator import Emulator
from dagster_spcs.errors import ConnectionFailed
from dagster_spcs.event_log import keys
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.status import JobStatus
from tests.integration.conftest import (
    Clock,
    Location,
    requested_asset,
    script_asset,
    script_request,
    snowflake_resource,
)
from tests.support.emulators import POOL, until

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
    assert recorded.metadata[keys.STATUS].value == "DONE"
    assert recorded.metadata[keys.LOG_LINES].value == 20
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
    locate: Locate, client: SpcsClient
) -> None:
    """While its run is alive a finished job is left to it; once the run is gone it is not."""
    location = locate(script_asset("a", "true", mode="blocking"))
    run, name = location.start(client, "true", blocking=True)
    [_] = client.wait([name], poll_seconds=0.02)

    location.tick()
    location.tick()
    assert location.materializations("a") == []

    location.instance.report_run_failed(run)
    location.tick()
    location.tick()
    assert len(location.materializations("a")) == 1


@pytest.mark.parametrize("ends", [True, False])
def test_job_dropped_while_its_run_is_alive_is_recorded_when_the_run_is_not(
    locate: Locate, client: SpcsClient, clock: Clock, ends: bool
) -> None:
    """It is left to its run, and not forgotten over that, whether the run ends or hangs."""
    location = locate(script_asset("a", "true"))
    location.tick()
    run, name = location.start(client, "sleep 60", blocking=True)
    location.tick()
    client.drop(name)
    for _ in range(3):
        location.tick()
    assert len(location.observations("a")) == 1

    if ends:
        location.instance.report_run_failed(run)
    for _ in range(5):
        clock.pass_(minutes=1)
        location.tick()
    told = [each.metadata[keys.STATUS].value for each in location.observations("a")]
    assert told == ["DELETED", "SUBMITTED"]


def test_job_dropped_while_its_run_is_alive_is_recorded_if_nobody_waits_for_it(
    locate: Locate, client: SpcsClient, clock: Clock
) -> None:
    """A deferred job is the sensor's, whatever its run still does."""
    location = locate(script_asset("a", "true"))
    location.tick()
    _, name = location.start(client, "sleep 60")
    client.drop(name)
    clock.pass_(minutes=3)  # the history has no row of it that could still come
    location.tick()
    told = [each.metadata[keys.STATUS].value for each in location.observations("a")]
    assert told == ["DELETED", "SUBMITTED"]


def test_job_that_ended_well_and_was_dropped_between_two_looks(
    locate: Locate, client: SpcsClient, emulator: Emulator, schema: str, tmp_path: Path
) -> None:
    """The history tells the run what the listing cannot any more."""
    location = locate(
        script_asset("a", f"while [ ! -e {tmp_path / 'go'} ]; do sleep 0.05; done", mode="blocking")
    )
    outcome: list[bool] = []
    run = threading.Thread(target=lambda: outcome.append(location.run("a").success))
    before = len(emulator.statements)

    def looks() -> int:
        sent = [each.text for each in emulator.statements[before:] if schema in each.text]
        return sum(text.startswith("SHOW JOB SERVICES") for text in sent)

    # The answer to the first look, "at work", comes late: after the job has ended and is gone.
    emulator.faults.slow("SHOW JOB SERVICES", seconds=2)
    run.start()
    until(lambda: looks() == 2 and location.observations("a"))
    (tmp_path / "go").touch()
    name = JobName.parse(location.observations("a")[0].metadata[keys.JOB_NAME].value)
    until(lambda: client.describe(name).status is JobStatus.DONE)
    client.drop(name)
    emulator.faults.clear()
    run.join()

    assert outcome == [True]
    [made] = location.materializations("a")
    assert made.metadata[keys.STATUS].value == "DONE"
    assert made.metadata[keys.QUERY_ID].value


def test_terminated_run_cancels_its_job(locate: Locate, client: SpcsClient, schema: str) -> None:
    """Interrupting a run that waits cancels the job it waits for."""
    location = locate(script_asset("a", "sleep 60", mode="blocking"))

    def interrupt_once_running() -> None:
        while not [
            job
            for job in client.list_jobs(database="LAB", schema=schema)
            if job.status is JobStatus.RUNNING
        ]:
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_once_running).start()
    with contextlib.suppress(dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
        location.run("a")

    [job] = client.list_jobs(database="LAB", schema=schema)
    [ended] = client.wait([job.name], poll_seconds=0.02)
    assert ended.status is JobStatus.CANCELLED


def test_single_run_over_several_partitions_gives_each_its_own_event(locate: Locate) -> None:
    """One job a partition, submitted together; each has its own materialization."""

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
        assert each.partition in each.metadata[keys.LOG].value


def parted_asset(script: str, **options: Any) -> dg.AssetsDefinition:
    """Return an asset of three days whose jobs run a script with the day and its window."""

    @spcs_job_asset(
        name="parted",
        partitions_def=dg.DailyPartitionsDefinition("2026-01-01", "2026-01-04"),
        backfill_policy=dg.BackfillPolicy.single_run(),
        **options,
    )
    def job(context: dg.AssetExecutionContext) -> JobRequest:
        window = context.partition_time_window
        return script_request(
            f"day={context.partition_key}; echo {window.start:%F} {window.end:%F}; {script}"
        )

    return job


DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
RANGE = {
    "dagster/asset_partition_range_start": DAYS[0],
    "dagster/asset_partition_range_end": DAYS[-1],
}


def test_each_partition_of_a_range_sees_its_own_window(locate: Locate) -> None:
    """The function is told of one day at a time, not of the whole run's range."""
    location = locate(parted_asset("true", mode="blocking"))

    result = location.run("parted", tags=RANGE)

    assert result.success
    windows = {
        each.partition: each.metadata[keys.LOG].value.splitlines()[1]
        for each in location.materializations("parted")
    }
    assert windows == {
        "2026-01-01": "2026-01-01 2026-01-02",
        "2026-01-02": "2026-01-02 2026-01-03",
        "2026-01-03": "2026-01-03 2026-01-04",
    }
    [check] = result.get_asset_check_evaluations()
    assert check.passed


def test_what_is_downstream_of_a_range_is_built_in_the_same_run(locate: Locate) -> None:
    """With something waiting in the run, each partition still has one event of its own."""

    @dg.asset(deps=["parted"])
    def downstream() -> None:
        pass

    location = locate(parted_asset("true"), downstream)

    result = location.run("parted", "downstream", tags=RANGE)

    assert result.success
    recorded = location.materializations("parted")
    assert sorted(each.partition for each in recorded) == list(DAYS)
    names = {each.metadata[keys.JOB_NAME].value for each in recorded}
    assert len(names) == 3
    assert len(location.materializations("downstream")) == 1
    location.tick()
    assert len(location.materializations("parted")) == 3


def test_retried_range_records_what_succeeded_once(locate: Locate, tmp_path: Path) -> None:
    """When one partition fails and the step is retried, the others are not recorded again."""
    mark = tmp_path / "failed-once"
    script = f"[ $day != {DAYS[1]} ] || [ -e {mark} ] || {{ touch {mark}; exit 1; }}"
    location = locate(
        parted_asset(script, mode="blocking", retry_policy=dg.RetryPolicy(max_retries=1))
    )

    assert location.run("parted", tags=RANGE).success
    location.tick()

    recorded = [each.partition for each in location.materializations("parted")]
    assert sorted(recorded) == list(DAYS)


def test_failed_range_with_something_downstream_loses_no_partition(locate: Locate) -> None:
    """Without a result for the run, the sensor records the partitions that succeeded."""

    @dg.asset(deps=["parted"])
    def downstream() -> None:
        pass

    location = locate(parted_asset(f"[ $day != {DAYS[1]} ]"), downstream)

    assert not location.run("parted", "downstream", tags=RANGE).success
    location.tick()
    location.tick()

    recorded = [each.partition for each in location.materializations("parted")]
    assert sorted(recorded) == [DAYS[0], DAYS[2]]
    assert location.materializations("downstream") == []


def test_run_that_waits_fails_when_a_job_is_in_its_way(locate: Locate) -> None:
    """overlap="skip" cannot skip what the run itself waits for: it says so."""
    location = locate(script_asset("a", "sleep 60"))
    location.run("a")

    result = location.run("a", tags={"dagster/backfill": "abcdefgh"})

    assert not result.success


def test_check_alone_tells_of_the_last_job(locate: Locate) -> None:
    """Evaluated by itself, the check says how the last recorded job ended, or that none did."""
    location = locate(script_asset("a", "exit 1"))
    key = dg.AssetCheckKey(dg.AssetKey("a"), keys.CHECK_NAME)

    [unknown] = location.check(key).get_asset_check_evaluations()
    assert (unknown.passed, unknown.severity) == (False, dg.AssetCheckSeverity.WARN)

    location.run("a")
    location.tick_until(lambda: len(location.observations("a")) == 2)
    [failed] = location.check(key).get_asset_check_evaluations()
    assert (failed.passed, failed.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "ended FAILED" in failed.description


def test_lines_of_containers_that_are_not_followed_come_at_the_end(
    locate: Locate, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Only so many logs are followed; of the others the last lines are printed, each once."""
    monkeypatch.setattr("dagster_spcs.run.waiting.MOST_FOLLOWED", 2)
    keys = [f"p{number}" for number in range(5)]
    location = locate(
        script_asset(
            "a",
            "echo first; echo second",
            mode="blocking",
            partitions_def=dg.StaticPartitionsDefinition(keys),
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
    )
    tags = {
        "dagster/asset_partition_range_start": keys[0],
        "dagster/asset_partition_range_end": keys[-1],
    }
    assert location.run("a", tags=tags).success
    printed = capfd.readouterr().out.splitlines()
    lines = [line for line in printed if line.endswith((" first", " second"))]
    assert sorted(lines) == sorted(
        f"[{key}] {text}" for key in keys for text in ("first", "second")
    )


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """Return what a failed run says of its reason."""
    [failed] = [event for event in result.all_events if event.is_step_failure]
    return str(failed.step_failure_data.user_failure_data.description)


def test_blocking_run_ends_when_its_job_times_out(
    locate: Locate, emulator: Emulator, schema: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It reads the log, cancels the job at its deadline, and fails with that reason."""
    request = script_request("echo so far; exec sleep 60", timeout=timedelta(seconds=0.5))
    location = locate(requested_asset("a", request, mode="blocking"))
    before = len(emulator.statements)

    result = location.run("a")

    assert not result.success
    assert "timed out and was cancelled" in failure_of(result)
    assert "so far" in capfd.readouterr().out
    sent = [each.text for each in emulator.statements[before:] if schema in each.text]
    cancelled = next(at for at, text in enumerate(sent) if "SPCS_CANCEL_JOB" in text)
    assert any("GET_SERVICE_LOGS" in text for text in sent[:cancelled])
    location.tick()
    assert location.materializations("a") == []
    told = [each.metadata[keys.STATUS].value for each in location.observations("a")]
    assert told == ["TIMED_OUT", "SUBMITTED"]


@pytest.mark.parametrize(
    ("end", "told"),
    [
        pytest.param(SpcsClient.cancel, "was cancelled", id="cancelled"),
        pytest.param(SpcsClient.drop, "was dropped by somebody", id="dropped"),
    ],
)
def test_blocking_run_tells_who_ended_its_job(
    locate: Locate,
    client: SpcsClient,
    end: Callable[[SpcsClient, JobName], None],
    told: str,
) -> None:
    """A job that another one ended is not told as a failure of its own."""
    location = locate(script_asset("a", "exec sleep 60", mode="blocking"))
    results: list[dg.ExecuteInProcessResult] = []
    run = threading.Thread(target=lambda: results.append(location.run("a")))
    run.start()
    until(lambda: location.observations("a"))
    end(client, JobName.parse(location.observations("a")[0].metadata[keys.JOB_NAME].value))
    run.join()
    assert told in failure_of(results[0])


# The connector asks, on a thread of its own, for the abort of what timed out, and cannot.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("ours", "own"), [(1, None), (600, 1)])
def test_outage_of_an_open_session_is_told(
    emulator: Emulator,
    schema: str,
    monkeypatch: pytest.MonkeyPatch,
    ours: int,
    own: int | None,
) -> None:
    """The connector by itself would repeat a request until the account is back, and say nothing."""
    monkeypatch.setattr("dagster_spcs.resource.NETWORK_TIMEOUT_SECONDS", ours)
    configured = snowflake_resource(emulator, schema, login_timeout=1, network_timeout=own)
    resource = SpcsJobResource(snowflake=configured, compute_pool=POOL)
    with resource.get_client(retry_timeout_seconds=0) as client:
        assert not client.list_jobs(database="LAB", schema=schema)
        with emulator.faults.outage(), pytest.raises(ConnectionFailed):
            client.list_jobs(database="LAB", schema=schema)
        assert not client.list_jobs(database="LAB", schema=schema)


class _LogsInByItself(SnowflakeResource):
    """A resource of a user's own, which finds its password when a run begins."""

    _found: str = PrivateAttr(default="")

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Find the password."""
        self._found = self.role or ""

    def get_connection(self, *arguments: Any, **options: Any) -> Any:
        """Connect with what was found."""
        found = self.model_dump(exclude_none=True, by_alias=True)
        found.update(role=None, password=self._found)
        return SnowflakeResource(**found).get_connection(*arguments, **options)


def test_what_a_users_own_resource_has_set_is_kept(
    emulator: Emulator, schema: str, locate: Callable[..., Location]
) -> None:
    given = snowflake_resource(emulator, schema, role=emulator.password, password="wrong")
    own = _LogsInByItself(**given.model_dump(exclude_none=True, by_alias=True))
    location = locate(
        script_asset("a", "true", mode="blocking"),
        resource=SpcsJobResource(snowflake=own, compute_pool=POOL, poll_seconds=0.05),
    )
    assert location.run("a").success
