"""The jobs that a deployment has at the account, as a step sees them."""

from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.submission import Place
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.spcs.client import SpcsClient


def list_tracked(client: SpcsClient, place: Place) -> list[TrackedJob]:
    """Return all jobs of the place whose comments tell who they are for, finished ones included.

    All of them are listed, in one statement, because a name of the user's own may stand in place of
    the asset's.
    """
    listed = client.list_jobs(
        database=place.database, schema=place.schema, prefix=f"{place.prefix}_"
    )
    jobs = []
    for record in listed:
        identity = JobIdentity.from_comment(record.comment)
        # Prefixes of deployments may begin alike.
        if isinstance(identity, JobIdentity) and identity.deployment in (None, place.prefix):
            jobs.append(TrackedJob(record, identity))
    return jobs
