"""``snow object``."""


def test_list_tables(snow):
    snow.run("sql", "-q", "CREATE TABLE T (N INT); CREATE TABLE U (N INT)")
    assert sorted(row["name"] for row in snow.json("object", "list", "table")) == ["T", "U"]


def test_list_with_like(snow):
    snow.run("sql", "-q", "CREATE TABLE T (N INT); CREATE TABLE U (N INT)")
    assert [row["name"] for row in snow.json("object", "list", "table", "--like", "u%")] == ["U"]


def test_list_in_schema(snow):
    snow.run("sql", "-q", "CREATE TABLE T (N INT); CREATE SCHEMA OTHER")
    assert snow.json("object", "list", "table", "--in", "schema", "OTHER") == []


def test_list_databases_and_schemas(snow):
    databases = [row["name"] for row in snow.json("object", "list", "database")]
    assert any(name.startswith("D") for name in databases)
    assert "WORK" in [row["name"] for row in snow.json("object", "list", "schema")]


def test_list_warehouses_and_roles(snow):
    snow.run("sql", "-q", "CREATE OR REPLACE WAREHOUSE WH_SNOW")
    assert "WH_SNOW" in [row["name"] for row in snow.json("object", "list", "warehouse")]
    assert "ACCOUNTADMIN" in [row["name"] for row in snow.json("object", "list", "role")]


def test_list_views_and_stages(snow):
    snow.run("sql", "-q", "CREATE VIEW V AS SELECT 1 AS N; CREATE STAGE S")
    assert [row["name"] for row in snow.json("object", "list", "view")] == ["V"]
    assert [row["name"] for row in snow.json("object", "list", "stage")] == ["S"]


def test_list_services_and_pools(snow):
    assert snow.json("object", "list", "service") == []
    assert "CPU_S" in [row["name"] for row in snow.json("object", "list", "compute-pool")]
    assert isinstance(snow.json("object", "list", "image-repository"), list)


def test_describe_table(snow):
    snow.run("sql", "-q", "CREATE TABLE T (N INT NOT NULL, S VARCHAR(5))")
    told = snow.json("object", "describe", "table", "T")
    assert [(row["name"], row["type"]) for row in told] == [
        ("N", "NUMBER(38,0)"),
        ("S", "VARCHAR(5)"),
    ]


def test_describe_compute_pool(snow):
    (row,) = snow.rows("object", "describe", "compute-pool", "CPU_S")
    assert row["name"] == "CPU_S"


def test_drop(snow):
    snow.run("sql", "-q", "CREATE TABLE T (N INT)")
    (row,) = snow.rows("object", "drop", "table", "T")
    assert row["status"] == "T successfully dropped."
    assert snow.json("object", "list", "table") == []


def test_drop_a_missing_one(snow):
    text = snow.run("object", "drop", "table", "NOWHERE", fails=True)
    assert "does not exist" in text
    snow.run("object", "drop", "table", "NOWHERE", "--if-exists")


def test_create_schema(snow):
    snow.run("object", "create", "schema", "name=MADE", "comment=mine")
    assert "MADE" in [row["name"] for row in snow.json("object", "list", "schema")]
