"""That a run which waits for jobs is at work: a tag of the run.

A run whose process was killed looks to Dagster as if it were still there, for ever where run
monitoring is off. So a waiting run writes the time into a tag of its own, every half minute. The
sensor leaves a job to its run while that tag changes, and records the job itself when it no longer
does.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import dagster as dg

from dagster_spcs.event_log.keys import SEEN_ALIVE_TAG

INTERVAL_SECONDS = 30.0
"""Between two signs, at least."""
SILENT_AFTER = timedelta(minutes=3)
"""A run whose sign has not changed for this long counts as dead. It shows one at each look, at each
statement that it tries again, and while it waits for the rest of a log."""


class SignsOfLife:
    """Writes the signs of one run, at most one an interval.

    Args:
        instance: whose run it is.
        run_id: the run.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        run_id: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._instance = instance
        self._run_id = run_id
        self._clock = clock
        self._next = clock()

    def show(self) -> None:
        """Write a sign if the last one is an interval old."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + INTERVAL_SECONDS
        now = datetime.now(timezone.utc)
        self._instance.add_run_tags(self._run_id, {SEEN_ALIVE_TAG: now.isoformat()})
