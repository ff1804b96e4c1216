"""What the set-up and clean-up parts of tutorials send besides jobs."""

import json

import pytest
from snowflake.connector.errors import ProgrammingError

from dagster_spcs.emulator import Emulator
from tests.support.emulators import Lab, connect


def test_database_is_entered_with_its_public_schema(account: Emulator) -> None:
    """CREATE DATABASE stands in its schema PUBLIC; USE works with and without the kind."""
    with connect(account) as connection:
        lab = Lab(connection)
        place = "SELECT CURRENT_DATABASE() || '.' || CURRENT_SCHEMA()"
        lab.rows("CREATE DATABASE FIRST_ONE")
        assert lab.value(place) == "FIRST_ONE.PUBLIC"
        lab.rows("CREATE SCHEMA OTHER")
        for statement, stands in (
            ("USE LAB", "LAB.PUBLIC"),
            ("USE FIRST_ONE.OTHER", "FIRST_ONE.OTHER"),
            ("USE DATABASE LAB", "LAB.PUBLIC"),
            ("USE SCHEMA FIRST_ONE.OTHER", "FIRST_ONE.OTHER"),
        ):
            lab.rows(statement)
            assert lab.value(place) == stands


def test_dropped_database_is_gone_with_its_jobs(account: Emulator, lab: Lab) -> None:
    """DROP DATABASE takes tables and jobs; the session that stood there stands nowhere."""
    with connect(account) as connection:
        own = Lab(connection)
        own.rows("CREATE DATABASE SHORT_LIVED")
        own.rows("CREATE TABLE T (A INT)")
        job = own.submit("sleep 60")

        assert own.value("DROP DATABASE SHORT_LIVED") == "SHORT_LIVED successfully dropped."

        with pytest.raises(ProgrammingError) as refused:
            own.rows(f"DESCRIBE SERVICE {job}")
        assert refused.value.errno == 90105
        with pytest.raises(ProgrammingError) as missing:
            lab.rows(f"DESCRIBE SERVICE SHORT_LIVED.PUBLIC.{job}")
        assert missing.value.errno == 2003
        again = "DROP DATABASE IF EXISTS SHORT_LIVED"
        assert own.value(again).startswith("Drop statement executed successfully")


def test_functions_about_the_session(lab: Lab) -> None:
    """Role, warehouse and user are told, under a column named after the function."""
    lab.rows('CREATE ROLE IF NOT EXISTS "it\'s me"')
    lab.rows('USE ROLE "it\'s me"')
    lab.rows("USE WAREHOUSE WH")
    assert lab.rows("SELECT CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_USER") == [
        {"CURRENT_ROLE()": "it's me", "CURRENT_WAREHOUSE()": "WH", "CURRENT_USER": "SPCS"}
    ]
    assert lab.value("SELECT 'role ' || CURRENT_ROLE()") == "role it's me"
    assert lab.value("SELECT COALESCE(NULL, CURRENT_ROLE(), 'x') AS R") == "it's me"
    assert lab.value("SELECT 1 AS N WHERE CURRENT_ROLE() IN ('a', CURRENT_ROLE(), 'b')") == 1


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("GRANT USAGE ON DATABASE LAB TO ROLE PUBLIC", id="grant"),
        pytest.param("GRANT BIND SERVICE ENDPOINT ON ACCOUNT TO ROLE PUBLIC", id="grant-bind"),
        pytest.param("REVOKE USAGE ON DATABASE LAB FROM ROLE PUBLIC", id="revoke"),
        pytest.param("ALTER SESSION SET QUERY_TAG = 'x'", id="query-tag"),
        pytest.param("DROP STAGE IF EXISTS NO_STAGE", id="drop-stage"),
        pytest.param("ALTER WAREHOUSE WH SUSPEND", id="alter-warehouse"),
        pytest.param(
            "CREATE SECURITY INTEGRATION IF NOT EXISTS I TYPE=oauth ENABLED=true", id="integration"
        ),
    ],
)
def test_statements_that_set_up_scripts_send(lab: Lab, statement: str) -> None:
    """Each is accepted."""
    assert lab.rows(statement)


def test_service_status_and_waiting_for_services(lab: Lab) -> None:
    """The older functions tell each container's status as JSON, and wait for several jobs."""
    jobs = [lab.submit("sleep 0.05"), lab.submit("true")]
    listed = ", ".join(f"'{job}'" for job in jobs)

    assert lab.value(f"SELECT SYSTEM$WAIT_FOR_SERVICES(20, {listed})") == "OK"

    [container] = json.loads(lab.value(f"CALL SYSTEM$GET_SERVICE_STATUS('{jobs[0]}', 1)"))
    assert container["status"] == "DONE"
    assert container["serviceName"] == jobs[0]
    assert set(container) == {
        "status",
        "message",
        "containerName",
        "instanceId",
        "serviceName",
        "image",
        "restartCount",
        "startTime",
    }


def test_waiting_for_services_ends_badly_when_one_failed(lab: Lab) -> None:
    """A job that failed will not end DONE: an error tells so at once."""
    job = lab.submit("exit 1")
    lab.wait(job, "FAILED")
    with pytest.raises(ProgrammingError, match="FAILED"):
        lab.rows(f"SELECT SYSTEM$WAIT_FOR_SERVICES(60, '{job}')")


def test_images_of_a_repository_are_listed(lab: Lab) -> None:
    """SHOW IMAGES names what the emulator was given for the repository."""
    lab.rows("CREATE IMAGE REPOSITORY IF NOT EXISTS IMAGES")
    shown = lab.rows("SHOW IMAGES IN IMAGE REPOSITORY IMAGES")
    assert {row["image_name"] for row in shown} == {"shell", "python"}


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("CREATE SECRET S TYPE = OAUTH2 API_AUTHENTICATION = A", id="secret"),
        pytest.param("CREATE SERVICE S IN COMPUTE POOL CPU_S", id="service"),
        pytest.param("SHOW GRANTS TO ROLE PUBLIC", id="grants"),
        pytest.param("SHOW SERVICE VOLUMES IN SERVICE S", id="volumes"),
        pytest.param("UNDROP TABLE T", id="undrop"),
        pytest.param("SELECT SYSTEM$ALLOWLIST()", id="system-function"),
    ],
)
def test_what_is_not_known_is_refused_by_name(lab: Lab, statement: str) -> None:
    """An unsupported statement is told as that, not as a mistake in its spelling."""
    with pytest.raises(ProgrammingError, match="Unsupported feature") as refused:
        lab.rows(statement)
    assert refused.value.errno == 2


def test_log_split_into_lines_by_sql(lab: Lab) -> None:
    """A system function may be part of a larger query."""
    job = lab.run(r"""printf '%s\n' "it's" 'a\b'""")
    query = f"SELECT 1 AS N, SYSTEM$GET_SERVICE_LOGS('{job}', 0, 'main') || '!' AS L"
    assert lab.row(query) == {"N": 1, "L": "it's\na\\b!"}
