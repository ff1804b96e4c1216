"""Prefect flows as job services: Prefect's own worker, a local Prefect server, the flow in a container."""

import asyncio
import time

import pytest
import yaml
from prefect import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.exceptions import InfrastructureNotFound
from prefect.states import Cancelling
from prefect_account import IMAGE, LocalWorker, api, make_work_pool, state_of, submit, work  # noqa: F401
from snowflake.connector import SnowflakeConnection
from snowflake.core.schema import SchemaResource

pytestmark = pytest.mark.usefixtures("api")


@pytest.fixture
def work_pool(schema: SchemaResource, api: str) -> str:  # noqa: F811
    """A work pool whose jobs run in the check's own schema."""
    return asyncio.run(
        make_work_pool(
            {
                "image": IMAGE,
                "image_registry": "emulator.registry.snowflakecomputing.com",
                "compute_pool": f"{schema.database.name}.WORK.CPU_S",
                "service_watch_poll_interval": 1,
                "service_start_timeout_seconds": 20,
            }
        )
    )


def test_a_flow_run_completes(work_pool: str) -> None:
    async def check() -> None:
        run = await submit("greet", work_pool, {"name": "rest", "number": 21})
        worker = await work(work_pool)
        assert [result.status_code for result in worker.results] == [0]
        assert (await state_of(run)).type.value == "COMPLETED"

    asyncio.run(check())


def test_the_identifier_is_the_job_service(work_pool: str, schema: SchemaResource) -> None:
    async def check() -> str:
        await submit("greet", work_pool)
        worker = await work(work_pool)
        return worker.results[0].identifier

    identifier = asyncio.run(check())
    shown = schema.services[identifier].fetch()
    assert shown.name == identifier.upper()
    assert shown.status == "DONE"
    assert "flow-run" in shown.spec.spec_text


def test_the_flows_logs_reach_the_server(work_pool: str, schema: SchemaResource) -> None:
    async def check() -> list[str]:
        run = await submit("greet", work_pool, {"name": "rest"})
        await work(work_pool)
        async with get_client() as client:
            logs = await client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id])))
        return [log.message for log in logs]

    messages = asyncio.run(check())
    assert any(message.startswith("hello rest from ") for message in messages)


def test_what_the_flow_prints_is_in_the_jobs_logs(work_pool: str, schema: SchemaResource) -> None:
    async def check() -> str:
        await submit("greet", work_pool, {"name": "rest"})
        return (await work(work_pool)).results[0].identifier

    service = schema.services[asyncio.run(check())]
    container = next(service.get_containers())
    assert "printed for rest" in service.get_service_logs(
        container.instance_id, container.container_name
    )


def test_a_flow_that_raises_is_failed(work_pool: str) -> None:
    async def check() -> None:
        run = await submit("fail", work_pool)
        await work(work_pool)
        state = await state_of(run)
        assert state.type.value == "FAILED"
        assert "on purpose" in state.message

    asyncio.run(check())


def test_a_process_that_dies_is_crashed(work_pool: str) -> None:
    async def check() -> None:
        run = await submit("leave", work_pool)
        await work(work_pool)
        assert (await state_of(run)).type.value == "CRASHED"

    asyncio.run(check())


def test_a_container_that_fails_is_a_crash(work_pool: str, schema: SchemaResource) -> None:
    async def check() -> str:
        run = await submit("greet", work_pool, command="python -c 'raise SystemExit(3)'")
        worker = await work(work_pool)
        assert [result.status_code for result in worker.results] == [1]
        assert (await state_of(run)).type.value == "CRASHED"
        return worker.results[0].identifier

    identifier = asyncio.run(check())
    assert schema.services[identifier].fetch().status == "FAILED"


def test_streamed_output(work_pool: str, capfd: pytest.CaptureFixture[str]) -> None:
    async def check() -> None:
        await submit("greet", work_pool, {"name": "stream"}, stream_output=True)
        await work(work_pool)

    asyncio.run(check())
    assert "hello stream" in capfd.readouterr().err


def test_two_runs_at_once(work_pool: str) -> None:
    async def check() -> None:
        runs = [await submit("greet", work_pool, {"number": number}) for number in (1, 2)]
        worker = await work(work_pool)
        assert [result.status_code for result in worker.results] == [0, 0]
        assert [(await state_of(run)).type.value for run in runs] == ["COMPLETED"] * 2

    asyncio.run(check())


def test_job_variables_reach_the_job(work_pool: str, schema: SchemaResource) -> None:
    async def check() -> str:
        await submit(
            "greet",
            work_pool,
            service_comment="from Prefect",
            env={"COLOUR": "red"},
            cpu_request="0.5",
        )
        return (await work(work_pool)).results[0].identifier

    shown = schema.services[asyncio.run(check())].fetch()
    assert shown.comment == "from Prefect"
    container = yaml.safe_load(shown.spec.spec_text)["spec"]["containers"][0]
    assert container["env"]["COLOUR"] == "red"
    assert str(container["resources"]["requests"]["cpu"]) == "0.5"


def test_killing_the_infrastructure(work_pool: str, schema: SchemaResource) -> None:
    async def check() -> None:
        run = await submit("wait", work_pool)
        worker = LocalWorker(work_pool_name=work_pool)
        started = asyncio.create_task(worker.start(run_once=True))
        deadline = time.monotonic() + 60
        while (await state_of(run)).type.value != "RUNNING":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        async with get_client() as client:
            identifier = (await client.read_flow_run(run.id)).infrastructure_pid
        configuration = worker.configurations[0]
        await worker.kill_infrastructure(identifier, configuration)
        assert list(schema.services.iter()) == []
        with pytest.raises(InfrastructureNotFound):
            await worker.kill_infrastructure(identifier, configuration)
        started.cancel()
        await asyncio.gather(started, return_exceptions=True)

    asyncio.run(check())


def test_cancelling_a_flow_run(work_pool: str) -> None:
    async def check() -> None:
        run = await submit("wait", work_pool)
        worker = LocalWorker(work_pool_name=work_pool)
        started = asyncio.create_task(worker.start(run_once=True))
        deadline = time.monotonic() + 90
        while (await state_of(run)).type.value != "RUNNING":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        async with get_client() as client:
            await client.set_flow_run_state(run.id, Cancelling())
        while (await state_of(run)).type.value != "CANCELLED":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        await started
        assert len(worker.results) == 1

    asyncio.run(check())


def test_an_unknown_compute_pool(work_pool: str, schema: SchemaResource) -> None:
    async def check() -> None:
        run = await submit(
            "greet", work_pool, compute_pool=f"{schema.database.name}.WORK.NO_SUCH_POOL"
        )
        worker = await work(work_pool)
        assert worker.results == []
        state = await state_of(run)
        assert state.type.value == "CRASHED"
        assert "does not exist" in state.message

    asyncio.run(check())


def test_the_worker_itself_as_a_job(
    work_pool: str,
    schema: SchemaResource,
    connection: SnowflakeConnection,
    api: str,  # noqa: F811
) -> None:
    """As documented for a worker inside Snowflake: unmodified, with the container's own login."""

    async def check() -> None:
        run = await submit("greet", work_pool, {"name": "inside"})
        spec = f"""
spec:
  containers:
  - name: worker
    image: /db/schema/images/worker:1
    args: ["{work_pool}"]
    env:
      PREFECT_API_URL: {api}
"""
        cursor = connection.cursor()
        cursor.execute(
            f"EXECUTE JOB SERVICE IN COMPUTE POOL CPU_S NAME = {schema.database.name}.WORK.WORKER ASYNC = TRUE "
            f"FROM SPECIFICATION $${spec}$$"
        )
        logs_of_worker = f"SELECT SYSTEM$GET_SERVICE_LOGS('{schema.database.name}.WORK.WORKER', '0', 'worker', 200)"
        deadline = time.monotonic() + 120
        while not (state := await state_of(run)).is_final():
            assert time.monotonic() < deadline, cursor.execute(logs_of_worker).fetchone()[0]
            await asyncio.sleep(0.5)
        assert state.type.value == "COMPLETED"
        while "stopped!" not in (logs := cursor.execute(logs_of_worker).fetchone()[0]):
            assert time.monotonic() < deadline, logs
            await asyncio.sleep(0.5)
        assert "completed successfully" in logs

    asyncio.run(check())
