"""``dagster-spcs emulator``: serve until interrupted."""

import argparse
import difflib
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from pathlib import Path

import tomllib

from dagster_spcs.emulator import (
    CONNECTION_NAME,
    CannotListen,
    DataFolderInUse,
    Emulator,
    UnreadableImage,
)
from dagster_spcs.emulator.containers.filesystem import why_not_granted
from dagster_spcs.emulator.sql.damaged import DamagedData

_DEFAULT_FILE = Path(".spcs-emulator/connections.toml")


def parse_image(text: str, base: Path = Path()) -> tuple[str, Path]:
    """Return reference and folder of ``REF=FOLDER``, the folder relative to ``base``."""
    reference, equals, folder = text.partition("=")
    if not equals or not reference or not (base / folder).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not REF=FOLDER with a folder that exists")
    return reference, base / folder


def parse_pool(text: str) -> tuple[str, int]:
    """Return name and number of nodes of ``NAME=NODES``."""
    name, equals, nodes = text.partition("=")
    if not equals or not name.isidentifier() or not nodes.isdecimal() or int(nodes) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NODES with at least one node")
    return name, int(nodes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dagster-spcs emulator",
        description="An embedded Snowflake account whose job services are local processes.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (loopback)")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--data-dir", type=Path, help="keep tables, history and logs here")
    parser.add_argument(
        "--image",
        action="append",
        type=parse_image,
        default=[],
        metavar="REF=FOLDER",
        help="serve the build context FOLDER as this image; repeatable",
    )
    parser.add_argument(
        "--compute-pool",
        action="append",
        type=parse_pool,
        default=[],
        metavar="NAME=NODES",
        help="create a compute pool unless it exists; repeatable",
    )
    parser.add_argument(
        "--connections-file",
        type=Path,
        default=_DEFAULT_FILE,
        metavar="FILE",
        help=f"where to write the connection {CONNECTION_NAME!r} ({_DEFAULT_FILE})",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the emulator and return the exit code."""
    options = _options(arguments)
    os.umask(0o077)  # what is written is its owner's
    quiet()
    emulator = Emulator(
        host=options.host,
        port=options.port,
        data_dir=options.data_dir,
        images=options.image,
        compute_pools=dict(options.compute_pool),
    )
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    if _leads_somewhere(options.connections_file):
        print(
            f"dagster-spcs emulator: {options.connections_file} leads to an emulator that is"
            " running. End that one, or name another file with --connections-file.",
            file=sys.stderr,
        )
        return 1
    try:
        emulator.start()
    except (CannotListen, DamagedData, DataFolderInUse, UnreadableImage) as error:
        print(f"dagster-spcs emulator: {error}", file=sys.stderr)
        return 1
    try:
        emulator.write_connections_file(options.connections_file)
        print(f"Listening on {emulator.host}:{emulator.port}.", flush=True)
        print(f"Connection {CONNECTION_NAME!r} is in {options.connections_file}.", flush=True)
        why = why_not_granted()
        if why is not None:
            print(
                f"Containers have no view of the file system of their own ({why}): only Python in"
                " them finds the session's token and the volumes.",
                flush=True,
            )
        ended.wait()
    finally:
        emulator.stop()
        options.connections_file.unlink(missing_ok=True)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options; one that there is not is answered with the one that was meant."""
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        known = [name for action in parser._actions for name in action.option_strings]
        close = difflib.get_close_matches(unknown[0].partition("=")[0], known, n=1)
        hint = f"; write {close[0]}" if close else ""
        parser.error(f"there is no option {unknown[0]!r}{hint}")
    return options


def _leads_somewhere(file: Path) -> bool:
    """Whether somebody listens where a connections file says; an unreadable one says nothing."""
    try:
        connection = tomllib.loads(file.read_text())[CONNECTION_NAME]
        with socket.create_connection((connection["host"], connection["port"]), timeout=1):
            return True
    except (OSError, ValueError, KeyError, TypeError):
        return False


def quiet() -> None:
    """Keep to itself what fakesnow says of each statement; errors reach the client anyway."""
    for chatty in ("fakesnow.server", "sqlglot"):  # both print statements, secrets included
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", message="Arrow output", category=UserWarning)


if __name__ == "__main__":
    sys.exit(main())
