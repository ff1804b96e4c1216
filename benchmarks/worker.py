"""``python -m benchmarks.worker <job> [<last partition> <tag>=…]``: one run, as a run worker."""

import sys

import dagster as dg

from benchmarks import code_location


def main() -> int:
    """Execute the run and return the exit code."""
    job, *tags = sys.argv[1:]
    with (
        dg.DagsterInstance.get() as instance,
        dg.execute_job(
            dg.reconstructable(getattr(code_location, job)),
            instance=instance,
            tags=dict(tag.split("=", 1) for tag in tags),
        ) as result,
    ):
        return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main())
