"""The ``dg`` command: what it lists, checks and scaffolds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.acceptance.test_readme import blocks

pytestmark = pytest.mark.slow

# Nothing connects while definitions are loaded.
ACCOUNT = {"SNOWFLAKE_ACCOUNT": "org-acc", "SNOWFLAKE_USER": "u", "SNOWFLAKE_PASSWORD": "p"}
PROJECT = """[project]
name = "lab"
version = "0"
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "lab"
"""


def dg_command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("dg")), *arguments],
        cwd=folder,
        env={**os.environ, **ACCOUNT, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dg project with nothing but the README's resource."""
    (tmp_path / "lab" / "defs").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    for package in ("lab", "lab/defs"):
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "lab" / "definitions.py").write_text(
        "import dagster as dg\nfrom pathlib import Path\n"
        "defs = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)\n"
    )
    [resources] = [text for _, text in blocks() if text.startswith("# defs/resources.py\n")]
    (tmp_path / "lab" / "defs" / "resources.py").write_text(resources)
    return tmp_path


def test_components_are_listed() -> None:
    done = dg_command(Path.cwd(), "list", "components", "--json")
    assert done.returncode == 0, done.stderr
    listed = {each["key"] for each in json.loads(done.stdout)["items"]}
    assert {
        "dagster_spcs.SpcsJobComponent",
        "dagster_spcs.SpcsPollingSensorComponent",
    } <= listed


@pytest.mark.parametrize("what", ["yaml", "defs"])
def test_example_is_valid(what: str) -> None:
    done = dg_command(Path.cwd(), "check", what)
    assert done.returncode == 0, done.stdout + done.stderr


def test_scaffolded_components_are_valid(project: Path) -> None:
    """What is scaffolded loads as it stands; a wrong key or value is named."""
    for kind, name in (("SpcsJobComponent", "scores"), ("SpcsPollingSensorComponent", "polling")):
        done = dg_command(project, "scaffold", "defs", f"dagster_spcs.{kind}", name)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "lab/defs/scores/spec.yaml").exists()
    for what in ("yaml", "defs"):
        done = dg_command(project, "check", what)
        assert done.returncode == 0, done.stdout + done.stderr
    listed = dg_command(project, "list", "defs", "--json")
    assert '"scores"' in listed.stdout
    assert '"spcs_polling_sensor"' in listed.stdout

    path = project / "lab/defs/scores/defs.yaml"
    document = yaml.safe_load(path.read_text())
    container = {"name": "main", "image": "/a/b/c/d:1"}
    for what, key, value, named in (
        ("yaml", "modus", "auto", "modus"),
        ("defs", "mode", "sometimes", "mode"),
        ("yaml", "job", {"specfile": "spec.yaml"}, "specfile"),
        ("yaml", "job", {"spec": {"containers": [{**container, "enviroment": {}}]}}, "enviroment"),
        ("yaml", "job", {"spec": {"containers": [{**container, "env": {"V": 1.1}}]}}, "1.1 is not"),
        ("defs", "job", {"spec_file": "{{ nope }}"}, "'nope' is undefined"),
    ):
        wrong = {**document, "attributes": {**document["attributes"], key: value}}
        path.write_text(yaml.safe_dump(wrong))
        done = dg_command(project, "check", what)
        assert done.returncode == 1
        assert named in done.stdout + done.stderr


def test_project_without_python(project: Path) -> None:
    """Connection, asset and sensor stand in one file."""
    (project / "lab/defs/resources.py").unlink()
    [text] = [text for _, text in blocks() if "polling_sensor: true" in text]
    folder = project / "lab" / "defs" / "report"
    folder.mkdir()
    (folder / "defs.yaml").write_text(text)
    container = {"name": "main", "image": "/a/b/c/d:1"}
    (folder / "spec.yaml").write_text(yaml.safe_dump({"spec": {"containers": [container]}}))
    for what in ("yaml", "defs"):
        done = dg_command(project, "check", what)
        assert done.returncode == 0, done.stdout + done.stderr
    listed = dg_command(project, "list", "defs", "--json").stdout
    assert '"report"' in listed
    assert '"spcs_polling_sensor"' in listed
    (folder / "defs.yaml").write_text(text.replace("account:", "acount:"))
    done = dg_command(project, "check", "yaml")
    assert done.returncode == 1
    assert "acount" in done.stdout + done.stderr
