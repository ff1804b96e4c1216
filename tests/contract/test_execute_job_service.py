"""EXECUTE JOB SERVICE: clauses, answers, refusals (facts 1 and 12)."""

import itertools
import json
import random

import pytest
from snowflake.connector.errors import ProgrammingError

from dagster_spcs.emulator import Emulator
from dagster_spcs.spcs.sql_text import quote_literal
from tests.support.emulators import (
    POOL,
    SHELL,
    Lab,
    connect,
    container,
    execute_job,
    new_name,
    spec_of,
)

SPEC = spec_of(container("echo hello"))
CLAUSES = {
    "pool": f"IN COMPUTE POOL {POOL}",
    "spec": f"FROM SPECIFICATION $${SPEC}$$",
    "name": "NAME = {name}",
    "async": "ASYNC = TRUE",
    "replicas": "REPLICAS = 2",
    "warehouse": "QUERY_WAREHOUSE = WH",
    "comment": "COMMENT = 'it''s \\\\ here'",
    "integrations": "EXTERNAL_ACCESS_INTEGRATIONS = (EAI_1, EAI_2)",
    "tag": "WITH TAG (LAB.PUBLIC.COST = 'one')",
}
ORDERS = {
    "reference": "pool spec name async replicas warehouse comment integrations tag",
    "usage-notes": "pool name async replicas warehouse comment integrations tag spec",
    "snowflake-cli": "pool spec name async replicas integrations warehouse comment tag",
    "airflow": "pool name async replicas warehouse integrations comment tag spec",
    "tag-behind-the-spec": "pool name async warehouse replicas comment integrations spec tag",
    **{
        f"random-{seed}": " ".join(random.Random(seed).sample(sorted(CLAUSES), len(CLAUSES)))
        for seed in range(8)
    },
}


def refused(lab: Lab, statement: str, binds: object = None) -> ProgrammingError:
    """Return the error a statement is refused with."""
    with pytest.raises(ProgrammingError) as caught:
        lab.rows(statement, binds)
    return caught.value


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_clauses_come_in_any_order(lab: Lab, name: str, order: str) -> None:
    """Sources disagree on the order of clauses, so every order is taken, and none is lost."""
    clauses = " ".join(CLAUSES[clause] for clause in order.split())
    lab.rows(f"EXECUTE JOB SERVICE {clauses.replace('{name}', name)}")
    row = lab.describe(name)
    assert (row["compute_pool"], row["is_async_job"], row["target_instances"]) == (POOL, True, 2)
    assert (row["query_warehouse"], row["comment"]) == ("WH", "it's \\ here")
    assert row["external_access_integrations"] == "EAI_1,EAI_2"


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("execute job service in compute pool {p} name = {n} from specification {s}",
                     id="lower-case"),
        pytest.param("EXECUTE  JOB\n\tSERVICE IN COMPUTE POOL {p}\nNAME={n}\n"
                     "FROM SPECIFICATION\n{s};",
                     id="white-space"),
        pytest.param("-- run\nEXECUTE /* a */ JOB SERVICE // b\nIN COMPUTE POOL {p} NAME = {n}"
                     " FROM SPECIFICATION {s} -- end", id="comments"),
        pytest.param('EXECUTE JOB SERVICE IN COMPUTE POOL "{p}" NAME = "LAB"."PUBLIC"."{n}"'
                     " FROM SPECIFICATION {s}", id="quoted-names"),
        pytest.param("EXECUTE JOB SERVICE IN COMPUTE POOL IDENTIFIER('{p}')"
                     " NAME = IDENTIFIER('lab.public.{n}') FROM SPECIFICATION {s}",
                     id="identifier"),
        pytest.param("EXECUTE JOB SERVICE IN COMPUTE POOL {p} FROM SPECIFICATION {s} NAME='{n}'",
                     id="name-as-text"),
        pytest.param("EXECUTE JOB SERVICE IN COMPUTE POOL {p} ASYNC = false NAME = {n}"
                     " FROM SPECIFICATION {s}", id="async-false"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("fence", ["dollars", "quotes"])
def test_spellings(lab: Lab, name: str, statement: str, fence: str) -> None:
    """Case, white space, comments and the many forms of a name and a text make no difference."""
    text = f"$${SPEC}$$" if fence == "dollars" else quote_literal(SPEC)
    answer = lab.value(statement.format(p=POOL, n=name, s=text))
    assert answer == f"Job {name} completed successfully with status: DONE."


def test_snowflake_ml_binds_names(qmark: Lab, name: str) -> None:
    """snowflake-ml binds pool, name, warehouse, integrations and replicas (facts 12.1)."""
    qmark.rows(
        f"EXECUTE JOB SERVICE IN COMPUTE POOL IDENTIFIER(?) FROM SPECIFICATION $${SPEC}$$"
        " NAME = IDENTIFIER(?) ASYNC = TRUE EXTERNAL_ACCESS_INTEGRATIONS = (IDENTIFIER(?))"
        " QUERY_WAREHOUSE = IDENTIFIER(?) REPLICAS = ?",
        [POOL, f"LAB.PUBLIC.{name}", "EAI", "WH", 2],
    )
    qmark.wait(name)
    (row,) = qmark.rows("DESCRIBE SERVICE IDENTIFIER(?)", [f"LAB.PUBLIC.{name}"])
    assert (row["target_instances"], row["query_warehouse"]) == (2, "WH")
    instances = qmark.rows("SHOW SERVICE INSTANCES IN SERVICE IDENTIFIER(?)", [name])
    assert [row["instance_id"] for row in instances] == ["0", "1"]
    statement = "SELECT SYSTEM$GET_SERVICE_LOGS(?, ?, ?, ?)"
    assert qmark.value(statement, [f"LAB.PUBLIC.{name}", 1, "main", 10]) == "hello"
    logs = qmark.rows(
        f"SELECT LOG FROM table(LAB.PUBLIC.{name}!spcs_get_logs()) WHERE INSTANCE_ID = 0"
        " AND CONTAINER_NAME = 'main' ORDER BY TIMESTAMP ASC LIMIT 5;"
    )
    assert logs == [{"LOG": "hello"}]
    history = (
        "select DATABASE_NAME, SCHEMA_NAME, NAME, STATUS, COMPUTE_POOL_NAME, PARAMETERS"
        " from table(snowflake.spcs.get_job_history())"
        " where database_name = ? and schema_name = ? and name = ?"
    )
    (row,) = qmark.rows(history, ["LAB", "PUBLIC", name])
    assert json.loads(row["PARAMETERS"])["REPLICAS"] == 2
    assert qmark.rows("SHOW COMPUTE POOLS LIKE ?", [POOL])[0]["max_nodes"] == 50
    assert qmark.rows("SHOW ENDPOINTS IN SERVICE IDENTIFIER(?)", [name]) == []
    listed = (
        "select * from table(snowflake.spcs.get_job_history(created_time_start =>"
        " dateadd('day', -1, current_timestamp()))) WHERE DATABASE_NAME = 'LAB'"
        f" AND NAME = '{name}' AND DELETED_TIME IS NULL LIMIT 10"
    )
    assert len(qmark.rows(listed)) == 1
    qmark.rows("DROP SERVICE IDENTIFIER(?)", [name])
    assert qmark.rows(listed) == []
    error = refused(qmark, "DESCRIBE SERVICE IDENTIFIER(?)", [name])
    assert error.errno == 2003


def test_snowflake_cli_statements(lab: Lab, name: str) -> None:
    """snowflake-cli puts each clause on a line of its own and reads ``status`` (facts 12.2)."""
    row = lab.row(
        f"EXECUTE JOB SERVICE\nIN COMPUTE POOL {POOL}\nFROM SPECIFICATION $$\n{SPEC}\n$$\n"
        f"NAME = {name}\nASYNC = True\nREPLICAS = 1\nEXTERNAL_ACCESS_INTEGRATIONS = (a,b)\n"
        "QUERY_WAREHOUSE = wh\nCOMMENT = 'c'"
    )
    assert row == {"status": f"Started Snowpark Container Services Job '{name}'."}
    lab.wait(name)
    logs = f"call SYSTEM$GET_SERVICE_LOGS('{name}', '0', 'main', 500, False, '', False);"
    assert lab.value(logs) == "hello"
    stamped = lab.value(logs.replace("'', False", "'', True"))
    stamp, text = stamped.split(" ")
    assert (len(stamp), stamp[-1], text) == (len("2024-10-22T01:12:29.873896187Z"), "Z", "hello")
    again = lab.value(logs.replace("'', False", f"'{stamp}', True"))
    assert again == stamped
    assert len(lab.rows(f"show service instances in service {name}")) == 1
    assert len(lab.rows(f"show service containers in service {name}")) == 1
    assert lab.rows(f"show endpoints in service {name}") == []
    assert [row["name"] for row in lab.rows(f"show services like '{name}'")] == [name]
    assert lab.row(f"describe service IDENTIFIER('{name}')")["status"] == "DONE"
    assert lab.row(f"drop service if exists {name} force") == {
        "status": f"{name} successfully dropped."
    }


def test_airflow_statements(lab: Lab, name: str) -> None:
    """Airflow cuts the name from between the quotes and goes on with it (facts 12.3)."""
    answer = lab.value(
        f"EXECUTE JOB SERVICE IN COMPUTE POOL {POOL} NAME = {name} ASYNC = TRUE REPLICAS = 2"
        f" QUERY_WAREHOUSE = WH EXTERNAL_ACCESS_INTEGRATIONS = (A, B) FROM SPECIFICATION $${SPEC}$$"
    )
    parsed = answer.split("'")[1]
    assert parsed == name
    lab.wait(parsed)
    for instance in range(2):
        assert lab.value(f"SELECT SYSTEM$GET_SERVICE_LOGS('{name}', {instance}, 'main')") == "hello"
    lab.rows(f"DROP SERVICE IF EXISTS {parsed}")


def test_terraform_statements(lab: Lab, name: str) -> None:
    """Terraform quotes every identifier (facts 12.4)."""
    lab.rows(
        f'EXECUTE JOB SERVICE IN COMPUTE POOL "{POOL}" NAME = "LAB"."PUBLIC"."{name}" ASYNC = true'
        ' QUERY_WAREHOUSE = "WH" COMMENT = \'c\' EXTERNAL_ACCESS_INTEGRATIONS = ("E")'
        f" FROM SPECIFICATION $${SPEC}$$"
    )
    (row,) = lab.rows(f'SHOW SERVICES LIKE \'{name}\' IN SCHEMA "LAB"."PUBLIC"')
    assert (row["is_job"], row["external_access_integrations"]) == (True, "E")
    assert lab.row(f'DESCRIBE SERVICE "LAB"."PUBLIC"."{name}"')["query_warehouse"] == "WH"
    lab.rows(f'DROP SERVICE IF EXISTS "LAB"."PUBLIC"."{name}" FORCE')


def test_prefect_binds_on_the_client(lab: Lab, name: str) -> None:
    """Prefect fills its binds on the client, the specification among them."""
    answer = lab.value(
        f"EXECUTE JOB SERVICE IN COMPUTE POOL {POOL} NAME = IDENTIFIER(%s) ASYNC = TRUE"
        " COMMENT = %s FROM SPECIFICATION %s",
        (name, "50% 'off' \\", SPEC),
    )
    assert answer == f"Started Snowpark Container Services Job '{name}'."
    assert lab.describe(name)["comment"] == "50% 'off' \\"


@pytest.mark.parametrize("qualified", [False, True], ids=["bare", "qualified"])
def test_the_name_in_the_answer(lab: Lab, name: str, qualified: bool) -> None:
    """The answer names the job unqualified and in upper case."""
    given = f"lab.public.{name.lower()}" if qualified else name.lower()
    assert lab.value(execute_job(SPEC, given, "")) == (
        f"Job {name} completed successfully with status: DONE."
    )
    lab.rows(f"DROP SERVICE {name}")
    assert lab.value(execute_job(SPEC, given)) == (
        f"Started Snowpark Container Services Job '{name}'."
    )


def test_a_name_is_generated(lab: Lab) -> None:
    """Without NAME the job is called after its query."""
    with lab.connection.cursor() as cursor:
        (answer,) = cursor.execute(
            f"EXECUTE JOB SERVICE IN COMPUTE POOL {POOL} FROM SPECIFICATION $${SPEC}$$"
        ).fetchone()
        generated = f"JOB_{cursor.sfqid.replace('-', '_').upper()}"
    assert answer == f"Job {generated} completed successfully with status: DONE."


def test_a_synchronous_job_that_fails(lab: Lab, name: str) -> None:
    """A failed synchronous job is a failed query that names job and status."""
    error = refused(lab, execute_job(spec_of(container("exit 1")), name, "ASYNC = FALSE"))
    assert name in str(error)
    assert "FAILED" in str(error)
    assert lab.describe(name)["status"] == "FAILED"


@pytest.mark.parametrize("state", ["running", "finished"])
def test_a_name_that_is_taken(lab: Lab, name: str, state: str) -> None:
    """A name is taken until the job is dropped, finished or not."""
    if state == "finished":
        lab.run("true", name=name)
    else:
        lab.submit("sleep 600", name=name)
    error = refused(lab, execute_job(SPEC, f"LAB.PUBLIC.{name}"))
    assert (error.errno, error.sqlstate) == (2002, "42710")
    assert f"SQL compilation error:\nObject '{name}' already exists." in str(error)
    lab.rows(f"DROP SERVICE {name}")
    lab.run("true", name=name)
    assert len(lab.history(name)) == 2


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        pytest.param("DESCRIBE SERVICE {n}", "Service 'LAB.PUBLIC.{n}'", id="describe"),
        pytest.param("DESC SERVICE {n}", "Service 'LAB.PUBLIC.{n}'", id="desc"),
        pytest.param("DROP SERVICE {n}", "Service 'LAB.PUBLIC.{n}'", id="drop"),
        pytest.param("SHOW SERVICE CONTAINERS IN SERVICE {n}", "{n}", id="containers"),
        pytest.param("SHOW SERVICE INSTANCES IN SERVICE {n}", "{n}", id="instances"),
        pytest.param("SHOW ENDPOINTS IN SERVICE {n}", "{n}", id="endpoints"),
        pytest.param("CALL {n}!SPCS_CANCEL_JOB()", "{n}", id="cancel"),
        pytest.param("CALL {n}!SPCS_WAIT_FOR('DONE', 1)", "{n}", id="wait"),
        pytest.param("SELECT SYSTEM$GET_SERVICE_LOGS('{n}', 0, 'main')", "{n}", id="service-logs"),
        pytest.param("SELECT * FROM TABLE({n}!SPCS_GET_LOGS())", "{n}", id="get-logs"),
        pytest.param("DESCRIBE COMPUTE POOL {n}", "Compute pool '{n}'", id="pool"),
        pytest.param("SHOW SERVICES IN COMPUTE POOL {n}", "Compute pool '{n}'", id="show-in-pool"),
    ],
)
def test_what_does_not_exist(lab: Lab, name: str, statement: str, text: str) -> None:
    """What is not there is error 2003, named in full."""
    error = refused(lab, statement.format(n=name))
    assert (error.errno, error.sqlstate) == (2003, "02000")
    assert text.format(n=name) in str(error)
    assert "does not exist or not authorized." in str(error)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(execute_job(SPEC, "N"), id="execute"),
        pytest.param("DESCRIBE SERVICE N", id="describe"),
        pytest.param("CALL N!SPCS_CANCEL_JOB()", id="cancel"),
    ],
)
def test_no_current_database(account: Emulator, statement: str) -> None:
    """Without a database an unqualified name is error 90105; a qualified one is not."""
    with connect(account) as connection:
        assert refused(Lab(connection), statement).errno == 90105


def test_no_current_schema(account: Emulator, lab: Lab, name: str) -> None:
    """With a database and no schema an unqualified name is error 90106."""
    lab.rows("CREATE DATABASE IF NOT EXISTS BARE")
    lab.rows("DROP SCHEMA IF EXISTS BARE.PUBLIC")
    with connect(account, database="BARE", schema="NO_SUCH") as connection:
        bare = Lab(connection)
        assert refused(bare, execute_job(SPEC, name)).errno == 90106
        bare.run("true", name=f"LAB.PUBLIC.{name}")


@pytest.mark.parametrize(
    ("clauses", "number", "text"),
    [
        pytest.param(f"FROM SPECIFICATION $${SPEC}$$", 1003, "COMPUTE POOL", id="no-pool"),
        pytest.param(f"IN COMPUTE POOL {POOL} NAME = N", 1003, "specification", id="no-spec"),
        pytest.param("IN COMPUTE POOL NO_SUCH FROM SPECIFICATION $$a$$", 2003, "NO_SUCH",
                     id="pool"),
        pytest.param(f"IN COMPUTE POOL {POOL} NAME = NO_DB.S.N FROM SPECIFICATION $${SPEC}$$",
                     2003, "NO_DB.S", id="schema"),
        pytest.param(f"IN COMPUTE POOL {POOL} QUERY_WAREHOUSE = NO_WH"
                     f" FROM SPECIFICATION $${SPEC}$$",
                     2003, "NO_WH", id="warehouse"),
        pytest.param(f"IN COMPUTE POOL {POOL} REPLICAS = 0 FROM SPECIFICATION $${SPEC}$$",
                     1003, "REPLICAS", id="no-replicas"),
        pytest.param(f"IN COMPUTE POOL {POOL} PRIORITY = 3 FROM SPECIFICATION $${SPEC}$$",
                     1003, "unexpected 'PRIORITY'", id="unknown-clause"),
        pytest.param(f"IN COMPUTE POOL {POOL} FROM SPECIFICATION $${SPEC}$$ extra",
                     1003, "unexpected 'extra'", id="something-left"),
        pytest.param(f"IN COMPUTE POOL {POOL} ASYNC = 1 FROM SPECIFICATION $${SPEC}$$",
                     1003, "TRUE or FALSE", id="async-is-a-boolean"),
        pytest.param(f'IN COMPUTE POOL {POOL} NAME = "Mixed" FROM SPECIFICATION $${SPEC}$$',
                     1003, "Mixed", id="mixed-case-name"),
        pytest.param(f"IN COMPUTE POOL {POOL} NAME = {'A' * 64} FROM SPECIFICATION $${SPEC}$$",
                     1003, "63", id="long-name"),
        pytest.param(f"IN COMPUTE POOL {POOL} NAME = A_ FROM SPECIFICATION $${SPEC}$$",
                     1003, "A_", id="no-dns-label"),
    ],
)  # fmt: skip
def test_statements_that_are_refused(lab: Lab, clauses: str, number: int, text: str) -> None:
    """A statement is refused with the number of its fault, and names it."""
    error = refused(lab, f"EXECUTE JOB SERVICE {clauses}")
    assert error.errno == number
    assert text in str(error)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        pytest.param(spec_of(container("", volumeMounts=[])),
                     "Invalid spec: invalid 'volumeMounts'. Value is empty", id="empty-list"),
        pytest.param(spec_of(), "invalid 'containers'. Value is empty", id="no-containers"),
        pytest.param("spec: [", "Invalid spec: not a YAML document", id="no-yaml"),
        pytest.param(spec_of(container("", resources={"requests": {"cpu": 4}})),
                     "exceed a node of family CPU_X64_S", id="larger-than-a-node"),
        pytest.param(spec_of(container("", image="/no/such/image:1")),
                     "/no/such/image:1", id="unknown-image"),
        pytest.param(spec_of(container("", image=SHELL.replace(":1", ":2"))),
                     "shell:2", id="unknown-tag"),
    ],
)  # fmt: skip
def test_specifications_that_are_refused(lab: Lab, name: str, spec: str, text: str) -> None:
    """A job that could never run is refused at submission and leaves nothing behind."""
    assert text in str(refused(lab, execute_job(spec, name)))
    assert lab.rows(f"SHOW SERVICES LIKE '{name}'") == []
    assert lab.history(name) == []


@pytest.mark.parametrize(
    ("template", "using", "printed"),
    [
        pytest.param("echo {{ text }}", "text => 'plain'", "plain", id="word"),
        pytest.param("echo {{ text }}", "\"text\" => 'plain'", "plain", id="quoted-key"),
        pytest.param("echo {{ Text }}", "Text => 7", "7", id="number-and-case"),
        pytest.param("echo {{ text }}", "text => ' \"a/b-c.d\" '", "a/b-c.d", id="json-text"),
        pytest.param("echo {{ a }} {{ b }}", "a => true, b => $$x$$", "true x", id="two"),
        pytest.param("echo {{ a | default('d') }}", "b => 1", "d", id="default"),
    ],
)
def test_templates(lab: Lab, name: str, template: str, using: str, printed: str) -> None:
    """A template is filled from USING, wherever USING stands."""
    text = quote_literal(spec_of(container(template)))
    lab.rows(
        f"EXECUTE JOB SERVICE IN COMPUTE POOL {POOL} FROM SPECIFICATION_TEMPLATE {text}"
        f" USING ({using}) NAME = {name}"
    )
    assert lab.log(name) == [printed]


def test_a_template_expands_json_lists(lab: Lab, name: str) -> None:
    """A JSON list becomes YAML at its placeholder."""
    template = (
        f"spec:\n  containers:\n  - name: main\n    image: {SHELL}\n    args: {{{{ args }}}}\n"
    )
    lab.rows(
        f"EXECUTE JOB SERVICE IN COMPUTE POOL {POOL} NAME = {name}"
        f' FROM SPECIFICATION_TEMPLATE $${template}$$ USING (args => \'["echo $0", "x y"]\')'
    )
    assert lab.log(name) == ["x y"]


@pytest.mark.parametrize(
    ("clauses", "number"),
    [
        pytest.param("SPECIFICATION_TEMPLATE '{{ a }}' USING (b => 1)", 395069, id="no-value"),
        pytest.param("SPECIFICATION_TEMPLATE '{{ a }}'", 1003, id="no-using"),
        pytest.param("SPECIFICATION 'a' USING (b => 1)", 1003, id="using-without-template"),
        pytest.param("SPECIFICATION_TEMPLATE 'a' USING (b => 'x/y')", 1003, id="bare-path"),
    ],
)
def test_templates_that_are_refused(lab: Lab, clauses: str, number: int) -> None:
    """A template without its values is refused."""
    statement = f"EXECUTE JOB SERVICE IN COMPUTE POOL {POOL} FROM {clauses}"
    assert refused(lab, statement).errno == number


def test_the_singular_key(lab: Lab, name: str) -> None:
    """The article's specification, with ``container:``, runs as it stands."""
    spec = f"spec:\n  container:\n  - name: main\n    image: {SHELL}\n    args:\n    - echo hi\n"
    lab.rows(execute_job(spec, name, ""))
    assert lab.log(name) == ["hi"]
    described = lab.describe(name)["spec"]
    assert described.startswith("---\n")
    assert '"containers":' in described


def characters() -> str:
    """Return every character of the Basic Multilingual Plane, and some beyond it."""
    ranges = (range(1, 0xD800), range(0xE000, 0x10000), range(0x1F300, 0x1F700), [0x10FFFF])
    return "".join(map(chr, itertools.chain(*ranges)))


def test_every_character_survives_a_comment(lab: Lab, name: str) -> None:
    """What ``quote_literal`` writes comes back from COMMENT as it was."""
    text = characters()
    properties = f"ASYNC = TRUE COMMENT = {quote_literal(text)}"
    lab.rows(execute_job(SPEC, name, properties))
    assert lab.describe(name)["comment"] == text


def test_every_character_survives_a_select(lab: Lab) -> None:
    """What ``quote_literal`` writes is the same text in plain SQL."""
    text = characters()
    assert lab.value(f"SELECT {quote_literal(text)}") == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\\", id="backslash"),
        pytest.param("'", id="quote"),
        pytest.param("\\'", id="backslash-quote"),
        pytest.param("'' \\\\' $$ -- /* // ; ? :1 %s", id="signs"),
        pytest.param("a\r\nb\tc\x1b[0m", id="controls"),
        pytest.param("x' COMMENT = 'y", id="another-clause"),
    ],
)
def test_hostile_text(lab: Lab, text: str) -> None:
    """No text ends its literal early."""
    name = new_name()
    lab.rows(execute_job(SPEC, name, f"ASYNC = TRUE COMMENT = {quote_literal(text)}"))
    assert lab.describe(name)["comment"] == text
    assert lab.value(f"SELECT {quote_literal(text)}") == text


def test_every_character_reaches_the_container(lab: Lab) -> None:
    """An argument with emoji and accents, sent as JSON, reaches the container and its log."""
    name = lab.run("printf '%s\\n' 'ä€😀 \u2028'")
    assert lab.log(name) == ["ä€😀 \u2028"]
