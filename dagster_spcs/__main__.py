"""The command ``dagster-spcs``; today it has one subcommand, ``emulator``."""

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand and return the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] != ["emulator"]:
        print("usage: dagster-spcs emulator [options]   (--help lists them)", file=sys.stderr)
        return 2
    if sys.version_info < (3, 11):
        print("The emulator needs Python 3.11 or newer (fakesnow does).", file=sys.stderr)
        return 1
    try:
        from dagster_spcs.emulator.__main__ import main as emulator
    except ModuleNotFoundError as error:
        print(
            f"The emulator needs the package {error.name}, which is not installed. Next step:"
            " pip install 'dagster-spcs[emulator]'",
            file=sys.stderr,
        )
        return 1
    return emulator(words[1:])


if __name__ == "__main__":
    sys.exit(main())
