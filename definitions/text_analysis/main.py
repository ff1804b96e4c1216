"""Entry point of the image: run one analysis, or say in one line why not.

Exit codes: 0 done, 1 an error told on stderr, 143 ended by SIGTERM.
"""

import os
import signal
import sys
from types import FrameType


def _end_at_once(signum: int, frame: FrameType | None) -> None:
    """End without cleaning up: a batch is one MERGE, so there is nothing half done to undo."""
    # os.write and os._exit, as print and sys.exit may be what the signal interrupted.
    os.write(sys.stderr.fileno(), b"ended by SIGTERM; batches written so far are kept\n")
    os._exit(128 + signum)


def main(arguments: list[str]) -> int:
    """Run with these arguments and return the exit code."""
    from textjob.errors import JobError

    try:
        from textjob.options import parse_options

        options = parse_options(arguments, os.environ)

        from textjob.connection import connect
        from textjob.job import run
        from textjob.reporting import reports

        with reports(options, os.environ) as report, connect() as connection:
            report(run(connection, options))
    except JobError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    # First of all, and the imports after it: as the container's first process Python has no default
    # for SIGTERM, and until there is a handler the signal is lost.
    signal.signal(signal.SIGTERM, _end_at_once)
    sys.exit(main(sys.argv[1:]))
