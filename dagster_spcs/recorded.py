"""What Dagster's event log holds of an asset's jobs: that they were started, and that they ended.

An event belongs to a job by name and time of creation, both in its metadata: a name can be used
again once its job was dropped.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg

from dagster_spcs import events
from dagster_spcs.identity import JobIdentity
from dagster_spcs.records import JobRecord

JobEvent = dg.AssetMaterialization | dg.AssetObservation
_PAGE = 1000
_CLOCK_SLACK = timedelta(minutes=5)
"""Between the clocks of the hosts that Dagster's own processes run on."""


def asset_events(
    instance: dg.DagsterInstance, key: dg.AssetKey, after: float | None = None
) -> Iterator[tuple[float, JobEvent]]:
    """Yield an asset's materializations, then its observations, the newest first, with times."""
    wanted = dg.AssetRecordsFilter(asset_key=key, after_timestamp=after)
    for fetch in (instance.fetch_materializations, instance.fetch_observations):
        page: str | None = None
        while True:
            result = fetch(wanted, limit=_PAGE, cursor=page)
            for record in result.records:
                event = record.asset_materialization or record.asset_observation
                if event is not None:
                    yield record.timestamp, event
            if not result.has_more:
                break
            page = result.cursor


def already_recorded(
    instance: dg.DagsterInstance, jobs: Sequence[tuple[JobRecord, JobIdentity]]
) -> list[bool]:
    """Return, for each job in order, whether its end is in the event log.

    Events are searched from the time of submission on, by the clock of Dagster's own hosts, so
    the account's clock does not matter.
    """
    since: dict[tuple[str, ...], float] = {}
    for _, identity in jobs:
        at = (identity.submitted - _CLOCK_SLACK).timestamp()
        since[identity.asset] = min(at, since.get(identity.asset, at))
    ends = [
        end
        for path, after in since.items()
        for _, event in asset_events(instance, dg.AssetKey(list(path)), after)
        if (end := events.end_told_by(event)) is not None
    ]
    return [any(end.is_of(job, identity.partition) for end in ends) for job, identity in jobs]
