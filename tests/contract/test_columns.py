"""Columns of SHOW, DESCRIBE and the table functions: names, order, case, types (facts 4 to 6)."""

from collections.abc import Iterator

import pytest
from snowflake.connector import ProgrammingError
from snowflake.connector.constants import FIELD_ID_TO_NAME

from dagster_spcs.emulator import Emulator
from tests.support.emulators import POOL, Lab, new_name, open_lab

SERVICE = (
    "name status database_name schema_name owner compute_pool spec dns_name"
    " current_instances:FIXED target_instances:FIXED min_ready_instances:FIXED"
    " min_instances:FIXED max_instances:FIXED auto_resume:BOOLEAN external_access_integrations"
    " created_on:TIMESTAMP_LTZ updated_on:TIMESTAMP_LTZ resumed_on:TIMESTAMP_LTZ"
    " suspended_on:TIMESTAMP_LTZ auto_suspend_secs:FIXED comment owner_role_type query_warehouse"
    " is_job:BOOLEAN is_async_job:BOOLEAN spec_digest is_upgrading:BOOLEAN managing_object_domain"
    " managing_object_name"
)
POOLS = (
    "name state min_nodes:FIXED max_nodes:FIXED instance_family num_services:FIXED num_jobs:FIXED"
    " auto_suspend_secs:FIXED auto_resume:BOOLEAN active_nodes:FIXED idle_nodes:FIXED"
    " target_nodes:FIXED created_on:TIMESTAMP_LTZ resumed_on:TIMESTAMP_LTZ"
    " updated_on:TIMESTAMP_LTZ owner comment is_exclusive:BOOLEAN application"
)
HISTORY = (
    "QUERY_ID ID:FIXED NAME DATABASE_NAME SCHEMA_NAME CREATED_TIME:TIMESTAMP_LTZ"
    " COMPLETED_TIME:TIMESTAMP_LTZ DELETED_TIME:TIMESTAMP_LTZ STATUS MESSAGE"
    " INSTANCE_STATUSES:OBJECT COMPUTE_POOL_NAME OWNER OWNER_ROLE_TYPE PARAMETERS:OBJECT"
    " MANAGING_OBJECT:OBJECT"
)
LOGS = "TIMESTAMP:TIMESTAMP_NTZ INSTANCE_ID:FIXED CONTAINER_NAME LOG RECORD_ATTRIBUTES:OBJECT"
EVENTS = (
    "TIMESTAMP:TIMESTAMP_NTZ SEVERITY EVENT_NAME EVENT_DETAILS:OBJECT INSTANCE_ID:FIXED"
    " CONTAINER_NAME RECORD:OBJECT RECORD_ATTRIBUTES:OBJECT"
)
METRICS = (
    "TIMESTAMP:TIMESTAMP_NTZ METRIC_NAME VALUE UNIT INSTANCE_ID:FIXED CONTAINER_NAME"
    " RESOURCE:OBJECT RECORD:OBJECT RECORD_ATTRIBUTES:OBJECT"
)
CONTAINERS = (
    "database_name schema_name service_name service_status instance_id instance_status"
    " container_name status message image_name image_digest restart_count:FIXED start_time"
    " last_exit_code:FIXED last_restart_time"
)
INSTANCES = (
    "database_name schema_name service_name service_status instance_id status spec_digest"
    " creation_time start_time ip_address"
)

WAREHOUSES = (
    "name state type size min_cluster_count:FIXED max_cluster_count:FIXED started_clusters:FIXED"
    " running:FIXED queued:FIXED is_default is_current auto_suspend:FIXED auto_resume available"
    " provisioning quiescing other created_on:TIMESTAMP_LTZ resumed_on:TIMESTAMP_LTZ"
    " updated_on:TIMESTAMP_LTZ owner comment enable_query_acceleration"
    " query_acceleration_max_scale_factor:FIXED resource_monitor actives:FIXED pendings:FIXED"
    " failed:FIXED suspended:FIXED uuid scaling_policy budget owner_role_type resource_constraint"
)


def without(columns: str, *hidden: str) -> str:
    """Return columns without some."""
    return " ".join(each for each in columns.split() if each.partition(":")[0] not in hidden)


@pytest.fixture(scope="module")
def job(account: Emulator) -> Iterator[str]:
    """A finished job."""
    with open_lab(account) as connection:
        yield Lab(connection).run("echo x")


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        pytest.param("DESCRIBE SERVICE {job}", SERVICE, id="describe"),
        pytest.param("SHOW SERVICES LIKE '{job}'", without(SERVICE, "spec"), id="show"),
        pytest.param("SHOW JOB SERVICES LIKE '{job}'", without(SERVICE, "spec", "is_job"),
                     id="show-job"),
        pytest.param("SHOW SERVICES EXCLUDE JOBS",
                     without(SERVICE, "spec", "is_job", "is_async_job"), id="exclude-jobs"),
        pytest.param("SHOW SERVICE CONTAINERS IN SERVICE {job}", CONTAINERS, id="containers"),
        pytest.param("SHOW SERVICE INSTANCES IN SERVICE {job}", INSTANCES, id="instances"),
        pytest.param("SHOW COMPUTE POOLS", f"{POOLS} placement_group backup_instance_families",
                     id="pools"),
        pytest.param(f"DESCRIBE COMPUTE POOL {POOL}",
                     f"{POOLS} budget error_code status_message placement_group", id="pool"),
        pytest.param("SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY())", HISTORY,
                     id="history"),
        pytest.param("SELECT * FROM TABLE({job}!SPCS_GET_LOGS())", LOGS, id="logs"),
        pytest.param("SELECT * FROM TABLE({job}!SPCS_GET_EVENTS())", EVENTS, id="events"),
        pytest.param("SELECT * FROM TABLE({job}!SPCS_GET_METRICS())", METRICS, id="metrics"),
        pytest.param("SHOW WAREHOUSES", WAREHOUSES, id="warehouses"),
    ],
)  # fmt: skip
def test_columns(lab: Lab, job: str, statement: str, columns: str) -> None:
    """Names come in the documented order and case, with the documented types; others are text."""
    expected = [tuple(column.split(":")) if ":" in column else (column, "TEXT")
                for column in columns.split()]  # fmt: skip
    with lab.connection.cursor() as cursor:
        cursor.execute(statement.format(job=job))
        seen = [(each.name, FIELD_ID_TO_NAME[each.type_code]) for each in cursor.description]
    # fakesnow, which answers the table functions, calls a TIMESTAMP_LTZ TIMESTAMP_TZ and an
    # OBJECT VARIANT or JSON text; clients read both alike.
    alike = {"TIMESTAMP_TZ": "TIMESTAMP_LTZ", "VARIANT": "OBJECT"}
    assert [(name, alike.get(type_, type_)) for name, type_ in seen] == expected


def test_instance_ids(lab: Lab, job: str) -> None:
    """An instance's id is text in SHOW and a number in SPCS_GET_LOGS."""
    assert lab.containers(job)[0]["instance_id"] == "0"
    assert lab.row(f"SHOW SERVICE INSTANCES IN SERVICE {job}")["instance_id"] == "0"
    assert lab.row(f"SELECT INSTANCE_ID FROM TABLE({job}!SPCS_GET_LOGS())")["INSTANCE_ID"] == 0


def test_the_image(lab: Lab, job: str) -> None:
    """The image is shown with its registry and digest, in SHOW and in the specification."""
    row = lab.containers(job)[0]
    assert row["image_name"].endswith(".registry.snowflakecomputing.com/lab/public/images/shell:1")
    assert row["image_digest"].startswith("sha256:")
    assert row["image_name"] in lab.describe(job)["spec"]
    assert f"@{row['image_digest']}" in lab.describe(job)["spec"]


@pytest.fixture(scope="module")
def listed(account: Emulator) -> Iterator[tuple[Lab, str]]:
    """A schema with five finished jobs, and its name."""
    with open_lab(account) as connection:
        lab = Lab(connection)
        schema = new_name("LISTED")
        lab.rows(f"CREATE SCHEMA LAB.{schema}")
        for name in ("ALPHA_1", "ALPHA_2", "ALPHAX3", "BETA", "GAMMA"):
            lab.run("true", name=f"LAB.{schema}.{name}")
        yield lab, schema


ALL = ["ALPHAX3", "ALPHA_1", "ALPHA_2", "BETA", "GAMMA"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        pytest.param("", ALL, id="all"),
        pytest.param("LIKE 'alpha%' IN SCHEMA {s}", ALL[:3], id="like-any-case"),
        pytest.param("LIKE 'ALPHA_1' IN SCHEMA {s}", ["ALPHA_1"], id="like-one"),
        pytest.param("LIKE 'ALPHA__' IN SCHEMA {s}", ALL[:3], id="like-one-letter"),
        pytest.param(r"LIKE 'ALPHA\\_%' IN SCHEMA {s}", ["ALPHA_1", "ALPHA_2"], id="like-escaped"),
        pytest.param("LIKE 'A' IN SCHEMA {s}", [], id="like-is-whole"),
        pytest.param("STARTS WITH 'ALPHA_'", ["ALPHA_1", "ALPHA_2"], id="starts-with"),
        pytest.param("STARTS WITH 'alpha'", [], id="starts-with-is-exact"),
        pytest.param("LIMIT 2", ALL[:2], id="limit"),
        pytest.param("LIMIT 2 FROM 'ALPHA_1'", ALL[2:4], id="limit-from"),
        pytest.param("LIMIT 10000 FROM 'GAMMA'", [], id="limit-from-last"),
        pytest.param("LIKE '%A%' IN LAB.{s} STARTS WITH 'A' LIMIT 1 FROM 'ALPHAX3'", ["ALPHA_1"],
                     id="all-together"),
        pytest.param("IN SCHEMA LAB.{s}", ALL, id="in-schema"),
        pytest.param("IN SCHEMA IDENTIFIER('lab.{s}')", ALL, id="in-identifier"),
        pytest.param("IN {s}", ALL, id="in-name"),
        pytest.param("IN SCHEMA PUBLIC LIMIT 0", [], id="limit-0"),
        pytest.param("LIKE 'BETA' IN DATABASE LAB", ["BETA"], id="in-database"),
        pytest.param("LIKE 'BETA' IN DATABASE", ["BETA"], id="in-this-database"),
        pytest.param("LIKE 'BETA' IN ACCOUNT", ["BETA"], id="in-account"),
        pytest.param(f"LIKE 'BETA' IN COMPUTE POOL {POOL}", ["BETA"], id="in-pool"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["SERVICES", "JOB SERVICES"], ids=["services", "jobs"])
def test_listing(listed: tuple[Lab, str], kind: str, options: str, names: list[str]) -> None:
    """SHOW filters as documented: LIKE in any case, STARTS WITH exactly, pages by LIMIT FROM."""
    lab, schema = listed
    lab.rows(f"USE SCHEMA LAB.{schema}")
    rows = lab.rows(f"SHOW {kind} {options.replace('{s}', schema)}")
    assert [row["name"] for row in rows] == names


@pytest.mark.parametrize(
    "place", ["SCHEMA LAB.NOPE", "NOPE.PUBLIC", "SCHEMA NOPE", "DATABASE NOPE"]
)
def test_listing_of_nothing(lab: Lab, place: str) -> None:
    """A place that does not exist is an error, not an empty listing."""
    with pytest.raises(ProgrammingError) as refused:
        lab.rows(f"SHOW JOB SERVICES LIKE 'A%' IN {place}")
    assert refused.value.errno == 2043


def test_pages_make_the_whole(listed: tuple[Lab, str]) -> None:
    """Going on from the last name of each page lists every job once."""
    lab, schema = listed
    names: list[str] = []
    while True:
        after = f"FROM '{names[-1]}'" if names else ""
        page = lab.rows(f"SHOW JOB SERVICES IN SCHEMA LAB.{schema} LIMIT 2 {after}")
        if not page:
            break
        names += [row["name"] for row in page]
    assert names == ALL


def test_pools_are_listed_in_pages(lab: Lab) -> None:
    """SHOW COMPUTE POOLS takes the same options."""
    for pool in ("PAGE_A", "PAGE_B", "PAGE_C"):
        lab.rows(
            f"CREATE COMPUTE POOL IF NOT EXISTS {pool} MIN_NODES = 1 MAX_NODES = 2"
            " INSTANCE_FAMILY = CPU_X64_XS"
        )
    rows = lab.rows("SHOW COMPUTE POOLS LIKE 'page%' LIMIT 1 FROM 'PAGE_A'")
    assert [row["name"] for row in rows] == ["PAGE_B"]
    rows = lab.rows("SHOW COMPUTE POOLS STARTS WITH 'PAGE'")
    assert [row["name"] for row in rows] == ["PAGE_A", "PAGE_B", "PAGE_C"]


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        pytest.param("RESULT_LIMIT => 2", 2, id="limit"),
        pytest.param("CREATED_TIME_START => DATEADD('hour', 1, CURRENT_TIMESTAMP())", 0,
                     id="start"),
        pytest.param("CREATED_TIME_END => DATEADD('hour', -1, CURRENT_TIMESTAMP())", 0, id="end"),
        pytest.param("created_time_start => DATEADD('day', -1, CURRENT_TIMESTAMP()),"
                     " created_time_end => CURRENT_TIMESTAMP(), result_limit => 3", 3, id="all"),
    ],
)  # fmt: skip
def test_a_window_of_history(listed: tuple[Lab, str], arguments: str, count: int) -> None:
    """GET_JOB_HISTORY takes a window of time and a limit, and keeps the newest."""
    lab, _ = listed
    rows = lab.rows(f"SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY({arguments}))")
    assert len(rows) == count


def test_history_is_plain_rows(listed: tuple[Lab, str]) -> None:
    """History can be filtered, joined and taken apart like any table."""
    lab, schema = listed
    row = lab.row(
        "SELECT NAME, PARAMETERS:ASYNC::BOOLEAN AS ASYNC,"
        " INSTANCE_STATUSES:instances[0]:containers[0]:lastExitCode::INT AS CODE,"
        " DATEDIFF('second', CREATED_TIME, COMPLETED_TIME) AS SECONDS"
        " FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY(RESULT_LIMIT => 10000))"
        f" WHERE SCHEMA_NAME = '{schema}' AND NAME = 'BETA' AND DELETED_TIME IS NULL"
    )
    assert (row["NAME"], row["ASYNC"], row["CODE"]) == ("BETA", True, 0)
    assert row["SECONDS"] >= 0
