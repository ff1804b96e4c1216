"""``make dev``: the emulator and Dagster's UI, until interrupted."""

import argparse
import socket
import sys
from pathlib import Path

from dagster_spcs.emulator import DataFolderInUse
from definitions import local
from definitions.interruption import Interrupted, interruptible

# No telemetry, and no form over the first page; yours to change, it is written once.
_INSTANCE = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def main() -> int:
    """Serve and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m definitions.dev", description=__doc__)
    parser.add_argument("--port", type=_port, default=3000, help="of Dagster's UI")
    port = parser.parse_args().port
    if not _free(port):
        print(
            f"Port {port} is taken by another program. Choose one with: make dev PORT=3001",
            file=sys.stderr,
        )
        return 1
    home = Path(".dagster").absolute()
    home.mkdir(exist_ok=True)
    if not (home / "dagster.yaml").exists():
        (home / "dagster.yaml").write_text(_INSTANCE)
    try:
        with (
            interruptible(),
            local.emulator(Path(".spcs-emulator").absolute(), keep_data=True) as emulator,
        ):
            print(f"Emulator: {emulator.host}:{emulator.port}, data in .spcs-emulator/", flush=True)
            print(f"Dagster:  http://127.0.0.1:{port}   (Ctrl-C ends both)", flush=True)
            arguments = [local.tool("dagster"), "dev", "-w", "workspace.yaml", "-p", str(port)]
            with local.process(arguments, {"DAGSTER_HOME": str(home)}) as dagster:
                code = dagster.wait()
                print(f"Dagster ended by itself with exit code {code}.", file=sys.stderr)
                return code or 1
    except Interrupted:
        print("Ended.", flush=True)
        return 0
    except DataFolderInUse as error:
        print(f"{error}\nIs `make dev` running already?", file=sys.stderr)
        return 1


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
