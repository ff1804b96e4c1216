"""``snow sql`` and ``snow connection``."""

import json
import os


def test_connection_test(snow):
    told = snow.json("connection", "test")
    assert told["Status"] == "OK"


def test_connection_list(snow):
    (row,) = [r for r in snow.json("connection", "list") if r["connection_name"] == "emulator"]
    assert row["parameters"]["user"] == "SPCS"


def test_query(snow):
    assert snow.json("sql", "-q", "SELECT 1 AS N, 'x' AS S") == [{"N": 1, "S": "x"}]


def test_query_as_a_table(snow):
    assert "ANSWER" in snow.run("sql", "-q", "SELECT 42 AS ANSWER")


def test_query_as_csv(snow):
    assert snow.run("sql", "-q", "SELECT 1 AS N, 'x' AS S", "--format", "csv").split() == [
        "N,S",
        "1,x",
    ]


def test_several_statements(snow):
    told = snow.json("sql", "-q", "SELECT 1 AS A; SELECT 2 AS B")
    assert told == [[{"A": 1}], [{"B": 2}]]


def test_file(snow, tmp_path):
    file = tmp_path / "load.sql"
    file.write_text(
        "-- makes a table\nCREATE TABLE T (N INT);\nINSERT INTO T VALUES (1), (2);\n"
        "SELECT COUNT(*) AS N FROM T;\n"
    )
    told = snow.json("sql", "-f", str(file))
    assert told[-1] == [{"N": 2}]


def test_stdin(snow):
    assert snow.json("sql", "-i", stdin="SELECT 3 AS N") == [{"N": 3}]


def test_variables(snow):
    told = snow.json("sql", "-q", "SELECT '<% who %>' AS S", "-D", "who=Ada")
    assert told == [{"S": "Ada"}]


def test_source_command(snow, tmp_path):
    (tmp_path / "part.sql").write_text("SELECT 5 AS N;\n")
    assert snow.json("sql", "-q", "!source part.sql") == [{"N": 5}]


def test_asynchronous_query(snow):
    told = snow.json("sql", "-q", "SELECT 8 AS N;>")
    query_id = next(iter(told[0].values())) if isinstance(told, list) else told
    assert len(str(query_id)) >= 36 or "scheduled" in json.dumps(told)


def test_result_of_a_query(snow):
    text = snow.run("sql", "-q", "SELECT 8 AS N;>")
    query_id = next(w.strip("|'\". ") for w in text.split() if w.count("-") == 4)
    assert snow.json("sql", "-q", f"!result {query_id}") == [{"N": 8}]


def test_single_transaction(snow):
    snow.run(
        "sql", "--single-transaction", "-q", "CREATE TABLE T (N INT); INSERT INTO T VALUES (1)"
    )
    assert snow.json("sql", "-q", "SELECT N FROM T") == [{"N": 1}]


def test_single_transaction_is_rolled_back(snow):
    snow.run("sql", "-q", "CREATE TABLE T (N INT)")
    text = "INSERT INTO T VALUES (1); SELECT * FROM NOWHERE"
    snow.run("sql", "--single-transaction", "-q", text, fails=True)
    assert snow.json("sql", "-q", "SELECT COUNT(*) AS N FROM T") == [{"N": 0}]


def test_error(snow):
    text = snow.run("sql", "-q", "SELECT * FROM NOWHERE", fails=True)
    assert "002003 (42S02)" in text
    assert "does not exist" in text


def test_error_ends_the_rest(snow):
    snow.run("sql", "-q", "CREATE TABLE A (N INT); SELEC 1; CREATE TABLE B (N INT)", fails=True)
    told = snow.json("sql", "-q", "SHOW TABLES")
    assert [row["name"] for row in told] == ["A"]


def test_other_database_and_schema(snow):
    told = snow.json("sql", "-q", "SELECT CURRENT_SCHEMA() AS S", "--schema", "PUBLIC")
    assert told == [{"S": "PUBLIC"}]


def test_temporary_connection(snow):
    env = os.environ
    text = snow.run(
        "sql", "-q", "SELECT 1 AS N", "--temporary-connection", "--account", env["SPCS_ACCOUNT"],
        "--user", env["SPCS_USER"], "--password", env["SPCS_PASSWORD"], "--host",
        env["SPCS_HOST"], "--port", env["SPCS_PORT"], "--protocol", "http", "--format",
        "csv",
    )  # fmt: skip
    assert text.split()[-2:] == ["N", "1"]
