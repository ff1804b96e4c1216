"""The README is followed to the letter: its files, its commands, its code."""

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import dagster_spcs
from dagster_spcs import JobRequest, SpcsJobResource, build_spcs_polling_sensor, spcs_job_asset
from definitions import local
from tests.acceptance.dagster_web import dagster_dev, wait_for

README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """Return the README's fenced blocks: language and text."""
    return [(match[1], match[2]) for match in _BLOCK.finditer(README.read_text())]


def files() -> dict[str, str]:
    """Return the files the README tells to write."""
    return {
        match[1]: text
        for _, text in blocks()
        if (match := re.match(r"# file: (\S+)\n", text)) is not None
    }


def command(beginning: str) -> list[str]:
    """Return the words of the command that begins so."""
    for language, text in blocks():
        for line in text.splitlines() if language == "console" else ():
            words = line.strip().removeprefix("$ ")
            if words.startswith(beginning):
                return shlex.split(words, comments=True)
    raise AssertionError(f"the README has no command {beginning}")


@pytest.mark.slow
def test_five_minutes_work_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and commands of the section, in an empty folder, lead to a recorded greeting."""
    monkeypatch.chdir(tmp_path)
    for name, text in files().items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    emulator_log = tmp_path / "emulator.log"
    words = command("dagster-spcs emulator")
    with local.process([local.tool(words[0]), *words[1:]], {}, emulator_log):
        connections = tmp_path / ".spcs-emulator" / "connections.toml"
        wait_for("the connections file", connections.exists, emulator_log)
        create = command("python create.py")
        subprocess.run([sys.executable, *create[1:]], check=True)
        serve = command("dagster dev -f")
        with dagster_dev(
            tmp_path / "home", tmp_path / "dev.log", target=serve[2:], location=serve[3]
        ) as web:
            run = web.launch("__ASSET_JOB", ["greeting"])
            assert web.run_finished(run) == "SUCCESS"
            [recorded] = web.materialized("greeting", 1)
    # The database is there when the emulator is started again, and so is everything else.
    connections.unlink(missing_ok=True)
    with local.process([local.tool(words[0]), *words[1:]], {}, emulator_log):
        wait_for("the connections file", connections.exists, emulator_log)
        with dagster_dev(
            tmp_path / "home", tmp_path / "dev.log", target=serve[2:], location=serve[3]
        ) as web:
            run = web.launch("__ASSET_JOB", ["greeting"])
            assert web.run_finished(run) == "SUCCESS"
            assert len(web.materialized("greeting", 2)) == 2
    shown = {entry["label"]: entry for entry in recorded["metadataEntries"]}
    assert "Hello from DAGSTER_GREETING_" in shown["dagster_spcs/log"]["mdStr"]


def test_python_blocks_run() -> None:
    """Every Python block that is not a file of the example runs as it stands."""
    ran = 0
    for language, text in blocks():
        if language == "python" and not text.startswith("# file:"):
            exec(compile(text, "README.md", "exec"), {})
            ran += 1
    assert ran


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(list(dagster_spcs.__all__), id="public-names"),
        pytest.param(
            [field.alias or name for name, field in SpcsJobResource.model_fields.items()],
            id="resource-fields",
        ),
        pytest.param(list(JobRequest.model_fields), id="request-fields"),
        pytest.param(
            # All but *misplaced, which takes a function where no parentheses were written.
            list(inspect.signature(spcs_job_asset).parameters)[1:],
            id="asset-options",
        ),
        pytest.param(
            list(inspect.signature(build_spcs_polling_sensor).parameters), id="sensor-options"
        ),
    ],
)
def test_reference_is_complete(words: list[str]) -> None:
    """Each public name, field and option stands in the README."""
    text = README.read_text()
    missing = [word for word in words if not re.search(rf"\b{re.escape(word)}\b", text)]
    assert missing == []


def test_emulator_options_are_in_the_readme() -> None:
    """Each option of the command stands in the README."""
    shown = subprocess.run(
        [local.tool("dagster-spcs"), "emulator", "--help"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    options = set(re.findall(r"--[a-z-]+", shown)) - {"--help"}
    assert options
    assert [option for option in options if f"`{option}" not in README.read_text()] == []
