"""The pytest plugin, in a project of its own."""

import subprocess
import sys
from pathlib import Path

CONFTEST = 'pytest_plugins = ["dagster_spcs.emulator.pytest_plugin"]\n'
SETTINGS = """[pytest]
spcs_emulator_images =
    /lab/public/images/hello:1=FOLDER
    /lab/public/images/other:1=hello
spcs_emulator_compute_pools = SMALL=1
"""
TESTS = """
import snowflake.connector

def test_breaks(spcs_emulator):
    spcs_emulator.faults.latency_seconds = 0.001
    spcs_emulator.faults.refuse("SELECT 1", times=None)

def test_is_well_again(spcs_emulator):
    with snowflake.connector.connect(**spcs_emulator.connection_parameters()) as connection:
        assert connection.cursor().execute("SELECT 1").fetchone() == (1,)
        pools = connection.cursor().execute("SHOW COMPUTE POOLS").fetchall()
        assert [row[0] for row in pools] == ["SMALL"]
    assert "SELECT 1" in [sent.text for sent in spcs_emulator.statements]
"""


def run_pytest(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip


def write(folder: Path, settings: str) -> None:
    (folder / "hello").mkdir()
    (folder / "hello" / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["/bin/true"]\n')
    (folder / "pytest.ini").write_text(settings)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(TESTS)


def test_fixture(tmp_path: Path) -> None:
    """Images and pools come from the settings; faults end with the test that made them."""
    write(tmp_path, SETTINGS.replace("FOLDER", "hello"))
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    write(tmp_path, SETTINGS.replace("FOLDER", "goodbye"))
    done = run_pytest(tmp_path)
    assert done.returncode == 1
    assert "'/lab/public/images/hello:1=goodbye' is not REF=FOLDER" in done.stdout
