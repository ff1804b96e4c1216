"""Jobs of the failed runs that a run repeats: it goes on with them instead of starting others.

A run worker that is killed leaves its jobs at work. When Dagster retries the run, or a person
re-executes it, the new run has another id, and so its jobs would have other names.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import dagster as dg

from dagster_spcs.errors import NotAnswered
from dagster_spcs.jobs.batch import partitions_of
from dagster_spcs.jobs.submission import PlannedJob, SubmittedJob
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.status import JobStatus


@dataclass(frozen=True)
class EarlierRuns:
    """The runs that a run repeats, and that failed: those with its root run.

    A run that succeeded is not among them. Who repeats it wants the work done once more.
    """

    run_ids: frozenset[str] = frozenset()
    with_own_step_done: frozenset[str] = frozenset()
    """Those in which the step succeeded: to repeat the step is to do its work once more."""

    @classmethod
    def of(cls, instance: dg.DagsterInstance, run: dg.DagsterRun, step_key: str) -> "EarlierRuns":
        """Return what an instance knows of the runs that ``run`` repeats."""
        group = None if run.root_run_id is None else instance.get_run_group(run.run_id)
        failed = frozenset(
            each.run_id
            for each in (group[1] if group is not None else ())
            if each.run_id != run.run_id and each.is_finished and not each.is_success
        )
        done = frozenset(
            run_id
            for run_id in failed
            for step in instance.get_run_step_stats(run_id, [step_key])
            if step.status is not None and step.status.value == "SUCCESS"
        )
        return cls(failed, done)

    def find(
        self,
        client: SpcsClient,
        planned: Sequence[PlannedJob],
        listed: Iterable[TrackedJob],
        is_recorded: Callable[[TrackedJob], bool],
    ) -> list[SubmittedJob]:
        """Return the jobs to go on with, each with what was planned in its place.

        They are in flight, or ended DONE in a run whose step did not succeed.

        Args:
            client: asks for the partitions of a batch.
            planned: what the step would start.
            listed: what the account has.
            is_recorded: whether the end of a job was recorded, so that it can feed nothing any
                more.
        """
        own = [job for job in listed if self._may_go_on(job)]
        own.sort(key=lambda job: (job.is_over, -job.identity.submitted.timestamp()))
        found = []
        for each in planned:
            fitting = (job for job in own if _fits(client, job, each) and not is_recorded(job))
            job = next(fitting, None)
            if job is not None:
                found.append(SubmittedJob(job.name, job.identity, each, adopted=True))
        return found

    def _may_go_on(self, job: TrackedJob) -> bool:
        if job.identity.run_id not in self.run_ids:
            return False
        if job.status.is_success:
            return job.identity.run_id not in self.with_own_step_done
        return not job.is_over and job.status is not JobStatus.CANCELLING


def _fits(client: SpcsClient, job: TrackedJob, planned: PlannedJob) -> bool:
    """Whether a job does what is planned."""
    identity = job.identity
    does = (identity.asset, identity.partition, identity.call, identity.batch)
    if does != (planned.asset, planned.partition, planned.call, bool(planned.partitions)):
        return False
    if identity.code_version != planned.code_version:  # it runs what the asset was made by before
        return False
    # A job that only the sensor records cannot be waited for as well, or two would record it.
    if planned.blocking and not identity.blocking:
        return False
    return not identity.batch or _partitions(client, job) == planned.partitions


def _partitions(client: SpcsClient, job: TrackedJob) -> tuple[str, ...] | None:
    """Return the partitions of a batch; None if they cannot be read."""
    try:
        return tuple(partitions_of(client.specification(job.name)))
    except NotAnswered:
        return None
