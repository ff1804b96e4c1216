"""Job services, their records, and what runs them: tasks and secrets."""

import json

import pytest
from conftest import job_statement, wait_until
from snowflake.connector import DictCursor
from snowflake.connector.errors import DatabaseError


def status_of(connection, name) -> str:
    """Return a job's status as DESCRIBE SERVICE tells it."""
    cursor = connection.cursor(DictCursor)
    return cursor.execute(f"DESCRIBE SERVICE {name}").fetchone()["status"]


def wait_for(connection, name, status="DONE") -> None:
    """Wait until the job has that status."""
    wait_until(lambda: status_of(connection, name) == status)


def test_synchronous_job(cursor):
    cursor.execute(job_statement("J", asynchronous=False))
    assert [c.name for c in cursor.description] == ["status"]
    assert cursor.fetchone() == ("Job J completed successfully with status: DONE.",)


def test_asynchronous_job(connection):
    cursor = connection.cursor().execute(job_statement("J"))
    assert cursor.fetchone() == ("Started Snowpark Container Services Job 'J'.",)
    wait_for(connection, "J")


def test_failed_job(connection):
    connection.cursor().execute(job_statement("J", "fail"))
    wait_for(connection, "J", "FAILED")
    cursor = connection.cursor(DictCursor)
    row = cursor.execute("SHOW SERVICE CONTAINERS IN SERVICE J").fetchone()
    assert row["last_exit_code"] == 3


def test_failed_synchronous_job(cursor):
    with pytest.raises(DatabaseError, match="FAILED"):
        cursor.execute(job_statement("J", "fail", asynchronous=False))


def test_name_twice(connection):
    connection.cursor().execute(job_statement("J"))
    with pytest.raises(DatabaseError) as caught:
        connection.cursor().execute(job_statement("J"))
    assert (caught.value.errno, caught.value.sqlstate) == (2002, "42710")


def test_job_started_with_the_asynchronous_interface(connection):
    cursor = connection.cursor()
    cursor.execute_async(job_statement("J", asynchronous=False))
    query_id = cursor.sfqid
    wait_until(lambda: not connection.is_still_running(connection.get_query_status(query_id)))
    cursor.get_results_from_sfqid(query_id)
    assert "DONE" in cursor.fetchone()[0]


def test_binds_in_a_job(connect):
    cursor = connect(paramstyle="qmark").cursor()
    cursor.execute(
        "EXECUTE JOB SERVICE IN COMPUTE POOL IDENTIFIER(?) FROM SPECIFICATION"
        " $$spec: {containers: [{name: main, image: /db/schema/images/hello:1}]}$$"
        " NAME = IDENTIFIER(?) ASYNC = TRUE",
        ("CPU_S", "J"),
    )
    assert "'J'" in cursor.fetchone()[0]


def test_specification_on_a_stage(cursor, tmp_path):
    file = tmp_path / "spec.yaml"
    file.write_text("spec:\n  containers:\n  - {name: main, image: /db/schema/images/hello:1}\n")
    cursor.execute("CREATE STAGE S")
    cursor.execute(f"PUT file://{file} @S AUTO_COMPRESS=FALSE")
    cursor.execute(
        "EXECUTE JOB SERVICE IN COMPUTE POOL CPU_S NAME = J FROM @S SPECIFICATION_FILE = 'spec.yaml'"
    )
    assert "DONE" in cursor.fetchone()[0]


def test_logs(connection):
    cursor = connection.cursor()
    cursor.execute(job_statement("J", asynchronous=False))
    text = cursor.execute("SELECT SYSTEM$GET_SERVICE_LOGS('J', 0, 'main')").fetchone()[0]
    assert "hello from the job" in text
    text = cursor.execute("CALL SYSTEM$GET_SERVICE_LOGS('J', '0', 'main', 1)").fetchone()[0]
    assert text.strip() == "a warning"
    cursor.execute("SELECT LOG FROM TABLE(J!SPCS_GET_LOGS()) ORDER BY TIMESTAMP")
    assert ("hello from the job",) in cursor.fetchall()


def test_events_of_a_job(cursor):
    cursor.execute(job_statement("J", asynchronous=False))
    cursor.execute("SELECT EVENT_NAME, EVENT_DETAILS FROM TABLE(J!SPCS_GET_EVENTS())")
    rows = cursor.fetchall()
    assert "CONTAINER.STATUS_CHANGE" in {row[0] for row in rows}
    assert "DONE" in {json.loads(row[1])["status"] for row in rows}


def test_history(connection):
    cursor = connection.cursor(DictCursor)
    cursor.execute(job_statement("J", asynchronous=False))
    database = connection.database
    cursor.execute(
        "SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY(RESULT_LIMIT => 1000))"
        f" WHERE DATABASE_NAME = '{database}' ORDER BY CREATED_TIME"
    )
    row = cursor.fetchone()
    assert (row["NAME"], row["STATUS"]) == ("J", "DONE")
    statuses = json.loads(row["INSTANCE_STATUSES"])
    assert statuses["instances"][0]["containers"][0]["lastExitCode"] == 0


def test_cancel_a_job(connection):
    connection.cursor().execute(job_statement("J", "sleep", "60"))
    connection.cursor().execute("CALL J!SPCS_CANCEL_JOB()")
    wait_for(connection, "J", "CANCELLED")


def test_wait_for_a_job(connection):
    connection.cursor().execute(job_statement("J", "sleep", "1"))
    connection.cursor().execute("CALL J!SPCS_WAIT_FOR('DONE', 30)")
    assert status_of(connection, "J") == "DONE"


def test_drop_a_job(connection):
    connection.cursor().execute(job_statement("J", "sleep", "60"))
    cursor = connection.cursor().execute("DROP SERVICE J FORCE")
    assert cursor.fetchone() == ("J successfully dropped.",)
    cursor.execute("DROP SERVICE IF EXISTS J")
    assert "already dropped" in cursor.fetchone()[0]


def test_show_services(connection, place):
    cursor = connection.cursor(DictCursor)
    cursor.execute(job_statement("J", asynchronous=False))
    row = cursor.execute("SHOW JOB SERVICES LIKE 'J' IN SCHEMA WORK").fetchone()
    assert (row["name"], row["database_name"], row["status"]) == ("J", place[0], "DONE")
    assert len(cursor.execute(f"SHOW SERVICES IN DATABASE {place[0]}").fetchall()) == 1
    row = cursor.execute("SHOW SERVICE INSTANCES IN SERVICE J").fetchone()
    assert row["instance_id"] == "0"


def test_compute_pool(connection):
    cursor = connection.cursor(DictCursor)
    cursor.execute(
        "CREATE COMPUTE POOL IF NOT EXISTS POOL_OF_TEST MIN_NODES = 1 MAX_NODES = 2"
        " INSTANCE_FAMILY = CPU_X64_XS AUTO_SUSPEND_SECS = 600"
    )
    row = cursor.execute("SHOW COMPUTE POOLS LIKE 'POOL_OF_TEST'").fetchone()
    assert (row["max_nodes"], row["instance_family"]) == (2, "CPU_X64_XS")
    cursor.execute("ALTER COMPUTE POOL POOL_OF_TEST STOP ALL")
    cursor.execute("ALTER COMPUTE POOL POOL_OF_TEST SUSPEND")
    assert cursor.execute("DESCRIBE COMPUTE POOL POOL_OF_TEST").fetchone()["state"] == "SUSPENDED"
    cursor.execute("DROP COMPUTE POOL POOL_OF_TEST")


def test_image_repository(connection):
    cursor = connection.cursor(DictCursor)
    cursor.execute("CREATE IMAGE REPOSITORY IF NOT EXISTS IMAGES")
    rows = cursor.execute("SHOW IMAGE REPOSITORIES IN SCHEMA WORK").fetchall()
    assert [row["name"] for row in rows] == ["IMAGES"]
    assert rows[0]["repository_url"].endswith("/work/images")


def test_event_table(connection):
    cursor = connection.cursor(DictCursor)
    row = cursor.execute("SHOW PARAMETERS LIKE 'event_table' IN ACCOUNT").fetchone()
    assert row["key"] == "EVENT_TABLE"
    assert row["value"].upper() == "SNOWFLAKE.TELEMETRY.EVENTS"
    cursor.execute(job_statement("J", asynchronous=False))
    cursor.execute(
        f"SELECT VALUE FROM {row['value']} WHERE RESOURCE_ATTRIBUTES:\"snow.service.name\" = 'J'"
        f" AND RESOURCE_ATTRIBUTES:\"snow.database.name\" = '{connection.database}'"
        " AND RECORD_TYPE = 'LOG' ORDER BY TIMESTAMP"
    )
    lines = [json.loads(row["VALUE"]) for row in cursor.fetchall()]
    assert "hello from the job" in lines


def test_event_table_holds_events(connection):
    cursor = connection.cursor(DictCursor)
    cursor.execute(job_statement("J", asynchronous=False))
    cursor.execute(
        "SELECT TIMESTAMP, RESOURCE_ATTRIBUTES, RECORD, VALUE FROM SNOWFLAKE.TELEMETRY.EVENTS"
        f" WHERE RESOURCE_ATTRIBUTES['snow.database.name'] = '{connection.database}'"
        " AND RECORD_TYPE = 'EVENT' AND SCOPE['name'] = 'snow.spcs.platform' ORDER BY TIMESTAMP"
    )
    rows = cursor.fetchall()
    assert "CONTAINER.STATUS_CHANGE" in {json.loads(row["RECORD"])["name"] for row in rows}


def test_event_table_is_described(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT * FROM SNOWFLAKE.TELEMETRY.EVENTS LIMIT 0")
    assert [c.name for c in cursor.description] == [
        "TIMESTAMP", "START_TIMESTAMP", "OBSERVED_TIMESTAMP", "TRACE", "RESOURCE",
        "RESOURCE_ATTRIBUTES", "SCOPE", "SCOPE_ATTRIBUTES", "RECORD_TYPE", "RECORD",
        "RECORD_ATTRIBUTES", "VALUE", "EXEMPLARS",
    ]  # fmt: skip


def task_statement(name: str) -> str:
    """Return the statement that makes a task of a job service."""
    return (
        f"CREATE TASK {name} AS EXECUTE JOB SERVICE IN COMPUTE POOL CPU_S NAME = FROM_TASK"
        " FROM SPECIFICATION $$spec: {containers: [{name: main,"
        " image: /db/schema/images/hello:1}]}$$"
    )


def test_task_runs_a_job(connection):
    cursor = connection.cursor(DictCursor)
    cursor.execute(task_statement("T"))
    assert cursor.fetchall() == [{"status": "Task T successfully created."}]
    cursor.execute("EXECUTE TASK T")
    wait_until(lambda: bool(cursor.execute("SHOW JOB SERVICES LIKE 'FROM_TASK'").fetchall()))
    wait_for(connection, "FROM_TASK")


def test_task_history(connection):
    cursor = connection.cursor(DictCursor)
    cursor.execute(task_statement("T"))
    cursor.execute("EXECUTE TASK T")
    text = (
        "SELECT NAME, STATE, SCHEDULED_TIME, COMPLETED_TIME FROM"
        " TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'T'))"
        f" WHERE DATABASE_NAME = '{connection.database}' ORDER BY SCHEDULED_TIME DESC"
    )
    wait_until(lambda: [r["STATE"] for r in cursor.execute(text).fetchall()] == ["SUCCEEDED"])


def test_scheduled_task(connection, place):
    cursor = connection.cursor(DictCursor)
    text = task_statement("T").replace(" AS ", " SCHEDULE = 'USING CRON 0 3 * * * UTC' AS ")
    cursor.execute(text)
    row = cursor.execute("SHOW TASKS").fetchone()
    assert (row["name"], row["state"], row["database_name"]) == ("T", "suspended", place[0])
    assert row["schedule"] == "USING CRON 0 3 * * * UTC"
    assert row["definition"].startswith("EXECUTE JOB SERVICE")
    cursor.execute("ALTER TASK T RESUME")
    assert cursor.execute("SHOW TASKS LIKE 'T'").fetchone()["state"] == "started"
    cursor.execute("ALTER TASK T SUSPEND")
    cursor.execute("DROP TASK T")
    assert cursor.execute("SHOW TASKS").fetchall() == []


def test_secret(connection):
    cursor = connection.cursor(DictCursor)
    cursor.execute("CREATE SECRET PW TYPE = PASSWORD USERNAME = 'u' PASSWORD = 'p'")
    assert cursor.fetchone() == {"status": "Secret PW successfully created."}
    cursor.execute("CREATE OR REPLACE SECRET KEY TYPE = GENERIC_STRING SECRET_STRING = 'abc'")
    rows = cursor.execute("SHOW SECRETS").fetchall()
    assert sorted((row["name"], row["secret_type"]) for row in rows) == [
        ("KEY", "GENERIC_STRING"),
        ("PW", "PASSWORD"),
    ]
    cursor.execute("DROP SECRET PW")
    assert len(cursor.execute("SHOW SECRETS").fetchall()) == 1
