"""What a job printed."""

import pytest
from conftest import until
from snowflake.ml.jobs import remote
from snowflake.snowpark import Session

STAGE = "payload_stage"


def test_logs_are_what_was_printed(session: Session, pool: str) -> None:
    """get_logs() leaves out what the runtime writes."""

    @remote(pool, stage_name=STAGE, session=session)
    def talk() -> None:
        print("first line")
        print("second line")

    job = talk()
    job.wait()
    assert job.get_logs() == "first line\nsecond line"


def test_verbose_logs(session: Session, pool: str) -> None:
    """With verbose everything is there."""

    @remote(pool, stage_name=STAGE, session=session)
    def talk() -> None:
        print("hello")

    job = talk()
    job.wait()
    logs = job.get_logs(verbose=True)
    assert "hello" in logs
    assert "ML job started" in logs
    assert "ML job finished" in logs


def test_logs_as_list(session: Session, pool: str) -> None:
    """as_list gives lines."""

    @remote(pool, stage_name=STAGE, session=session)
    def talk() -> None:
        for number in range(3):
            print("line", number)

    job = talk()
    job.wait()
    assert job.get_logs(as_list=True) == ["line 0", "line 1", "line 2"]


def test_limited_logs(session: Session, pool: str) -> None:
    """Limit bounds the number of lines."""

    @remote(pool, stage_name=STAGE, session=session)
    def talk() -> None:
        print("hello")

    job = talk()
    job.wait()
    assert len(job.get_logs(limit=2, as_list=True, verbose=True)) == 2


def test_show_logs(session: Session, pool: str, capsys: pytest.CaptureFixture[str]) -> None:
    """show_logs() prints them."""

    @remote(pool, stage_name=STAGE, session=session)
    def talk() -> None:
        print("for the screen")

    job = talk()
    job.wait()
    job.show_logs()
    assert capsys.readouterr().out.strip() == "for the screen"


def test_logs_of_a_failed_job(session: Session, pool: str) -> None:
    """The traceback is in the log."""

    @remote(pool, stage_name=STAGE, session=session)
    def broken() -> None:
        print("before")
        raise OSError("disk is full")

    job = broken()
    assert job.wait() == "FAILED"
    logs = job.get_logs(verbose=True)
    assert "before" in logs
    assert "OSError: disk is full" in logs


def test_logs_of_a_running_job(session: Session, pool: str) -> None:
    """Lines are there while the job works."""

    @remote(pool, stage_name=STAGE, session=session)
    def work() -> None:
        import time

        print("step one", flush=True)
        time.sleep(120)

    job = work()
    until(lambda: "step one" in job.get_logs())
    assert job.status == "RUNNING"
    job.cancel()


def test_logs_through_sql(session: Session, pool: str) -> None:
    """SPCS_GET_LOGS has the lines as well."""

    @remote(pool, stage_name=STAGE, session=session)
    def talk() -> None:
        print("seen from SQL")

    job = talk()
    job.wait()
    rows = session.sql(f"SELECT LOG FROM TABLE({job.id}!SPCS_GET_LOGS())").collect()
    assert "seen from SQL" in [row[0] for row in rows]


def test_standard_error(session: Session, pool: str) -> None:
    """What is written with logging is in the log."""

    @remote(pool, stage_name=STAGE, session=session)
    def talk() -> None:
        import logging

        logging.getLogger("mine").warning("careful")

    job = talk()
    job.wait()
    assert "careful" in job.get_logs(verbose=True)
