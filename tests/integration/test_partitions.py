"""One job a partition: of every kind, alone and in ranges, known, unknown and no longer there."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import dagster as dg
import pytest
from dagster_snowflake import SnowflakeResource

from dagster_spcs import JobRequest, SpcsJobResource, build_spcs_polling_sensor, spcs_job_asset
from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.client import SpcsClient, Submission
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord
from tests.integration.conftest import Location, script_asset, script_request
from tests.support.emulators import POOL, until
from tests.support.events import is_end

Locate = Callable[..., Location]

HOSTILE = 'it\'s "50%" $$ of \\ ü'
STATIC = dg.StaticPartitionsDefinition(["x", HOSTILE, "y"])
# The clocks change on 2026-03-29 in Berlin, so that this day's window has 23 hours.
DAILY = dg.DailyPartitionsDefinition("2026-03-28", "2026-03-31", timezone="Europe/Berlin")
DYNAMIC = dg.DynamicPartitionsDefinition(name="letters")
MULTI = dg.MultiPartitionsDefinition(
    {"day": DAILY, "region": dg.StaticPartitionsDefinition(["eu", "us"])}
)
LETTERS = ["a", "b", "c"]
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


@pytest.fixture(autouse=True)
def letters(instance: dg.DagsterInstance) -> None:
    """The partitions of DYNAMIC."""
    instance.add_dynamic_partitions("letters", LETTERS)


class Parted:
    """A partitioned job asset, and what its function was told of each partition."""

    def __init__(
        self,
        definition: dg.PartitionsDefinition[str],
        script: str = "true",
        *,
        look: str = "partition_key",
        **options: Any,
    ) -> None:
        self.seen: dict[str, Any] = {}

        @spcs_job_asset(name="parted", partitions_def=definition, **options)
        def job(context: dg.AssetExecutionContext) -> JobRequest:
            self.seen[context.partition_key] = getattr(context, look)
            return script_request(script.replace("PARTITION", context.partition_key))

        self.asset = job


def identities(client: SpcsClient, schema: str) -> list[JobIdentity]:
    """Return whom the schema's jobs are for, by partition."""
    found = [JobIdentity.from_comment(job.comment) for job in jobs_in(client, schema)]
    return sorted(filter(None, found), key=lambda each: each.partition or "")


def jobs_in(client: SpcsClient, schema: str) -> list[JobRecord]:
    """Return the schema's jobs."""
    return list(client.list_jobs(database="LAB", schema=schema))


def partitions_of(location: Location) -> list[str | None]:
    """Return the partitions of the asset's materializations."""
    return sorted(each.partition for each in location.materializations("parted"))


KINDS = [
    pytest.param(STATIC, "x", "partition_key", "x", id="static"),
    pytest.param(STATIC, HOSTILE, "partition_key", HOSTILE, id="static-hostile"),
    pytest.param(
        DAILY, "2026-03-29", "partition_time_window", timedelta(hours=23), id="time-window"
    ),
    pytest.param(DYNAMIC, "b", "partition_key", "b", id="dynamic"),
    pytest.param(
        MULTI,
        "2026-03-29|us",
        "multi_partition_key",
        {"day": "2026-03-29", "region": "us"},
        id="multi",
    ),
    pytest.param(
        MULTI, "2026-03-29|us", "partition_time_window", timedelta(hours=23), id="multi-window"
    ),
]


def plain(told: Any) -> Any:
    """Return what the function was told in a form to compare."""
    if isinstance(told, dg.TimeWindow):
        # As differences of times in one zone are of its clock, which shows no change.
        return timedelta(seconds=told.end.timestamp() - told.start.timestamp())
    if isinstance(told, dg.MultiPartitionKey):
        return dict(told.keys_by_dimension)
    return told


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
@pytest.mark.parametrize(("definition", "key", "look", "told"), KINDS)
def test_partition_has_a_job_and_an_event_of_its_own(
    locate: Locate,
    client: SpcsClient,
    schema: str,
    definition: dg.PartitionsDefinition[str],
    key: str,
    look: str,
    told: Any,
    mode: str,
) -> None:
    """The function is told of its partition, the job's comment names it, the event is its."""
    parted = Parted(definition, look=look, mode=mode)
    location = locate(parted.asset)

    result = location.run("parted", partition_key=key)

    assert result.success
    assert {each: plain(value) for each, value in parted.seen.items()} == {key: told}
    [identity] = identities(client, schema)
    assert (identity.asset, identity.partition) == (("parted",), key)
    assert identity.run_id == result.run_id
    if mode == "deferred":
        assert location.materializations("parted") == []
        location.tick_until(lambda: location.materializations("parted"))
    location.tick()
    assert partitions_of(location) == [key]
    assert location.instance.get_materialized_partitions(dg.AssetKey("parted")) == {key}
    assert [each.partition for each in location.observations("parted")] == [key]


RANGES = [
    pytest.param(STATIC, ["x", HOSTILE, "y"], id="static"),
    pytest.param(DAILY, ["2026-03-28", "2026-03-29", "2026-03-30"], id="time-window"),
    pytest.param(DYNAMIC, LETTERS, id="dynamic"),
    pytest.param(
        MULTI,
        ["2026-03-28|eu", "2026-03-28|us", "2026-03-29|eu", "2026-03-29|us"],
        id="multi",
    ),
]


@pytest.mark.parametrize(
    "backfill", [{}, {"dagster/backfill": "abcdefgh"}], ids=["run", "backfill"]
)
@pytest.mark.parametrize(("definition", "keys"), RANGES)
def test_range_in_one_run_has_a_job_and_an_event_for_each_partition(
    locate: Locate,
    client: SpcsClient,
    schema: str,
    definition: dg.PartitionsDefinition[str],
    keys: list[str],
    backfill: dict[str, str],
) -> None:
    """A run over a range defers to the sensor; as part of a backfill it waits for all."""
    parted = Parted(definition, backfill_policy=dg.BackfillPolicy.single_run())
    location = locate(parted.asset)

    tags = {RANGE_START: keys[0], RANGE_END: keys[-1], **backfill}
    result = location.run("parted", tags=tags)

    assert result.success
    assert parted.seen == {key: key for key in keys}
    found = identities(client, schema)
    assert [each.partition for each in found] == sorted(keys)
    assert {each.run_id for each in found} == {result.run_id}
    if backfill:
        assert partitions_of(location) == sorted(keys)
    else:
        assert location.materializations("parted") == []
    location.tick_until(lambda: len(location.materializations("parted")) == len(keys))
    location.tick()
    assert partitions_of(location) == sorted(keys)


def test_each_day_of_a_deferred_range_sees_its_own_window(locate: Locate) -> None:
    """The window is that of the day, in the definition's time zone, whatever the run's range."""
    parted = Parted(
        DAILY, look="partition_time_window", backfill_policy=dg.BackfillPolicy.single_run()
    )

    locate(parted.asset).run("parted", tags={RANGE_START: "2026-03-28", RANGE_END: "2026-03-30"})

    assert {key: plain(window) for key, window in parted.seen.items()} == {
        "2026-03-28": timedelta(hours=24),
        "2026-03-29": timedelta(hours=23),
        "2026-03-30": timedelta(hours=24),
    }
    assert [f"{window.start:%F}" for window in parted.seen.values()] == list(parted.seen)


def test_failed_partitions_of_a_deferred_range_are_told_by_name(locate: Locate) -> None:
    """The sensor records what succeeded, and an observation on each partition that failed."""
    parted = Parted(DYNAMIC, "[ PARTITION != b ]", backfill_policy=dg.BackfillPolicy.single_run())
    location = locate(parted.asset)
    location.run("parted", tags={RANGE_START: "a", RANGE_END: "c"})

    location.tick_until(
        lambda: len([*location.materializations("parted"), *location.observations("parted")]) == 6
    )

    assert partitions_of(location) == ["a", "c"]
    failed = [each for each in location.observations("parted") if is_end(each)]
    assert [each.partition for each in failed] == ["b"]


def test_job_of_one_partition_is_not_in_the_way_of_another(
    locate: Locate, client: SpcsClient, schema: str
) -> None:
    """overlap="skip" holds back the partition whose job is in flight, and no other."""
    parted = Parted(DYNAMIC, "sleep 60", backfill_policy=dg.BackfillPolicy.single_run())
    location = locate(parted.asset)
    location.run("parted", partition_key="b")

    assert location.run("parted", tags={RANGE_START: "a", RANGE_END: "c"}).success

    assert [each.partition for each in identities(client, schema)] == LETTERS


def test_failed_partition_is_tried_again_as_that_partition(
    locate: Locate, client: SpcsClient, schema: str
) -> None:
    """The retry is for the partition that failed, beside assets that have no partitions."""
    parted = Parted(STATIC, "exit 1", max_retries=1, retry_delay_seconds=0)
    location = locate(parted.asset, script_asset("plain", "true"))
    location.run("parted", partition_key=HOSTILE)
    [request] = until(lambda: location.tick().run_requests, "the request of a retry")

    assert request.partition_key == HOSTILE
    again = location.run_job(
        request.job_name,
        asset_selection=request.asset_selection,
        partition_key=request.partition_key,
        tags=request.tags,
    )

    assert again.success
    told = [(each.partition, each.attempt) for each in identities(client, schema)]
    assert sorted(told) == [(HOSTILE, 0), (HOSTILE, 1)]


UNKNOWN = [
    pytest.param(STATIC, "z", id="static"),
    pytest.param(DAILY, "2026-04-05", id="time-window"),
    pytest.param(DAILY, "yesterday", id="not-a-time"),
    pytest.param(DYNAMIC, "z", id="dynamic"),
    pytest.param(MULTI, "2026-03-29|mars", id="multi"),
    pytest.param(MULTI, "2026-03-29", id="multi-with-one-dimension"),
]


@pytest.mark.parametrize(("definition", "key"), UNKNOWN)
def test_unknown_partition_is_refused_before_anything_is_submitted(
    locate: Locate, emulator: Emulator, definition: dg.PartitionsDefinition[str], key: str
) -> None:
    """A run of a partition that the asset does not have ends at once with the key in its error."""
    location = locate(Parted(definition).asset)
    before = len(emulator.statements)

    with pytest.raises(dg.DagsterUnknownPartitionError, match=re.escape(f"`{key}`")):
        location.run("parted", partition_key=key)

    assert len(emulator.statements) == before


def test_range_past_the_known_partitions_submits_nothing(
    locate: Locate, emulator: Emulator
) -> None:
    """Not even the partitions of the range that are there: all or none."""
    location = locate(Parted(DAILY, backfill_policy=dg.BackfillPolicy.single_run()).asset)
    before = len(emulator.statements)

    result = location.run("parted", tags={RANGE_START: "2026-03-30", RANGE_END: "2026-04-05"})

    [failed] = [event for event in result.all_events if event.is_step_failure]
    assert "2026-04-05 is after the partitions definition end" in str(failed.step_failure_data)
    assert len(emulator.statements) == before


class Stranger:
    """Submits jobs as a code location did that this one knows nothing of."""

    def __init__(self, client: SpcsClient, schema: str) -> None:
        self._client = client
        self._schema = schema

    def submit(self, name: str, script: str, asset: str, partition: str | None) -> JobName:
        """Submit a job whose comment names this asset and partition."""
        job = JobName(f"DAGSTER_{name}", self._schema, "LAB")
        identity = JobIdentity(
            asset=(asset,),
            partition=partition,
            run_id="0b6d4f0e-8d4c-4f3a-9a51-3a4b8ee0f2d1",
            submitted=datetime.now(timezone.utc),
        )
        self._client.submit(Submission(script_request(script), job, POOL, identity.to_comment()))
        return job


@pytest.fixture
def stranger(client: SpcsClient, schema: str) -> Stranger:
    return Stranger(client, schema)


def test_end_of_a_job_of_a_partition_that_is_gone_holds_up_no_other(
    locate: Locate, client: SpcsClient, stranger: Stranger
) -> None:
    """A partition was deleted while its job ran, or the definition has lost it: others go on."""
    location = locate(Parted(DYNAMIC).asset, script_asset("plain", "true"))
    location.run("parted", partition_key="a")
    location.run("parted", partition_key="b")
    location.run("plain")
    gone = [
        stranger.submit("LOST", "true", "parted", "no such letter"),
        stranger.submit("LOST_BADLY", "exit 1", "parted", "no such letter"),
    ]
    location.instance.delete_dynamic_partition("letters", "a")
    assert len(list(client.wait(gone, poll_seconds=0.02))) == 2

    location.tick_until(
        lambda: "b" in partitions_of(location) and location.materializations("plain")
    )
    for _ in range(3):
        assert not location.tick().asset_events


def test_job_of_an_asset_that_is_not_here_is_mentioned_and_holds_up_no_other(
    locate: Locate,
    client: SpcsClient,
    stranger: Stranger,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A comment that names an asset of no code location here gives a line in the tick's log."""
    stranger.submit("AT_WORK", "sleep 60", "elsewhere", None)
    lost = stranger.submit("LOST", "exit 1", "elsewhere", "x")
    assert len(list(client.wait([lost], poll_seconds=0.02))) == 1
    location = locate(Parted(DYNAMIC).asset)
    location.run("parted", partition_key="a")

    location.tick_until(lambda: location.materializations("parted"))

    printed = "".join(capfd.readouterr())
    assert "2 jobs are for assets that this code location does not have: elsewhere" in printed
    assert partitions_of(location) == ["a"]
    assert location.materializations("elsewhere") == []
    assert location.observations("elsewhere") == []


def test_assets_of_different_partitions_load_together() -> None:
    """A code location may have job assets of any partitions, beside ones without."""
    daily = dg.DailyPartitionsDefinition("2026-01-01")
    static = dg.StaticPartitionsDefinition(["x"])
    assets = [
        script_asset("a", "true", partitions_def=daily),
        script_asset("b", "true", partitions_def=static),
        script_asset("c", "true"),
    ]
    resource = SpcsJobResource(snowflake=SnowflakeResource(account="a", user="u", password="p"))
    definitions = dg.Definitions(
        assets=assets, sensors=[build_spcs_polling_sensor()], resources={"spcs": resource}
    )
    dg.Definitions.validate_loadable(definitions)


def test_retry_of_a_partition_that_is_gone_holds_up_no_other(locate: Locate) -> None:
    """It is left out, and the ends of other jobs are recorded."""
    before = dg.StaticPartitionsDefinition(["kept", "gone"])
    after = dg.StaticPartitionsDefinition(["kept"])
    options = {"max_retries": 1, "retry_delay_seconds": 0}
    old = locate(script_asset("a", "exit 1", partitions_def=before, **options))
    old.run("a", partition_key="gone")
    location = locate(
        script_asset("a", "exit 1", partitions_def=after, **options), script_asset("b", "true")
    )
    location.run("b")
    requested = []
    for _ in range(1000):
        requested += location.tick().run_requests or []
        if location.materializations("b") and len(location.observations("a")) == 2:
            break
    requested += location.tick().run_requests or []
    assert len(location.materializations("b")) == 1
    assert len(location.observations("a")) == 2
    told = location.observations("a")[0].metadata[keys.MISSING].value
    assert "partition gone: the asset does not have it" in told
    assert requested == []


def test_window_of_each_key_of_a_multi_partitioned_range(locate: Locate) -> None:
    """The window is that of the key's own day, not of the whole run."""
    seen = {}
    partitions = dg.MultiPartitionsDefinition(
        {
            "day": dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-05"),
            "region": dg.StaticPartitionsDefinition(["eu"]),
        }
    )

    @spcs_job_asset(
        name="a", partitions_def=partitions, backfill_policy=dg.BackfillPolicy.single_run()
    )
    def job(context: dg.AssetExecutionContext) -> JobRequest:
        seen[context.partition_key] = context.partition_time_window.start.day
        return script_request("true")

    tags = {
        "dagster/asset_partition_range_start": "2026-01-01|eu",
        "dagster/asset_partition_range_end": "2026-01-03|eu",
    }
    locate(job).run("a", tags=tags)
    assert seen == {"2026-01-01|eu": 1, "2026-01-02|eu": 2, "2026-01-03|eu": 3}


ECHO = "; ".join(
    f'echo "{name}=$DAGSTER_PARTITION_{name}"'
    for name in ("KEY", "START", "END", "KEY_DAY", "KEY_REGION")
)


@pytest.mark.parametrize(
    ("definition", "key", "told"),
    [
        (STATIC, HOSTILE, [f"KEY={HOSTILE}", "START=", "END=", "KEY_DAY=", "KEY_REGION="]),
        (
            DAILY,
            "2026-03-29",
            ["KEY=2026-03-29", "START=2026-03-29T00:00:00+01:00", "END=2026-03-30T00:00:00+02:00"],
        ),
        (
            MULTI,
            dg.MultiPartitionKey({"day": "2026-03-29", "region": "us"}),
            [
                "KEY=2026-03-29|us",
                "START=2026-03-29T00:00:00+01:00",
                "END=2026-03-30T00:00:00+02:00",
                "KEY_DAY=2026-03-29",
                "KEY_REGION=us",
            ],
        ),
    ],
    ids=["static", "daily", "multi"],
)
def test_variables_of_a_partition(
    locate: Locate, definition: dg.PartitionsDefinition[str], key: str, told: list[str]
) -> None:
    """The containers of a function's request are told what those of a YAML file are."""
    location = locate(script_asset("a", ECHO, mode="blocking", partitions_def=definition))
    assert location.run("a", partition_key=key).success
    [event] = location.materializations("a")
    assert event.metadata[keys.LOG].value.splitlines()[1 : len(told) + 1] == told


def test_variables_that_a_request_has_itself(locate: Locate) -> None:
    """What the user wrote is what the container gets."""

    @spcs_job_asset(name="a", mode="blocking", partitions_def=STATIC)
    def job(context: dg.AssetExecutionContext) -> JobRequest:
        """A job of the test."""
        request = script_request("echo $DAGSTER_PARTITION_KEY")
        spec = request.spec.with_environment({"DAGSTER_PARTITION_KEY": "mine"})
        return request.model_copy(update={"spec": spec})

    location = locate(job)
    assert location.run("a", partition_key="x").success
    [event] = location.materializations("a")
    assert "mine" in event.metadata[keys.LOG].value


def test_pipes_context_of_a_multi_partition(locate: Locate) -> None:
    """It has the window of the time dimension."""
    script = (
        "echo $DAGSTER_PIPES_CONTEXT | base64 -d | python3 -c"
        " 'import sys, zlib, json; print(zlib.decompress(sys.stdin.buffer.read()).decode())'"
    )
    job = script_asset("a", script, mode="blocking", pipes=True, partitions_def=MULTI)
    location = locate(job)
    key = dg.MultiPartitionKey({"day": "2026-03-29", "region": "us"})
    assert location.run("a", partition_key=key).success
    [event] = location.materializations("a")
    log = event.metadata[keys.LOG].value
    context = json.loads(next(line for line in log.splitlines() if line.startswith("{")))["data"]
    assert context["partition_key"] == "2026-03-29|us"
    assert context["partition_time_window"] == {
        "start": "2026-03-29T00:00:00+01:00",
        "end": "2026-03-30T00:00:00+02:00",
    }
