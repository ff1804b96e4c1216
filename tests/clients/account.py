"""An emulator for one client's checks: a process of its own, and how to reach it."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STARTS_WITHIN_SECONDS = 60.0


@contextmanager
def account(python: Path, images: Path, clients_bin: Path) -> Iterator[dict[str, str]]:
    """Run an emulator; yields the environment that leads a client to it.

    Args:
        python: has the emulator installed.
        images: build contexts, each a folder that is named as its image; may be missing.
        clients_bin: where the client's own programs are; stands for ``@BIN@`` in Dockerfiles.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        connections = folder / "connections.toml"
        command = [str(python), "-m", "dagster_spcs.emulator", "--port", "0"]
        command += ["--connections-file", str(connections), "--compute-pool", "CPU_S=4"]
        for context in _contexts(images, folder / "images", clients_bin):
            command += ["--image", f"/db/schema/images/{context.name}:1={context}"]
        emulator = subprocess.Popen(command)
        try:
            deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
            while not (connections.exists() and connections.read_text().endswith("\n")):
                if emulator.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the emulator did not start")
                time.sleep(0.05)
            yield {**os.environ, **_environment(connections.read_text())}
        finally:
            emulator.terminate()
            emulator.wait()


def _contexts(images: Path, copies: Path, clients_bin: Path) -> Iterator[Path]:
    for context in sorted(images.glob("*")):
        copy = copies / context.name
        shutil.copytree(context, copy)
        dockerfile = copy / "Dockerfile"
        dockerfile.write_text(dockerfile.read_text().replace("@BIN@", str(clients_bin)))
        yield copy


def _environment(connections: str) -> dict[str, str]:
    lines = (line.partition(" = ") for line in connections.splitlines() if " = " in line)
    settings = {key: value.strip('"') for key, _, value in lines}
    wanted = ("host", "port", "user", "password", "account")
    return {f"SPCS_{key.upper()}": settings[key] for key in wanted}
