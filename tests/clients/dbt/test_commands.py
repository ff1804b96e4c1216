"""Commands of dbt besides run."""

import json

from conftest import Project, rows
from snowflake.connector import SnowflakeConnection


def test_debug(project: Project) -> None:
    assert "All checks passed!" in project.dbt("debug")


def test_show(seeded: Project) -> None:
    printed = seeded.dbt(
        "show", "--inline", "select * from {{ ref('orders') }} order by id", "--limit", "2"
    )
    assert "Ada" in printed and "Bo" in printed


def test_show_a_model(seeded: Project) -> None:
    printed = seeded.dbt("show", "--select", "as_view", "--output", "json")
    assert "Ada" in printed


def test_tests_pass(seeded: Project) -> None:
    seeded.run("as_table")
    printed = seeded.dbt("test", "--select", "as_table", "orders")
    assert "ERROR=0" in printed and "PASS=0" not in printed


def test_a_test_fails(seeded: Project, connection: SnowflakeConnection) -> None:
    connection.cursor().execute("INSERT INTO ORDERS VALUES (4, 'Cy', -1, '2024-01-04')")
    printed = seeded.dbt("test", "--select", "no_negative_amounts", succeeds=False)
    assert "Got 1 result" in printed


def test_unit_test(seeded: Project) -> None:
    assert "PASS=1" in seeded.dbt("test", "--select", "test_type:unit")


def test_stored_failures(seeded: Project, connection: SnowflakeConnection) -> None:
    connection.cursor().execute("INSERT INTO ORDERS VALUES (4, 'Cy', -1, '2024-01-04')")
    seeded.dbt("test", "--store-failures", "--select", "no_negative_amounts", succeeds=False)
    found = rows(connection, f"SELECT ID FROM {seeded.schema}_DBT_TEST__AUDIT.NO_NEGATIVE_AMOUNTS")
    assert found == [(4,)]


def test_docs_generate(seeded: Project) -> None:
    seeded.run("as_table", "as_view")
    seeded.dbt("docs", "generate")
    catalog = json.loads((seeded.folder / "target" / "catalog.json").read_text())
    assert list(catalog["nodes"]["model.shop.as_table"]["columns"]) == ["ID", "CUSTOMER", "AMOUNT"]
    assert catalog["nodes"]["model.shop.as_view"]["metadata"]["type"] == "VIEW"
    assert catalog["errors"] is None


def test_run_operation(project: Project, connection: SnowflakeConnection) -> None:
    printed = project.dbt("run-operation", "make_note", "--args", "{text: hello}")
    assert "note: hello" in printed
    assert rows(connection, "SELECT TEXT FROM NOTE") == [("hello",)]


def test_build(project: Project) -> None:
    printed = project.dbt("build", "--select", "orders", "as_table", "as_view")
    assert "ERROR=0" in printed


def test_clone(seeded: Project, connection: SnowflakeConnection) -> None:
    seeded.run("as_table")
    (seeded.folder / "target").rename(seeded.folder / "state")
    other = f"{seeded.schema}_CLONE"
    profile = seeded.folder / "profiles.yml"
    profile.write_text(profile.read_text().replace(seeded.schema, other))
    seeded.dbt("clone", "--select", "as_table", "--state", "state")
    assert rows(connection, f"SELECT COUNT(*) FROM {other}.AS_TABLE") == [(3,)]
