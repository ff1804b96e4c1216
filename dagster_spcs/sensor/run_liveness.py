"""Whether a run that waits for a job is at work, or was killed and only looks as if it were."""

from collections.abc import Mapping
from datetime import timedelta

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field

from dagster_spcs.event_log.keys import SEEN_ALIVE_TAG
from dagster_spcs.event_log.signs_of_life import SILENT_AFTER

_MOST_BETWEEN_TICKS = timedelta(minutes=1)
"""What the time between two ticks counts for at most: when a machine sleeps, run and sensor wake
up together, and the run must have its time to show a sign."""


class Silence(BaseModel):
    """For how long a run has shown no new sign of life."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    sign: str
    """The last one, as the run wrote it; empty if it never did."""
    seconds: float = Field(ge=0, allow_inf_nan=False)


class RunLiveness:
    """Says of runs whether they are at work.

    A run that has ended, or is gone, is not. One that seems to be there is until its sign of life
    has not changed for ``SILENT_AFTER``, counted over several ticks. Signs are only compared with
    each other, so the clock of the run's host does not matter.

    Args:
        instance: knows the runs.
        silent: what the last tick saved.
        since_last_tick: how long ago it looked.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        silent: Mapping[str, Silence],
        since_last_tick: timedelta,
    ) -> None:
        self._instance = instance
        self._before = silent
        counted = min(max(since_last_tick, timedelta(0)), _MOST_BETWEEN_TICKS)
        self._counted = counted.total_seconds()
        self._is_alive: dict[str, bool] = {}
        self.silent: dict[str, Silence] = {}
        """What to save."""

    def is_alive(self, run_id: str) -> bool:
        """Whether a run is, or may be, at work."""
        if run_id not in self._is_alive:
            self._is_alive[run_id] = self._look(run_id)
        return self._is_alive[run_id]

    def _look(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        sign = run.tags.get(SEEN_ALIVE_TAG, "")
        before = self._before.get(run_id)
        seconds = 0.0
        if before is not None and before.sign == sign:
            seconds = before.seconds + self._counted
        self.silent[run_id] = Silence(sign=sign, seconds=seconds)
        return seconds < SILENT_AFTER.total_seconds()
