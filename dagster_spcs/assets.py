"""Assets whose tables are made by jobs: the decorator, the factory, and what their step does."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from dagster_spcs import events
from dagster_spcs.client import SpcsClient
from dagster_spcs.errors import JobFailed, SpcsError
from dagster_spcs.launch import LaunchedJob, Overlap, Place, PlannedJob, in_flight, launch
from dagster_spcs.logtext import plain
from dagster_spcs.modes import Decision, Mode, decide_for_run
from dagster_spcs.reports import JobReport, gather, ran_out_of_time
from dagster_spcs.request import JobRequest
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.waiting import wait_and_stream

JobFunction = Callable[..., JobRequest]
_KINDS = {"snowflake", "container"}


class PartitionContext:
    """The step's context as a function of one partition sees it: all else is passed on."""

    def __init__(self, context: dg.AssetExecutionContext, partition_key: str) -> None:
        self._context = context
        self.partition_key = partition_key
        self.partition_keys = [partition_key]
        self.has_partition_key = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def spcs_job_asset(
    *,
    name: str | None = None,
    key: dg.AssetKey | str | Sequence[str] | None = None,
    key_prefix: str | Sequence[str] | None = None,
    deps: Iterable[Any] | None = None,
    compute_pool: str | None = None,
    mode: Mode = "auto",
    overlap: Overlap = "skip",
    result_table: str | None = None,
    description: str | None = None,
    group_name: str | None = None,
    partitions_def: dg.PartitionsDefinition[str] | None = None,
    backfill_policy: dg.BackfillPolicy | None = None,
    automation_condition: dg.AutomationCondition[Any] | None = None,
    retry_policy: dg.RetryPolicy | None = None,
    code_version: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    owners: Sequence[str] | None = None,
    kinds: set[str] | None = None,
    resource_key: str = "spcs",
) -> Callable[[JobFunction], dg.AssetsDefinition]:
    """Turn a function from context to ``JobRequest`` into an asset made by that job.

    The function takes the step's ``context`` first; a ``config`` parameter and resources work as
    in ``dagster.asset``. In a run over several partitions it is called once for each, with a
    context that tells of that one.

    Args:
        name: last part of the asset key; the function's name if left out.
        key: the whole asset key, instead of ``name`` and ``key_prefix``.
        key_prefix: what stands before ``name`` in the key.
        deps: assets the job reads.
        compute_pool: pool for requests that name none; else the resource's.
        mode: ``"auto"`` waits only when something in the run waits for the result, ``"deferred"``
            never, ``"blocking"`` always. See the README.
        overlap: what to do about a job of the same asset and partition that another run started
            and that has not ended: ``"skip"`` starts nothing, ``"allow"`` starts beside it,
            ``"cancel_previous"`` cancels it first.
        result_table: ``database.schema.table`` that the job fills; shown on the asset, and its
            rows and columns are read after a success where a warehouse may be used.
        description: the asset's description; the function's docstring if left out.
        group_name: as in ``dagster.asset``.
        partitions_def: one job a partition.
        backfill_policy: as in ``dagster.asset``.
        automation_condition: as in ``dagster.asset``.
        retry_policy: for failures of the step; a submission that is repeated adopts its own job.
        code_version: as in ``dagster.asset``.
        metadata: definition metadata.
        tags: as in ``dagster.asset``.
        owners: as in ``dagster.asset``.
        kinds: as in ``dagster.asset``; Snowflake and container if left out.
        resource_key: under which the ``SpcsJobResource`` is bound.
    """

    def decorate(function: JobFunction) -> dg.AssetsDefinition:
        asset_key = _asset_key(key, name or function.__name__, key_prefix)
        table = {} if result_table is None else {events.RELATION: result_table}
        spec = dg.AssetSpec(
            key=asset_key,
            deps=list(deps or ()),
            description=description or inspect.getdoc(function),
            group_name=group_name,
            partitions_def=partitions_def,
            automation_condition=automation_condition,
            code_version=code_version,
            metadata={**table, **(metadata or {}), events.JOB_ASSET: True},
            tags=tags,
            owners=owners,
            kinds=_KINDS if kinds is None else kinds,
            skippable=True,  # a deferred step yields no materialization; the sensor records it
        )
        step = JobStep(function, asset_key, compute_pool, mode, overlap, result_table, resource_key)

        def run(context: dg.AssetExecutionContext, **arguments: Any) -> Iterator[Any]:
            yield from step(context, arguments)

        _take_parameters(run, function)
        decorated: dg.AssetsDefinition = dg.multi_asset(
            name=asset_key.to_python_identifier(),
            specs=[spec],
            check_specs=[
                dg.AssetCheckSpec(
                    events.CHECK_NAME,
                    asset=asset_key,
                    description="The last job of this asset ended DONE.",
                )
            ],
            can_subset=True,  # makes the check's output optional as well
            backfill_policy=backfill_policy,
            retry_policy=retry_policy,
            required_resource_keys={resource_key},
        )(run)
        return decorated

    return decorate


def build_spcs_job_asset(
    *, key: dg.AssetKey | str | Sequence[str], request: JobRequest, **options: Any
) -> dg.AssetsDefinition:
    """Build a job asset that runs the same request every time, without a function.

    Args:
        key: the asset key.
        request: the job to run.
        **options: as in ``spcs_job_asset``.
    """

    def job(context: dg.AssetExecutionContext) -> JobRequest:
        return request

    return spcs_job_asset(key=key, **{"description": request.comment or "", **options})(job)


def _asset_key(
    key: dg.AssetKey | str | Sequence[str] | None, name: str, prefix: str | Sequence[str] | None
) -> dg.AssetKey:
    if key is not None:
        return key if isinstance(key, dg.AssetKey) else dg.AssetKey(key)
    parts = [prefix] if isinstance(prefix, str) else list(prefix or ())
    return dg.AssetKey([*parts, name])


def _take_parameters(run: Callable[..., Any], function: JobFunction) -> None:
    """Give the step's function the parameters of the user's, so that Dagster fills them."""
    signature = inspect.signature(function)
    first, *others = signature.parameters.values()
    context = first.replace(name="context", annotation=dg.AssetExecutionContext)
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[context, *others], return_annotation=inspect.Signature.empty
    )
    run.__annotations__ = {
        "context": dg.AssetExecutionContext,
        **{each.name: each.annotation for each in others},
    }


class JobStep:
    """What the step of a job asset does, for one set of options."""

    def __init__(
        self,
        function: JobFunction,
        asset_key: dg.AssetKey,
        compute_pool: str | None,
        mode: Mode,
        overlap: Overlap,
        result_table: str | None,
        resource_key: str,
    ) -> None:
        self._function = function
        self._key = asset_key
        self._pool = compute_pool
        self._mode = mode
        self._overlap = overlap
        self._table = result_table
        self._resource_key = resource_key

    def __call__(
        self, context: dg.AssetExecutionContext, arguments: Mapping[str, Any]
    ) -> Iterator[Any]:
        """Submit, then wait and record, or leave both to the sensor."""
        if self._key not in context.selected_asset_keys:
            yield from self._check_alone(context)
            return
        resource: SpcsJobResource = getattr(context.resources, self._resource_key)
        decision = decide_for_run(context, self._mode)
        context.log.info(
            f"{'Waiting for' if decision.blocking else 'Not waiting for'} the job:"
            f" {decision.reason}."
        )
        planned = self._plan(context, arguments, resource, decision)
        database, schema = resource.place()
        place = Place(database, schema, resource.prefix())
        with resource.get_client() as client:
            planned = self._settle_overlap(context, client, place, planned)
            if not planned:
                return
            launched = launch(
                client,
                place,
                planned,
                at_once=resource.submissions_at_once,
                is_retry=context.op_execution_context.retry_number > 0,
            )
            for job in launched:
                context.log_event(
                    events.submitted_observation(
                        job.identity,
                        job.name,
                        job.planned.compute_pool,
                        account=resource.account(),
                        adopted=job.adopted,
                    )
                )
            if decision.blocking:
                yield from self._wait(context, client, resource, launched)

    def _plan(
        self,
        context: dg.AssetExecutionContext,
        arguments: Mapping[str, Any],
        resource: SpcsJobResource,
        decision: Decision,
    ) -> list[PlannedJob]:
        partitions = context.partition_keys if context.has_partition_key_range else [None]
        if context.has_partition_key:
            partitions = [context.partition_key]
        planned = []
        for partition in partitions:
            seen: Any = context if partition is None else PartitionContext(context, partition)
            request = self._function(seen, **arguments)
            if not isinstance(request, JobRequest):
                raise TypeError(
                    f"the function of asset {self._key.to_user_string()} returned"
                    f" {type(request).__name__}; it must return a JobRequest"
                )
            pool = request.compute_pool or self._pool or resource.compute_pool
            if pool is None:
                raise dg.Failure(
                    f"No compute pool for asset {self._key.to_user_string()}: name one in the"
                    " JobRequest, in spcs_job_asset(compute_pool=…) or in SpcsJobResource."
                )
            if request.query_warehouse is None and resource.query_warehouse is not None:
                request = request.model_copy(update={"query_warehouse": resource.query_warehouse})
            planned.append(
                PlannedJob(
                    request=request,
                    compute_pool=pool,
                    asset=tuple(self._key.path),
                    partition=partition,
                    run_id=context.run.run_id,
                    attempt=int(context.run.tags.get(events.ATTEMPT_TAG, "0")),
                    blocking=decision.blocking,
                )
            )
        return planned

    def _settle_overlap(
        self,
        context: dg.AssetExecutionContext,
        client: SpcsClient,
        place: Place,
        planned: list[PlannedJob],
    ) -> list[PlannedJob]:
        if self._overlap == "allow":
            return planned
        wanted = []
        for each, others in zip(planned, in_flight(client, place, planned), strict=True):
            what = f"{self._key.to_user_string()}{f' {each.partition}' if each.partition else ''}"
            for job in others:
                if self._overlap == "cancel_previous":
                    context.log.info(f"Cancelling {job.name}, in flight for {what}.")
                    client.cancel(job.name)
            if others and self._overlap == "skip":
                names = ", ".join(str(job.name) for job in others)
                context.log.warning(f"Starting nothing for {what}: {names} is in flight.")
            else:
                wanted.append(each)
        return wanted

    def _wait(
        self,
        context: dg.AssetExecutionContext,
        client: SpcsClient,
        resource: SpcsJobResource,
        launched: Sequence[LaunchedJob],
    ) -> Iterator[Any]:
        unfinished = {job.name for job in launched}
        failures: list[JobFailed] = []
        try:
            for job, record in wait_and_stream(
                client,
                launched,
                poll_seconds=resource.poll_seconds,
                emit=lambda line: print(line, flush=True),  # the run's compute log
                warn=context.log.warning,
            ):
                unfinished.discard(job.name)
                timed_out = ran_out_of_time(record, job.identity)
                [report] = gather(
                    client,
                    [record],
                    last_lines=resource.log_lines,
                    tables={} if self._table is None else {record.name: self._table},
                )
                report = replace(report, timed_out=timed_out)
                metadata = events.job_metadata(report, job.identity, account=resource.account())
                yield from self._record(context, job, report, metadata, alone=len(launched) == 1)
                if not record.status.is_success:
                    last_lines = plain(report.log.lines, 2_000)
                    failures.append(JobFailed(record, report.exit_codes, last_lines))
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            self._cancel(context, client, unfinished)
            raise
        if failures:
            raise dg.Failure(
                "\n\n".join(str(failure) for failure in failures),
                metadata={events.JOB_NAME: ", ".join(str(each.job.name) for each in failures)},
                # The jobs themselves may be started anew by the step's own retry policy.
                allow_retries=True,
            )

    def _record(
        self,
        context: dg.AssetExecutionContext,
        job: LaunchedJob,
        report: JobReport,
        metadata: events.Metadata,
        *,
        alone: bool,
    ) -> Iterator[Any]:
        if report.succeeded and alone:
            yield dg.MaterializeResult(
                asset_key=self._key,
                metadata=metadata,
                tags=events.finished_tags(report),
                check_results=[events.check_result(report, job.identity)],
            )
            return
        # With several partitions a result would stand for all of them: each gets its own event.
        own, _ = events.finished_events(report, job.identity, metadata)
        assert not isinstance(own, dg.AssetCheckEvaluation)
        context.log_event(own)
        if alone:
            yield events.check_result(report, job.identity)

    def _cancel(
        self, context: dg.AssetExecutionContext, client: SpcsClient, names: Iterable[Any]
    ) -> None:
        for name in names:
            context.log.info(f"The run was terminated: cancelling {name}.")
            try:
                client.cancel(name)
            except SpcsError as error:
                context.log.error(f"{name} could not be cancelled and goes on: {error}")

    def _check_alone(self, context: dg.AssetExecutionContext) -> Iterator[Any]:
        """Evaluate the check by itself, from what was last recorded of the asset."""
        last = context.instance.fetch_materializations(self._key, limit=1).records
        observed = context.instance.fetch_observations(self._key, limit=100).records
        failed = [
            record
            for record in observed
            if record.asset_observation and events.tells_an_end(record.asset_observation.tags)
        ]
        passed = not failed or bool(last and last[0].timestamp > failed[0].timestamp)
        yield dg.AssetCheckResult(
            asset_key=self._key,
            check_name=events.CHECK_NAME,
            passed=passed,
            description="From the last job that was recorded.",
        )
