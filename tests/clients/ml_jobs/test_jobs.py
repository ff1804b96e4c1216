"""Jobs after they were submitted: status, waiting, finding, listing, deleting."""

import time

import pytest
from conftest import until
from snowflake.ml.jobs import delete_job, get_job, list_jobs, remote
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException

STAGE = "payload_stage"


def test_id_and_name(session: Session, pool: str) -> None:
    """The id is the full name of the job, which begins with the function's."""

    @remote(pool, stage_name=STAGE, session=session)
    def train() -> int:
        return 1

    job = train()
    database, schema, name = job.id.split(".")
    assert (database, schema) == (
        session.get_current_database().strip('"'),
        session.get_current_schema().strip('"'),
    )
    assert name == job.name
    assert name.upper().startswith("TRAIN_")
    job.wait()


def test_chosen_name(session: Session, pool: str) -> None:
    """A chosen name is the beginning of the job's."""

    @remote(pool, stage_name=STAGE, session=session, name="nightly_scores")
    def train() -> int:
        return 1

    job = train()
    assert job.name.upper().startswith("NIGHTLY_SCORES_")
    assert job.result() == 1


def test_status(session: Session, pool: str) -> None:
    """A job is PENDING or RUNNING first, and DONE at the end."""

    @remote(pool, stage_name=STAGE, session=session)
    def short() -> int:
        return 1

    job = short()
    assert job.status in ("PENDING", "RUNNING")
    until(lambda: job.status == "DONE")


def test_wait(session: Session, pool: str) -> None:
    """wait() returns the final status."""

    @remote(pool, stage_name=STAGE, session=session)
    def short() -> int:
        return 1

    job = short()
    assert job.wait() == "DONE"
    assert job.status == "DONE"


def test_wait_with_timeout(session: Session, pool: str) -> None:
    """wait() gives up after its timeout; the job goes on."""

    @remote(pool, stage_name=STAGE, session=session)
    def long() -> None:
        import time

        time.sleep(120)

    job = long()
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        job.wait(timeout=3)
    assert time.monotonic() - started < 30
    assert job.status in ("PENDING", "RUNNING")
    job.cancel()


def test_get_job(session: Session, pool: str) -> None:
    """A job is found again by its id, with its result."""

    @remote(pool, stage_name=STAGE, session=session)
    def answer() -> list:
        return [4, 2]

    submitted = answer()
    submitted.wait()
    found = get_job(submitted.id, session=session)
    assert (found.id, found.status, found.result()) == (submitted.id, "DONE", [4, 2])


def test_get_job_by_short_name(session: Session, pool: str) -> None:
    """The name is enough within the session's schema."""

    @remote(pool, stage_name=STAGE, session=session)
    def answer() -> int:
        return 42

    submitted = answer()
    assert get_job(submitted.name, session=session).result() == 42


def test_get_job_from_another_schema(session: Session, pool: str) -> None:
    """A session that stands elsewhere gets the result as well."""

    @remote(pool, stage_name=STAGE, session=session)
    def answer() -> int:
        return 42

    submitted = answer()
    submitted.wait()
    session.sql(f"CREATE SCHEMA {session.get_current_schema()}_OTHER".replace('"', "")).collect()
    assert get_job(submitted.id, session=session).result() == 42


def test_get_job_that_is_not_there(session: Session) -> None:
    """A name that no job has is an error."""
    with pytest.raises(SnowparkSQLException) as caught:
        get_job("no_such_job", session=session)
    assert caught.value.sql_error_code == 2003


def test_list_jobs(session: Session, pool: str) -> None:
    """The jobs of the schema are listed with their status."""

    @remote(pool, stage_name=STAGE, session=session)
    def listed(fine: bool) -> None:
        assert fine

    good, bad = listed(True), listed(False)
    good.wait()
    bad.wait()
    found = list_jobs(session=session)
    statuses = dict(zip(found["name"], found["status"], strict=True))
    assert statuses == {good.name: "DONE", bad.name: "FAILED"}
    assert set(found["compute_pool"]) == {pool}
    assert set(found["target_instances"].astype(int)) == {1}
    assert (
        list(found.columns)
        == (
            "name status message database_name schema_name owner compute_pool"
            " target_instances created_time completed_time"
        ).split()
    )


def test_list_jobs_with_limit(session: Session, pool: str) -> None:
    """No more than the limit are listed."""

    @remote(pool, stage_name=STAGE, session=session)
    def short() -> None:
        pass

    jobs = [short(), short()]
    assert [job.wait() for job in jobs] == ["DONE", "DONE"]
    assert len(list_jobs(limit=1, session=session)) == 1


def test_list_jobs_of_an_empty_schema(session: Session) -> None:
    """Without jobs the list is empty."""
    assert list_jobs(session=session).empty


def test_delete_job(session: Session, pool: str) -> None:
    """A deleted job is gone with its files."""

    @remote(pool, stage_name=STAGE, session=session)
    def short() -> int:
        return 1

    job = short()
    job.wait()
    assert session.sql(f"LIST @{STAGE}").collect()
    delete_job(job, session=session)
    assert session.sql(f"LIST @{STAGE}").collect() == []
    assert session.sql("SHOW JOB SERVICES").collect() == []
    assert list_jobs(session=session).empty


def test_delete_job_by_id(session: Session, pool: str) -> None:
    """A job is deleted by its id."""

    @remote(pool, stage_name=STAGE, session=session)
    def short() -> int:
        return 1

    job = short()
    job.wait()
    delete_job(job.id, session=session)
    assert session.sql("SHOW JOB SERVICES").collect() == []


def test_job_in_another_schema(session: Session, pool: str) -> None:
    """database= and schema= say where the job is made."""
    database = session.get_current_database().strip('"')
    other = session.get_current_schema().strip('"') + "_JOBS"
    here = session.get_fully_qualified_current_schema()
    session.sql(f"CREATE SCHEMA {database}.{other}").collect()
    session.use_schema(here)

    @remote(pool, stage_name=STAGE, session=session, database=database, schema=other)
    def short() -> int:
        return 5

    job = short()
    assert job.id.startswith(f"{database}.{other}.")
    assert job.result() == 5
    assert list(list_jobs(database=database, schema=other, session=session)["name"]) == [job.name]


def test_shown_as_a_job_service(session: Session, pool: str) -> None:
    """SQL sees the job as a job service."""

    @remote(pool, stage_name=STAGE, session=session, comment="seen from SQL")
    def short() -> int:
        return 1

    job = short()
    job.wait()
    (row,) = session.sql("SHOW JOB SERVICES").collect()
    assert (row["name"], row["status"], row["compute_pool"]) == (job.name, "DONE", pool)
    assert row["comment"] == "seen from SQL"


def test_unknown_compute_pool(session: Session) -> None:
    """A pool that does not exist is an error of the submission."""

    @remote("NO_SUCH_POOL", stage_name=STAGE, session=session)
    def short() -> int:
        return 1

    with pytest.raises(SnowparkSQLException, match="NO_SUCH_POOL"):
        short()
