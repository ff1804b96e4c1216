"""``snow stage``."""

import pytest


@pytest.fixture
def folder(tmp_path):
    """A folder with files, one in a folder of its own."""
    made = tmp_path / "files"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_text("one\n")
    (made / "b.sql").write_text("SELECT 11 AS N;\n")
    (made / "sub" / "c.txt").write_text("three\n")
    return made


@pytest.fixture
def stage(snow):
    """A stage."""
    snow.run("stage", "create", "s")
    return "@s"


def names(snow, stage="s") -> list[str]:
    """Return the names of a stage's files."""
    return sorted(row["name"] for row in snow.json("stage", "list-files", stage))


def test_create(snow):
    (row,) = snow.rows("stage", "create", "s")
    assert row["status"] == "Stage area S successfully created."
    (row,) = snow.rows("stage", "create", "s")
    assert "already exists" in row["status"]


def test_list(snow, stage):
    assert [row["name"] for row in snow.json("stage", "list")] == ["S"]
    assert snow.json("stage", "list", "--like", "x%") == []


def test_copy_up(snow, stage, folder):
    (row,) = snow.rows("stage", "copy", str(folder / "a.txt"), stage)
    assert (row["source"], row["status"]) == ("a.txt", "UPLOADED")
    assert names(snow) == ["s/a.txt"]


def test_copy_up_into_a_folder(snow, stage, folder):
    snow.run("stage", "copy", str(folder / "a.txt"), "@s/in/here")
    assert names(snow) == ["s/in/here/a.txt"]


def test_copy_up_with_wildcard(snow, stage, folder):
    snow.run("stage", "copy", f"{folder}/*.txt", stage)
    assert names(snow) == ["s/a.txt"]


def test_copy_up_recursively(snow, stage, folder):
    snow.run("stage", "copy", str(folder), "@s/all", "--recursive")
    assert names(snow) == ["s/all/a.txt", "s/all/b.sql", "s/all/sub/c.txt"]


def test_copy_with_overwrite_and_compression(snow, stage, folder):
    snow.run("stage", "copy", str(folder / "a.txt"), stage, "--auto-compress")
    assert names(snow) == ["s/a.txt.gz"]
    (folder / "a.txt").write_text("changed\n")
    (row,) = snow.rows("stage", "copy", str(folder / "a.txt"), stage, "--overwrite")
    assert row["status"] == "UPLOADED"


def test_copy_down(snow, stage, folder, tmp_path):
    snow.run("stage", "copy", str(folder / "a.txt"), stage)
    snow.run("stage", "copy", "@s/a.txt", str(tmp_path / "down"))
    assert (tmp_path / "down" / "a.txt").read_text() == "one\n"


def test_copy_down_recursively(snow, stage, folder, tmp_path):
    snow.run("stage", "copy", str(folder), stage, "--recursive")
    snow.run("stage", "copy", "@s", str(tmp_path / "down"), "--recursive")
    assert (tmp_path / "down" / "a.txt").read_text() == "one\n"
    assert (tmp_path / "down" / "sub" / "c.txt").read_text() == "three\n"


def test_copy_between_stages(snow, stage, folder):
    snow.run("stage", "create", "t")
    snow.run("stage", "copy", str(folder / "a.txt"), stage)
    snow.run("stage", "copy", "@s/a.txt", "@t/there/")
    assert names(snow, "t") == ["t/there/a.txt"]


def test_user_stage(snow, folder):
    snow.run("stage", "copy", str(folder / "a.txt"), "@~/snow_test")
    assert "snow_test/a.txt" in names(snow, "@~")
    snow.run("sql", "-q", "REMOVE @~/snow_test")


def test_list_files_with_pattern(snow, stage, folder):
    snow.run("stage", "copy", str(folder), stage, "--recursive")
    told = snow.json("stage", "list-files", "s", "--pattern", ".*[.]sql")
    assert [row["name"] for row in told] == ["s/b.sql"]


def test_remove(snow, stage, folder):
    snow.run("stage", "copy", str(folder / "a.txt"), stage)
    (row,) = snow.rows("stage", "remove", "s", "a.txt")
    assert row["result"] == "removed"
    assert names(snow) == []


def test_execute(snow, stage, folder):
    snow.run("stage", "copy", str(folder / "b.sql"), stage)
    (row,) = snow.rows("stage", "execute", "@s/b.sql")
    assert row["Status"] == "SUCCESS"


def test_execute_with_variables(snow, stage, folder):
    (folder / "v.sql").write_text("CREATE TABLE {{ name }} (N INT);\n")
    snow.run("stage", "copy", str(folder / "v.sql"), stage)
    snow.run("stage", "execute", "@s/v.sql", "-D", "name='MADE'")
    assert [row["name"] for row in snow.json("sql", "-q", "SHOW TABLES")] == ["MADE"]


def test_diff(snow, stage, folder):
    snow.run("stage", "copy", str(folder / "a.txt"), stage)
    text = snow.run("stage", "diff", "s", str(folder))
    assert "b.sql" in text


def test_describe_and_drop(snow, stage):
    assert snow.json("stage", "describe", "s")
    (row,) = snow.rows("stage", "drop", "s")
    assert row["status"] == "S successfully dropped."
    assert snow.json("stage", "list") == []


def test_list_files_of_a_missing_stage(snow):
    assert "does not exist" in snow.run("stage", "list-files", "nowhere", fails=True)
