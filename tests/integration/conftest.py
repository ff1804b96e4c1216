"""A small code location over an emulator, in this process."""

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_snowflake import SnowflakeResource

from dagster_spcs import (
    Container,
    JobRequest,
    ServiceSpec,
    SpcsJobResource,
    build_spcs_polling_sensor,
    spcs_job_asset,
)
from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log.start import start_event
from dagster_spcs.jobs.submission import PlannedJob, SubmittedJob
from dagster_spcs.spcs import clocks
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.submission import Submission
from tests.support.emulators import POOL, SHELL, new_emulator, open_lab

logging.getLogger("dagster").setLevel(logging.ERROR)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with new_emulator(tmp_path_factory.mktemp("integration")) as started:
        open_lab(started).close()
        yield started


@pytest.fixture
def schema(emulator: Emulator, request: pytest.FixtureRequest) -> str:
    """A schema of the test's own, so that tests share nothing but the server."""
    name = f"S_{abs(hash(request.node.nodeid)):x}".upper()
    with open_lab(emulator) as connection:
        connection.cursor().execute(f"CREATE OR REPLACE SCHEMA LAB.{name}")
    return name


def snowflake_resource(emulator: Emulator, schema: str, **changes: Any) -> SnowflakeResource:
    """Return dagster-snowflake's resource, connected to the emulator."""
    settings: dict[str, Any] = {
        "account": emulator.settings.account,
        "user": emulator.settings.user,
        "password": emulator.password,
        "database": "LAB",
        "schema": schema,
        "autocommit": True,
        "login_timeout": 10,
        "additional_snowflake_connection_args": {
            "host": emulator.host,
            "port": emulator.port,
            "protocol": "http",
        },
    }
    return SnowflakeResource(**{**settings, **changes})


@pytest.fixture
def resource(emulator: Emulator, schema: str) -> SpcsJobResource:
    return SpcsJobResource(
        snowflake=snowflake_resource(emulator, schema), compute_pool=POOL, poll_seconds=0.05
    )


@pytest.fixture
def client(resource: SpcsJobResource) -> Iterator[SpcsClient]:
    with resource.get_client() as opened:
        yield opened


def script_request(script: str, **fields: Any) -> JobRequest:
    """Return a request whose one container runs a shell script."""
    spec = ServiceSpec(containers=[Container(name="main", image=SHELL, args=[script])])
    return JobRequest(spec=spec, **fields)


def script_asset(name: str, script: str, **options: Any) -> dg.AssetsDefinition:
    """Return a job asset whose job runs a shell script."""
    return requested_asset(name, script_request(script), **options)


def requested_asset(name: str, request: JobRequest, **options: Any) -> dg.AssetsDefinition:
    """Return a job asset with this request."""

    @spcs_job_asset(name=name, **options)
    def job(context: dg.AssetExecutionContext) -> JobRequest:
        """A job of the test."""
        return request

    return job


class Location:
    """Definitions, an instance, and the sensor's cursor between ticks."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        resource: SpcsJobResource,
        assets: list[Any],
        *,
        others: Mapping[str, SpcsJobResource] | None = None,
        cursor: str | None = None,
        bound: Mapping[str, Any] | None = None,
        **sensor: Any,
    ) -> None:
        self.instance = instance
        self.cursor = cursor
        self.sensor = build_spcs_polling_sensor(**sensor)
        self.resource = resource
        self.resources = {
            sensor.get("resource_key", "spcs"): resource,
            **(others or {}),
            **(bound or {}),
        }
        self.definitions = dg.Definitions(
            assets=assets,
            sensors=[
                self.sensor,
                *(
                    build_spcs_polling_sensor(name=f"sensor_of_{key}", resource_key=key)
                    for key in others or {}
                ),
            ],
            resources=self.resources,
        )

    def start(
        self,
        client: SpcsClient,
        script: str,
        *,
        asset: str = "a",
        name: str | None = None,
        blocking: bool = False,
    ) -> tuple[dg.DagsterRun, JobName]:
        """Start a job of an asset for a run that stays where it is, as one that was killed does.

        The run shows no sign of life. The name is the test's own, so it can be used again.
        """
        run = self.instance.create_run_for_job(
            self.definitions.resolve_implicit_global_asset_job_def(),
            status=dg.DagsterRunStatus.STARTED,
        )
        place = self.resource.place()
        planned = PlannedJob(
            script_request(script),
            POOL,
            (asset,),
            None,
            run_id=run.run_id,
            attempt=0,
            blocking=blocking,
            resource_key="spcs",
        )
        identity = planned.identity_in(place, clocks.utc_now())
        full = JobName(name or f"DAGSTER_{asset.upper()}_BESIDE", place.schema, place.database)
        client.submit(Submission(planned.request, full, POOL, identity.to_comment()))
        job = SubmittedJob(full, identity, planned, adopted=False)
        self.instance.report_runless_asset_event(start_event(job, account=None))
        return run, full

    def run(self, *assets: str, **options: Any) -> dg.ExecuteInProcessResult:
        """Execute a run of these assets."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=[_key(asset) for asset in assets],
            raise_on_error=False,
            **options,
        )

    def check(self, key: dg.AssetCheckKey) -> dg.ExecuteInProcessResult:
        """Execute one asset check by itself."""
        job = dg.define_asset_job("check", selection=dg.AssetSelection.checks(key))
        definitions = dg.Definitions.merge(self.definitions, dg.Definitions(jobs=[job]))
        return definitions.resolve_job_def("check").execute_in_process(instance=self.instance)

    def run_job(self, name: str, **options: Any) -> dg.ExecuteInProcessResult:
        """Execute one of the location's jobs."""
        job = self.definitions.resolve_job_def(name)
        return job.execute_in_process(instance=self.instance, raise_on_error=False, **options)

    def tick(self, *, report: bool = True, save: bool = True) -> Any:
        """Evaluate the sensor and do with its result what the daemon does."""
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=self.definitions.get_repository_def(),
            resources=self.resources,
        ) as context:
            result = self.sensor.evaluate_tick(context)
        for event in result.asset_events if report else ():
            self.instance.report_runless_asset_event(event)
        if save:
            self.cursor = result.cursor
        return result

    def tick_until(self, done: Callable[[], Any]) -> None:
        """Tick until ``done``; jobs end in their own time."""
        for _ in range(2000):
            self.tick()
            if done():
                return
        raise AssertionError("the sensor recorded nothing")

    def materializations(self, asset: str) -> list[dg.AssetMaterialization]:
        """Return an asset's materializations, the newest first."""
        records = self.instance.fetch_materializations(_key(asset), limit=100).records
        return [record.asset_materialization for record in records if record.asset_materialization]

    def observations(self, asset: str) -> list[dg.AssetObservation]:
        """Return an asset's observations, the newest first."""
        records = self.instance.fetch_observations(_key(asset), limit=100).records
        return [record.asset_observation for record in records if record.asset_observation]


def _key(asset: str) -> dg.AssetKey:
    return dg.AssetKey.from_user_string(asset)


class Clock:
    """Dagster's clock as the library reads it; a test can put it forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(timezone.utc) + self.ahead

    def pass_(self, **span: float) -> None:
        """Let some time pass; takes what ``timedelta`` does."""
        self.ahead += timedelta(**span)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(clocks, "utc_now", made.now)
    return made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def locate(
    instance: dg.DagsterInstance, resource: SpcsJobResource, tmp_path: Path
) -> Callable[..., Location]:
    """Build a location over the test's own schema."""

    def build(*assets: Any, **sensor: Any) -> Location:
        return Location(instance, sensor.pop("resource", resource), list(assets), **sensor)

    return build
