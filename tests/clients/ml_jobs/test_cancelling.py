"""Jobs that are ended before they are through."""

import pytest
from conftest import until
from snowflake.ml.jobs import delete_job, remote
from snowflake.snowpark import Session

STAGE = "payload_stage"


def test_cancel(session: Session, pool: str) -> None:
    """A running job is CANCELLED soon after."""

    @remote(pool, stage_name=STAGE, session=session)
    def endless() -> None:
        import time

        while True:
            time.sleep(1)

    job = endless()
    until(lambda: job.status == "RUNNING")
    job.cancel()
    assert job.status in ("CANCELLING", "CANCELLED")
    assert job.wait(60) == "CANCELLED"


def test_result_of_a_cancelled_job(session: Session, pool: str) -> None:
    """A cancelled job has no result."""

    @remote(pool, stage_name=STAGE, session=session)
    def endless() -> None:
        import time

        while True:
            time.sleep(1)

    job = endless()
    until(lambda: job.status == "RUNNING")
    job.cancel()
    job.wait(60)
    with pytest.raises(RuntimeError):
        job.result(timeout=10)


def test_cancel_a_finished_job(session: Session, pool: str) -> None:
    """Nothing happens to a job that is through."""

    @remote(pool, stage_name=STAGE, session=session)
    def short() -> int:
        return 1

    job = short()
    job.wait()
    job.cancel()
    assert job.status == "DONE"
    assert job.result() == 1


def test_delete_a_running_job(session: Session, pool: str) -> None:
    """A running job is ended by its deletion."""

    @remote(pool, stage_name=STAGE, session=session)
    def endless() -> None:
        import time

        while True:
            time.sleep(1)

    job = endless()
    until(lambda: job.status == "RUNNING")
    delete_job(job, session=session)
    assert session.sql("SHOW JOB SERVICES").collect() == []
