"""A run that gets TERM at an awkward moment."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from tests.faults.account import write_settings
from tests.support.emulators import Lab, new_emulator, open_lab, until


@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_terminated_while_dagster_stores_an_event(tmp_path: Path, executor: str) -> None:
    """The step is not told by an exception of its own; its other job is cancelled all the same."""
    home = tmp_path / "home"
    home.mkdir()
    with new_emulator(tmp_path) as emulator, open_lab(emulator) as connection:
        lab = Lab(connection)
        settings = str(write_settings(emulator, tmp_path))
        subprocess.run(
            [sys.executable, "-m", "tests.faults.terminated", settings, executor],
            env={**os.environ, "DAGSTER_HOME": str(home)},
            check=False,
            timeout=50,
        )
        history = "SELECT NAME, STATUS FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY())"
        until(lambda: {row["STATUS"] for row in lab.rows(history)} <= {"DONE", "CANCELLED"})
        ends = {row["NAME"].split("_")[1]: row["STATUS"] for row in lab.rows(history)}
    assert ends == {"SHORT": "DONE", "LONG": "CANCELLED"}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert len(instance.fetch_materializations(dg.AssetKey("short"), limit=9).records) == 1
