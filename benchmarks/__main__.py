"""``python -m benchmarks [name …] [--quick] [--json FILE]``; 1 if a bar was missed."""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import emulator, imports, latency_to_event, memory, submission, tick
from benchmarks.table import Table, say

BENCHMARKS: dict[str, Callable[..., list[Table]]] = {
    "tick": tick.run,
    "submission": submission.run,
    "emulator": emulator.run,
    "memory": memory.run,
    "imports": imports.run,
    "latency_to_event": latency_to_event.run,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen benchmarks, print their tables, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, about a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there, too")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    # So that what was started is ended: emulators, daemons, runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tables: list[Table] = []
    seconds: dict[str, float] = {}
    for name in options.names or BENCHMARKS:
        begun = time.perf_counter()
        measured = BENCHMARKS[name](quick=options.quick)
        seconds[name] = time.perf_counter() - begun
        for table in measured:
            print(f"{table.text()}\n", flush=True)
        tables += measured
    if options.json is not None:
        result = {**_machine(), "quick": options.quick, "seconds": seconds}
        result["tables"] = [table.to_json() for table in tables]
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    say(", ".join(f"{name} took {took:.0f} s" for name, took in seconds.items()))
    missed = [line for table in tables for line in table.missed]
    print("\n".join(f"MISSED {line}" for line in missed) or "Every bar was kept.")
    return 1 if missed else 0


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "dagster": version("dagster"),
        "connector": version("snowflake-connector-python"),
    }


if __name__ == "__main__":
    sys.exit(main())
