"""Stages and the files on them."""

import pathlib

import pytest
from snowflake.core import CreateMode
from snowflake.core.exceptions import ConflictError, NotFoundError
from snowflake.core.schema import SchemaResource
from snowflake.core.stage import Stage, StageDirectoryTable, StageEncryption, StageResource


@pytest.fixture
def stage(schema: SchemaResource) -> StageResource:
    return schema.stages.create(Stage(name="files"))


def test_create_and_fetch(schema: SchemaResource) -> None:
    created = schema.stages.create(
        Stage(
            name="files",
            comment="a place",
            encryption=StageEncryption(type="SNOWFLAKE_SSE"),
            directory_table=StageDirectoryTable(enable=True),
        )
    )
    shown = created.fetch()
    assert (shown.name, shown.comment, shown.kind) == ("FILES", "a place", "PERMANENT")


def test_create_twice(schema: SchemaResource, stage: StageResource) -> None:
    with pytest.raises(ConflictError):
        schema.stages.create(Stage(name="files"))
    schema.stages.create(Stage(name="files"), mode=CreateMode.if_not_exists)


def test_iter_and_drop(schema: SchemaResource, stage: StageResource) -> None:
    schema.stages.create(Stage(name="others"))
    assert {one.name for one in schema.stages.iter()} == {"FILES", "OTHERS"}
    assert [one.name for one in schema.stages.iter(like="fi%")] == ["FILES"]
    stage.drop()
    with pytest.raises(NotFoundError):
        stage.fetch()


def test_put_and_list(stage: StageResource, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("abc")
    stage.put(str(file), "/in", auto_compress=False)
    files = list(stage.list_files())
    assert [one.name for one in files] == ["files/in/a.txt"]
    assert files[0].md5 and files[0].last_modified
    assert int(files[0].size) >= 3


def test_put_compresses_unless_told_otherwise(stage: StageResource, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("abc" * 100)
    stage.put(str(file), "/")
    assert [one.name for one in stage.list_files()] == ["files/a.txt.gz"]


def test_list_by_pattern(stage: StageResource, tmp_path: pathlib.Path) -> None:
    for name in ("a.txt", "b.csv"):
        (tmp_path / name).write_text(name)
        stage.put(str(tmp_path / name), "/", auto_compress=False)
    assert [one.name for one in stage.list_files(pattern=".*[.]csv")] == ["files/b.csv"]


def test_get(stage: StageResource, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("abc")
    stage.put(str(file), "/in", auto_compress=False, overwrite=True)
    stage.get("/in/a.txt", str(tmp_path / "down"))
    assert (tmp_path / "down" / "a.txt").read_text() == "abc"


def test_put_with_spaces_in_the_path(stage: StageResource, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "my files"
    folder.mkdir()
    (folder / "a b.txt").write_text("abc")
    stage.put(str(folder / "a b.txt"), "/", auto_compress=False)
    assert [one.name for one in stage.list_files()] == ["files/a b.txt"]


def test_an_empty_stage(stage: StageResource) -> None:
    assert list(stage.list_files()) == []


def test_a_missing_stage(schema: SchemaResource) -> None:
    with pytest.raises(NotFoundError):
        schema.stages["nothing"].fetch()
    with pytest.raises(NotFoundError):
        list(schema.stages["nothing"].list_files())
