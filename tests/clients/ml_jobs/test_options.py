"""Options of a submission, and definitions that are registered first."""

from pathlib import Path

from snowflake.ml.jobs import MLJobDefinition, remote, submit_file
from snowflake.snowpark import Session

STAGE = "payload_stage"


def test_query_warehouse(session: Session, pool: str) -> None:
    """Queries of the job run in the chosen warehouse."""
    session.sql("CREATE WAREHOUSE IF NOT EXISTS ML_JOBS_CHECKS_WH").collect()

    @remote(pool, stage_name=STAGE, session=session, query_warehouse="ML_JOBS_CHECKS_WH")
    def warehouse() -> str:
        from snowflake.snowpark.context import get_active_session

        return get_active_session().sql("SELECT CURRENT_WAREHOUSE()").collect()[0][0]

    job = warehouse()
    assert job.result() == "ML_JOBS_CHECKS_WH"
    (row,) = session.sql("SHOW JOB SERVICES").collect()
    assert row["query_warehouse"] == "ML_JOBS_CHECKS_WH"


def test_warehouse_of_the_session(session: Session, pool: str) -> None:
    """Without a choice it is the session's warehouse."""
    session.sql("CREATE WAREHOUSE IF NOT EXISTS ML_JOBS_CHECKS_WH").collect()
    session.use_warehouse("ML_JOBS_CHECKS_WH")

    @remote(pool, stage_name=STAGE, session=session)
    def short() -> int:
        return 1

    assert short().result() == 1
    (row,) = session.sql("SHOW JOB SERVICES").collect()
    assert row["query_warehouse"] == "ML_JOBS_CHECKS_WH"


def test_external_access_integrations(session: Session, pool: str) -> None:
    """The integrations are the job's."""
    session.sql(
        "CREATE NETWORK RULE package_index MODE = EGRESS TYPE = HOST_PORT"
        " VALUE_LIST = ('pypi.org', 'files.pythonhosted.org')"
    ).collect()
    session.sql(
        "CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION ml_jobs_checks_index"
        " ALLOWED_NETWORK_RULES = (package_index) ENABLED = TRUE"
    ).collect()

    @remote(
        pool,
        stage_name=STAGE,
        session=session,
        external_access_integrations=["ml_jobs_checks_index"],
    )
    def short() -> int:
        return 1

    assert short().result() == 1
    (row,) = session.sql("SHOW JOB SERVICES").collect()
    assert "ML_JOBS_CHECKS_INDEX" in row["external_access_integrations"].upper()


def test_spec_overrides(session: Session, pool: str, tmp_path: Path) -> None:
    """The specification of the service can be changed."""
    script = tmp_path / "show.py"
    script.write_text(
        "import os\n__return__ = os.environ['FROM_SPEC'], os.environ['FROM_OPTION']\n"
    )
    overrides = {"spec": {"containers": [{"name": "main", "env": {"FROM_SPEC": "one"}}]}}
    job = submit_file(
        str(script),
        pool,
        stage_name=STAGE,
        session=session,
        env_vars={"FROM_OPTION": "two"},
        spec_overrides=overrides,
    )
    assert list(job.result()) == ["one", "two"]


def test_without_metrics(session: Session, pool: str) -> None:
    """Platform metrics can be left out."""

    @remote(pool, stage_name=STAGE, session=session, enable_metrics=False)
    def short() -> int:
        return 1

    assert short().result() == 1


def test_registered_definition(session: Session, pool: str, tmp_path: Path) -> None:
    """A definition is uploaded once and called with different arguments."""
    script = tmp_path / "echo.py"
    script.write_text("import sys\nprint('got', *sys.argv[1:])\n")
    definition = MLJobDefinition.register(str(script), pool, STAGE, session=session)
    first, second = definition("a"), definition("b", "c")
    assert [first.wait(), second.wait()] == ["DONE", "DONE"]
    assert [first.get_logs(), second.get_logs()] == ["got a", "got b c"]


def test_deleted_definition(session: Session, pool: str, tmp_path: Path) -> None:
    """A definition takes its files along."""
    script = tmp_path / "echo.py"
    script.write_text("print('hello')\n")
    definition = MLJobDefinition.register(str(script), pool, STAGE, session=session)
    assert definition().wait() == "DONE"
    assert session.sql(f"LIST @{STAGE}").collect()
    definition.delete()
    assert session.sql(f"LIST @{STAGE}").collect() == []


def test_statement_of_a_definition(session: Session, pool: str, tmp_path: Path) -> None:
    """The SQL text of a definition runs a job and waits for it."""
    script = tmp_path / "echo.py"
    script.write_text("print('from a statement')\n")
    definition = MLJobDefinition.register(str(script), pool, STAGE, session=session)
    session.sql(definition.to_sql()).collect()
    (row,) = session.sql("SHOW JOB SERVICES").collect()
    assert row["status"] == "DONE"
