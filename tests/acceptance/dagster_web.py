"""A real ``dagster dev`` and its GraphQL, as a browser or a script would use them."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from definitions import local

T = TypeVar("T")
PATIENCE_SECONDS = 180.0


def wait_for(
    what: str,
    look: Callable[[], T | None],
    log: Path,
    patience_seconds: float = PATIENCE_SECONDS,
) -> T:
    """Return what ``look`` finds, asking until it finds something."""
    until = time.monotonic() + patience_seconds
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.3)  # between two looks; the condition decides, not the time
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
    raise AssertionError(f"{what} did not happen within {patience_seconds:g} s. Log:\n{tail}")


class DagsterWeb:
    """The webserver of a running ``dagster dev``."""

    def __init__(self, port: int, log: Path, location: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self._location = {
            "repositoryLocationName": location,
            "repositoryName": "__repository__",
        }

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        """Run a GraphQL operation and return its data."""
        body = json.dumps({"query": text, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.url}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def is_up(self) -> bool:
        """Whether the code location is loaded."""
        try:
            data = self.query(
                "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
            )
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return bool(data["repositoriesOrError"].get("nodes"))

    def launch(self, job: str, assets: list[str] | None = None) -> str:
        """Launch a run and return its id."""
        selector: dict[str, Any] = {**self._location, "pipelineName": job}
        if assets is not None:
            selector["assetSelection"] = [{"path": [name]} for name in assets]
            selector["assetCheckSelection"] = []
        data = self.query(
            """
            mutation Launch($params: ExecutionParams!) {
              launchPipelineExecution(executionParams: $params) {
                __typename
                ... on LaunchRunSuccess { run { runId } }
                ... on PythonError { message }
                ... on RunConfigValidationInvalid { errors { message } }
              }
            }
            """,
            params={"selector": selector, "mode": "default", "runConfigData": {}},
        )["launchPipelineExecution"]
        assert data["__typename"] == "LaunchRunSuccess", data
        return str(data["run"]["runId"])

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, the newest first."""
        data = self.query(
            """
            { runsOrError { ... on Runs { results {
                runId status jobName tags { key value } assetSelection { path }
            } } } }
            """
        )
        return list(data["runsOrError"]["results"])

    def run_finished(self, run_id: str) -> str:
        """Wait for the end of a run and return its status."""

        def look() -> str | None:
            status = next(run["status"] for run in self.runs() if run["runId"] == run_id)
            return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

        return wait_for(f"the end of run {run_id}", look, self.log)

    def materializations(self, asset: str) -> list[dict[str, Any]]:
        """Return an asset's materializations with all metadata, the newest first."""
        data = self.query(
            """
            query Events($key: AssetKeyInput!) { assetOrError(assetKey: $key) {
              ... on Asset { assetMaterializations {
                runId timestamp tags { key value }
                metadataEntries {
                  label
                  ... on TextMetadataEntry { text }
                  ... on IntMetadataEntry { intValue intRepr }
                  ... on FloatMetadataEntry { floatValue }
                  ... on MarkdownMetadataEntry { mdStr }
                  ... on PipelineRunMetadataEntry { runId }
                  ... on TimestampMetadataEntry { timestamp }
                  ... on TableMetadataEntry { table { records } }
                  ... on UrlMetadataEntry { url }
                }
              } }
            } }
            """,
            key={"path": [asset]},
        )
        return list(data["assetOrError"].get("assetMaterializations") or [])

    def materialized(self, asset: str, times: int) -> list[dict[str, Any]]:
        """Wait until an asset has at least so many materializations; return them all."""

        def look() -> list[dict[str, Any]] | None:
            found = self.materializations(asset)
            return found if len(found) >= times else None

        return wait_for(f"materialization {times} of {asset}", look, self.log)

    def check_execution(self, asset: str, check: str) -> dict[str, Any] | None:
        """Return the last execution of an asset's check."""
        data = self.query(
            """
            query Checks($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) {
              ... on AssetNode { assetChecksOrError { ... on AssetChecks { checks {
                name executionForLatestMaterialization { status evaluation { description } }
              } } } }
            } }
            """,
            key={"path": [asset]},
        )
        checks = data["assetNodeOrError"]["assetChecksOrError"]["checks"]
        return next(
            each["executionForLatestMaterialization"] for each in checks if each["name"] == check
        )

    def start_sensor(self, name: str) -> None:
        """Switch a sensor on."""
        data = self.query(
            """
            mutation Start($selector: SensorSelector!) {
              startSensor(sensorSelector: $selector) { __typename }
            }
            """,
            selector={**self._location, "sensorName": name},
        )
        assert data["startSensor"]["__typename"] == "Sensor", data

    def start_schedule(self, name: str) -> None:
        """Switch a schedule on."""
        data = self.query(
            """
            mutation Start($selector: ScheduleSelector!) {
              startSchedule(scheduleSelector: $selector) { __typename }
            }
            """,
            selector={**self._location, "scheduleName": name},
        )
        assert data["startSchedule"]["__typename"] == "ScheduleStateResult", data

    def run_with_tag(self, key: str, value: str) -> str:
        """Wait for a run with this tag and return its id."""

        def look() -> str | None:
            tagged = {"key": key, "value": value}
            return next((run["runId"] for run in self.runs() if tagged in run["tags"]), None)

        return wait_for(f"a run tagged {key}={value}", look, self.log)

    def sensor_ticks(self, name: str) -> list[dict[str, Any]]:
        """Return a sensor's ticks, the newest first."""
        data = self.query(
            """
            query Ticks($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) {
              ... on Sensor { sensorState { ticks(limit: 50) {
                tickId status skipReason error { message }
              } } }
            } }
            """,
            selector={**self._location, "sensorName": name},
        )
        return list(data["sensorOrError"]["sensorState"]["ticks"])


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def dagster_dev(
    home: Path,
    log: Path,
    *,
    target: Sequence[str] = ("-w", "workspace.yaml"),
    location: str = "definitions",
    **env: str,
) -> Iterator[DagsterWeb]:
    """Run ``dagster dev`` and give its webserver once the code location is loaded."""
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\nnux:\n  enabled: false\n")
    port = free_port()
    arguments = [local.tool("dagster"), "dev", *target, "-p", str(port)]
    with local.process(arguments, {"DAGSTER_HOME": str(home), **env}, log) as started:
        web = DagsterWeb(port, log, location)

        def up() -> bool:
            assert started.poll() is None, log.read_text()[-4000:]
            return web.is_up()

        wait_for("the code location's loading", up, log)
        yield web
