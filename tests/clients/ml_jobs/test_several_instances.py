"""Jobs over several nodes."""

import pytest
from snowflake.ml.jobs import get_job, list_jobs, remote
from snowflake.snowpark import Session

STAGE = "payload_stage"


def test_result_comes_from_the_head(session: Session, pool: str) -> None:
    """The function runs once, on the head, with both nodes there."""

    @remote(pool, stage_name=STAGE, session=session, target_instances=2)
    def count() -> tuple:
        import os

        import ray

        return os.environ["SNOWFLAKE_JOB_INDEX"], len(
            [node for node in ray.nodes() if node["Alive"]]
        )

    job = count()
    assert job.wait() == "DONE"
    assert list(job.result()) == ["0", 2]


def test_number_of_instances(session: Session, pool: str) -> None:
    """The job tells how many instances it was given."""

    @remote(pool, stage_name=STAGE, session=session, target_instances=2, min_instances=1)
    def short() -> int:
        return 1

    job = short()
    assert (job.target_instances, job.min_instances) == (2, 1)
    assert job.result() == 1
    assert (get_job(job.id, session=session).target_instances) == 2
    assert list(list_jobs(session=session)["target_instances"].astype(int)) == [2]


def test_logs_of_each_instance(session: Session, pool: str) -> None:
    """The user's lines are in the head's log, and the worker has its own."""

    @remote(pool, stage_name=STAGE, session=session, target_instances=2)
    def talk() -> None:
        print("only once")

    job = talk()
    assert job.wait() == "DONE"
    assert "only once" in job.get_logs()
    assert "only once" in job.get_logs(instance_id=0)
    worker = job.get_logs(instance_id=1, verbose=True)
    assert "Worker node started" in worker
    assert "only once" not in worker


def test_exception_with_two_instances(session: Session, pool: str) -> None:
    """What the head raises fails the job."""

    @remote(pool, stage_name=STAGE, session=session, target_instances=2)
    def broken() -> None:
        raise ValueError("no luck")

    job = broken()
    assert job.wait() == "FAILED"
    with pytest.raises(RuntimeError, match="no luck"):
        job.result()


def test_remote_tasks_of_ray(session: Session, pool: str) -> None:
    """Tasks of Ray give their results."""

    @remote(pool, stage_name=STAGE, session=session)
    def squares(count: int) -> list:
        import ray

        @ray.remote
        def square(number: int) -> int:
            return number * number

        return ray.get([square.remote(number) for number in range(count)])

    assert squares(4).result() == [0, 1, 4, 9]


def test_more_than_the_pool_has(session: Session, pool: str) -> None:
    """More nodes than the pool can have are refused."""
    (row,) = session.sql(f"SHOW COMPUTE POOLS LIKE '{pool}'").collect()

    @remote(pool, stage_name=STAGE, session=session, target_instances=int(row["max_nodes"]) + 1)
    def short() -> int:
        return 1

    with pytest.raises(ValueError, match="max_nodes"):
        short()


def test_min_above_target(session: Session, pool: str) -> None:
    """min_instances cannot be above target_instances."""
    with pytest.raises(ValueError, match="min_instances"):

        @remote(pool, stage_name=STAGE, session=session, target_instances=1, min_instances=2)
        def short() -> int:
            return 1
