"""What the step of job assets does: submit, then wait and record, or leave both to the sensor."""

import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import dagster as dg

from dagster_spcs.event_log import keys
from dagster_spcs.event_log.end import end_events
from dagster_spcs.event_log.entries import result_table
from dagster_spcs.event_log.ledger import Ledger, Page
from dagster_spcs.event_log.signs_of_life import SignsOfLife
from dagster_spcs.event_log.start import start_event
from dagster_spcs.jobs.gather import Gatherer
from dagster_spcs.jobs.job_errors import JobFailed
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.submission import PlannedJob, SubmittedJob, Work, submit
from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob, gone
from dagster_spcs.resource import SpcsJobResource, bound_resource
from dagster_spcs.run.asset_keys import AssetKeys
from dagster_spcs.run.checks import StepChecks, checks_alone
from dagster_spcs.run.earlier_runs import EarlierRuns
from dagster_spcs.run.in_flight import InFlightLimits
from dagster_spcs.run.listing import list_tracked
from dagster_spcs.run.mode import RunMode, mode_for_run
from dagster_spcs.run.options import StepOptions
from dagster_spcs.run.overlap import cancel_and_wait, find_overlapping
from dagster_spcs.run.planning import Planner
from dagster_spcs.run.set_up import notes_on_set_up
from dagster_spcs.run.waiting import (
    INTERRUPTIONS,
    LogStreams,
    cancelled_after,
    gather_whole,
    wait_and_stream,
)
from dagster_spcs.spcs.client import RETRY_TIMEOUT_SECONDS, SpcsClient
from dagster_spcs.spcs.clocks import HOSTS_DIFFER_BY
from dagster_spcs.spcs.job_errors import SubmissionFailed
from dagster_spcs.spcs.names import JobName

_READ_TOGETHER = 50


def execute_step(
    options: StepOptions,
    asset_keys: AssetKeys,
    context: dg.AssetExecutionContext,
    arguments: Mapping[str, Any],
) -> Iterator[Any]:
    """Run the step and yield its results."""
    selected = [key for key in asset_keys.defined if key in context.selected_asset_keys]
    yield from checks_alone(context, selected)
    if not selected:
        return
    resource = bound_resource(context.resources, options.resource_key)
    mode = mode_for_run(context, options.mode)
    what = "the job" if len(selected) == 1 else "the jobs"
    context.log.info(
        f"{'Waiting for' if mode.blocking else 'Not waiting for'} {what}: {mode.reason}."
    )
    for note in notes_on_set_up(context, resource, options.resource_key, blocking=mode.blocking):
        context.log.warning(note)
    signs = SignsOfLife(context.instance, context.run.run_id)

    def on_retry(error: Exception) -> None:
        signs.show()
        context.log.warning(f"Trying again: {error}")

    # A run that waits is worth keeping through an outage; one that defers is soon repeated.
    timeout = resource.retry_timeout_seconds if mode.blocking else RETRY_TIMEOUT_SECONDS
    with resource.get_client(retry_timeout_seconds=timeout, on_retry=on_retry) as client:
        planned = Planner(options, asset_keys, context, resource, client, mode).plan(
            selected, arguments
        )
        execution = StepExecution(options, context, resource, client, mode, signs)
        yield from execution.execute(planned)


class StepExecution:
    """One execution of a step: what was submitted, and how it ended.

    Args:
        options: of the definition.
        context: of the step.
        resource: where the jobs run.
        client: runs the statements.
        mode: whether the step waits.
        signs: shows the sensor that this run is at work.
    """

    def __init__(
        self,
        options: StepOptions,
        context: dg.AssetExecutionContext,
        resource: SpcsJobResource,
        client: SpcsClient,
        mode: RunMode,
        signs: SignsOfLife,
    ) -> None:
        self._options = options
        self._context = context
        self._resource = resource
        self._client = client
        self._mode = mode
        self._signs = signs
        self._limits = InFlightLimits(options.max_in_flight, resource.max_in_flight)
        self._earlier = EarlierRuns.of(
            context.instance, context.run, str(context.op_execution_context.op_handle)
        )
        self._place = resource.place()
        self._ledger = Ledger(context.instance)
        self._checks = StepChecks(context)
        self._submitted: dict[JobKey, SubmittedJob] = {}
        self._parts: Counter[dg.AssetKey] = Counter()
        """How many partitions, or the one whole, of each asset this step makes."""
        self._failures: list[tuple[JobReport, JobFailed]] = []
        self._held_back: dict[dg.AssetKey, list[JobReport]] = {}
        """Successes whose event comes with the step's result, when all jobs have ended."""
        self._recorded_elsewhere: list[dg.AssetKey] = []

    def execute(self, planned: Sequence[PlannedJob]) -> Iterator[Any]:
        """Submit the jobs; wait for them and yield their results if the step waits."""
        planned, found = self._sorted_out(planned)
        for each in (*planned, *(job.planned for job in found)):
            self._parts[_asset_key(each.asset)] += max(1, len(each.partitions))
        while planned or found:
            names = {each.name_in(self._place) for each in planned} | {job.name for job in found}
            with self._cancelled_after(*INTERRUPTIONS, names=names):
                for job in found:
                    self._log_found(job)
                fitting, has_waited = self._wait_for_room(planned, patient=not found)
                # Another run may have started the same while this one waited.
                due = self._without_overlap(fitting) if has_waited else fitting
                submitted = [*found, *self._submit(due)]
            planned, found = _without(planned, {each.work for each in fitting}), []
            if self._mode.blocking:
                unfinished = {job.name for job in submitted}
                with self._cancelled_after(BaseException, names=unfinished):
                    yield from self._wait(submitted, unfinished)
        if self._mode.blocking:
            yield from self._conclude()

    def _sorted_out(
        self, planned: Sequence[PlannedJob]
    ) -> tuple[list[PlannedJob], list[SubmittedJob]]:
        """Return what is to be submitted, and the jobs of earlier runs to go on with."""
        listed: list[TrackedJob] = []
        if self._earlier.run_ids or self._options.overlap != "allow":
            listed = self._listed()
        found = self._earlier.find(self._client, planned, listed, self._is_used_up)
        left = _without(planned, {job.planned.work for job in found})
        return self._without_overlap(left, listed), found

    def _listed(self) -> list[TrackedJob]:
        return self._client.patiently(
            lambda: list_tracked(self._client, self._place),
            poll_seconds=self._resource.poll_seconds,
        )

    def _wait_for_room(
        self, planned: Sequence[PlannedJob], *, patient: bool
    ) -> tuple[list[PlannedJob], bool]:
        """Return what may be submitted now, and whether there was a wait for it.

        Without other work wait until something may be submitted.
        """
        said = False
        while True:
            fitting = self._limits.fitting(self._listed, planned)
            if fitting or not planned or not patient:
                return fitting, said
            if not said:
                self._context.log.info(
                    f"Waiting with {len(planned)} jobs: as many as max_in_flight allows are at"
                    " work."
                )
                said = True
            self._signs.show()
            time.sleep(self._resource.poll_seconds)

    def _cancelled_after(
        self, *errors: type[BaseException], names: set[JobName]
    ) -> AbstractContextManager[None]:
        if not self._mode.blocking:
            return nullcontext()
        log = self._context.log
        return cancelled_after(
            *errors,
            resource=self._resource,
            unfinished=names,
            log=log,
            leave_to_others=self._leave_to_others,
        )

    def _leave_to_others(self, names: set[JobName]) -> None:
        """Take away the jobs that a run that repeats this one waits for.

        It found them because this run was over for Dagster, whose process is at work all the same.
        """
        jobs = [job for job in self._submitted.values() if job.name in names]
        listed = [gone(job.name, job.identity, job.planned.compute_pool) for job in jobs]
        pages = self._recorded(listed)
        for job in listed:
            start = pages[job.asset_key].of(job.key).start
            if start is not None and start.waiting_run not in (None, self._context.run.run_id):
                self._context.log.info(f"{job.name} is left to run {start.waiting_run}.")
                names.discard(job.name)

    def _is_used_up(self, job: TrackedJob) -> bool:
        """Whether the end of a job is recorded, while this run has to build from its result."""
        if not self._mode.feeds_run:
            return False
        return bool(self._recorded([job])[job.asset_key].of(job.key).ends)

    def _log_found(self, job: SubmittedJob) -> None:
        self._context.log.info(
            f"Going on with {job.name}, which run {job.identity.run_id} started for the same."
        )
        self._log_start(job)

    def _submit(self, planned: Sequence[PlannedJob]) -> list[SubmittedJob]:
        if not planned:
            return []
        try:
            return submit(
                self._client,
                self._place,
                planned,
                max_concurrent=self._resource.max_concurrent_submissions,
                is_retry=self._context.op_execution_context.retry_number > 0,
                on_submitted=self._log_start,
            )
        except SubmissionFailed as error:
            for name in error.started:
                self._context.log.warning(f"{name} was started and goes on.")
            raise

    def _log_start(self, job: SubmittedJob) -> None:
        waiting = self._context.run.run_id if self._mode.blocking else None
        event = start_event(job, account=self._resource.account(), waiting_run=waiting)
        self._context.log_event(event)

    def _without_overlap(
        self, planned: Sequence[PlannedJob], listed: Sequence[TrackedJob] | None = None
    ) -> list[PlannedJob]:
        """Return what is to be submitted, after dealing with jobs of other runs in flight."""
        if self._options.overlap == "allow":
            return list(planned)
        found = find_overlapping(planned, self._listed() if listed is None else listed)
        if self._options.overlap == "cancel_previous":
            cancel_and_wait(
                self._client,
                [job for each in found for job in each.others],
                poll_seconds=self._resource.poll_seconds,
                say=self._context.log.info,
                warn=self._context.log.warning,
            )
            return list(planned)
        skipped = [
            f"Starting nothing for {each.planned.label}: {each.names} is in flight."
            for each in found
            if each.others
        ]
        for text in skipped:
            self._context.log.warning(text)
        if skipped and self._mode.blocking:
            # Something in this run waits for a result that this run will not have.
            raise dg.Failure(
                "\n".join(skipped) + '\nWait for it, or use overlap="cancel_previous" or "allow".'
            )
        return [each.planned for each in found if not each.others]

    def _wait(self, submitted: Sequence[SubmittedJob], unfinished: set[JobName]) -> Iterator[Any]:
        """Yield the results of the jobs as they end; ``unfinished`` loses those that have."""
        self._submitted |= {job.key: job for job in submitted}
        streams = LogStreams(self._client, submitted, self._context.log.warning)
        gatherer = Gatherer(
            self._client,
            source=self._resource.metadata_source(),
            last_lines=self._resource.log_lines,
            table_of=self._result_table,
            partitions_of_start=lambda job: self._submitted[job.key].planned.partitions,
        )
        for ended in wait_and_stream(
            self._client,
            submitted,
            streams,
            poll_seconds=self._resource.poll_seconds,
            warn=self._context.log.warning,
            show_alive=self._signs.show,
        ):
            # Of a batch that is FAILED other instances may be at work while it is read.
            unfinished.difference_update(job.name for job in ended if not job.identity.batch)
            for start in range(0, len(ended), _READ_TOGETHER):
                self._signs.show()  # reading many may take minutes
                yield from self._record(ended[start : start + _READ_TOGETHER], gatherer, streams)
            unfinished.difference_update(job.name for job in ended)

    def _result_table(self, job: TrackedJob) -> str | None:
        defined = self._context.assets_def.metadata_by_key[_asset_key(job.asset_key)]
        return result_table(defined)

    def _record(
        self, ended: Sequence[TrackedJob], gatherer: Gatherer, streams: LogStreams
    ) -> Iterator[Any]:
        reports = gather_whole(
            self._client,
            gatherer,
            ended,
            poll_seconds=self._resource.poll_seconds,
            say=self._context.log.info,
            warn=self._context.log.warning,
            show_alive=self._signs.show,
        )
        for report in reports:
            streams.print_others(report)
        pages = self._recorded(ended)
        for part in (part for report in reports for part in report.parts):
            if not part.succeeded:  # whoever records it
                self._note_failure(part)
            end = pages[part.job.asset_key].of(part.job.key).end_of(part.job.partition)
            if end is None:
                yield from self._record_part(part)
            else:
                self._leave_to_recorder(part)

    def _recorded(self, jobs: Iterable[TrackedJob]) -> dict[tuple[str, ...], Page]:
        """Return what is recorded of the jobs' assets by now, by this run or by the sensor."""
        return self._ledger.read_of(jobs, lambda job: job.identity.submitted - HOSTS_DIFFER_BY)

    def _note_failure(self, report: JobReport) -> None:
        self._failures.append((report, JobFailed.of(report)))

    def _leave_to_recorder(self, report: JobReport) -> None:
        key = _asset_key(report.job.asset_key)
        self._context.log.info(f"The end of {report.job.name} was recorded before.")
        if self._parts[key] == 1 and report.succeeded:
            self._recorded_elsewhere.append(key)

    def _record_part(self, report: JobReport) -> Iterator[Any]:
        """Record one partition, or the one whole, of an asset."""
        key = _asset_key(report.job.asset_key)
        checks = self._checks.of(key)
        alone = self._parts[key] == 1
        events = end_events(
            report,
            account=self._resource.account(),
            checks=checks,
            # Of a result that the step yields Dagster tells them itself.
            inputs=None if alone else self._submitted[report.job.key].planned.inputs,
        )
        results = list(self._checks.results(events, alone=alone))
        if alone and report.succeeded:
            version = events.data_version
            yield dg.MaterializeResult(
                asset_key=key,
                metadata=events.own.metadata,
                tags={
                    name: text
                    for name, text in (events.own.tags or {}).items()
                    if name != keys.DATA_VERSION_TAG  # Dagster's
                },
                data_version=None if version is None else dg.DataVersion(version),
                check_results=results,
            )
        elif self._mode.feeds_run and report.succeeded:
            # Its event comes with the step's result, which what is downstream waits for. If
            # another partition fails there is no result, and the sensor records this one.
            self._held_back.setdefault(key, []).append(report)
            self._context.add_asset_metadata(
                events.own.metadata, asset_key=key, partition_key=report.job.partition
            )
        else:
            self._context.log_event(events.own)
            if alone:
                yield from results

    def _conclude(self) -> Iterator[Any]:
        """Yield the results of assets with several partitions, and fail if a job has failed."""
        for key, count in self._parts.items():
            if count > 1:
                yield from self._conclude_range(key)
        if self._failures:
            raise dg.Failure(
                "\n\n".join(
                    str(failure)
                    if report.job.partition is None
                    else f"Partition {report.job.partition}: {failure}"
                    for report, failure in self._failures
                ),
                metadata={
                    keys.JOB_NAME: ", ".join(str(report.job.name) for report, _ in self._failures)
                },
            )
        if self._recorded_elsewhere and self._mode.feeds_run:
            names = ", ".join(key.to_user_string() for key in self._recorded_elsewhere)
            raise dg.Failure(
                f"The sensor recorded {names}, because this run had shown no sign of life for"
                " minutes. What the run builds from the result is not made; materialize it again."
            )

    def _conclude_range(self, key: dg.AssetKey) -> Iterator[Any]:
        failed = [
            f"{report.job.partition or ''} ({report.job.name})".strip()
            for report, _ in self._failures
            if _asset_key(report.job.asset_key) == key
        ]
        names = ", ".join(failed)
        check = dg.AssetCheckResult(
            asset_key=key,
            check_name=keys.CHECK_NAME,
            passed=not failed,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"Failed: {names}" if failed else "All jobs ended DONE",
        )
        held_back = self._held_back.get(key, [])
        pages = self._recorded(report.job for report in held_back)
        own = [
            report
            for report in held_back
            if not pages[report.job.asset_key].of(report.job.key).end_of(report.job.partition)
        ]
        checks = [check, *self._checks.of_range(key)]
        # The result is recorded for each partition of the range, so all or none can be the run's.
        if len(own) == self._parts[key] and not failed:
            yield dg.MaterializeResult(asset_key=key, check_results=checks)
            return
        if not failed:
            self._recorded_elsewhere.append(key)
        yield from checks


def _without(planned: Iterable[PlannedJob], work: Container[Work]) -> list[PlannedJob]:
    return [each for each in planned if each.work not in work]


def _asset_key(path: Sequence[str]) -> dg.AssetKey:
    return dg.AssetKey(list(path))
