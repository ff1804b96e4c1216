"""Whose jobs a listing shows: the sensor's own, those of assets that are away, and strangers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.submission import Place
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.sensor.code_location import CodeLocation
from dagster_spcs.sensor.observed import ObservedJobs
from dagster_spcs.spcs.records import JobListing, JobRecord
from dagster_spcs.spcs.unreadable import Unreadable


@dataclass(frozen=True)
class Listed:
    """A listing, sorted by whose jobs they are."""

    jobs: Sequence[TrackedJob]
    """Those that this sensor records."""
    unclaimed: Sequence[TrackedJob] = ()
    """Those of assets that this code location does not have."""
    without_asset: Sequence[TrackedJob] = ()
    """Those in flight that a ``PipesSpcsClient`` of this deployment has started."""
    strangers: int = 0
    """How many jobs in flight have our prefix and are not this sensor's to record."""
    unreadable: Sequence[Unreadable] = ()
    """Rows that could not be read, and comments."""
    is_complete: bool = True
    """Whether no job of ours can be behind a row that could not be read."""
    digests: frozenset[bytes] = field(default=frozenset())
    """Of every job of ours that is listed, claimed or not."""
    unreadable_names: frozenset[str] = field(default=frozenset())
    """Unqualified names of the jobs whose rows or comments could not be read."""


def sort_listing(
    listing: JobListing, place: Place, location: CodeLocation, observed: ObservedJobs
) -> Listed:
    """Return whose jobs are listed; reads comments, and nothing but the listing."""
    claimed: list[TrackedJob] = []
    unclaimed: list[TrackedJob] = []
    without_asset: list[TrackedJob] = []
    unreadable = list(listing.unreadable)
    strangers = 0
    for record in listing:
        job = _tracked(record, place, observed)
        if isinstance(job, Unreadable):
            unreadable.append(job)
        elif job is not None and not job.asset_key:
            strangers += not job.is_over
            if not job.is_over:
                without_asset.append(job)
        elif job is None or not location.is_responsible_for(job.identity):
            strangers += place.holds(record.name) and not record.status.is_final
        elif location.has_asset_of(job.identity):
            claimed.append(job)
        else:
            unclaimed.append(job)
    prefix = f"{place.prefix}_"
    return Listed(
        jobs=claimed,
        unclaimed=unclaimed,
        without_asset=without_asset,
        strangers=strangers,
        unreadable=unreadable,
        is_complete=all(each.name and not each.name.startswith(prefix) for each in unreadable),
        digests=frozenset(job.digest for job in (*claimed, *unclaimed)),
        unreadable_names=frozenset(each.name for each in unreadable),
    )


def _tracked(
    record: JobRecord, place: Place, observed: ObservedJobs
) -> TrackedJob | Unreadable | None:
    """Return the job that a row shows, None if it is none of this deployment."""
    identity = JobIdentity.from_comment(record.comment)
    if identity is None:
        return observed.tracked(record)
    if not place.holds(record.name):
        return None
    if isinstance(identity, Unreadable):
        return Unreadable(str(record.name), identity.reason, record.name.name)
    is_ours = identity.deployment in (None, place.prefix)
    return TrackedJob(record, identity) if is_ours else None
