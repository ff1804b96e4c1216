"""What the Prefect checks need: a local server, the worker, deployments of the image's flows."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import SETTINGS
from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.workers.base import BaseWorkerResult
from prefect_snowflake import SnowflakeCredentials
from prefect_snowflake.experimental.workers.spcs import SPCSWorker, SPCSWorkerConfiguration

IMAGE = "/db/schema/images/flows:1"
ADDRESS = {name: SETTINGS[name] for name in ("host", "port", "protocol")}


class LocalWorker(SPCSWorker):
    """The worker, with the address of an account that is not in the cloud; keeps its results."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.results: list[BaseWorkerResult] = []
        self.configurations: list[SPCSWorkerConfiguration] = []

    @staticmethod
    def _get_snowflake_connection_parameters(
        configuration: SPCSWorkerConfiguration,
    ) -> dict[str, Any]:
        return {**SPCSWorker._get_snowflake_connection_parameters(configuration), **ADDRESS}

    async def run(
        self, flow_run: FlowRun, configuration: SPCSWorkerConfiguration, task_status: Any = None
    ) -> Any:
        self.configurations.append(configuration)
        result = await super().run(flow_run, configuration, task_status)
        self.results.append(result)
        return result


def start_server(home: Path) -> Iterator[str]:
    """Run Prefect's own server on loopback with SQLite, and name its API."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    program = [sys.executable, "-m", "prefect", "server", "start", "--no-ui", "--no-services"]
    with open(home / "server.log", "wb") as log:
        server = subprocess.Popen(
            [*program, "--host", "127.0.0.1", "--port", str(port)], env=env, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}/api"
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                break
        except (urllib.error.URLError, OSError):
            assert server.poll() is None and time.monotonic() < deadline, (
                home / "server.log"
            ).read_text()
            time.sleep(0.2)
    try:
        with temporary_settings({PREFECT_API_URL: url}):
            yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


async def make_work_pool(variables: dict[str, Any]) -> str:
    """Make a work pool of the worker's kind whose jobs have these settings."""
    block = SnowflakeCredentials(
        account=SETTINGS["account"],
        user=SETTINGS["user"],
        password=SETTINGS["password"],
        role="ACCOUNTADMIN",
    )
    document = await block.save(f"spcs-{uuid.uuid4().hex[:8]}")
    template = SPCSWorker.get_default_base_job_template()
    settings = template["variables"]["properties"]
    settings["snowflake_credentials"]["default"] = {"$ref": {"block_document_id": str(document)}}
    for name, value in variables.items():
        settings[name]["default"] = value
    name = f"pool-{uuid.uuid4().hex[:8]}"
    async with get_client() as client:
        await client.create_work_pool(
            WorkPoolCreate(name=name, type=SPCSWorker.type, base_job_template=template)
        )
    return name


async def submit(
    flow: str, work_pool: str, parameters: dict[str, Any] | None = None, **variables: Any
) -> FlowRun:
    """Deploy one of the image's flows and schedule a run of it."""
    async with get_client() as client:
        deployment = await client.create_deployment(
            flow_id=await client.create_flow_from_name(flow),
            name=f"{flow}-{uuid.uuid4().hex[:8]}",
            work_pool_name=work_pool,
            entrypoint=f"flows.py:{flow}",
            pull_steps=[
                {
                    "prefect.deployments.steps.set_working_directory": {
                        "directory": "/opt/prefect/flows"
                    }
                }
            ],
            job_variables=variables,
            enforce_parameter_schema=False,
        )
        return await client.create_flow_run_from_deployment(deployment, parameters=parameters or {})


async def work(work_pool: str) -> LocalWorker:
    """Run the worker until what is scheduled has ended."""
    worker = LocalWorker(work_pool_name=work_pool)
    await worker.start(run_once=True)
    return worker


async def state_of(flow_run: FlowRun) -> Any:
    """Return the flow run's state as the server has it."""
    async with get_client() as client:
        return (await client.read_flow_run(flow_run.id)).state


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from start_server(tmp_path_factory.mktemp("prefect"))
