"""The program as a process: exit codes, streams, SIGTERM."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Query = Callable[..., list[tuple[Any, ...]]]
Texts = Callable[..., None]

ARGUMENTS = [
    "--task=sentiment",
    "--source_table=texts",
    "--source_id_column=id",
    "--source_value_column=body",
    "--result_table=results",
]

# main.py as the container starts it, except that the way in leads to the test's server: the
# documented one wants TLS and a token in a fixed place.
INSIDE = """
import json, runpy, sys
import snowflake.connector
import textjob.connection
settings = json.loads(sys.argv.pop(1))
textjob.connection.connect = lambda: snowflake.connector.connect(**settings)
runpy.run_path("main.py", run_name="__main__")
"""


def _inside(image: Path, settings: dict[str, Any], *extra: str) -> list[str]:
    return [sys.executable, "-c", INSIDE, json.dumps(settings), *ARGUMENTS, *extra]


def _environment(image: Path, **variables: str) -> dict[str, str]:
    outside = {k: v for k, v in os.environ.items() if not k.startswith("SNOWFLAKE_")}
    return {**outside, "PYTHONPATH": str(image), **variables}


def test_done(image: Path, settings: dict[str, Any], texts: Texts) -> None:
    """A run that did its work ends with 0 and says on stdout what it did."""
    texts("I love it.", "I hate it.")
    ended = subprocess.run(
        _inside(image, settings),
        cwd=image,
        env=_environment(image),
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1].startswith("done: 2 rows analysed")


@pytest.mark.parametrize(
    ("arguments", "variables", "complaint"),
    [
        pytest.param([], {}, "required", id="no-arguments"),
        pytest.param(ARGUMENTS, {}, "SNOWFLAKE_HOST is not set", id="outside"),
        pytest.param(
            ARGUMENTS,
            {"SNOWFLAKE_HOST": "h", "SNOWFLAKE_ACCOUNT": "a"},
            "session token .* cannot be read",
            id="no-token",
        ),
        pytest.param(
            [*ARGUMENTS, "--source_table=x; DROP TABLE y"], {}, "not a table name", id="injection"
        ),
    ],
)
def test_error(
    image: Path, arguments: list[str], variables: dict[str, str], complaint: str
) -> None:
    """An error is one line on stderr, no traceback, and exit code 1."""
    ended = subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=image,
        env=_environment(image, **variables),
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert re.search(complaint, line)


def test_sigterm(image: Path, settings: dict[str, Any], query: Query, texts: Texts) -> None:
    """SIGTERM ends the job with 143; what was written stays, and the next run does the rest."""
    texts(*["I love it."] * 60)
    with subprocess.Popen(
        _inside(image, settings, "--batch_size=1"),
        cwd=image,
        env=_environment(image),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as job:
        assert job.stdout
        for line in job.stdout:
            if line.startswith("batch 2:"):
                job.send_signal(signal.SIGTERM)
                break
        _, errors = job.communicate(timeout=120)
    assert job.returncode == 143
    assert errors.strip() == "ended by SIGTERM; batches written so far are kept"
    done = query("SELECT COUNT(*) FROM results")[0][0]
    assert 2 <= done < 60

    again = subprocess.run(
        _inside(image, settings),
        cwd=image,
        env=_environment(image),
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert again.returncode == 0, again.stderr
    assert query("SELECT COUNT(*), COUNT(DISTINCT id) FROM results") == [(60, 60)]
