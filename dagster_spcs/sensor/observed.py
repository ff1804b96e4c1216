"""Jobs that others start: which asset each is for, told by its name alone."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import dagster as dg

from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.spcs.records import JobRecord


class ObservedJobs:
    """A mapping from patterns of job names to asset keys.

    Args:
        patterns: unqualified names with ``*`` and ``?``, case does not matter; asset keys as text
            with slashes. Of several patterns that fit, the first counts.
    """

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = [
            (pattern.upper(), dg.AssetKey.from_user_string(key))
            for pattern, key in patterns.items()
        ]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def asset_keys(self) -> set[dg.AssetKey]:
        """Return the assets that are mapped to."""
        return {key for _, key in self._patterns}

    def tracked(self, record: JobRecord) -> TrackedJob | None:
        """Return a listed job as if its comment told its asset; None if no pattern fits."""
        for pattern, key in self._patterns:
            if fnmatchcase(record.name.name.upper(), pattern):
                identity = JobIdentity(
                    asset=tuple(key.path), run_id="", submitted=record.created_on
                )
                return TrackedJob(record, identity)
        return None
