"""Starting the jobs of a step: names, identities, adoption, overlap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Literal

from dagster_spcs.errors import InvalidName, JobNameInUse, SpcsError, SubmissionFailed
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.client import SpcsClient, Submission, Submitted
from dagster_spcs.spcs.names import JobName, choose_job_name
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.request import JobRequest

Overlap = Literal["skip", "allow", "cancel_previous"]


@dataclass(frozen=True)
class Place:
    """Where jobs of a code location live and how their names begin."""

    database: str
    schema: str
    prefix: str


@dataclass(frozen=True)
class PlannedJob:
    """A job to start for one asset and partition."""

    request: JobRequest
    compute_pool: str
    asset: tuple[str, ...]
    partition: str | None
    run_id: str
    attempt: int
    blocking: bool
    pipes: bool = False
    partitions: tuple[str, ...] = ()
    """What the instances make, one each, of a job over several partitions."""
    held_back: bool = False
    """Whether its event comes with the step's result, when all jobs of the step have ended."""


@dataclass(frozen=True)
class LaunchedJob:
    """A job that is at the account now."""

    name: JobName
    identity: JobIdentity
    planned: PlannedJob
    adopted: bool


def asset_prefix(place: Place, asset: Sequence[str]) -> str:
    """Return how the names of an asset's jobs begin; other assets may share it."""
    return choose_job_name(place.prefix, asset[-1], []).rpartition("_")[0] + "_"


def name_of(place: Place, planned: PlannedJob) -> JobName:
    """Return the job's name: the user's, else the same for the same attempt, always.

    Raises:
        InvalidName: if the user's is not where the sensor looks.
    """
    if planned.request.name is not None:
        given = JobName.parse(planned.request.name, database=place.database, schema=place.schema)
        seen = (given.database, given.schema) == (place.database, place.schema)
        if not seen or not given.name.startswith(f"{place.prefix}_"):
            raise InvalidName(
                str(given),
                f"the sensor looks for jobs in {place.database}.{place.schema} whose names begin"
                f" with {place.prefix}_",
            )
        return given
    name = choose_job_name(
        place.prefix,
        planned.asset[-1],
        [*planned.asset, planned.partition, planned.run_id, planned.attempt],
    )
    return JobName(name, place.schema, place.database)


def in_flight(
    client: SpcsClient, place: Place, planned: Sequence[PlannedJob]
) -> list[list[JobRecord]]:
    """Return, for each planned job in order, what other runs have in flight for the same.

    The same is the same asset and partition.
    """
    prefixes = {
        f"{place.prefix}_" if each.request.name is not None else asset_prefix(place, each.asset)
        for each in planned
    }
    found: dict[tuple[str, ...], list[tuple[JobRecord, JobIdentity]]] = {}
    for prefix in sorted(prefixes):
        for job in client.list(database=place.database, schema=place.schema, prefix=prefix):
            identity = JobIdentity.from_comment(job.comment)
            if identity is not None and not job.status.is_final:
                found.setdefault(identity.asset, []).append((job, identity))
    return [
        [
            job
            for job, identity in found.get(each.asset, [])
            if identity.run_id != each.run_id
            # A job over several partitions counts as being for all: its comment cannot list them.
            and (identity.batch or each.partitions or identity.partition == each.partition)
        ]
        for each in planned
    ]


def launch(
    client: SpcsClient,
    place: Place,
    planned: Sequence[PlannedJob],
    *,
    at_once: int,
    is_retry: bool,
    on_launch: Callable[[LaunchedJob], None] = lambda _: None,
) -> list[LaunchedJob]:
    """Submit the jobs concurrently and adopt those that stand there already.

    Args:
        client: runs the statements.
        place: where the jobs live.
        planned: one entry a job.
        at_once: how many statements may be in flight.
        is_retry: whether the step ran before; then an earlier job of the step that failed is
            followed by a new one, and any other one is adopted.
        on_launch: is told of each job, also when others were not started.

    Raises:
        SubmissionFailed: if some were not started; it names those that were.
        JobNameInUse: if a name belongs to a job that was not started by this run.
    """
    launched: list[LaunchedJob] = []
    refused: dict[JobName, SpcsError] = {}
    pending = list(planned)
    while pending:
        identities = [_identity(each, place) for each in pending]
        submissions = [
            Submission(each.request, name_of(place, each), each.compute_pool, identity.to_comment())
            for each, identity in zip(pending, identities, strict=True)
        ]
        submitted: Sequence[Submitted] = []
        try:
            submitted = client.submit_many(submissions, at_once=at_once)
        except SubmissionFailed as error:
            submitted = error.submitted
            refused |= error.failed
        except SpcsError as error:
            refused[submissions[0].name] = error
        known = {
            submission.name: (each, identity)
            for submission, each, identity in zip(submissions, pending, identities, strict=True)
        }
        again: list[PlannedJob] = []
        for outcome in submitted:
            each, identity = known[outcome.name]
            found = outcome.adopted
            if found is None:
                launched.append(LaunchedJob(outcome.name, identity, each, adopted=False))
                continue
            try:
                own = _own(outcome.name, found, each)
                if is_retry and found.status.is_final and not found.status.is_success:
                    if each.request.name is not None:
                        raise JobNameInUse(outcome.name, "the job that failed before still has it")
                    again.append(replace(each, attempt=each.attempt + 1))
                else:
                    launched.append(LaunchedJob(outcome.name, own, each, adopted=True))
            except JobNameInUse as error:
                refused[outcome.name] = error
        pending = again
    order = {(each.asset, each.partition): index for index, each in enumerate(planned)}
    launched.sort(key=lambda job: order[job.planned.asset, job.planned.partition])
    for job in launched:
        on_launch(job)
    if refused and not launched and len(refused) == 1:
        raise next(iter(refused.values()))
    if refused:
        raise SubmissionFailed([each.name for each in launched], refused)
    return launched


def _identity(planned: PlannedJob, place: Place) -> JobIdentity:
    now = datetime.now(timezone.utc)
    timeout = planned.request.timeout
    return JobIdentity(
        asset=planned.asset,
        partition=planned.partition,
        run_id=planned.run_id,
        attempt=planned.attempt,
        blocking=planned.blocking,
        submitted=now,
        deadline=None if timeout is None else now + timeout,
        deployment=place.prefix,
        pipes=planned.pipes,
        batch=bool(planned.partitions),
        held_back=planned.held_back,
        note=planned.request.comment,
    )


def _own(name: JobName, found: JobRecord, planned: PlannedJob) -> JobIdentity:
    identity = JobIdentity.from_comment(found.comment)
    if identity is None:
        raise JobNameInUse(name, "its comment is not one of dagster-spcs")
    own = (planned.asset, planned.partition, bool(planned.partitions))
    if (identity.asset, identity.partition, identity.batch) != own:
        asset = "/".join(identity.asset)
        raise JobNameInUse(name, f"it was submitted for asset {asset}, {identity.partition or ''}")
    if identity.run_id != planned.run_id:
        raise JobNameInUse(name, f"it was submitted by run {identity.run_id}")
    return identity
