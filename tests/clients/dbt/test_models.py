"""Models: built once, and again."""

import pytest
from conftest import Project, rows
from snowflake.connector import SnowflakeConnection


def test_seed(project: Project, connection: SnowflakeConnection) -> None:
    project.dbt("seed")
    assert rows(connection, "SELECT ID, CUSTOMER FROM ORDERS ORDER BY 1") == [
        (1, "Ada"),
        (2, "Bo"),
        (3, "Ada"),
    ]


def test_seed_again(project: Project, connection: SnowflakeConnection) -> None:
    project.dbt("seed")
    project.dbt("seed")
    assert rows(connection, "SELECT COUNT(*) FROM ORDERS") == [(3,)]
    project.dbt("seed", "--full-refresh")
    assert rows(connection, "SELECT COUNT(*) FROM ORDERS") == [(3,)]


def test_a_schema_that_is_new(project: Project) -> None:
    assert "PASS=1" in project.run("as_permanent")


def test_table(seeded: Project, connection: SnowflakeConnection) -> None:
    for _ in range(2):
        seeded.run("as_table")
    assert rows(connection, "SELECT COUNT(*) FROM AS_TABLE") == [(3,)]


def test_view(seeded: Project, connection: SnowflakeConnection) -> None:
    for _ in range(2):
        seeded.run("as_view")
    totals = rows(connection, "SELECT CUSTOMER, TOTAL FROM AS_VIEW ORDER BY 1")
    assert [(who, float(total)) for who, total in totals] == [("Ada", 15.75), ("Bo", 20.0)]


def test_view_that_becomes_a_table(seeded: Project, connection: SnowflakeConnection) -> None:
    seeded.run("as_view")
    model = seeded.folder / "models" / "as_view.sql"
    model.write_text(model.read_text().replace("'view'", "'table'"))
    seeded.run("as_view")
    assert rows(connection, "SHOW VIEWS") == []
    assert rows(connection, "SELECT COUNT(*) FROM AS_VIEW") == [(2,)]


def test_ephemeral(seeded: Project, connection: SnowflakeConnection) -> None:
    seeded.run("on_ephemeral")
    assert rows(connection, "SELECT N FROM ON_EPHEMERAL") == [(2,)]


def test_permanent_and_transient(seeded: Project, connection: SnowflakeConnection) -> None:
    seeded.run("as_permanent", "as_table")
    cursor = connection.cursor()
    cursor.execute("SHOW TABLES")
    names = [column.name for column in cursor.description]
    kinds = {row[names.index("name")]: row[names.index("kind")] for row in cursor.fetchall()}
    assert (kinds["AS_PERMANENT"], kinds["AS_TABLE"]) == ("TABLE", "TRANSIENT")


def test_query_tag(project: Project, connection: SnowflakeConnection) -> None:
    project.run("as_tagged")
    assert rows(connection, "SELECT PLACE FROM AS_TAGGED") == [(project.database,)]


def test_post_hook(project: Project, connection: SnowflakeConnection) -> None:
    project.run("hooked")
    assert rows(connection, "SELECT ID FROM HOOKED ORDER BY 1") == [(1,), (2,)]


def test_contract(project: Project, connection: SnowflakeConnection) -> None:
    project.run("contracted")
    assert rows(connection, "SELECT * FROM CONTRACTED") == [(1, "x")]


def test_persist_docs(seeded: Project, connection: SnowflakeConnection) -> None:
    seeded.run("as_table", "as_view", docs=True)
    found = rows(
        connection,
        "SELECT TABLE_NAME, COMMENT FROM INFORMATION_SCHEMA.TABLES"
        f" WHERE TABLE_SCHEMA = '{seeded.schema}' AND TABLE_NAME LIKE 'AS_%' ORDER BY 1",
    )
    assert found == [
        ("AS_TABLE", "The orders, as a table."),
        ("AS_VIEW", "What each customer spent."),
    ]


def test_persist_docs_of_columns(seeded: Project, connection: SnowflakeConnection) -> None:
    seeded.run("as_table", docs=True)
    cursor = connection.cursor().execute("DESCRIBE TABLE AS_TABLE")
    names = [column.name for column in cursor.description]
    comments = {row[names.index("name")]: row[names.index("comment")] for row in cursor.fetchall()}
    assert comments["ID"] == "Number of the order."


def test_append(project: Project, connection: SnowflakeConnection) -> None:
    for day in (1, 2, 3):
        project.run("inc_append", day=day)
    assert rows(connection, "SELECT COUNT(*) FROM INC_APPEND") == [(6,)]


@pytest.mark.parametrize("model", ["inc_merge", "inc_delete_insert"])
def test_by_key(project: Project, connection: SnowflakeConnection, model: str) -> None:
    for day in (1, 2, 3):
        project.run(model, day=day)
    assert rows(connection, f"SELECT * FROM {model} ORDER BY ID") == [
        (1, "day 3"),
        (2, "day 1"),
        (3, "day 2"),
        (4, "day 3"),
    ]


def test_insert_overwrite(project: Project, connection: SnowflakeConnection) -> None:
    for day in (1, 2, 3):
        project.run("inc_insert_overwrite", day=day)
    found = rows(connection, "SELECT * FROM INC_INSERT_OVERWRITE ORDER BY ID")
    assert found == [(1, "day 3"), (4, "day 3")]


def test_full_refresh(project: Project, connection: SnowflakeConnection) -> None:
    project.run("inc_append", day=1)
    project.dbt("run", "--full-refresh", "--select", "inc_append", day=2)
    assert rows(connection, "SELECT COUNT(*) FROM INC_APPEND") == [(2,)]


def test_new_column(project: Project, connection: SnowflakeConnection) -> None:
    for day in (1, 2):
        project.run("inc_new_column", day=day)
    found = rows(connection, "SELECT ID, EXTRA FROM INC_NEW_COLUMN ORDER BY 1")
    assert found == [(1, None), (2, "new")]


def test_microbatch(project: Project, connection: SnowflakeConnection) -> None:
    project.run("events")
    window = ("--event-time-start", "2024-01-01", "--event-time-end", "2024-01-04")
    for _ in range(2):
        project.dbt("run", "--select", "micro", *window)
    assert rows(connection, "SELECT ID FROM MICRO ORDER BY 1") == [(1,), (2,), (3,)]


def test_snapshot_by_time(project: Project, connection: SnowflakeConnection) -> None:
    for day in (1, 2):
        project.run("people", day=day)
        project.dbt("snapshot", "--select", "people_by_time", day=day)
    found = rows(
        connection,
        "SELECT NAME, DBT_VALID_TO IS NULL FROM PEOPLE_BY_TIME ORDER BY ID, DBT_VALID_FROM",
    )
    assert found == [("Ada", False), ("Ada L.", True), ("Bo", True)]


def test_snapshot_by_check(project: Project, connection: SnowflakeConnection) -> None:
    for day in (1, 2):
        project.run("people", day=day)
        project.dbt("snapshot", "--select", "people_by_check", day=day)
    found = rows(
        connection,
        "SELECT NAME, DBT_VALID_TO IS NULL FROM PEOPLE_BY_CHECK ORDER BY ID, DBT_VALID_FROM",
    )
    assert found == [("Ada", False), ("Ada L.", True), ("Bo", True)]


def test_snapshot_again_without_change(project: Project, connection: SnowflakeConnection) -> None:
    project.run("people")
    for _ in range(2):
        project.dbt("snapshot", "--select", "people_by_time")
    assert rows(connection, "SELECT COUNT(*) FROM PEOPLE_BY_TIME") == [(2,)]
