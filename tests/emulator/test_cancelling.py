"""Cancelling statements, as the connector and Snowpark do it."""

from collections.abc import Callable

import httpx
import pytest
from snowflake.connector import DatabaseError, ProgrammingError
from snowflake.connector.constants import QueryStatus
from snowflake.connector.cursor import SnowflakeCursor

from dagster_spcs.emulator import Emulator
from tests.support.emulators import (
    Lab,
    container,
    execute_job,
    new_name,
    result_of,
    spec_of,
    until,
)

LOOP = "while :; do sleep 0.1; done"
ENDLESS = "SELECT count(*) FROM range(1000000000000) a, range(1000) b"
"""A statement that is DuckDB's, and takes days."""
Cancel = Callable[[Lab, str], object]


def by_statement(lab: Lab, query_id: str) -> object:
    """As Snowpark's ``AsyncJob.cancel`` does."""
    return lab.value(f"SELECT SYSTEM$CANCEL_QUERY('{query_id}')")


def by_route(lab: Lab, query_id: str) -> object:
    """As the connector's ``abort_query`` does."""
    assert lab.connection.cursor().abort_query(query_id)
    return None


def by_session(lab: Lab, query_id: str) -> object:
    """All that the session runs."""
    session = lab.value("SELECT CURRENT_SESSION()")
    return lab.value(f"SELECT SYSTEM$CANCEL_ALL_QUERIES({session})")


def begin(lab: Lab, statement: str) -> SnowflakeCursor:
    """Send a statement and go on."""
    cursor = lab.connection.cursor()
    cursor.execute_async(statement)
    return cursor


def has_ended(lab: Lab, query_id: str) -> bool:
    """Whether a statement is at work no longer."""
    return not lab.connection.is_still_running(lab.connection.get_query_status(query_id))


@pytest.mark.parametrize("cancel", [by_statement, by_route, by_session])
def test_a_synchronous_job_ends_with_its_statement(lab: Lab, cancel: Cancel) -> None:
    """The job is cancelled, and the query's status says that the statement was."""
    name = new_name()
    cursor = begin(lab, execute_job(spec_of(container(LOOP)), name, ""))
    until(lambda: lab.rows(f"SHOW JOB SERVICES LIKE '{name}'"))
    cancel(lab, str(cursor.sfqid))
    lab.wait(name, "CANCELLED")
    assert lab.connection.get_query_status(str(cursor.sfqid)) is QueryStatus.ABORTED
    with pytest.raises(DatabaseError, match="604"):
        result_of(cursor)


@pytest.mark.parametrize("cancel", [by_statement, by_route])
def test_an_asynchronous_job_goes_on(lab: Lab, cancel: Cancel) -> None:
    """Its statement has ended; the answer says that nothing is there to cancel."""
    cursor = lab.connection.cursor()
    name = new_name()
    cursor.execute(execute_job(spec_of(container(LOOP)), name))
    with pytest.raises((ProgrammingError, AssertionError)) as caught:
        cancel(lab, str(cursor.sfqid))
    if isinstance(caught.value, ProgrammingError):
        assert caught.value.errno == 605
    assert lab.describe(name)["status"] in ("PENDING", "RUNNING")
    lab.rows(f"DROP SERVICE {name}")


@pytest.mark.parametrize("statement", [ENDLESS, "CALL SYSTEM$WAIT(1, 'HOURS')"])
def test_a_statement_of_tables_ends(lab: Lab, statement: str) -> None:
    """It stops at once, and the session works on."""
    cursor = begin(lab, statement)
    by_statement(lab, str(cursor.sfqid))
    until(lambda: has_ended(lab, str(cursor.sfqid)))
    assert lab.connection.get_query_status(str(cursor.sfqid)) is QueryStatus.ABORTED
    assert lab.value("SELECT 1") == 1


def test_a_statement_that_only_describes_cancels_nothing(lab: Lab) -> None:
    """Snowpark describes a query before it runs it."""
    cursor = begin(lab, "SELECT SYSTEM$WAIT(2, 'HOURS')")
    with lab.connection.cursor() as describing:
        (column,) = describing.describe(f"SELECT SYSTEM$CANCEL_QUERY('{cursor.sfqid}')")
    assert column.name == "SYSTEM$CANCEL_QUERY"
    assert not has_ended(lab, str(cursor.sfqid))
    by_route(lab, str(cursor.sfqid))


def test_nobody_cancels_what_another_user_runs(emulator: Emulator, lab: Lab) -> None:
    """A container is a user of its own."""
    cursor = begin(lab, "CALL SYSTEM$WAIT(1, 'HOURS')")
    name = lab.run(
        "import os, snowflake.connector\n"
        "token = open('/snowflake/session/token').read()\n"
        "c = snowflake.connector.connect(host=os.environ['SNOWFLAKE_HOST'],"
        " account=os.environ['SNOWFLAKE_ACCOUNT'], token=token, authenticator='oauth')\n"
        f"print(c.cursor().abort_query('{cursor.sfqid}'))",
        image="/lab/public/images/python:1",
    )
    assert "False" in lab.log(name)
    assert not has_ended(lab, str(cursor.sfqid))
    by_route(lab, str(cursor.sfqid))


def test_an_unknown_query(emulator: Emulator, lab: Lab) -> None:
    """It is answered like a query that has ended, in JSON."""
    with pytest.raises(ProgrammingError) as caught:
        by_statement(lab, "01b2c3d4-0000-0000-0000-000000000000")
    assert caught.value.errno == 605
    answer = httpx.post(
        f"http://{emulator.host}:{emulator.port}/queries/nothing/abort-request",
        headers={"Authorization": f'Snowflake Token="{lab.connection.rest.token}"'},
    ).json()
    assert (answer["success"], answer["code"]) == (False, "000605")
