"""``PipesSpcsClient``: run a job with Dagster Pipes from any op or asset, and wait for it."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import dagster as dg
from dagster_pipes import PIPES_PROTOCOL_VERSION

from dagster_spcs.errors import JobFailed, ObjectNotFound, SpcsError
from dagster_spcs.event_log import events
from dagster_spcs.jobs.gather import JobReport, ran_out_of_time
from dagster_spcs.jobs.log_text import plain
from dagster_spcs.jobs.submission import LaunchedJob, Place, PlannedJob, launch, name_of
from dagster_spcs.pipes.context import MESSAGES, tell, with_environment
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.run.waiting import compute_log, gather_whole, wait_and_stream
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.request import JobRequest

_FAILURE_LOG_BYTES = 2_000


class PipesSpcsLogReader(dg.PipesMessageReader):
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

    def deliver(self, report: JobReport) -> None:
        """Hand over what a job said."""
        assert self._handler is not None, "messages are delivered while the session is open"
        assert report.messages is not None
        for message in report.messages.messages:
            self._handler.handle_message(
                {
                    "__dagster_pipes_version": PIPES_PROTOCOL_VERSION,
                    "method": cast(Any, message.method),
                    "params": message.params,
                }
            )

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

        The job's lines go to the run's compute log as they come; what the container reports is
        read from the whole log after the end, so nothing is missed or told twice.

        Args:
            context: of the op or asset that runs.
            request: the job; its specification must be a ``ServiceSpec``.
            extras: what the container is told besides; JSON values.
            context_injector: another way to tell the container than the environment, and the
                stage for what is too large for it.

        Raises:
            dagster.Failure: if the job ends in another status than DONE.
        """
        reader = PipesSpcsLogReader()
        request = request.model_copy(update={"extras": {**request.extras, **(extras or {})}})
        with (
            dg.open_pipes_session(
                context,
                context_injector or dg.PipesEnvContextInjector(),
                reader,
                extras=request.extras,
            ) as session,
            self.spcs.get_client(
                patience_seconds=self.spcs.outage_seconds,
                on_retry=lambda error: context.log.warning(f"Trying again: {error}"),
            ) as client,
        ):
            if context_injector is None:
                told = tell(request, session.context_data, client, self.spcs.pipes_stage)
            else:
                told = with_environment(request, session.get_bootstrap_env_vars())
            planned = self._planned(context, request, told)
            place = Place(*self.spcs.place(), self.spcs.prefix())
            name = name_of(place, planned)
            try:
                [job] = launch(
                    client,
                    place,
                    [planned],
                    at_once=1,
                    is_retry=context.op_execution_context.retry_number > 0,
                )
                name = job.name  # another attempt's, if the step is repeated
                context.log.info(f"Waiting for job {job.name} on {planned.compute_pool}.")
                record = self._wait(client, job, context)
            except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
                self._cancel(name, context)
                raise
            [report] = gather_whole(
                client,
                [record],
                poll_seconds=self.spcs.poll_seconds,
                say=context.log.info,
                warn=context.log.warning,
                source=self.spcs.metadata_source(),
                last_lines=self.spcs.log_lines,
                pipes={job.name},
            )
            report = replace(report, timed_out=ran_out_of_time(record, job.identity))
            reader.deliver(report)
        if not report.succeeded:
            last_lines = plain(report.log.lines, _FAILURE_LOG_BYTES)
            failure = JobFailed(record, report.exit_codes, last_lines, ending=report.ending)
            raise dg.Failure(str(failure))
        metadata = events.job_metadata(report, job.identity, account=self.spcs.account())
        return dg.PipesClientCompletedInvocation(session, metadata=metadata)

    def _planned(self, context: Any, request: JobRequest, told: JobRequest) -> PlannedJob:
        pool = request.compute_pool or self.spcs.compute_pool
        if pool is None:
            raise dg.Failure("No compute pool: name one in the JobRequest or in SpcsJobResource.")
        op = context.op_execution_context
        place = [str(op.op_handle), op.get_mapping_key() or ""]
        # A step may run several jobs; the same one gets the same name when the step is repeated.
        digest = hashlib.sha256(request.model_dump_json().encode()).hexdigest()[:12]
        return PlannedJob(
            request=told,
            compute_pool=pool,
            asset=("pipes", digest, *place[1:], place[0]),
            partition=context.partition_key if context.has_partition_key else None,
            run_id=context.run.run_id,
            attempt=0,
            blocking=True,
            pipes=True,
        )

    def _wait(self, client: SpcsClient, job: LaunchedJob, context: Any) -> JobRecord:
        for ended in wait_and_stream(
            client,
            [job],
            poll_seconds=self.spcs.poll_seconds,
            emit=compute_log(pipes=True),
            warn=context.log.warning,
        ):
            for _, record in ended:
                return record
        raise AssertionError("a wait for one job ends with it")

    def _cancel(self, name: JobName, context: Any) -> None:
        with self.spcs.get_client() as client:
            try:
                client.cancel(name)
            except ObjectNotFound:
                return  # it was not submitted yet
            except SpcsError as error:
                context.log.error(f"{name} could not be cancelled and goes on: {error}")
