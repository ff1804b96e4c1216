"""Image repositories and the images in them."""

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.core import CreateMode, Root
from snowflake.core.exceptions import ConflictError, NotFoundError
from snowflake.core.image_repository import ImageRepository
from snowflake.core.schema import SchemaResource


def test_create_and_fetch(schema: SchemaResource) -> None:
    created = schema.image_repositories.create(ImageRepository(name="images"))
    shown = created.fetch()
    assert (shown.name, shown.database_name, shown.schema_name) == (
        "IMAGES",
        schema.database.name,
        "WORK",
    )
    assert shown.repository_url.lower().endswith(f"/{schema.database.name}/work/images".lower())


def test_create_twice(schema: SchemaResource) -> None:
    schema.image_repositories.create(ImageRepository(name="images"))
    with pytest.raises(ConflictError):
        schema.image_repositories.create(ImageRepository(name="images"))
    schema.image_repositories.create(ImageRepository(name="images"), mode=CreateMode.if_not_exists)


def test_iter_and_drop(schema: SchemaResource) -> None:
    created = schema.image_repositories.create(ImageRepository(name="images"))
    schema.image_repositories.create(ImageRepository(name="others"))
    assert {one.name for one in schema.image_repositories.iter()} == {"IMAGES", "OTHERS"}
    assert [one.name for one in schema.image_repositories.iter(like="im%")] == ["IMAGES"]
    created.drop()
    with pytest.raises(NotFoundError):
        created.fetch()


def test_images_of_the_given_repository(root: Root, connection: SnowflakeConnection) -> None:
    for thing in ("DATABASE DB", "SCHEMA DB.SCHEMA", "IMAGE REPOSITORY DB.SCHEMA.IMAGES"):
        connection.cursor().execute(f"CREATE {thing.replace(' DB', ' IF NOT EXISTS DB')}")
    images = list(
        root.databases["db"]
        .schemas["schema"]
        .image_repositories["images"]
        .list_images_in_repository()
    )
    hello = [one for one in images if one.image_name == "hello"]
    assert len(hello) == 1
    assert hello[0].tags == "1"
    assert hello[0].digest.startswith("sha256:")
    assert hello[0].image_path.lower() == "db/schema/images/hello:1"


def test_a_missing_repository(schema: SchemaResource) -> None:
    with pytest.raises(NotFoundError):
        schema.image_repositories["nothing"].fetch()
