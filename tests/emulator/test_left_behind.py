"""What a container leaves behind ends with it, and the container ends with its emulator."""

import json
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import snowflake.connector

from tests.support.emulators import (
    POOL,
    Lab,
    build_context,
    container,
    execute_job,
    new_name,
    processes_with,
    spec_of,
    until,
)

IMAGE = "/lab/public/images/shell:1"


@pytest.mark.parametrize(
    "start",
    [
        pytest.param("{} &", id="child"),
        pytest.param("setsid {} >/dev/null 2>&1 &", id="daemon"),
        pytest.param("env -i setsid {} >/dev/null 2>&1 &", id="daemon-without-environment"),
        pytest.param("(trap '' TERM HUP; env -i setsid {} &) &", id="deaf"),
    ],
)
def test_nothing_outlives_the_container(lab: Lab, start: str) -> None:
    """Whatever a process did to get away."""
    mark = f"9{uuid.uuid4().int % 10**11}"
    name = lab.submit(f"{start.format(f'sleep {mark}')} sleep 0.2; echo started")
    lab.wait(name)
    assert lab.log(name) == ["started"]
    assert processes_with(mark) == []


def test_processes_of_a_container(lab: Lab) -> None:
    """It sees its own, and not the machine's; its end is told as before."""
    name = lab.submit("ls -d /proc/[0-9]* | wc -l; kill -9 $$")
    lab.wait(name, "FAILED")
    assert int(lab.log(name)[0]) < 10
    assert lab.containers(name)[0]["last_exit_code"] == 137


def test_containers_end_with_an_emulator_that_was_killed(tmp_path: Path) -> None:
    """After ``kill -9`` nothing of them is left, daemons included."""
    mark = f"8{uuid.uuid4().int % 10**11}"
    shell = build_context(tmp_path / "shell", 'FROM scratch\nENTRYPOINT ["/bin/sh", "-c"]\n')
    connections = tmp_path / "connections.toml"
    command = [sys.executable, "-m", "dagster_spcs.emulator", "--port", "0"]
    command += ["--connections-file", str(connections), "--image", f"{IMAGE}={shell}"]
    emulator = subprocess.Popen(
        [*command, "--compute-pool", f"{POOL}=1"], stdout=subprocess.DEVNULL
    )
    try:
        text = until(lambda: connections.exists() and connections.read_text(), "the emulator")
        lines = (line.partition(" = ") for line in str(text).splitlines()[1:])
        settings = {key: json.loads(value) for key, _, value in lines if value}
        with snowflake.connector.connect(**settings) as connection:
            connection.cursor().execute("CREATE DATABASE LAB")
            script = f"env -i setsid sleep {mark} & sleep {mark}"
            spec = spec_of(container(script, image=IMAGE))
            connection.cursor().execute(execute_job(spec, new_name()))
            until(lambda: len(processes_with(f"sleep\0{mark}")) == 2, "the container")
            emulator.send_signal(signal.SIGKILL)
            emulator.wait()
        until(lambda: not processes_with(mark), "the end of the container")
    finally:
        if emulator.poll() is None:
            emulator.kill()
            emulator.wait()
