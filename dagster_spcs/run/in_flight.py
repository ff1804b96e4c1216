"""How many jobs may be in flight at once, of an asset and of a deployment.

Dagster's pools count steps, and the step of a deferred job has ended while its job is at work. What
counts is what the account lists when a step submits; runs that submit in the same moment may go
beyond the limit by what each of them submits.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dagster_spcs.jobs.submission import PlannedJob
from dagster_spcs.jobs.tracked_job import TrackedJob


@dataclass(frozen=True)
class InFlightLimits:
    """The limits of one step; None is no limit."""

    of_asset: int | None
    of_deployment: int | None

    def fitting(
        self, list_jobs: Callable[[], Iterable[TrackedJob]], planned: Sequence[PlannedJob]
    ) -> list[PlannedJob]:
        """Return what may be submitted now, in order; lists the jobs if there is a limit."""
        if self.of_asset is None and self.of_deployment is None:
            return list(planned)
        at_work = [job for job in list_jobs() if not job.is_over]
        of_asset = Counter(job.asset_key for job in at_work)
        total = len(at_work)
        chosen = []
        for each in planned:
            if _has_room(total, self.of_deployment) and _has_room(
                of_asset[each.asset], self.of_asset
            ):
                chosen.append(each)
                of_asset[each.asset] += 1
                total += 1
        return chosen


def _has_room(count: int, limit: int | None) -> bool:
    return limit is None or count < limit
