"""``PipesSpcsClient``: run a job with Dagster Pipes from any op or asset, and wait for it."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from weakref import WeakKeyDictionary

import dagster as dg
from dagster_pipes import PIPES_PROTOCOL_VERSION

from dagster_spcs.event_log.container_reports import ContainerReports
from dagster_spcs.event_log.job_metadata import job_metadata
from dagster_spcs.jobs.gather import Gatherer
from dagster_spcs.jobs.job_errors import JobFailed
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.submission import Place, PlannedJob, SubmittedJob, submit
from dagster_spcs.pipes.context import MESSAGES, with_environment, with_pipes
from dagster_spcs.pipes.storable import storable
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.run.earlier_runs import EarlierRuns
from dagster_spcs.run.listing import list_tracked
from dagster_spcs.run.waiting import (
    INTERRUPTIONS,
    LogStreams,
    cancelled_after,
    gather_whole,
    wait_and_stream,
)
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.request import JobRequest
from dagster_spcs.spcs.unreadable import one_line

_MOST_NOTES = 10
"""Odd messages of one job that are told."""
_calls: WeakKeyDictionary[dg.OpExecutionContext, Counter[str]] = WeakKeyDictionary()
"""How often each request was run, by the execution of a step; a repeated step counts anew."""
_counting = threading.Lock()


def _count_call(step: dg.OpExecutionContext, digest: str) -> int:
    """Count a call of a step's; return how many with the same request there were before."""
    with _counting:
        calls = _calls.setdefault(step, Counter())
        calls[digest] += 1
        return calls[digest] - 1


def _found(
    context: Any, client: SpcsClient, place: Place, planned: PlannedJob
) -> list[SubmittedJob]:
    """Return the job of the same call in a failed run that this one repeats, if there is one."""
    step = context.op_execution_context
    mapping = f"[{step.get_mapping_key()}]" if step.get_mapping_key() else ""
    earlier = EarlierRuns.of(context.instance, context.run, f"{step.op_handle}{mapping}")
    if not earlier.run_ids:
        return []
    return earlier.find(client, [planned], list_tracked(client, place), lambda _: False)


class PipesSpcsLogsMessageReader(dg.PipesMessageReader):
    """Hands the messages in a finished job's log to Dagster, in their order, each once."""

    def __init__(self) -> None:
        self._handler: dg.PipesMessageHandler | None = None

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[Mapping[str, Any]]:
        """Tell the container to write its messages into its log."""
        self._handler = handler
        try:
            yield MESSAGES
        finally:
            self._handler = None

    def deliver(self, report: JobReport) -> list[str]:
        """Hand over what a job said; return why some messages were not taken."""
        assert self._handler is not None, "messages are delivered while the session is open"
        assert report.messages is not None
        refused = []
        for message in report.messages.messages:
            try:
                self._handler.handle_message(
                    {
                        "__dagster_pipes_version": PIPES_PROTOCOL_VERSION,
                        "method": cast(Any, message.method),
                        "params": storable(message.params),
                    }
                )
            except Exception as error:  # Dagster's handler checks nothing before it reads
                kind = type(error).__name__
                refused.append(
                    f"message {one_line(str(message.method))!r}: {kind}: {one_line(str(error))}"
                )
        return refused

    def no_messages_debug_text(self) -> str:
        """Tell where messages were looked for."""
        return "Attempted to read messages from the log of the job's containers."


class PipesSpcsClient(dg.ConfigurableResource[Any], dg.PipesClient):
    """Runs a job on Snowpark Container Services with Dagster Pipes and waits for its end.

    For a job that is to outlast the run use ``spcs_job_asset(pipes=True)``.

    Example:
        .. code-block:: python

            @dg.asset
            def report(context: dg.AssetExecutionContext, pipes: PipesSpcsClient):
                request = JobRequest(spec=spec)
                return pipes.run(context=context, request=request).get_materialize_result()
    """

    spcs: dg.ResourceDependency[SpcsJobResource]

    def run(  # type: ignore[override]
        self,
        *,
        context: dg.OpExecutionContext | dg.AssetExecutionContext,
        request: JobRequest,
        extras: Mapping[str, Any] | None = None,
        context_injector: dg.PipesContextInjector | None = None,
    ) -> dg.PipesClientCompletedInvocation:
        """Run a job to its end.

        The job's lines go to the run's compute log as they come. What the container reports is
        read from the whole log after the end, so nothing is missed or told twice.

        Each call has a container of its own. When a step is repeated, each of its calls finds the
        job that it started before.

        Args:
            context: of the op or asset that runs.
            request: the job; its specification must be a ``ServiceSpec``.
            extras: what the container is told besides; JSON values.
            context_injector: another way to tell the container than the environment, and the
                stage for what is too large for it.

        Raises:
            dagster.Failure: if the job ends in another status than DONE, or a message of the
                container holds what Dagster cannot store.
        """
        reader = PipesSpcsLogsMessageReader()
        request = request.model_copy(update={"extras": {**request.extras, **(extras or {})}})
        with (
            dg.open_pipes_session(
                context,
                context_injector or dg.PipesEnvContextInjector(),
                reader,
                extras=request.extras,
            ) as session,
            self.spcs.get_client(
                retry_timeout_seconds=self.spcs.retry_timeout_seconds,
                on_retry=lambda error: context.log.warning(f"Trying again: {error}"),
            ) as client,
        ):
            if context_injector is None:
                told = with_pipes(request, session.context_data, client, self.spcs.pipes_stage)
            else:
                told = with_environment(request, session.get_bootstrap_env_vars())
            report = self._run_to_its_end(context, client, self._planned(context, request, told))
            for note in reader.deliver(report)[:_MOST_NOTES]:
                context.log.warning(f"{report.job.name} reported something odd: {note}")
        if not report.succeeded:
            raise dg.Failure(str(JobFailed.of(report)))
        metadata = job_metadata(report, ContainerReports(), account=self.spcs.account())
        return dg.PipesClientCompletedInvocation(session, metadata=metadata)

    def _planned(self, context: Any, request: JobRequest, told: JobRequest) -> PlannedJob:
        pool = request.compute_pool or self.spcs.compute_pool
        if pool is None:
            raise dg.Failure("No compute pool: name one in the JobRequest or in SpcsJobResource.")
        op = context.op_execution_context
        # A step may run several jobs, also the same one several times. Each gets the same name when
        # the step is repeated, whatever the order in which threads of it come here.
        digest = hashlib.sha256(request.model_dump_json().encode()).hexdigest()[:12]
        earlier = _count_call(op, digest)
        which = f"{digest}-{earlier}" if earlier else digest
        call = "/".join([which, op.get_mapping_key() or "", str(op.op_handle)])
        return PlannedJob(
            request=told,
            compute_pool=pool,
            asset=(),
            partition=context.partition_key if context.has_partition_key else None,
            run_id=context.run.run_id,
            attempt=0,
            blocking=True,
            pipes=True,
            call=call,
        )

    def _run_to_its_end(self, context: Any, client: SpcsClient, planned: PlannedJob) -> JobReport:
        """Submit a job, wait for it, and return its report; cancel it if the wait ends early."""
        spcs, log = self.spcs, context.log
        place = spcs.place()
        names = {planned.name_in(place)}
        with cancelled_after(*INTERRUPTIONS, resource=spcs, unfinished=names, log=log):
            submitted = _found(context, client, place, planned) or submit(
                client,
                place,
                [planned],
                max_concurrent=1,
                is_retry=context.op_execution_context.retry_number > 0,
            )
        names = {job.name for job in submitted}  # another attempt's, if the step is repeated
        log.info(f"Waiting for job {submitted[0].name} on {planned.compute_pool}.")
        with cancelled_after(BaseException, resource=spcs, unfinished=names, log=log):
            streams = LogStreams(client, submitted, log.warning)
            [[job]] = wait_and_stream(
                client, submitted, streams, poll_seconds=spcs.poll_seconds, warn=log.warning
            )
        gatherer = Gatherer(client, source=spcs.metadata_source(), last_lines=spcs.log_lines)
        [report] = gather_whole(
            client,
            gatherer,
            [job],
            poll_seconds=spcs.poll_seconds,
            say=log.info,
            warn=log.warning,
        )
        return report
