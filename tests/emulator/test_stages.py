"""Stages, as the connector's PUT and LIST see them ("PUT", "LIST")."""

from pathlib import Path

import pytest

from tests.support.emulators import Lab, new_name

NAMES = [
    "plain.csv",
    "a blank.csv",
    "größe.csv",
    "a+b.csv",
    "50%.csv",
    "a%20b.csv",
    "a#b.csv",
    "a&b=c.csv",
]


@pytest.mark.parametrize("file", NAMES)
@pytest.mark.parametrize("place", ["stage", "folder", "table"])
def test_putting_a_file_of_any_name(lab: Lab, tmp_path: Path, file: str, place: str) -> None:
    """The file is on the stage, under its name, with its content."""
    name = new_name("KEEP")
    if place == "table":
        lab.rows(f"CREATE TABLE {name} (N INT)")
    else:
        lab.rows(f"CREATE STAGE {name}")
    target = {"stage": f"@{name}", "folder": f"@{name}/in here", "table": f"@%{name}"}[place]
    (tmp_path / file).write_text("1\n2\n")
    row = lab.row(f"PUT 'file://{tmp_path}/{file}' '{target}' AUTO_COMPRESS=FALSE")
    assert (row["source"], row["target"], row["status"]) == (file, file, "UPLOADED")
    prefix = {"stage": f"{name.lower()}/", "folder": f"{name.lower()}/in here/", "table": ""}[place]
    [listed] = lab.rows(f"LIST @{'%' if place == 'table' else ''}{name}")
    assert (listed["name"], listed["size"]) == (f"{prefix}{file}", 4)
