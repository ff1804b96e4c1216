"""Backfills, materializing together, and freshness, as Dagster's own daemon judges them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from tests.acceptance.dagster_web import DagsterWeb, dagster_dev, wait_for
from tests.support.emulators import new_emulator, open_lab

pytestmark = pytest.mark.slow

LOCATION = '''
"""Job assets whose jobs end as their names say."""

import os
from datetime import timedelta

import dagster as dg
from dagster_snowflake import SnowflakeResource

from dagster_spcs import (
    Container,
    JobRequest,
    ServiceSpec,
    SpcsJobResource,
    build_spcs_polling_sensor,
    spcs_job_asset,
)
from tests.support.emulators import POOL, SHELL

PARTITIONS = dg.StaticPartitionsDefinition(["p0", "p1", "p2"])
IN_ONE_RUN = {"backfill_policy": dg.BackfillPolicy.single_run()}
FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=1))


def request(script: str) -> JobRequest:
    return JobRequest(
        spec=ServiceSpec(containers=[Container(name="main", image=SHELL, args=[script])])
    )


def parted(name: str, *failing: str, **options) -> dg.AssetsDefinition:
    @spcs_job_asset(name=name, partitions_def=PARTITIONS, **options)
    def job(context: dg.AssetExecutionContext) -> JobRequest:
        return request(f"exit {int(context.partition_key in failing)}")

    return job


def batch(name: str, script: str) -> dg.AssetsDefinition:
    @spcs_job_asset(name=name, partitions_def=PARTITIONS, batch=True, **IN_ONE_RUN)
    def job() -> JobRequest:
        return request(script)

    return job


@dg.asset(deps=["one_run_good"], partitions_def=PARTITIONS, **IN_ONE_RUN)
def built_from_it() -> None:
    pass


@spcs_job_asset()
def table() -> JobRequest:
    return request("true")


@dg.asset(deps=[table])
def summary() -> None:
    pass


@spcs_job_asset(freshness_policy=FRESH)
def slow() -> JobRequest:
    gate = os.environ["TEST_GATE"]
    return request(f"while [ ! -e {gate} ]; do sleep 0.05; done")


@dg.asset(freshness_policy=FRESH)
def quick() -> None:
    pass


defs = dg.Definitions(
    assets=[
        parted("all_good"),
        parted("two_bad", "p0", "p2"),
        parted("one_run", "p1", **IN_ONE_RUN),
        parted("one_run_good", **IN_ONE_RUN),
        built_from_it,
        batch("batch_good", "true"),
        batch("batch_bad", "exit $((SNOWFLAKE_JOB_INDEX == 1))"),
        table,
        summary,
        slow,
        quick,
    ],
    sensors=[build_spcs_polling_sensor(minimum_interval_seconds=2)],
    executor=dg.in_process_executor,  # a process a run, not one more a step
    resources={
        "spcs": SpcsJobResource(
            snowflake=SnowflakeResource(
                account=os.environ["TEST_ACCOUNT"],
                user=os.environ["TEST_USER"],
                password=os.environ["TEST_PASSWORD"],
                database="LAB",
                schema="PUBLIC",
                autocommit=True,
                additional_snowflake_connection_args={
                    "host": os.environ["TEST_HOST"],
                    "port": int(os.environ["TEST_PORT"]),
                    "protocol": "http",
                },
            ),
            compute_pool=POOL,
            poll_seconds=0.2,
        )
    },
)
'''


class Partitions:
    """An asset's partitions by status."""

    def __init__(self, found: dict[str, list[str]]) -> None:
        self.materialized = sorted(found["materializedPartitions"])
        self.failed = sorted(found["failedPartitions"])
        self.missing = sorted(found["unmaterializedPartitions"])


class Console:
    """What a person does on the pages of assets and backfills."""

    def __init__(self, web: DagsterWeb) -> None:
        self.web = web

    def backfill(self, asset: str, *partitions: str, beside: tuple[str, ...] = ()) -> str:
        """Launch a backfill of partitions of an asset, and of those beside it; return its id."""
        data = self.web.query(
            """
            mutation Launch($params: LaunchBackfillParams!) {
              launchPartitionBackfill(backfillParams: $params) {
                __typename
                ... on LaunchBackfillSuccess { backfillId }
                ... on PythonError { message }
              }
            }
            """,
            params={
                "assetSelection": [{"path": [each]} for each in (asset, *beside)],
                "partitionNames": partitions,
            },
        )["launchPartitionBackfill"]
        assert data["__typename"] == "LaunchBackfillSuccess", data
        return str(data["backfillId"])

    def ended(self, backfill: str) -> dict[str, Any]:
        """Wait for the end of a backfill; return its status, runs, and counts of partitions."""

        def look() -> dict[str, Any] | None:
            data = self.web.query(
                """
                query Look($id: String!) { partitionBackfillOrError(backfillId: $id) {
                  ... on PartitionBackfill {
                    status
                    runs { runId status }
                    assetBackfillData { assetBackfillStatuses {
                      ... on AssetPartitionsStatusCounts {
                        numPartitionsTargeted numPartitionsMaterialized numPartitionsFailed
                      }
                    } }
                  }
                } }
                """,
                id=backfill,
            )["partitionBackfillOrError"]
            return None if data["status"] in ("REQUESTED", "FAILING") else data

        return wait_for(f"the end of backfill {backfill}", look, self.web.log)

    def node(self, asset: str, fields: str) -> dict[str, Any]:
        """Return fields of an asset's definition and state."""
        query = (
            "query Node($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) {"
            f" ... on AssetNode {{ {fields} }} }} }}"
        )
        return self.web.query(query, key={"path": [asset]})["assetNodeOrError"]

    def partitions(self, asset: str) -> Partitions:
        """Return an asset's partitions by status, as its page shows them."""
        fields = "materializedPartitions failedPartitions unmaterializedPartitions"
        statuses = f"assetPartitionStatuses {{ ... on DefaultPartitionStatuses {{ {fields} }} }}"
        return Partitions(self.node(asset, statuses)["assetPartitionStatuses"])

    def freshness(self, asset: str) -> str:
        """Return an asset's freshness, as the daemon last judged it."""
        found = self.node(asset, "freshnessStatusInfo { freshnessStatus }")
        return str(found["freshnessStatusInfo"]["freshnessStatus"])


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with new_emulator(tmp_path_factory.mktemp("emulator")) as started:
        open_lab(started).close()
        yield started


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the job of ``slow`` waits for."""
    return tmp_path_factory.mktemp("gate") / "open"


@pytest.fixture(scope="module")
def console(
    emulator: Emulator, gate: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("dagster")
    file = folder / "location.py"
    file.write_text(LOCATION)
    environment = {
        "TEST_ACCOUNT": emulator.settings.account,
        "TEST_USER": emulator.settings.user,
        "TEST_PASSWORD": emulator.password,
        "TEST_HOST": emulator.host,
        "TEST_PORT": str(emulator.port),
        "TEST_GATE": str(gate),
        "FRESHNESS_DAEMON_INTERVAL_SECONDS": "2",
    }
    with dagster_dev(
        folder / "home",
        folder / "log.txt",
        target=("-f", str(file), "-d", str(Path.cwd())),
        location=file.name,
        **environment,
    ) as web:
        yield Console(web)
        gate.touch()


@pytest.fixture(scope="module")
def backfills(console: Console) -> dict[str, str]:
    """Ids of backfills by asset, launched together: the daemon looks at them every 30 seconds."""
    return {
        "all_good": console.backfill("all_good", "p0", "p1"),
        "two_bad": console.backfill("two_bad", "p0", "p1", "p2"),
        "one_run": console.backfill("one_run", "p0", "p1", "p2"),
        "one_run_good": console.backfill(
            "one_run_good", "p0", "p1", "p2", beside=("built_from_it",)
        ),
        "batch_good": console.backfill("batch_good", "p0", "p1", "p2"),
        "batch_bad": console.backfill("batch_bad", "p0", "p1", "p2"),
    }


@pytest.fixture(scope="module")
def asked(backfills: dict[str, str], console: Console) -> Callable[[str], dict[str, Any]]:
    """Give the end of an asset's backfill."""
    return lambda asset: console.ended(backfills[asset])


def counts(backfill: dict[str, Any]) -> list[int]:
    """Return how many partitions were asked for, were materialized, and failed."""
    [status] = backfill["assetBackfillData"]["assetBackfillStatuses"]
    return [
        status["numPartitionsTargeted"],
        status["numPartitionsMaterialized"],
        status["numPartitionsFailed"],
    ]


def statuses(backfill: dict[str, Any]) -> list[str]:
    """Return how a backfill's runs ended."""
    return sorted(run["status"] for run in backfill["runs"])


def test_job_asset_and_what_is_built_from_it_are_materialized_in_one_run(
    console: Console, backfills: dict[str, str]
) -> None:
    """Asked for together, as by "Materialize all": the run waits for the job, then goes on."""
    run = console.web.launch("__ASSET_JOB", ["table", "summary"])

    assert console.web.run_finished(run) == "SUCCESS"

    [built] = console.web.materializations("summary")
    [table] = console.web.materializations("table")
    assert (table["runId"], built["runId"]) == (run, run)
    metadata = {entry["label"]: entry for entry in table["metadataEntries"]}
    assert metadata[keys.STATUS]["text"] == "DONE"


def test_freshness_policy_counts_from_the_recorded_result(console: Console, gate: Path) -> None:
    """A submitted job is no result for Dagster's freshness daemon; what the sensor records is."""
    run = console.web.launch("__ASSET_JOB", ["slow", "quick"])
    assert console.web.run_finished(run) == "SUCCESS"

    # The daemon judges all assets at one time, so it has judged the other one too.
    wait_for("freshness of quick", lambda: console.freshness("quick") == "HEALTHY", console.web.log)
    assert console.freshness("slow") == "UNKNOWN"
    gate.touch()
    console.web.materialized("slow", 1)
    wait_for("freshness of slow", lambda: console.freshness("slow") == "HEALTHY", console.web.log)


def test_backfill_with_a_run_for_each_partition_succeeds(
    console: Console, asked: Callable[[str], dict[str, Any]]
) -> None:
    """The runs wait for their jobs, so the backfill counts every partition as materialized."""
    backfill = asked("all_good")

    assert backfill["status"] == "COMPLETED_SUCCESS"
    assert counts(backfill) == [2, 2, 0]
    assert statuses(backfill) == ["SUCCESS"] * 2
    partitions = console.partitions("all_good")
    assert (partitions.materialized, partitions.failed) == (["p0", "p1"], [])
    assert partitions.missing == ["p2"]
    assert len(console.web.materializations("all_good")) == 2


def test_backfill_names_the_partitions_that_failed(
    console: Console, asked: Callable[[str], dict[str, Any]]
) -> None:
    """Two jobs fail: the backfill fails, and exactly their partitions are marked."""
    backfill = asked("two_bad")

    assert backfill["status"] == "COMPLETED_FAILED"
    assert counts(backfill) == [3, 1, 2]
    assert statuses(backfill) == ["FAILURE", "FAILURE", "SUCCESS"]
    partitions = console.partitions("two_bad")
    assert (partitions.materialized, partitions.failed) == (["p1"], ["p0", "p2"])


@pytest.mark.parametrize("asset", ["one_run_good", "batch_good"])
def test_backfill_in_one_run_succeeds(
    console: Console, asked: Callable[[str], dict[str, Any]], asset: str
) -> None:
    """With a job for each partition, and what is built from it in the same run; with one job."""
    backfill = asked(asset)

    assert backfill["status"] == "COMPLETED_SUCCESS"
    assert all(
        [each["numPartitionsTargeted"], each["numPartitionsMaterialized"]] == [3, 3]
        for each in backfill["assetBackfillData"]["assetBackfillStatuses"]
    )
    assert statuses(backfill) == ["SUCCESS"]
    assert console.partitions(asset).materialized == ["p0", "p1", "p2"]
    assert len(console.web.materializations(asset)) == 3


@pytest.mark.parametrize("asset", ["one_run", "batch_bad"])
def test_backfill_in_one_run_names_the_partition_that_failed(
    console: Console, asked: Callable[[str], dict[str, Any]], asset: str
) -> None:
    """The run fails for one partition; the others of the same run stay materialized."""
    backfill = asked(asset)

    assert backfill["status"] == "COMPLETED_FAILED"
    assert counts(backfill) == [3, 2, 1]
    assert statuses(backfill) == ["FAILURE"]
    partitions = console.partitions(asset)
    assert (partitions.materialized, partitions.failed) == (["p0", "p2"], ["p1"])
