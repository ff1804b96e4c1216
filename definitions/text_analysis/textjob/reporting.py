"""What Dagster is told of a run, where it listens: the container was started with Dagster Pipes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from textjob.job import Totals
from textjob.options import Options

CHECK = "nothing_left"
"""The check that is reported: every row of this instance's share that was due has its result."""
_CONTEXT = "DAGSTER_PIPES_CONTEXT"


@contextmanager
def reports(options: Options, environment: Mapping[str, str]) -> Iterator[Callable[[Totals], None]]:
    """Yield what takes the totals of a run: a report to Dagster, or nothing at all.

    Args:
        options: The run.
        environment: The process's variables.
    """
    if _CONTEXT not in environment:
        yield lambda totals: None
        return
    from dagster_pipes import open_dagster_pipes  # costs a little, and only Dagster needs it

    with open_dagster_pipes() as pipes:

        def report(totals: Totals) -> None:
            # Each instance of several reports under its own index: none knows the others' numbers.
            suffix = "" if options.share.count == 1 else f"/{options.share.index}"
            pipes.report_asset_materialization(
                metadata={
                    f"rows_analysed{suffix}": totals.analysed,
                    f"rows_up_to_date{suffix}": totals.up_to_date,
                    f"batches{suffix}": totals.batches,
                    "engine": str(options.engine),
                }
            )
            pipes.report_asset_check(
                CHECK, passed=totals.left == 0, metadata={f"rows_left{suffix}": totals.left}
            )

        yield report
