"""A PostgreSQL server of a test's own, on loopback, from Debian's package."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_SECONDS = 60


@contextmanager
def postgres_url() -> Iterator[str]:
    """Start a server with an empty database, yield its address, and stop it."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    as_owner = _as_unprivileged(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = folder / "data"
    log = folder / "log"
    try:
        subprocess.run(
            [
                *as_owner,
                programs / "initdb",
                "-D",
                data,
                "-A",
                "trust",
                "-U",
                "dagster",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        options = ["-k", str(folder), "-h", "127.0.0.1", "-p", str(port)]
        with log.open("wb") as output:
            server = subprocess.Popen(
                [*as_owner, programs / "postgres", "-D", data, *options, "-c", "fsync=off"],
                stdout=output,
                stderr=output,
                cwd=folder,
            )
        try:
            _wait(server, programs, port, log)
            yield f"postgresql+psycopg2://dagster@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait()
    finally:
        shutil.rmtree(folder)


@contextmanager
def postgres_storage() -> Iterator[str]:
    """Start a server, and yield the part of a ``dagster.yaml`` that names it as the storage."""
    with postgres_url() as url:
        yield f"storage:\n  postgres:\n    postgres_url: {url}\n"


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    assert initdb is not None, "these tests need PostgreSQL: apt-get install postgresql"
    return Path(initdb).resolve().parent


def _as_unprivileged(folder: Path) -> Sequence[str]:
    """Return what a command begins with so that it is not run as root, which PostgreSQL refuses."""
    if os.getuid() != 0:
        return []
    shutil.chown(folder, "postgres", "postgres")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _wait(server: subprocess.Popen[bytes], programs: Path, port: int, log: Path) -> None:
    ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
    until = time.monotonic() + _PATIENCE_SECONDS
    while subprocess.run(ready, check=False).returncode:
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
