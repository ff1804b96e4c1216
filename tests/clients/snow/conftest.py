"""Run ``snow`` against the account whose address the environment tells."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAM = str(Path(sys.executable).with_name("snow"))
SPECIFICATION = """
spec:
  containers:
  - name: main
    image: /db/schema/images/hello:1
    args: [{args}]
"""


@dataclass(frozen=True)
class Snow:
    """The program, its settings and its connection ``emulator``."""

    home: Path

    def start(self, *words: str) -> list[str]:
        """Return the command line."""
        return [PROGRAM, "--config-file", str(self.home / "config.toml"), *words]

    @property
    def environment(self) -> dict[str, str]:
        """Return the program's environment."""
        return {
            **{name: value for name, value in os.environ.items() if "SNOWFLAKE" not in name},
            "HOME": str(self.home),
            "SNOWFLAKE_HOME": str(self.home),
            "COLUMNS": "200",
        }

    def run(self, *words: str, stdin: str | None = None, fails: bool = False) -> str:
        """Run it; what it prints."""
        done = subprocess.run(
            self.start(*words),
            env=self.environment,
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=90,
        )
        text = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, text
        return text if fails else done.stdout

    def json(self, *words: str, stdin: str | None = None) -> Any:
        """Run it with ``--format json``; what it prints, read."""
        text = self.run(*words, "--format", "json", stdin=stdin)
        return json.loads(text)

    def rows(self, *words: str) -> list[dict[str, Any]]:
        """Like ``json``, for commands that print one row alone as an object."""
        told = self.json(*words)
        return told if isinstance(told, list) else [told]


@pytest.fixture
def snow(tmp_path: Path) -> Iterator[Snow]:
    """The program in a database and schema of this test's own."""
    database = f"D{uuid.uuid4().hex[:10]}".upper()
    env = os.environ
    file = tmp_path / "config.toml"
    lines = [
        'default_connection_name = "emulator"',
        "[connections.emulator]",
        f'account = "{env["SPCS_ACCOUNT"]}"',
        f'user = "{env["SPCS_USER"]}"',
        f'password = "{env["SPCS_PASSWORD"]}"',
        f'host = "{env["SPCS_HOST"]}"',
        f"port = {env['SPCS_PORT']}",
        'protocol = "http"',
    ]
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o600)
    program = Snow(tmp_path)
    program.run("sql", "-q", f"CREATE DATABASE {database}; CREATE SCHEMA {database}.WORK")
    lines += [f'database = "{database}"', 'schema = "WORK"']
    file.write_text("\n".join(lines) + "\n")
    yield program
    program.run("sql", "-q", f"DROP DATABASE IF EXISTS {database}")


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Poll until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.3)
