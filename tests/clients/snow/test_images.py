"""``snow spcs image-repository`` and ``image-registry``."""


def test_create_and_list(snow):
    (row,) = snow.rows("spcs", "image-repository", "create", "images")
    assert row["status"] == "Image Repository IMAGES successfully created."
    told = snow.json("spcs", "image-repository", "list")
    assert [row["name"] for row in told] == ["IMAGES"]


def test_create_twice(snow):
    snow.run("spcs", "image-repository", "create", "images")
    text = snow.run("spcs", "image-repository", "create", "images", fails=True)
    assert "already exists" in text
    snow.run("spcs", "image-repository", "create", "images", "--if-not-exists")
    snow.run("spcs", "image-repository", "create", "images", "--replace")


def test_url(snow):
    snow.run("spcs", "image-repository", "create", "images")
    url = snow.run("spcs", "image-repository", "url", "images").strip()
    assert url.endswith("/work/images")


def test_list_images(snow):
    snow.run("sql", "-q", "CREATE DATABASE IF NOT EXISTS DB; CREATE SCHEMA IF NOT EXISTS DB.SCHEMA")
    snow.run("sql", "-q", "CREATE IMAGE REPOSITORY IF NOT EXISTS DB.SCHEMA.IMAGES")
    told = snow.json("spcs", "image-repository", "list-images", "DB.SCHEMA.IMAGES")
    assert [(row["image_name"], row["tags"]) for row in told] == [("hello", "1")]
    assert told[0]["digest"].startswith("sha256:")


def test_drop(snow):
    snow.run("spcs", "image-repository", "create", "images")
    (row,) = snow.rows("spcs", "image-repository", "drop", "images")
    assert row["status"] == "IMAGES successfully dropped."


def test_registry_url(snow):
    snow.run("spcs", "image-repository", "create", "images")
    assert snow.run("spcs", "image-registry", "url").strip()


def test_registry_token(snow):
    told = snow.json("spcs", "image-registry", "token")
    assert told["token"]
    assert int(told["expires_in"]) > 0
