"""Job services: submit, look at, wait for, list, drop."""

import time

import pytest
from conftest import unique
from helpers import IMAGE, POOL, job, specification, status, wait
from snowflake.connector import SnowflakeConnection
from snowflake.core.exceptions import APIError, ConflictError, NotFoundError
from snowflake.core.schema import SchemaResource
from snowflake.core.service import (
    JobService,
    ServiceSpec,
    ServiceSpecInlineText,
    ServiceSpecStageFile,
)


def test_an_asynchronous_job_ends_done(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("hello"))
    assert service.name == "hello"
    assert wait(service) == "DONE"


def test_an_asynchronous_job_returns_before_its_end(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("slow", spec=specification(SECONDS_TO_RUN=20)))
    assert status(service) in {"PENDING", "RUNNING"}
    service.drop()


def test_a_job_blocks_by_default(schema: SchemaResource) -> None:
    begin = time.monotonic()
    service = schema.services.execute_job(
        JobService(
            name="waits", compute_pool=POOL, spec=ServiceSpec(specification(SECONDS_TO_RUN=2))
        )
    )
    assert time.monotonic() - begin >= 2
    assert status(service) == "DONE"


def test_a_synchronous_job_that_fails_raises(schema: SchemaResource) -> None:
    with pytest.raises(APIError):
        schema.services.execute_job(
            job("fails", is_async_job=False, spec=specification(EXIT_CODE=3))
        )
    assert status(schema.services["fails"]) == "FAILED"


def test_an_exit_code_fails_the_job(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("fails", spec=specification(EXIT_CODE=3)))
    assert wait(service) == "FAILED"
    container = next(service.get_containers())
    assert container.status == "FAILED"
    assert container.message


def test_fetch_shows_the_job(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("shown", comment="a comment"))
    shown = service.fetch()
    assert (shown.name, shown.database_name, shown.schema_name) == (
        "SHOWN",
        schema.database.name,
        "WORK",
    )
    assert shown.compute_pool == POOL
    assert shown.comment == "a comment"
    assert shown.is_job is True
    assert shown.is_async_job is True
    assert shown.target_instances == 1
    assert shown.created_on.tzinfo is not None
    assert IMAGE in shown.spec.spec_text


def test_fetch_follows_the_status(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("followed"))
    assert wait(service) == "DONE"
    assert service.fetch().status == "DONE"


def test_the_query_warehouse_is_kept(
    schema: SchemaResource, connection: SnowflakeConnection
) -> None:
    warehouse = unique("WH")
    connection.cursor().execute(f"CREATE WAREHOUSE {warehouse}")
    service = schema.services.execute_job(job("with_warehouse", query_warehouse=warehouse))
    assert service.fetch().query_warehouse == warehouse
    connection.cursor().execute(f"DROP WAREHOUSE {warehouse}")


def test_containers_of_a_job(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("contained"))
    wait(service)
    containers = list(service.get_containers())
    assert len(containers) == 1
    only = containers[0]
    assert (only.container_name, only.instance_id, only.status) == ("main", "0", "DONE")
    assert (only.service_name, only.schema_name) == ("CONTAINED", "WORK")
    assert only.image_name.endswith(IMAGE)
    assert only.restart_count == 0


def test_instances_of_a_job(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("instanced"))
    wait(service)
    instances = list(service.get_instances())
    assert [(one.instance_id, one.status) for one in instances] == [("0", "SUCCEEDED")]
    assert instances[0].service_status == "DONE"


def test_two_containers_in_one_job(schema: SchemaResource) -> None:
    two = specification(name="first") + f"  - name: second\n    image: {IMAGE}\n"
    service = schema.services.execute_job(job("pair", spec=two))
    assert wait(service) == "DONE"
    assert {one.container_name for one in service.get_containers()} == {"first", "second"}


def test_a_job_has_no_endpoints(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("closed"))
    assert list(service.get_endpoints()) == []


def test_iter_lists_jobs(schema: SchemaResource) -> None:
    for name in ("one", "two", "other"):
        schema.services.execute_job(job(name))
    assert {one.name for one in schema.services.iter()} == {"ONE", "TWO", "OTHER"}
    assert {one.name for one in schema.services.iter(like="o%")} == {"ONE", "OTHER"}
    assert {one.name for one in schema.services.iter(starts_with="T")} == {"TWO"}
    assert len(list(schema.services.iter(limit=2))) == 2


def test_iter_of_an_empty_schema(schema: SchemaResource) -> None:
    assert list(schema.services.iter()) == []


def test_a_specification_on_a_stage(
    schema: SchemaResource, connection: SnowflakeConnection, tmp_path
) -> None:
    place = f"{schema.database.name}.WORK.SPECS"
    connection.cursor().execute(f"CREATE STAGE {place}")
    file = tmp_path / "job.yaml"
    file.write_text(specification(NAME="stage"))
    connection.cursor().execute(f"PUT file://{file} @{place}/jobs AUTO_COMPRESS=FALSE")
    service = schema.services.execute_job(
        JobService(
            name="staged",
            compute_pool=POOL,
            spec=ServiceSpec("@specs/jobs/job.yaml"),
            is_async_job=True,
        )
    )
    assert wait(service) == "DONE"
    assert "hello from stage" in service.get_service_logs("0", "main")


def test_the_models_of_both_kinds_of_specification(schema: SchemaResource) -> None:
    inline = ServiceSpecInlineText(spec_text=specification())
    service = schema.services.execute_job(
        JobService(name="inline", compute_pool=POOL, spec=inline, is_async_job=True)
    )
    assert wait(service) == "DONE"
    missing = ServiceSpecStageFile(stage="no_such_stage", spec_file="job.yaml")
    with pytest.raises(APIError):
        schema.services.execute_job(JobService(name="missing", compute_pool=POOL, spec=missing))


def test_arguments_and_environment(schema: SchemaResource) -> None:
    spec = specification(args=("red", "blue"), NAME="rest")
    service = schema.services.execute_job(job("told", is_async_job=False, spec=spec))
    logs = service.get_service_logs("0", "main")
    assert [line.split("hello ")[-1] for line in logs.splitlines()][0] == "from rest"
    assert "argument red" in logs and "argument blue" in logs


def test_a_name_is_taken_until_the_drop(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("taken"))
    wait(service)
    with pytest.raises(ConflictError) as caught:
        schema.services.execute_job(job("taken"))
    assert caught.value.status == 409
    assert "already exists" in str(caught.value)
    service.drop()
    assert wait(schema.services.execute_job(job("taken"))) == "DONE"


def test_drop_removes_the_job(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("gone"))
    wait(service)
    service.drop()
    with pytest.raises(NotFoundError):
        service.fetch()
    assert list(schema.services.iter()) == []


def test_drop_ends_a_running_job(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("long", spec=specification(SECONDS_TO_RUN=300)))
    wait(service, {"RUNNING"})
    service.drop()
    with pytest.raises(NotFoundError):
        next(service.get_containers())


def test_drop_of_a_missing_job(schema: SchemaResource) -> None:
    with pytest.raises(NotFoundError):
        schema.services["nothing"].drop()
    schema.services["nothing"].drop(if_exists=True)


def test_a_missing_job_is_not_found(schema: SchemaResource) -> None:
    service = schema.services["nothing"]
    for call in (
        service.fetch,
        lambda: list(service.get_containers()),
        lambda: list(service.get_instances()),
    ):
        with pytest.raises(NotFoundError) as caught:
            call()
        assert caught.value.status == 404
        assert "does not exist" in str(caught.value)


def test_an_unknown_compute_pool(schema: SchemaResource) -> None:
    unknown = JobService(name="x", compute_pool="NO_SUCH_POOL", spec=ServiceSpec(specification()))
    with pytest.raises(APIError, match="NO_SUCH_POOL"):
        schema.services.execute_job(unknown)
    with pytest.raises(NotFoundError):
        schema.services["x"].fetch()


def test_an_invalid_specification(schema: SchemaResource) -> None:
    with pytest.raises(APIError) as caught:
        schema.services.execute_job(job("bad", spec="spec:\n  containers: []\n"))
    assert 400 <= caught.value.status < 500


def test_the_asynchronous_methods(schema: SchemaResource) -> None:
    service = schema.services.execute_job_async(job("later")).result(timeout=30)
    assert wait(service) == "DONE"
    assert service.fetch_async().result(timeout=30).name == "LATER"
    assert len(list(service.get_containers_async().result(timeout=30))) == 1
    service.drop_async().result(timeout=30)
    assert list(schema.services.iter_async().result(timeout=30)) == []


def test_several_jobs_at_once(schema: SchemaResource) -> None:
    operations = [schema.services.execute_job_async(job(f"job_{number}")) for number in range(4)]
    services = [operation.result(timeout=30) for operation in operations]
    assert [wait(service) for service in services] == ["DONE"] * 4


def test_the_older_status_call(schema: SchemaResource) -> None:
    service = schema.services.execute_job(job("older"))
    wait(service)
    statuses = service.get_service_status(timeout=1)
    assert [one["status"] for one in statuses] == ["DONE"]
    assert statuses[0]["containerName"] == "main"


def test_sql_and_rest_see_the_same_job(
    schema: SchemaResource, connection: SnowflakeConnection
) -> None:
    wait(schema.services.execute_job(job("shared")))
    rows = (
        connection.cursor()
        .execute(f"SHOW SERVICES IN SCHEMA {schema.database.name}.WORK")
        .fetchall()
    )
    assert [row[0] for row in rows] == ["SHARED"]
    connection.cursor().execute(f"DROP SERVICE {schema.database.name}.WORK.SHARED")
    with pytest.raises(NotFoundError):
        schema.services["shared"].fetch()
