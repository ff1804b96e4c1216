"""Statements: their text to the letter, and whether a warehouse has to run for them."""

import json
from datetime import timedelta, timezone
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from dagster_spcs.spcs import statements
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord, read_row
from dagster_spcs.spcs.request import SpecTemplate, StageFile
from dagster_spcs.spcs.statements import Statement
from dagster_spcs.spec import Container, ServiceSpec

from .samples import AWKWARD_TEXT, NOON, job_row, name, request
from .test_sql_text import read_literal

JOB = '"LAB"."JOBS".JOB_A'


def execute(**fields: Any) -> list[str]:
    """The lines of the submission of a request."""
    asynchronous = fields.pop("asynchronous", True)
    statement = statements.execute_job_service(
        request(**fields),
        name=name(),
        compute_pool="pool",
        comment="it's me",
        asynchronous=asynchronous,
    )
    return statement.text.split("\n")


def test_execute_job_service() -> None:
    """A plain submission: pool, name, ASYNC, comment, and the specification last."""
    *clauses, specification = execute()
    assert clauses == [
        'EXECUTE JOB SERVICE IN COMPUTE POOL "POOL"',
        f"NAME = {JOB}",
        "ASYNC = TRUE",
        "COMMENT = 'it''s me'",
    ]
    assert specification.startswith("FROM SPECIFICATION $$")
    assert yaml.safe_load(specification.removeprefix("FROM SPECIFICATION").strip(" $")) == {
        "spec": {"containers": [{"name": "main", "image": "/lab/jobs/repo/image:1"}]}
    }


@pytest.mark.parametrize(
    ("fields", "clause"),
    [
        pytest.param({"asynchronous": False}, "ASYNC = FALSE", id="synchronous"),
        pytest.param({"replicas": 3}, "REPLICAS = 3", id="replicas"),
        pytest.param({"query_warehouse": "wh"}, 'QUERY_WAREHOUSE = "WH"', id="warehouse"),
        pytest.param(
            {"external_access_integrations": ["web", '"Mail"']},
            'EXTERNAL_ACCESS_INTEGRATIONS = ("WEB", "Mail")',
            id="integrations",
        ),
        pytest.param(
            {"tags": {"gov.tags.team": "a'b", "cost": "\\"}},
            r"""WITH TAG ("GOV"."TAGS"."TEAM" = 'a''b', "COST" = '\\')""",
            id="tags",
        ),
    ],
)
def test_execute_job_service_clauses(fields: dict[str, Any], clause: str) -> None:
    """Each thing asked for is one clause, in front of the specification."""
    assert clause in execute(**fields)[:-1]


@pytest.mark.parametrize(
    ("spec", "clause"),
    [
        pytest.param(
            StageFile(stage="@d.s.st", path="job.yaml"),
            """FROM '@"D"."S"."ST"' SPECIFICATION_FILE = 'job.yaml'""",
            id="file",
        ),
        pytest.param(
            StageFile(stage='@"my st"/it\'s/', path="a\\b.yaml"),
            r"""FROM '@"my st"/it''s/' SPECIFICATION_FILE = 'a\\b.yaml'""",
            id="file-with-odd-names",
        ),
        pytest.param(
            SpecTemplate(template="spec: {{ x }}", values={"x": 1}),
            """FROM SPECIFICATION_TEMPLATE 'spec: {{ x }}' USING ("x" => 1)""",
            id="template",
        ),
        pytest.param(
            SpecTemplate(template=StageFile(stage="@st/d", path="t.yaml"), values={"Tag": "v1.2"}),
            """FROM '@"ST"/d' SPECIFICATION_TEMPLATE_FILE = 't.yaml' USING ("Tag" => '"v1.2"')""",
            id="template-file",
        ),
    ],
)
def test_execute_job_service_sources(spec: StageFile | SpecTemplate, clause: str) -> None:
    """A specification may stand on a stage, and may be a template."""
    assert execute(spec=spec)[-1] == clause


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        pytest.param(3, "3", id="int"),
        pytest.param(0.5, "0.5", id="float"),
        pytest.param(True, "true", id="bool"),
        pytest.param("plain", """'"plain"'""", id="text"),
        pytest.param("it's \\ \"", r"""'"it''s \\\\ \\""'""", id="text-quoted-twice"),
        pytest.param(["a", 1], """'["a", 1]'""", id="list"),
        pytest.param({"k": None}, """'{"k": null}'""", id="map"),
    ],
)
def test_template_values(value: object, sql: str) -> None:
    """Numbers go bare; text, lists and maps as JSON inside a literal."""
    spec = SpecTemplate(template="x", values={"v": value})
    assert execute(spec=spec)[-1].endswith(f' USING ("v" => {sql})')


@given(AWKWARD_TEXT)
@example("\0")
def test_template_text_reads_back(value: str) -> None:
    """Any text arrives in the template as itself."""
    spec = SpecTemplate(template="x", values={"v": value})
    written = "\n".join(execute(spec=spec)).partition('"v" => ')[2].removesuffix(")")
    assert json.loads(read_literal(written)) == value


@given(st.dictionaries(st.just("V"), AWKWARD_TEXT), st.lists(AWKWARD_TEXT, max_size=3))
@example({"V": "$$ NAME = X"}, ["$$", "$", "'"])
def test_specification_reads_back(env: dict[str, str], args: list[str]) -> None:
    """No value of a specification ends it early, and each arrives as itself."""
    container = Container(name="main", image="/d/s/r/i:1", env=env, args=args)
    text = "\n".join(execute(spec=ServiceSpec(containers=[container])))
    before, fenced, after = text.split("$$")
    assert before.endswith("FROM SPECIFICATION ")
    assert after == ""
    [sent] = yaml.safe_load(fenced)["spec"]["containers"]
    assert (sent.get("env"), sent.get("args")) == (env, args)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        pytest.param(statements.describe_service(name()), f"DESCRIBE SERVICE {JOB}", id="describe"),
        pytest.param(
            statements.show_service_containers(name()),
            f"SHOW SERVICE CONTAINERS IN SERVICE {JOB}",
            id="containers",
        ),
        pytest.param(
            statements.show_service_instances(name()),
            f"SHOW SERVICE INSTANCES IN SERVICE {JOB}",
            id="instances",
        ),
        pytest.param(statements.cancel_job(name()), f"CALL {JOB}!SPCS_CANCEL_JOB()", id="cancel"),
        pytest.param(statements.drop_service(name()), f"DROP SERVICE IF EXISTS {JOB}", id="drop"),
        pytest.param(
            statements.describe_service(JobName("JOB_A")),
            "DESCRIBE SERVICE JOB_A",
            id="unqualified",
        ),
        pytest.param(
            statements.show_job_services(database="LAB", schema="my jobs", prefix="D_"),
            r"""SHOW JOB SERVICES LIKE 'D\\_%' IN SCHEMA "LAB"."my jobs" """.strip(),
            id="list",
        ),
        pytest.param(
            statements.show_job_services(database="L", schema="J", prefix="", after="LAST"),
            """SHOW JOB SERVICES LIKE '%' IN SCHEMA "L"."J" LIMIT 10000 FROM 'LAST'""",
            id="next-page",
        ),
        pytest.param(
            statements.get_service_logs(name(), instance=1, container="main"),
            f"SELECT SYSTEM$GET_SERVICE_LOGS('{JOB}', 1, 'main')",
            id="logs",
        ),
        pytest.param(
            statements.get_service_logs(name(), instance=1, container="main", lines=50),
            f"SELECT SYSTEM$GET_SERVICE_LOGS('{JOB}', 1, 'main', 50)",
            id="last-lines",
        ),
        pytest.param(
            statements.follow_service_logs(name(), instance=0, container="main", since="2026Z"),
            f"SELECT SYSTEM$GET_SERVICE_LOGS('{JOB}', 0, 'main', 10000, FALSE, '2026Z', TRUE)",
            id="follow",
        ),
    ],
)
def test_needs_no_warehouse(statement: Statement, text: str) -> None:
    """What only asks for metadata is this text and runs without a warehouse."""
    assert (statement.text, statement.needs_warehouse) == (text, False)


def test_a_listing_reads_what_a_record_needs() -> None:
    """A job is read from the columns that are kept of ten thousand rows, and needs all of them."""
    statement = statements.show_job_services(database="L", schema="J", prefix="")
    row = job_row(comment="hello", query_warehouse="WH", target_instances=3)
    assert statement.columns < set(row)
    kept = {column: value for column, value in row.items() if column in statement.columns}
    assert JobRecord.from_row(kept) == JobRecord.from_row(row)
    for column in statement.columns:
        fewer = {each: value for each, value in kept.items() if each != column}
        assert read_row(JobRecord.from_row, fewer) != JobRecord.from_row(row)


def test_job_history() -> None:
    """History is asked for by creation time and filtered by place and name; it is a query."""
    statement = statements.job_history(
        database="LAB",
        schema="JOBS",
        created_from=NOON,
        created_to=NOON + timedelta(hours=1),
        names=["JOB_A", "JOB_B"],
    )
    assert statement == Statement(
        "SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY("
        "CREATED_TIME_START => TO_TIMESTAMP_LTZ('2026-01-01 12:00:00.000000 +0000'), "
        "CREATED_TIME_END => TO_TIMESTAMP_LTZ('2026-01-01 13:00:00.000000 +0000'), "
        "RESULT_LIMIT => 10000)) WHERE DATABASE_NAME = 'LAB' AND SCHEMA_NAME = 'JOBS'"
        " AND NAME IN ('JOB_A', 'JOB_B')",
        needs_warehouse=True,
    )


def test_moments_are_sent_in_utc() -> None:
    """A moment of another zone is the same moment in the statement."""
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-8)))
    texts = {
        statements.job_history(database="L", schema="J", created_from=moment, names=["A"]).text
        for moment in (NOON, elsewhere)
    }
    assert len(texts) == 1


def test_service_logs() -> None:
    """Logs of several jobs are one query, each part with the place of its job."""
    statement = statements.service_logs([name("JOB_A"), name("JOB_B")], since=NOON, last_lines=20)
    assert statement.needs_warehouse
    assert statement.text.count("UNION ALL") == 1
    for selected, bare in (("0 AS JOB, *", "JOB_A"), ("1, *", "JOB_B")):
        assert (
            f'SELECT {selected} FROM TABLE("LAB"."JOBS".{bare}!SPCS_GET_LOGS(START_TIME =>'
            " TO_TIMESTAMP_LTZ('2026-01-01 12:00:00.000000 +0000')))"
        ) in statement.text


PLACES = AWKWARD_TEXT.filter(lambda text: text and "\0" not in text)


@given(PLACES, PLACES)
def test_odd_places_stay_names(database: str, schema: str) -> None:
    """Whatever a database or schema is called, the name inside a literal reads back."""
    job = JobName("JOB_A", schema, database)
    text = statements.get_service_logs(job, instance=0, container="main").text
    written = text.removeprefix("SELECT SYSTEM$GET_SERVICE_LOGS(").removesuffix(", 0, 'main')")
    assert JobName.parse(read_literal(written)) == job


def test_show_compute_pools() -> None:
    """A pool is found by the name that the account's own rows give it, the stored form."""
    for pool in ("POOL", "CPU_S", "my pool", "it's%"):
        text = statements.show_compute_pools(pool).text
        pattern = read_literal(text.removeprefix("SHOW COMPUTE POOLS LIKE "))
        assert pattern.replace("\\", "") == pool


def test_count_rows() -> None:
    """Rows of several tables are one query; a table is called there as it was asked for."""
    assert statements.count_rows(["lab.out.a", 'lab."O\'s".b']) == Statement(
        """SELECT 'lab.out.a' AS TABLE_NAME, COUNT(*) AS ROW_COUNT FROM "LAB"."OUT"."A" """
        """UNION ALL SELECT 'lab."O''s".b' AS TABLE_NAME, COUNT(*) AS ROW_COUNT FROM """
        '"LAB"."O\'s"."B"',
        needs_warehouse=True,
    )


def test_table_columns() -> None:
    """Columns of the tables of one database are one query, by the stored names."""
    assert statements.table_columns("LAB", [("OUT", "SCORES"), ("O's", "T")]) == Statement(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM"
        """ "LAB".INFORMATION_SCHEMA.COLUMNS WHERE"""
        " (TABLE_SCHEMA = 'OUT' AND TABLE_NAME = 'SCORES')"
        " OR (TABLE_SCHEMA = 'O''s' AND TABLE_NAME = 'T')"
        " ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
        needs_warehouse=True,
    )
