"""The command ``dagster-spcs emulator``."""

import subprocess
import sys
from pathlib import Path

import pytest
import snowflake.connector
import tomllib

from dagster_spcs.emulator import Emulator


def serve(file: Path) -> "subprocess.CompletedProcess[str]":
    """Start an emulator that is to write this connections file, and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "dagster_spcs", "emulator", "--connections-file", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_connections_file_of_another_emulator_is_left_alone(
    emulator: Emulator, tmp_path: Path
) -> None:
    """A second emulator would cut the first one's clients off, and take the file with it."""
    file = tmp_path / "connections.toml"
    emulator.write_connections_file(file)
    before = file.read_text()
    ended = serve(file)
    assert ended.returncode == 1
    assert "leads to an emulator that is running" in ended.stderr
    assert file.read_text() == before


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("not TOML", id="not-toml"),
        pytest.param('[spcs-emulator]\nhost = "127.0.0.1"\nport = 1\n', id="nobody-there"),
        pytest.param("[spcs-emulator]\n", id="empty"),
    ],
)
def test_connections_file_that_leads_nowhere_is_replaced(tmp_path: Path, text: str) -> None:
    """What an emulator that was killed left behind is in nobody's way."""
    file = tmp_path / "connections.toml"
    file.write_text(text)
    arguments = [sys.executable, "-m", "dagster_spcs", "emulator", "--connections-file", str(file)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("Listening")
            assert "password" in file.read_text()
        finally:
            process.terminate()


def test_data_is_its_owners(tmp_path: Path) -> None:
    """Whatever the umask of whoever starts it: the folder is 0700, files in it are 0600."""
    data, file = tmp_path / "data", tmp_path / "connections.toml"
    data.mkdir(mode=0o755)
    arguments = [sys.executable, "-m", "dagster_spcs", "emulator", "--connections-file", str(file),
                 "--data-dir", str(data)]  # fmt: skip
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, umask=0) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("Listening")
            connection = tomllib.loads(file.read_text())["spcs-emulator"]
            with snowflake.connector.connect(**connection) as opened:
                opened.cursor().execute("CREATE DATABASE KEPT")
                opened.cursor().execute("CREATE STAGE KEPT.PUBLIC.S")
                (tmp_path / "a.txt").write_text("a")
                opened.cursor().execute(f"PUT file://{tmp_path}/a.txt @KEPT.PUBLIC.S")
        finally:
            process.terminate()
    modes = {path.stat().st_mode & 0o777 for path in data.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert data.stat().st_mode & 0o777 == 0o700


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "dagster_spcs", *words], capture_output=True, text=True, timeout=60
    )


def test_version_and_help() -> None:
    """What it is, what it can do, and how that is written."""
    assert command("--version").stdout.startswith("dagster-spcs ")
    shown = command("--help").stdout
    assert "serve an embedded Snowflake account" in shown
    assert "dagster-spcs emulator --image" in shown
    alone = command()
    assert (alone.returncode, alone.stdout) == (2, "")
    assert "COMMAND" in alone.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["emulatr"], "'emulatr'"),
        (["--versoin"], "usage: dagster-spcs"),
        (["emulator", "--prt", "3"], "there is no option '--prt'; write --port"),
        (["emulator", "--data_dir=x"], "write --data-dir"),
        (["emulator", "--imges", "a=b"], "write --image"),
        (["emulator", "--compute-pols", "A=1"], "write --compute-pool"),
        (["emulator", "--hots", "x"], "write --host"),
        (["emulator", "--connection-file", "x"], "write --connections-file"),
        (["emulator", "--port", "x"], "invalid int value: 'x'"),
        (["emulator", "--compute-pool", "A"], "'A' is not NAME=NODES"),
        (["emulator", "--image", "a=nowhere"], "is not REF=FOLDER with a folder that exists"),
    ],
)
def test_typo(words: list[str], told: str) -> None:
    """The error names what was typed and what was meant."""
    done = command(*words)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("missing", ["fakesnow", "uvicorn", "duckdb"])
def test_extra_that_is_not_installed(missing: str) -> None:
    """The error names what to install, not a module of ours."""
    program = f"import sys; sys.modules[{missing!r}] = None; "
    for rest in ("import dagster_spcs.emulator", "import dagster_spcs.emulator.pytest_plugin"):
        done = subprocess.run(
            [sys.executable, "-c", program + rest], capture_output=True, text=True, timeout=60
        )
        assert "pip install 'dagster-spcs[emulator]'" in done.stderr
    run = "from dagster_spcs.__main__ import main; sys.exit(main(['emulator']))"
    done = subprocess.run(
        [sys.executable, "-c", program + run], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "pip install 'dagster-spcs[emulator]'" in done.stderr
    assert "Traceback" not in done.stderr
