"""Tables made and looked at over REST, filled by SQL."""

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.core.exceptions import ConflictError, NotFoundError
from snowflake.core.schema import SchemaResource
from snowflake.core.table import PrimaryKey, Table, TableColumn


def orders() -> Table:
    """Return a table of two columns."""
    return Table(
        name="orders",
        columns=[
            TableColumn(name="id", datatype="int", nullable=False),
            TableColumn(name="item", datatype="varchar"),
        ],
        comment="what was ordered",
    )


def test_create_and_fetch(schema: SchemaResource) -> None:
    shown = schema.tables.create(orders()).fetch()
    assert (shown.name, shown.comment, shown.kind) == ("ORDERS", "what was ordered", "PERMANENT")
    assert [(one.name, one.nullable) for one in shown.columns] == [("ID", False), ("ITEM", True)]


def test_rows_by_sql(schema: SchemaResource, connection: SnowflakeConnection) -> None:
    schema.tables.create(orders())
    place = f"{schema.database.name}.WORK.ORDERS"
    connection.cursor().execute(f"INSERT INTO {place} VALUES (1, 'cup'), (2, 'pot')")
    assert schema.tables["orders"].fetch().rows == 2


def test_a_primary_key(schema: SchemaResource) -> None:
    table = orders()
    table.constraints = [PrimaryKey(column_names=["id"])]
    schema.tables.create(table)
    assert schema.tables["orders"].fetch().name == "ORDERS"


def test_create_twice(schema: SchemaResource) -> None:
    schema.tables.create(orders())
    with pytest.raises(ConflictError):
        schema.tables.create(orders())
    schema.tables.create(orders(), mode="or_replace")


def test_create_as_select(schema: SchemaResource, connection: SnowflakeConnection) -> None:
    schema.tables.create(
        "numbers", as_select="SELECT 1 AS N UNION ALL SELECT 2", mode="error_if_exists"
    )
    rows = (
        connection.cursor()
        .execute(f"SELECT N FROM {schema.database.name}.WORK.NUMBERS ORDER BY N")
        .fetchall()
    )
    assert rows == [(1,), (2,)]


def test_iter_and_drop(schema: SchemaResource) -> None:
    created = schema.tables.create(orders())
    assert [one.name for one in schema.tables.iter(like="or%")] == ["ORDERS"]
    created.drop()
    with pytest.raises(NotFoundError):
        created.fetch()
