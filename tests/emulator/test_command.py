"""The command ``dagster-spcs emulator``."""

import subprocess
import sys
from pathlib import Path

import pytest

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
