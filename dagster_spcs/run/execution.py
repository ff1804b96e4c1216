"""What the step of job assets does: submit, then wait and record, or leave both to the sensor."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from dagster_spcs.errors import JobFailed, JobTimedOut, ObjectNotFound, SubmissionFailed
from dagster_spcs.event_log import events
from dagster_spcs.event_log.ledger import RecordedEnds, asset_events
from dagster_spcs.jobs.batch import by_partition
from dagster_spcs.jobs.gather import JobReport, ran_out_of_time
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.log_text import plain
from dagster_spcs.jobs.submission import (
    LaunchedJob,
    Overlap,
    Place,
    PlannedJob,
    in_flight,
    launch,
    name_of,
)
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.run.mode import Decision, Mode, decide_for_run
from dagster_spcs.run.planning import Planner
from dagster_spcs.run.waiting import compute_log, emit_others, gather_whole, wait_and_stream
from dagster_spcs.spcs.client import PATIENCE_SECONDS, SpcsClient
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.status import JobStatus

_CANCELLED_WITHIN_SECONDS = 60.0
"""An older job's grace is 30 seconds (page "Working with services")."""
_FAILURE_LOG_BYTES = 2_000
_READ_TOGETHER = 50


class JobStep:
    """What the steps of one definition have in common.

    Args:
        build: from context and the step's other arguments to the request of each asset.
        result_tables: the assets the step can make, and the table of each that names one.
        compute_pool: of requests that name none.
        mode: whether a step waits.
        overlap: what to do about jobs of other runs.
        pipes: whether the containers are asked to speak Dagster Pipes.
        batch: whether a run over several partitions is one job.
        resource_key: under which the ``SpcsJobResource`` is bound.
    """

    def __init__(
        self,
        *,
        build: Callable[[Any, Mapping[str, Any]], Mapping[dg.AssetKey, object]],
        result_tables: Mapping[dg.AssetKey, str | None],
        compute_pool: str | None,
        mode: Mode,
        overlap: Overlap,
        pipes: bool,
        resource_key: str,
        batch: bool = False,
    ) -> None:
        self.batch = batch
        self.pipes = pipes
        self.build = build
        self.result_tables = result_tables
        self.compute_pool = compute_pool
        self.mode = mode
        self.overlap = overlap
        self.resource_key = resource_key

    def __call__(
        self, context: dg.AssetExecutionContext, arguments: Mapping[str, Any]
    ) -> Iterator[Any]:
        """Run the step and yield its results."""
        selected = [key for key in self.result_tables if key in context.selected_asset_keys]
        for check in sorted(context.selected_asset_check_keys, key=str):
            if check.asset_key not in selected and check.name == events.CHECK_NAME:
                yield _check_alone(context, check.asset_key)
        if not selected:
            return
        resource: SpcsJobResource = getattr(context.resources, self.resource_key)
        decision = decide_for_run(context, self.mode)
        what = "the job" if len(selected) == 1 else "the jobs"
        context.log.info(
            f"{'Waiting for' if decision.blocking else 'Not waiting for'} {what}:"
            f" {decision.reason}."
        )
        # A run that waits is worth keeping through an outage; one that defers is soon repeated.
        with resource.get_client(
            patience_seconds=resource.outage_seconds if decision.blocking else PATIENCE_SECONDS,
            on_retry=lambda error: context.log.warning(f"Trying again: {error}"),
        ) as client:
            planner = Planner(self, context, resource, client, decision)
            run = _Run(self, context, resource, client, decision)
            yield from run.execute(planner.plan(selected, arguments))


def _check_alone(context: dg.AssetExecutionContext, key: dg.AssetKey) -> dg.AssetCheckResult:
    """Evaluate the check by itself, from the last end that was recorded of the asset."""
    last: tuple[float, events.JobEnd] | None = None
    for at, event in asset_events(context.instance, key):
        end = events.end_told_by(event)
        if end is not None and (last is None or at > last[0]):
            last = (at, end)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=events.CHECK_NAME,
        passed=last is not None and last[1].succeeded,
        severity=dg.AssetCheckSeverity.WARN if last is None else dg.AssetCheckSeverity.ERROR,
        description=(
            "No job has ended yet."
            if last is None
            else f"The last job, {last[1].job_name}, ended {last[1].status}."
        ),
    )


class _Run:
    """One execution of a step."""

    def __init__(
        self,
        step: JobStep,
        context: dg.AssetExecutionContext,
        resource: SpcsJobResource,
        client: SpcsClient,
        decision: Decision,
    ) -> None:
        self._step = step
        self._context = context
        self._resource = resource
        self._client = client
        self._decision = decision
        database, schema = resource.place()
        self._place = Place(database, schema, resource.prefix())
        self._failures: list[tuple[dg.AssetKey, str | None, JobFailed]] = []
        self._held_back: dict[dg.AssetKey, list[tuple[JobRecord, JobIdentity]]] = {}
        self._elsewhere: list[dg.AssetKey] = []
        self._jobs: Counter[dg.AssetKey] = Counter()

    def execute(self, planned: list[PlannedJob]) -> Iterator[Any]:
        planned = self._settle_overlap(planned)
        if not planned:
            return
        unfinished = {name_of(self._place, each) for each in planned}
        try:
            launched = self._launch(planned)
            if not self._decision.blocking:
                return
            unfinished = {job.name for job in launched}
            for job in launched:
                self._jobs[_key(job)] += max(1, len(job.planned.partitions))
            for ended in wait_and_stream(
                self._client,
                launched,
                poll_seconds=self._resource.poll_seconds,
                emit=compute_log(pipes=self._step.pipes),
                warn=self._context.log.warning,
            ):
                # Of a batch that is FAILED other instances may be at work while it is read.
                unfinished.difference_update(job.name for job, _ in ended if not job.identity.batch)
                for start in range(0, len(ended), _READ_TOGETHER):
                    yield from self._record(ended[start : start + _READ_TOGETHER], launched)
                unfinished.difference_update(job.name for job, _ in ended)
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            if self._decision.blocking:
                self._cancel(unfinished)
            raise
        for key, count in self._jobs.items():
            if count > 1:
                yield from self._conclude_range(key)
        if self._failures:
            raise dg.Failure(
                "\n\n".join(
                    str(failure) if partition is None else f"Partition {partition}: {failure}"
                    for _, partition, failure in self._failures
                ),
                metadata={
                    events.JOB_NAME: ", ".join(str(each.job.name) for _, _, each in self._failures)
                },
            )
        if self._elsewhere and self._decision.feeds_run:
            names = ", ".join(key.to_user_string() for key in self._elsewhere)
            raise dg.Failure(
                f"The sensor records {names}, because this run had not recorded it for too long."
                " What the run builds from the result is not made; materialize it again."
            )

    def _launch(self, planned: Sequence[PlannedJob]) -> list[LaunchedJob]:
        try:
            return launch(
                self._client,
                self._place,
                planned,
                at_once=self._resource.submissions_at_once,
                is_retry=self._context.op_execution_context.retry_number > 0,
                on_launch=self._tell_of_start,
            )
        except SubmissionFailed as error:
            for name in error.started:
                self._context.log.warning(f"{name} was started and goes on.")
            raise

    def _tell_of_start(self, job: LaunchedJob) -> None:
        self._context.log_event(
            events.submitted_observation(
                job.identity,
                job.name,
                job.planned.compute_pool,
                account=self._resource.account(),
                adopted=job.adopted,
                partitions=job.planned.partitions,
            )
        )

    def _settle_overlap(self, planned: list[PlannedJob]) -> list[PlannedJob]:
        if self._step.overlap == "allow":
            return planned
        wanted = []
        in_the_way: list[JobRecord] = []
        skipped: list[str] = []
        others_of = in_flight(self._client, self._place, planned)
        for each, others in zip(planned, others_of, strict=True):
            what = "/".join(each.asset)
            if each.partition is not None:
                what += f" {each.partition}"
            if others and self._step.overlap == "skip":
                names = ", ".join(str(job.name) for job in others)
                skipped.append(f"Starting nothing for {what}: {names} is in flight.")
            else:
                in_the_way += others
                wanted.append(each)
        for text in skipped:
            self._context.log.warning(text)
        if skipped and self._decision.blocking:
            # Something in this run waits for a result that this run will not have.
            raise dg.Failure(
                "\n".join(skipped) + '\nWait for it, or use overlap="cancel_previous" or "allow".'
            )
        self._clear(in_the_way)
        return wanted

    def _clear(self, jobs: Sequence[JobRecord]) -> None:
        """Cancel older jobs and wait for their end, so that two never write one table."""
        for job in jobs:
            self._context.log.info(f"Cancelling {job.name}, in flight for the same.")
            if job.status is not JobStatus.CANCELLING:
                self._client.cancel(job.name)
        try:
            for _ in self._client.wait(
                [job.name for job in jobs],
                poll_seconds=min(1.0, self._resource.poll_seconds),
                timeout_seconds=_CANCELLED_WITHIN_SECONDS,
            ):
                pass
        except JobTimedOut as error:
            self._context.log.warning(f"Cancelled, and not ended yet: {error}")

    def _record(
        self,
        ended: Sequence[tuple[LaunchedJob, JobRecord]],
        launched: Sequence[LaunchedJob],
    ) -> Iterator[Any]:
        told: list[tuple[JobReport, JobIdentity]] = []
        for (job, _), report in zip(ended, self._reports(ended), strict=True):
            emit_others(job, report, launched, compute_log(pipes=self._step.pipes))
            told += by_partition(report, job.identity, job.planned.partitions) or [
                (report, job.identity)
            ]
        ends = self._ends_of(identity for _, identity in told)
        for report, identity in told:
            if not report.succeeded:  # whoever records it
                self._note_failure(report, identity)
            if ends.is_taken_over(report.job, identity):
                self._context.log.warning(
                    f"{report.job.name} is left to the sensor: this run had not recorded it for too"
                    " long."
                )
                if self._jobs[_key_of(identity)] == 1 and report.succeeded:
                    self._elsewhere.append(_key_of(identity))
            elif ends.is_recorded(report.job, identity):
                self._context.log.info(f"The end of {report.job.name} was recorded before.")
            else:
                yield from self._record_one(report, identity)

    def _ends_of(self, identities: Iterable[JobIdentity]) -> RecordedEnds:
        return RecordedEnds(
            self._context.instance, [(identity, identity.submitted) for identity in identities]
        )

    def _note_failure(self, report: JobReport, identity: JobIdentity) -> None:
        last_lines = plain(report.log.lines, _FAILURE_LOG_BYTES)
        failure = JobFailed(report.job, report.exit_codes, last_lines, ending=report.ending)
        self._failures.append((_key_of(identity), identity.partition, failure))

    def _record_one(self, report: JobReport, identity: JobIdentity) -> Iterator[Any]:
        key = _key_of(identity)
        alone = self._jobs[key] == 1
        metadata = events.job_metadata(report, identity, account=self._resource.account())
        events_made = events.finished_events(report, identity, metadata)
        own = events_made[0]
        assert not isinstance(own, dg.AssetCheckEvaluation)
        checks = []
        for check in events_made[1:]:
            assert isinstance(check, dg.AssetCheckEvaluation)
            if alone and check.asset_check_key in self._context.selected_asset_check_keys:
                checks.append(events.check_result(check))
            elif check.check_name != events.CHECK_NAME:
                self._context.log_event(check)
        if alone and report.succeeded:
            version = events.reported_by(report, identity).data_version
            yield dg.MaterializeResult(
                asset_key=key,
                metadata=metadata,
                tags=events.finished_tags(report),
                data_version=None if version is None else dg.DataVersion(version),
                check_results=checks,
            )
        elif self._decision.feeds_run and report.succeeded:
            # Its event comes with the step's result, which what is downstream waits for. If
            # another partition fails there is no result, and the sensor records this one.
            self._held_back.setdefault(key, []).append((report.job, identity))
            self._context.add_asset_metadata(
                metadata, asset_key=key, partition_key=identity.partition
            )
        else:
            self._context.log_event(own)
            if alone:
                yield from checks

    def _reports(self, ended: Sequence[tuple[LaunchedJob, JobRecord]]) -> list[JobReport]:
        tables = {job.name: self._step.result_tables[_key(job)] for job, _ in ended}
        reports = gather_whole(
            self._client,
            [record for _, record in ended],
            poll_seconds=self._resource.poll_seconds,
            deadlines={
                job.name: job.identity.deadline
                for job, _ in ended
                if job.identity.deadline is not None
            },
            say=self._context.log.info,
            warn=self._context.log.warning,
            source=self._resource.metadata_source(),
            last_lines=self._resource.log_lines,
            tables={name: table for name, table in tables.items() if table is not None},
            pipes={job.name for job, _ in ended if job.identity.pipes},
            batches={job.name for job, _ in ended if job.identity.batch},
        )
        return [
            replace(report, timed_out=report.timed_out or ran_out_of_time(record, job.identity))
            for report, (job, record) in zip(reports, ended, strict=True)
        ]

    def _conclude_range(self, key: dg.AssetKey) -> Iterator[Any]:
        names = ", ".join(
            str(each.job.name) if partition is None else f"{partition} ({each.job.name})"
            for failed, partition, each in self._failures
            if failed == key
        )
        check = dg.AssetCheckResult(
            asset_key=key,
            check_name=events.CHECK_NAME,
            passed=not names,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"Failed: {names}" if names else "All jobs ended DONE",
        )
        held_back = self._held_back.get(key, [])
        ends = self._ends_of(identity for _, identity in held_back)
        own = [
            job.name
            for job, identity in held_back
            if not (ends.is_taken_over(job, identity) or ends.is_recorded(job, identity))
        ]
        # The result is recorded for each partition of the range, so all or none can be the run's.
        if len(own) == self._jobs[key] and not names:
            yield dg.MaterializeResult(asset_key=key, check_results=[check])
            return
        if not names:
            self._elsewhere.append(key)
        yield check

    def _cancel(self, names: Iterable[JobName]) -> None:
        # With a client of its own: the one that was interrupted may be waiting for an account
        # that cannot be reached.
        with self._resource.get_client() as client:
            refused = client.cancel_many(sorted(names), at_once=self._resource.submissions_at_once)
        for name, error in refused.items():
            if not isinstance(error, ObjectNotFound):  # it was not submitted yet
                self._context.log.error(f"{name} could not be cancelled and goes on: {error}")
        self._context.log.info("The run was terminated: its jobs are cancelled.")


def _key(job: LaunchedJob) -> dg.AssetKey:
    return dg.AssetKey(list(job.planned.asset))


def _key_of(identity: JobIdentity) -> dg.AssetKey:
    return dg.AssetKey(list(identity.asset))
