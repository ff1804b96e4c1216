"""A run that submits and ends, and the sensor that records the end."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest

from dagster_spcs import ConnectionFailed, JobRequest, SpcsJobResource, spcs_job_asset
from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from dagster_spcs.jobs.gather import GATHERED_TOGETHER
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.sensor.cursor import Cursor, read_cursor
from dagster_spcs.sensor.retries import Retry
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
MOMENT = timedelta(milliseconds=300)


def statements_of(emulator: Emulator, done: Callable[[], object]) -> list[str]:
    """Return the statements that clients sent while ``done`` ran."""
    before = len(emulator.statements)
    done()
    return [each.text for each in emulator.statements[before:]]


def test_run_ends_before_its_job_and_records_only_that_it_was_started(locate: Locate) -> None:
    """A deferred step yields no materialization but an observation with the job's name."""
    location = locate(script_asset("a", "sleep 30"))

    result = location.run("a")

    assert result.success
    assert location.materializations("a") == []
    [started] = location.observations("a")
    assert started.metadata[keys.STATUS].value == "SUBMITTED"
    assert started.metadata[keys.SUBMITTING_RUN].value == result.run_id


def test_sensor_records_a_success_once(locate: Locate) -> None:
    """A finished job gives one materialization with history and log, and a green check."""
    location = locate(script_asset("a", "echo out; echo err >&2"))
    result = location.run("a")

    location.tick_until(lambda: location.materializations("a"))
    for _ in range(3):
        assert not location.tick().asset_events

    [recorded] = location.materializations("a")
    metadata = {key: value.value for key, value in recorded.metadata.items()}
    assert metadata[keys.STATUS] == "DONE"
    assert metadata[keys.SUBMITTING_RUN] == result.run_id
    assert metadata[keys.LOG_LINES] == 2
    assert metadata[keys.ERROR_LINES] == 1
    # Which of the two streams is read first is the operating system's affair.
    assert sorted(metadata[keys.LOG].splitlines()[1:-1]) == ["out", "stderr: err"]
    assert recorded.metadata[keys.INSTANCES].records[0].data["exit_code"] == 0
    assert keys.MISSING not in metadata


def test_sensor_records_a_failure_and_a_later_success_as_green(
    locate: Locate, tmp_path: Path
) -> None:
    """A failed job gives an observation and a red check; the next success turns it green."""
    switch = tmp_path / "fixed"
    location = locate(script_asset("a", f"test -e {switch} || {{ echo broken >&2; exit 3; }}"))
    check = dg.AssetCheckKey(dg.AssetKey("a"), keys.CHECK_NAME)

    location.run("a")
    location.tick_until(lambda: len(location.observations("a")) == 2)

    assert location.materializations("a") == []
    failed = location.observations("a")[0]
    assert "ended FAILED (0/main exited 3)" in failed.description
    assert "stderr: broken" in failed.metadata[keys.LOG].value
    red = location.instance.get_latest_asset_check_evaluation_record(check)
    assert red.event.dagster_event.event_specific_data.passed is False

    switch.touch()
    location.run("a")
    location.tick_until(lambda: location.materializations("a"))

    green = location.instance.get_latest_asset_check_evaluation_record(check)
    assert green.event.dagster_event.event_specific_data.passed is True


def test_idle_tick_is_one_statement(locate: Locate, emulator: Emulator) -> None:
    """However many jobs are in flight, a tick in which none ended lists them, and no more."""
    names = [f"a{index}" for index in range(5)]
    location = locate(*(script_asset(name, "sleep 30") for name in names))
    location.run(*names)

    [statement] = statements_of(emulator, location.tick)

    assert statement.startswith("SHOW JOB SERVICES LIKE ")


def test_tick_without_warehouse_reads_no_table_function(locate: Locate, emulator: Emulator) -> None:
    """With metadata="no-warehouse" exit codes and logs come from commands that need none."""
    location = locate(script_asset("a", "echo hello; exit 4"), metadata="no-warehouse")
    location.run("a")

    sent = statements_of(
        emulator, lambda: location.tick_until(lambda: len(location.observations("a")) == 2)
    )

    assert not [text for text in sent if "TABLE(" in text]
    failed = location.observations("a")[0]
    assert failed.metadata[keys.INSTANCES].records[0].data["exit_code"] == 4
    assert "hello" in failed.metadata[keys.LOG].value


def test_death_between_reporting_and_saving_the_cursor_doubles_nothing(locate: Locate) -> None:
    """A tick that is repeated with the old cursor finds its events in Dagster and adds none."""
    location = locate(script_asset("a", "true"), script_asset("b", "exit 1"))
    location.run("a", "b")
    while len(location.tick(report=False, save=False).asset_events) < 4:
        pass

    location.tick(save=False)  # reported, and the daemon died before it saved the cursor
    location.tick()
    location.tick()

    assert len(location.materializations("a")) == 1
    assert len(location.observations("b")) == 2  # that it was started, and that it failed


def test_lost_cursor_doubles_nothing(locate: Locate) -> None:
    """Without its cursor the sensor looks at all jobs again and records none of them twice."""
    location = locate(script_asset("a", "true"))
    location.run("a")
    location.tick_until(lambda: location.materializations("a"))

    location.cursor = None
    location.tick()

    assert len(location.materializations("a")) == 1


def test_unreadable_cursor_fails_the_tick(locate: Locate) -> None:
    """A cursor that cannot be read is an error, not a fresh start."""
    location = locate(script_asset("a", "true"))
    location.cursor = '{"version": 7}'

    with pytest.raises(Exception, match="version"):
        location.tick()


def test_tick_is_bounded(locate: Locate, client: SpcsClient) -> None:
    """At most ``max_completions`` are recorded a tick; the next one goes on where it stopped."""
    names = [f"a{index}" for index in range(7)]
    location = locate(*(script_asset(name, "true") for name in names), max_completions=3)
    location.run(*names)
    jobs = [
        each.metadata[keys.JOB_NAME].value for name in names for each in location.observations(name)
    ]
    assert len(jobs) == 7
    while any(
        not job.status.is_final
        for job in client.list_jobs(database="LAB", schema=jobs[0].split(".")[1])
    ):
        pass

    sizes = [len(location.tick().asset_events) // 2 for _ in range(4)]

    assert sizes == [3, 3, 1, 0]
    assert all(len(location.materializations(name)) == 1 for name in names)


def test_jobs_of_other_code_locations_are_left_alone(locate: Locate, client: SpcsClient) -> None:
    """A job whose asset this location does not have is not recorded here."""
    other = locate(script_asset("elsewhere", "true"))
    other.run("elsewhere")
    location = locate(script_asset("a", "true"))
    location.run("a")

    location.tick_until(lambda: location.materializations("a"))

    assert other.materializations("elsewhere") == []


def test_job_is_recorded_where_its_asset_is_built(locate: Locate) -> None:
    """A code location that only depends on a job asset does not record its jobs."""

    @dg.asset(deps=["a"])
    def reader() -> None:
        pass

    owner, other = locate(script_asset("a", "true")), locate(reader)
    owner.run("a")
    owner.tick_until(lambda: owner.materializations("a"))

    assert not other.tick().asset_events


def test_deployments_with_prefixes_that_begin_alike_do_not_mix(
    locate: Locate, emulator: Emulator, schema: str
) -> None:
    """DAGSTER lists the jobs of DAGSTER_DEV as well, and leaves them alone."""
    dev = SpcsJobResource(
        snowflake=snowflake_resource(emulator, schema),
        compute_pool=POOL,
        job_name_prefix="DAGSTER_DEV",
    )
    develop = locate(script_asset("a", "true"), resource=dev)
    production = locate(script_asset("a", "true"))
    develop.run("a")
    develop.tick_until(lambda: develop.materializations("a"))

    assert not production.tick().asset_events


def test_function_may_take_nothing(locate: Locate) -> None:
    """A request that depends on nothing needs no context."""

    @spcs_job_asset()
    def simple() -> JobRequest:
        return script_request("true")

    location = locate(simple)
    assert location.run("simple").success
    assert len(location.observations("simple")) == 1


def test_function_may_take_config_and_partition(locate: Locate, client: SpcsClient) -> None:
    """The user's function sees config and partition; the job's identity tells the partition."""

    class Options(dg.Config):
        word: str = "nothing"

    @spcs_job_asset(partitions_def=dg.StaticPartitionsDefinition(["x|1", "ü"]))
    def parted(context: dg.AssetExecutionContext, config: Options) -> JobRequest:
        return script_request(f"echo {config.word} {len(context.partition_key)}")

    location = locate(parted)
    configured = {"ops": {"parted": {"config": {"word": "hello"}}}}
    assert location.run("parted", partition_key="ü", run_config=configured).success

    location.tick_until(lambda: location.materializations("parted"))

    [recorded] = location.materializations("parted")
    assert recorded.partition == "ü"
    assert "hello 1" in recorded.metadata[keys.LOG].value


@pytest.mark.parametrize(("overlap", "jobs"), [("skip", 1), ("allow", 2)])
def test_run_beside_a_job_in_flight(
    locate: Locate, client: SpcsClient, schema: str, overlap: str, jobs: int
) -> None:
    """With "skip" a second run starts nothing, with "allow" it starts beside the first."""
    location = locate(script_asset("a", "sleep 30", overlap=overlap))
    location.run("a")

    assert location.run("a").success

    assert len(location.observations("a")) == jobs
    at_work = client.list_jobs(database="LAB", schema=schema)
    assert len([job for job in at_work if not job.status.is_final]) == jobs


def test_cancel_previous_cancels_the_job_in_flight(locate: Locate) -> None:
    """With overlap="cancel_previous" the older job is cancelled and reported as what it is."""
    location = locate(script_asset("a", "sleep 30", overlap="cancel_previous"))
    location.run("a")
    location.run("a")

    location.tick_until(lambda: len(location.observations("a")) == 3)

    assert location.observations("a")[0].metadata[keys.STATUS].value == "CANCELLED"


def test_identity_is_in_the_job_s_comment(locate: Locate, client: SpcsClient) -> None:
    """Whoever lists the jobs can tell the asset and the run of each."""
    location = locate(script_asset("a", "sleep 30"))
    result = location.run("a")
    name = location.observations("a")[0].metadata[keys.JOB_NAME].value
    database, schema, _ = name.split(".")

    [job] = client.list_jobs(database=database, schema=schema)

    identity = JobIdentity.from_comment(job.comment)
    assert (identity.asset, identity.run_id, identity.blocking) == (("a",), result.run_id, False)


def test_job_past_its_deadline_is_cancelled_with_its_log_saved(
    locate: Locate, client: SpcsClient
) -> None:
    """A timed-out job is told as that, once, with its last lines, and does not go on."""
    location = locate(
        requested_asset("a", script_request("echo busy; sleep 60", timeout=MOMENT)),
    )
    location.run("a")
    name = JobName.parse(location.observations("a")[0].metadata[keys.JOB_NAME].value)
    while (
        client.describe(name).status is not JobStatus.RUNNING
        or not client.node_logs(name, client.containers(name)).lines
    ):
        pass

    location.tick_until(lambda: len(location.observations("a")) == 2)
    [ended] = client.wait([name], poll_seconds=0.02)
    for _ in range(3):
        location.tick()

    told = location.observations("a")[0]
    assert told.metadata[keys.STATUS].value == "TIMED_OUT"
    assert "timed out and was cancelled" in told.description
    assert "busy" in told.metadata[keys.LOG].value
    assert ended.status is JobStatus.CANCELLED
    assert len(location.observations("a")) == 2


def test_refused_cancellations_do_not_hold_up_the_others(
    locate: Locate, client: SpcsClient, emulator: Emulator, schema: str
) -> None:
    """Those whose cancellation was refused are tried again by the next tick."""
    names = [f"a{index}" for index in range(5)]
    request = script_request("sleep 60", timeout=MOMENT)
    location = locate(*(requested_asset(name, request) for name in names))
    location.run(*names)

    def timed_out() -> int:
        told = [event for name in names for event in location.observations(name)]
        return sum(each.metadata[keys.STATUS].value == "TIMED_OUT" for each in told)

    def are_overdue() -> bool:
        jobs = client.list_jobs(database="LAB", schema=schema)
        told = [JobIdentity.from_comment(job.comment) for job in jobs]
        now = datetime.now(timezone.utc)
        return all(
            isinstance(each, JobIdentity) and each.deadline and each.deadline < now for each in told
        )

    until(are_overdue)
    emulator.faults.refuse("CALL", times=2)
    location.tick()
    assert timed_out() == 3
    location.tick_until(lambda: timed_out() == 5)


def test_tick_is_bounded_in_time(
    locate: Locate, client: SpcsClient, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No batch is begun after ``max_seconds``; the rest is for the next tick."""
    monkeypatch.setitem(GATHERED_TOGETHER, "warehouse", 2)
    names = [f"a{index}" for index in range(5)]
    location = locate(*(script_asset(name, "true") for name in names), max_seconds=1e-9)
    location.run(*names)
    until(
        lambda: all(job.status.is_final for job in client.list_jobs(database="LAB", schema=schema))
    )

    assert location.tick().asset_events == []

    patient = locate(*(script_asset(name, "true") for name in names), max_seconds=600)
    patient.cursor = location.cursor
    assert len(patient.tick().asset_events) == 10


def test_lost_cursor_with_much_behind_it_doubles_nothing(
    locate: Locate, client: SpcsClient
) -> None:
    """What was recorded under a lost cursor stays known, over as many ticks as it takes."""
    names = [f"a{index}" for index in range(5)]
    location = locate(*(script_asset(name, "true") for name in names), max_completions=2)
    location.run(*names)
    location.tick_until(lambda: all(location.materializations(name) for name in names))
    location.cursor = None
    location.run(*names)
    jobs = client.list_jobs(
        database="LAB",
        schema=location.observations("a0")[0].metadata[keys.JOB_NAME].value.split(".")[1],
    )
    for _ in client.wait([job.name for job in jobs], poll_seconds=0.02):
        pass

    sizes = [len(location.tick().asset_events) // 2 for _ in range(4)]

    assert sizes == [2, 2, 1, 0]
    assert all(len(location.materializations(name)) == 2 for name in names)


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_code_version_of_the_submission(locate: Locate, mode: str) -> None:
    """An event has the version of the code that submitted the job, not of the code since then."""
    location = locate(script_asset("a", "true", mode=mode, code_version="1"))
    location.run("a")
    later = locate(script_asset("a", "true", code_version="2"), cursor=location.cursor)
    later.tick_until(lambda: later.materializations("a"))
    [event] = later.materializations("a")
    assert (event.tags or {})["dagster/code_version"] == "1"


def test_failed_job_is_tried_again_with_its_attempt_counted(locate: Locate, tmp_path: Path) -> None:
    """The sensor requests a new run of the asset until it succeeds or the retries are used up."""
    mark = tmp_path / "tries"
    script = f"echo x >> {mark}; [ $(wc -l < {mark}) -ge 3 ]"
    location = locate(script_asset("a", script, max_retries=2, retry_delay_seconds=0))
    location.run("a")
    run_keys: list[str] = []
    while not location.materializations("a"):
        for request in location.tick().run_requests:
            assert request.run_key not in run_keys
            run_keys.append(request.run_key)
            result = location.run("a", tags=request.tags)
            assert result.success

    [recorded] = location.materializations("a")
    assert recorded.metadata[keys.ATTEMPT].value == 2
    assert len(run_keys) == 2
    assert not location.tick().run_requests


@pytest.mark.parametrize("ticks", [0, 1])
@pytest.mark.parametrize("script", ["true", "exit 3"])
def test_check_of_a_tick_that_died_is_evaluated(
    locate: Locate, client: SpcsClient, script: str, ticks: int
) -> None:
    """The daemon stores a job's event first; the asset is red or green all the same."""
    location = locate(script_asset("a", script))
    for _ in range(ticks):
        location.tick()
    location.run("a")
    name = JobName.parse(location.observations("a")[0].metadata[keys.JOB_NAME].value)
    [_] = client.wait([name], poll_seconds=0.02)
    lost = location.tick(report=False, save=False)
    location.instance.report_runless_asset_event(lost.asset_events[0])
    for _ in range(3):
        location.tick()

    key = dg.AssetCheckKey(dg.AssetKey("a"), keys.CHECK_NAME)
    storage = location.instance.event_log_storage
    verdicts = [
        record.event.dagster_event.asset_check_evaluation_data.passed
        for record in storage.get_asset_check_execution_history(key, limit=5)
        if record.event.dagster_event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    assert verdicts == [script == "true"]
    assert len([*location.materializations("a"), *location.observations("a")]) == 2


def test_retry_is_asked_for_however_long_ago_the_job_ended(
    locate: Locate, client: SpcsClient, monkeypatch: pytest.MonkeyPatch, emulator: Emulator
) -> None:
    """A tick that catches up after hours may die like any other one."""
    location = locate(script_asset("a", "exit 3", max_retries=1, retry_delay_seconds=0))
    emulator.faults.clock_offset = timedelta(hours=-5)
    try:
        location.run("a")
        name = JobName.parse(location.observations("a")[0].metadata[keys.JOB_NAME].value)
        [_] = client.wait([name], poll_seconds=0.02)
        [lost] = location.tick(save=False).run_requests
        [again] = [request for _ in range(3) for request in location.tick().run_requests or []]
    finally:
        emulator.faults.clock_offset = timedelta()
    assert again.run_key == lost.run_key


def started_by_the_daemon(location: Location, request: dg.RunRequest) -> None:
    """Let there be the run that was requested, as the daemon starts it."""
    location.instance.create_run_for_job(
        location.definitions.resolve_implicit_global_asset_job_def(),
        tags={**request.tags, "dagster/run_key": request.run_key},
    )


def first_requests(location: Location, *, save: bool = True) -> list[dg.RunRequest]:
    """Tick until a run is requested."""
    return until(lambda: list(location.tick(save=save).run_requests or ()))


@pytest.mark.parametrize("failure_runs", [False, True])
@pytest.mark.parametrize("hours", [0, 1, 48])
def test_another_sensor_asks_for_nothing_that_there_is(
    locate: Locate, clock: Clock, hours: int, failure_runs: bool
) -> None:
    """A renamed sensor, a second one, or one whose cursor was reset."""
    asset = script_asset("a", "exit 3", max_retries=0 if failure_runs else 1, retry_delay_seconds=0)
    location = locate(asset, failure_runs=failure_runs)
    location.run("a")
    [request] = first_requests(location)
    started_by_the_daemon(location, request)
    clock.pass_(hours=hours)
    renamed = locate(asset, name="renamed", failure_runs=failure_runs)
    for _ in range(3):
        assert not renamed.tick().run_requests


@pytest.mark.parametrize("failure_runs", [False, True])
@pytest.mark.parametrize("minutes", [0, 20, 120, 3000])
def test_what_follows_a_recorded_failure_whose_tick_died(
    locate: Locate, clock: Clock, minutes: int, failure_runs: bool
) -> None:
    """It is requested after an outage of any length, once."""
    asset = script_asset("a", "exit 3", max_retries=0 if failure_runs else 1, retry_delay_seconds=0)
    location = locate(asset, failure_runs=failure_runs)
    location.run("a")
    lost = first_requests(location, save=False)
    clock.pass_(minutes=minutes)
    asked = []
    for _ in range(3):
        for request in location.tick().run_requests or ():
            asked.append(request.run_key)
            started_by_the_daemon(location, request)
    assert asked == [request.run_key for request in lost]


def test_retry_waits_for_its_time_and_is_not_asked_twice(locate: Locate, clock: Clock) -> None:
    """A retry with a delay stays in the cursor; a tick that is repeated asks with the same key."""
    location = locate(script_asset("a", "exit 1", max_retries=1, retry_delay_seconds=3600))
    location.run("a")
    location.tick_until(lambda: len(location.observations("a")) == 2)
    assert len(read_cursor(location.cursor).retries) == 1

    clock.pass_(hours=1)
    [first] = location.tick(save=False).run_requests
    [second] = location.tick().run_requests

    assert first.run_key == second.run_key
    assert first.tags[keys.ATTEMPT_TAG] == "1"
    assert not location.tick().run_requests


def test_retry_has_the_failed_run_s_config_and_tags(locate: Locate) -> None:
    """Another attempt is made with what the first one was told, and can be started at all."""

    class Options(dg.Config):
        word: str

    class Target(dg.ConfigurableResource):
        name: str = "prod"

    @spcs_job_asset(max_retries=1, retry_delay_seconds=0)
    def a(config: Options, target: Target) -> JobRequest:
        return script_request(f"echo {config.word} {target.name}; exit 1")

    bound = {"target": Target.configure_at_launch(), "other": Target.configure_at_launch()}
    location = locate(a, script_asset("b", "true"), bound=bound)
    staging = {"config": {"name": "staging"}}
    config = {
        "ops": {"a": {"config": {"word": "told"}}},
        "resources": {"target": staging},
    }
    tags = {"team": "x", "dagster/priority": "7", "dagster/concurrency_key": "gpu"}
    assert location.run("a", "b", run_config=config, tags=tags).success
    requests: list[dg.RunRequest] = []
    while not requests:
        requests += location.tick().run_requests

    [request] = requests
    again = location.run("a", run_config=request.run_config, tags=request.tags)
    assert again.success
    assert {**tags, keys.ATTEMPT_TAG: "1"}.items() <= request.tags.items()
    location.tick_until(lambda: len(location.observations("a")) == 4)
    assert "told staging" in location.observations("a")[0].metadata[keys.LOG].value


def test_retry_of_a_run_that_was_deleted(locate: Locate) -> None:
    """What it was told is gone with it: no other attempt is made with something else."""
    location = locate(script_asset("a", "exit 3", max_retries=1, retry_delay_seconds=0))
    run = location.run("a")
    location.instance.delete_run(run.run_id)
    location.tick_until(lambda: len(location.observations("a")) >= 1)
    for _ in range(2):
        assert not location.tick().run_requests


class Limit(dg.Config):
    """What the asset wants when its first job fails."""

    limit: int


class Bound(dg.Config):
    """What it wants after another deployment."""

    bound: int


def configured(config: type[dg.Config]) -> dg.AssetsDefinition:
    """Return an asset that is tried again, with a configuration."""

    def job(context: dg.AssetExecutionContext, config: dg.Config) -> JobRequest:
        """A job of the test."""
        return script_request("sleep 60")

    job.__annotations__["config"] = config
    return spcs_job_asset(name="a", max_retries=1, retry_delay_seconds=0)(job)


@dg.asset(name="a")
def plain() -> None:
    """No job asset any more."""


@pytest.mark.parametrize("failure_runs", [False, True])
@pytest.mark.parametrize(
    ("deployed", "count"),
    [
        pytest.param([configured(Limit)], 1, id="the same"),
        pytest.param([configured(Bound)], 0, id="another configuration"),
        pytest.param([plain], 0, id="no job asset"),
        pytest.param([], 0, id="no asset"),
    ],
)
def test_retry_that_cannot_be_started_fails_no_tick(
    locate: Locate, deployed: list[dg.AssetsDefinition], count: int, failure_runs: bool
) -> None:
    """Somebody deployed another code location between the failure and the attempt."""
    location = locate(configured(Limit), script_asset("b", "true"))
    run = location.run("a", run_config={"ops": {"a": {"config": {"limit": 7}}}})
    waiting = Retry(
        due=datetime(2026, 1, 1, tzinfo=timezone.utc),
        asset=("a",),
        attempt=1,
        after="DAGSTER_A",
        run_id=run.run_id,
    )

    location = locate(*deployed, script_asset("b", "true"), failure_runs=failure_runs)
    location.cursor = Cursor(retries=(waiting,)).model_dump_json()
    requests = location.tick().run_requests or []

    assert sum(request.run_key.startswith("retry") for request in requests) == count
    assert read_cursor(location.cursor).retries == ()


@pytest.mark.parametrize("ends", ["before the retry is due", "in the tick in which it is due"])
def test_retry_is_not_made_after_a_newer_success(
    locate: Locate, client: SpcsClient, clock: Clock, schema: str, tmp_path: Path, ends: str
) -> None:
    """Who has made the asset by hand meanwhile does not pay for another attempt."""
    script = f"test -e {tmp_path / 'mended'}"
    location = locate(script_asset("a", script, max_retries=1, retry_delay_seconds=3600))
    location.run("a")
    location.tick_until(lambda: len(location.observations("a")) == 2)
    (tmp_path / "mended").touch()
    location.run("a")
    until(
        lambda: all(job.status.is_final for job in client.list_jobs(database="LAB", schema=schema))
    )
    if ends == "before the retry is due":
        location.tick()
    clock.pass_(hours=1)
    result = location.tick()

    assert len(location.materializations("a")) == 1
    assert not result.run_requests
    assert read_cursor(location.cursor).retries == ()


def test_failure_run_fails_with_the_same_text(locate: Locate) -> None:
    """With failure_runs=True a failed job also launches a run that fails with its text, once."""
    location = locate(script_asset("a", "echo the reason; exit 9"), failure_runs=True)
    location.run("a")
    requests = []
    while not requests:
        requests += location.tick().run_requests
    assert not location.tick().run_requests

    [request] = requests
    result = location.run_job(request.job_name, run_config=request.run_config)

    assert not result.success
    [failed] = [event for event in result.all_events if event.is_step_failure]
    text = failed.step_failure_data.user_failure_data.description
    assert "ended FAILED (0/main exited 9)" in text
    assert "the reason" in text


def test_job_that_a_person_cancelled_is_not_tried_again(locate: Locate, client: SpcsClient) -> None:
    """Retries are for failures, not for decisions."""
    location = locate(script_asset("a", "sleep 60", max_retries=3, retry_delay_seconds=0))
    location.run("a")
    client.cancel(JobName.parse(location.observations("a")[0].metadata[keys.JOB_NAME].value))

    location.tick_until(lambda: len(location.observations("a")) == 2)

    assert "was cancelled" in location.observations("a")[0].description
    assert not location.tick().run_requests


def test_tick_while_the_account_cannot_be_reached_fails_at_once_and_loses_nothing(
    locate: Locate, emulator: Emulator, schema: str
) -> None:
    """An outage fails the tick with a clear error; afterwards everything is recorded once."""
    location = locate(script_asset("a", "true"))
    location.run("a")
    nowhere = {"host": "127.0.0.1", "port": 9, "protocol": "http"}
    broken = SpcsJobResource(
        snowflake=snowflake_resource(
            emulator, schema, login_timeout=1, additional_snowflake_connection_args=nowhere
        )
    )
    outage = locate(script_asset("a", "true"), resource=broken)

    with pytest.raises(ConnectionFailed, match="Check the account"):
        outage.tick()

    location.tick_until(lambda: location.materializations("a"))
    location.tick()
    assert len(location.materializations("a")) == 1
