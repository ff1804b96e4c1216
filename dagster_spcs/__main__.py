"""The command ``dagster-spcs``; today it has one subcommand, ``emulator``."""

import argparse
import sys
from importlib.metadata import version

_EXAMPLES = """\
examples:
  dagster-spcs emulator --image /db/schema/images/report:1=images/report --compute-pool CPU_S=2
      serve an account with this image and pool; the connection is written to
      .spcs-emulator/connections.toml
  dagster-spcs emulator --data-dir .spcs-emulator/data
      keep tables, history and logs for the next time
  dagster-spcs emulator --help
      list all options
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand and return the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["emulator"]:
        return _emulator(words[1:])
    parser = _parser()
    if not words:
        parser.print_help(sys.stderr)
        return 2
    parser.parse_args(words)  # answers, or says what is wrong, and exits
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dagster-spcs",
        description=(
            "Container workloads on Snowpark Container Services as Dagster assets. Jobs are started"
            " by Dagster; this command serves an account on your own machine."
        ),
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"dagster-spcs {version('dagster-spcs')}"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    commands.add_parser(
        "emulator", help="serve an embedded Snowflake account whose jobs are local processes"
    )
    return parser


def _emulator(words: list[str]) -> int:
    if sys.version_info < (3, 11):
        print("The emulator needs Python 3.11 or newer (fakesnow does).", file=sys.stderr)
        return 1
    try:
        from dagster_spcs.emulator.__main__ import main as emulator
    except ModuleNotFoundError as error:
        print(f"dagster-spcs emulator: {error}", file=sys.stderr)
        return 1
    return emulator(words)


if __name__ == "__main__":
    sys.exit(main())
