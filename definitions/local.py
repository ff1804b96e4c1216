"""A local stage for the example: the emulator, set up, and Dagster's own processes beside it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import snowflake.connector

from dagster_spcs.emulator import Emulator
from dagster_spcs.emulator.__main__ import quiet
from definitions import settings
from definitions.interruption import end_if_interrupted, undisturbed

_ENDS_WITHIN_SECONDS = 20.0


@contextmanager
def emulator(folder: Path, *, keep_data: bool) -> Iterator[Emulator]:
    """Run the emulator with the example's image, and create what ``setup.sql`` lists.

    For as long, the environment leads the example to this emulator and to no account.
    """
    quiet()
    connections_file = folder / "connections.toml"
    os.environ["SPCS_EMULATOR_CONNECTIONS_FILE"] = str(connections_file)
    os.environ.pop("SNOWFLAKE_ACCOUNT", None)
    started = Emulator(
        data_dir=folder / "data" if keep_data else None,
        images=[(settings.IMAGE, settings.IMAGE_FOLDER)],
    )
    with undisturbed():
        started.start()
    try:
        end_if_interrupted()
        started.write_connections_file(connections_file)
        with snowflake.connector.connect(**started.connection_parameters()) as connection:
            for cursor in connection.execute_string(settings.SETUP_SQL.read_text()):
                cursor.close()
        yield started
    finally:
        connections_file.unlink(missing_ok=True)
        started.stop()


def tool(name: str) -> str:
    """Return a command of the environment this runs in."""
    return str(Path(sys.executable).with_name(name))


@contextmanager
def process(
    arguments: Sequence[str], env: Mapping[str, str], log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in a group of its own and end the whole group, however this ends."""
    with contextlib.ExitStack() as stack:
        output = None if log is None else stack.enter_context(log.open("wb"))
        with undisturbed():
            started = subprocess.Popen(
                list(arguments),
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )
        try:
            end_if_interrupted()
            yield started
        finally:
            end_group(started)


def end_group(started: subprocess.Popen[bytes]) -> None:
    """TERM to the leader of a process group, then to the group, and KILL to what is left."""
    with contextlib.suppress(ProcessLookupError):
        started.terminate()  # it ends its own children in order
    with contextlib.suppress(subprocess.TimeoutExpired):
        started.wait(_ENDS_WITHIN_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGTERM)
    until = time.monotonic() + _ENDS_WITHIN_SECONDS
    while _group_alive(started.pid) and time.monotonic() < until:
        time.sleep(0.05)  # grandchildren end after the leader; there is nothing to wait on
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def _group_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
