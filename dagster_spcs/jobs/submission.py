"""Submitting the jobs of a step: names, identities, adoption."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dagster_spcs.errors import SpcsError
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.job_errors import JobNameInUse
from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob
from dagster_spcs.spcs import clocks
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.job_errors import SubmissionFailed
from dagster_spcs.spcs.names import JobName, choose_job_name
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.request import JobRequest
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.spcs.submission import Submission, Submitted


@dataclass(frozen=True)
class Place:
    """Where the jobs of a resource live and how their names begin."""

    database: str
    schema: str
    prefix: str

    def __str__(self) -> str:
        return f"{self.database}.{self.schema}, names beginning with {self.prefix}_"

    def holds(self, name: JobName) -> bool:
        """Whether a job of this name is one that the resource starts."""
        own = (name.database, name.schema) == (self.database, self.schema)
        return own and name.name.startswith(f"{self.prefix}_")


Work = tuple[tuple[str, ...], str | None]
"""Asset and partition that a job is for."""


@dataclass(frozen=True)
class PlannedJob:
    """A job to submit for one asset and partition, or for one call of an op."""

    request: JobRequest
    compute_pool: str
    asset: tuple[str, ...]
    """Components of the asset key; empty for a job that an op runs for itself."""
    partition: str | None
    run_id: str
    attempt: int
    blocking: bool
    resource_key: str | None = None
    pipes: bool = False
    partitions: tuple[str, ...] = ()
    """What the instances make, one each, of a job over several partitions."""
    call: str | None = None
    """What tells this call of an op from its other ones."""
    code_version: str | None = None
    """Of the asset's code."""
    inputs: Mapping[str, str] | None = None
    """Tags of Dagster's own that tell which inputs the job reads; None if that is not known."""

    @property
    def work(self) -> Work:
        """What the job is for: of the jobs of one step no two are for the same."""
        return self.asset, self.partition

    @property
    def label(self) -> str:
        """Asset and partition, for messages."""
        return " ".join(part for part in ("/".join(self.asset), self.partition) if part)

    def name_in(self, place: Place) -> JobName:
        """Return the job's name: the same for the same attempt, always."""
        readable = self.asset[-1] if self.asset else (self.call or "").rpartition("/")[2]
        told = [*self.asset, self.partition, self.run_id, self.attempt]
        if self.call is not None:
            told = [self.call, *told]
        name = choose_job_name(place.prefix, self.request.name or readable, told)
        return JobName(name, place.schema, place.database)

    def identity_in(self, place: Place, now: datetime) -> JobIdentity:
        """Return what the job's COMMENT says.

        Args:
            place: where it is submitted.
            now: when, by Dagster's clock.
        """
        timeout, start_timeout = self.request.timeout, self.request.start_timeout
        return JobIdentity(
            asset=self.asset,
            partition=self.partition,
            run_id=self.run_id,
            attempt=self.attempt,
            blocking=self.blocking,
            submitted=now,
            deadline=None if timeout is None else now + timeout,
            start_deadline=None if start_timeout is None else now + start_timeout,
            deployment=place.prefix,
            resource_key=self.resource_key,
            pipes=self.pipes,
            batch=bool(self.partitions),
            call=self.call,
            code_version=self.code_version,
            note=self.request.comment,
        )


@dataclass(frozen=True)
class SubmittedJob:
    """A job that is at the account now."""

    name: JobName
    identity: JobIdentity
    planned: PlannedJob
    adopted: bool

    @property
    def key(self) -> JobKey:
        """What tells this job from every other one."""
        return JobKey(str(self.name), self.identity.submitted)

    def tracked(self, record: JobRecord) -> TrackedJob:
        """Return the job as the account lists it now."""
        return TrackedJob(record, self.identity)


def submit(
    client: SpcsClient,
    place: Place,
    planned: Sequence[PlannedJob],
    *,
    max_concurrent: int,
    is_retry: bool,
    on_submitted: Callable[[SubmittedJob], None] = lambda _: None,
) -> list[SubmittedJob]:
    """Submit the jobs concurrently and adopt those that are there already.

    Args:
        client: runs the statements.
        place: where the jobs live.
        planned: one entry a job.
        max_concurrent: how many statements may be in flight.
        is_retry: whether the step ran before; then an earlier job of the step that failed is
            followed by a new one, and any other one is adopted.
        on_submitted: is told of each job, also when others were not started.

    Raises:
        SubmissionFailed: if some were not started; it names those that were.
        JobNameInUse: if a name belongs to a job that was not started by this run.
    """
    submitted: list[SubmittedJob] = []
    refused: dict[JobName, SpcsError] = {}
    pending = list(planned)
    while pending:
        pending, found, failed = _submit_once(client, place, pending, max_concurrent, is_retry)
        submitted += found
        refused |= failed
    order = {each.work: index for index, each in enumerate(planned)}
    submitted.sort(key=lambda job: order[job.planned.work])
    for job in submitted:
        on_submitted(job)
    if refused and not submitted and len(refused) == 1:
        raise next(iter(refused.values()))
    if refused:
        raise SubmissionFailed([each.name for each in submitted], refused)
    return submitted


def _submit_once(
    client: SpcsClient,
    place: Place,
    planned: Sequence[PlannedJob],
    max_concurrent: int,
    is_retry: bool,
) -> tuple[list[PlannedJob], list[SubmittedJob], dict[JobName, SpcsError]]:
    """Return what is to be submitted again as a further attempt, what is there, what is not."""
    now = clocks.utc_now()
    known = {each.name_in(place): (each, each.identity_in(place, now)) for each in planned}
    submissions = [
        Submission(each.request, name, each.compute_pool, identity.to_comment())
        for name, (each, identity) in known.items()
    ]
    outcomes: Sequence[Submitted] = []
    refused: dict[JobName, SpcsError] = {}
    try:
        outcomes = client.submit_many(submissions, max_concurrent=max_concurrent)
    except SubmissionFailed as error:
        outcomes, refused = error.submitted, dict(error.failed)
    except SpcsError as error:
        refused[submissions[0].name] = error
    again: list[PlannedJob] = []
    found: list[SubmittedJob] = []
    for outcome in outcomes:
        each, identity = known[outcome.name]
        if outcome.adopted is None:
            found.append(SubmittedJob(outcome.name, identity, each, adopted=False))
            continue
        try:
            own = _identity_of_own(outcome.name, outcome.adopted, each)
        except JobNameInUse as error:
            refused[outcome.name] = error
            continue
        status = outcome.adopted.status
        ends_badly = status is JobStatus.CANCELLING or (status.is_final and not status.is_success)
        if is_retry and ends_badly:
            again.append(replace(each, attempt=each.attempt + 1))
        else:
            found.append(SubmittedJob(outcome.name, own, each, adopted=True))
    return again, found, refused


def _identity_of_own(name: JobName, found: JobRecord, planned: PlannedJob) -> JobIdentity:
    """Return the identity of a job that has the planned name already.

    Raises:
        JobNameInUse: if it is not a job of this run, asset and partition.
    """
    identity = JobIdentity.from_comment(found.comment)
    if not isinstance(identity, JobIdentity):
        raise JobNameInUse(name, "its comment is not one of this version of dagster-spcs")
    own = (planned.asset, planned.partition, bool(planned.partitions), planned.call)
    if (identity.asset, identity.partition, identity.batch, identity.call) != own:
        asset = "/".join(identity.asset)
        raise JobNameInUse(name, f"it was submitted for asset {asset}, {identity.partition or ''}")
    if identity.run_id != planned.run_id:
        raise JobNameInUse(name, f"it was submitted by run {identity.run_id}")
    return identity
