"""Databases and schemas."""

from collections.abc import Iterator

import pytest
from conftest import unique
from snowflake.connector import SnowflakeConnection
from snowflake.core import CreateMode, Root
from snowflake.core.database import Database
from snowflake.core.exceptions import ConflictError, NotFoundError
from snowflake.core.schema import Schema, SchemaResource


@pytest.fixture
def name(connection: SnowflakeConnection) -> Iterator[str]:
    name = unique("REST")
    yield name
    connection.cursor().execute(f"DROP DATABASE IF EXISTS {name}")


def test_create_and_fetch_a_database(root: Root, name: str) -> None:
    created = root.databases.create(Database(name=name, comment="mine"))
    shown = created.fetch()
    assert (shown.name, shown.comment, shown.kind) == (name, "mine", "PERMANENT")
    assert shown.created_on.tzinfo is not None


def test_a_new_database_has_the_schema_public(root: Root, name: str) -> None:
    created = root.databases.create(Database(name=name))
    assert "PUBLIC" in {one.name for one in created.schemas.iter()}


def test_create_a_database_twice(root: Root, name: str) -> None:
    root.databases.create(Database(name=name))
    with pytest.raises(ConflictError, match="already exists"):
        root.databases.create(Database(name=name))
    root.databases.create(Database(name=name), mode=CreateMode.if_not_exists)
    root.databases.create(Database(name=name, comment="new"), mode=CreateMode.or_replace)
    assert root.databases[name].fetch().comment == "new"


def test_iter_databases(root: Root, name: str) -> None:
    root.databases.create(Database(name=name))
    assert name in {one.name for one in root.databases.iter()}
    assert [one.name for one in root.databases.iter(like=name.lower())] == [name]


def test_drop_a_database(root: Root, name: str) -> None:
    created = root.databases.create(Database(name=name))
    created.drop()
    with pytest.raises(NotFoundError):
        created.fetch()
    created.drop(if_exists=True)


def test_alter_a_database(root: Root, name: str) -> None:
    created = root.databases.create(Database(name=name))
    changed = created.fetch()
    changed.comment = "changed"
    created.create_or_alter(changed)
    assert created.fetch().comment == "changed"


def test_a_missing_database(root: Root) -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        root.databases["NO_SUCH_DATABASE"].fetch()
    with pytest.raises(NotFoundError):
        list(root.databases["NO_SUCH_DATABASE"].schemas.iter())


def test_create_and_fetch_a_schema(schema: SchemaResource) -> None:
    created = schema.database.schemas.create(Schema(name="extra", comment="more"))
    shown = created.fetch()
    assert (shown.name, shown.database_name, shown.comment) == (
        "EXTRA",
        schema.database.name,
        "more",
    )


def test_create_a_schema_twice(schema: SchemaResource) -> None:
    with pytest.raises(ConflictError):
        schema.database.schemas.create(Schema(name="work"))
    schema.database.schemas.create(Schema(name="work"), mode=CreateMode.if_not_exists)


def test_iter_and_drop_schemas(schema: SchemaResource) -> None:
    created = schema.database.schemas.create(Schema(name="extra"))
    assert {"EXTRA", "WORK"} <= {one.name for one in schema.database.schemas.iter()}
    assert [one.name for one in schema.database.schemas.iter(like="ex%")] == ["EXTRA"]
    created.drop()
    with pytest.raises(NotFoundError):
        created.fetch()


def test_a_quoted_schema(schema: SchemaResource) -> None:
    created = schema.database.schemas.create(Schema(name='"lower case"'))
    assert created.fetch().name == '"lower case"'
    assert '"lower case"' in {one.name for one in schema.database.schemas.iter()}
    created.drop()
