"""Assets whose tables are made by jobs: the decorator and the factory."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from dagster_spcs.definition import (
    define,
    job_asset_spec,
    refuse_unlikely_options,
)
from dagster_spcs.option_checks import refuse_unless_flag
from dagster_spcs.run.mode import Mode
from dagster_spcs.run.options import StepOptions
from dagster_spcs.run.overlap import Overlap
from dagster_spcs.run.parameters import Parameters
from dagster_spcs.spcs.request import JobRequest

JobFunction = Callable[..., JobRequest]


def spcs_job_asset(
    *misplaced: Any,
    name: str | None = None,
    key: dg.AssetKey | str | Sequence[str] | None = None,
    key_prefix: str | Sequence[str] | None = None,
    deps: Iterable[Any] | None = None,
    compute_pool: str | None = None,
    mode: Mode = "auto",
    overlap: Overlap = "skip",
    pipes: bool = False,
    batch: bool = False,
    result_table: str | None = None,
    description: str | None = None,
    group_name: str | None = None,
    partitions_def: dg.PartitionsDefinition[str] | None = None,
    backfill_policy: dg.BackfillPolicy | None = None,
    automation_condition: dg.AutomationCondition[Any] | None = None,
    freshness_policy: dg.FreshnessPolicy | None = None,
    retry_policy: dg.RetryPolicy | None = None,
    check_specs: Sequence[dg.AssetCheckSpec] = (),
    max_retries: int = 0,
    retry_delay_seconds: float = 60.0,
    max_in_flight: int | None = None,
    code_version: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    owners: Sequence[str] | None = None,
    kinds: set[str] | None = None,
    pool: str | None = None,
    op_tags: Mapping[str, Any] | None = None,
    required_resource_keys: Iterable[str] = (),
    resource_key: str = "spcs",
) -> Callable[[JobFunction], dg.AssetsDefinition]:
    """Turn a function from context to ``JobRequest`` into an asset made by that job.

    Parameters are those of ``dagster.asset``: the step's ``context`` first, if wanted, ``config``
    and resources. In a run over several partitions the function is called once for each, with a
    context that tells of that one.

    Args:
        *misplaced: refused; options are given by name.
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
        pipes: the containers speak Dagster Pipes: they are told of the run in their environment,
            and what they report lands on the event.
        batch: a run over several partitions is one job with an instance a partition, instead of a
            job a partition. The function is called once; each instance finds the partitions as a
            JSON list in ``DAGSTER_PARTITION_KEYS``, its own at ``SNOWFLAKE_JOB_INDEX``. Not with
            ``pipes``.
        result_table: ``database.schema.table`` that the job fills; shown on the asset, and its
            rows and columns are read after a success where a warehouse may be used.
        description: the asset's description; the function's docstring if left out.
        group_name: as in ``dagster.asset``.
        partitions_def: one job a partition.
        backfill_policy: as in ``dagster.asset``.
        automation_condition: as in ``dagster.asset``.
        freshness_policy: as in ``dagster.asset``; counts from the sensor's event.
        retry_policy: for failures of the step; a submission that is repeated adopts its own job.
        check_specs: checks whose results the containers report through Pipes.
        max_retries: how often the sensor starts another attempt after a deferred job failed.
        retry_delay_seconds: before the first of these attempts; doubled for each further one.
        max_in_flight: jobs of the asset that may be at work at once, over all runs. A step that
            would start more waits for room; Dagster's pools do not count jobs of steps that defer.
        code_version: as in ``dagster.asset``.
        metadata: definition metadata.
        tags: as in ``dagster.asset``.
        owners: as in ``dagster.asset``.
        kinds: as in ``dagster.asset``; Snowflake and container if left out.
        pool: as in ``dagster.asset``; counts steps, so not the jobs of steps that defer.
        op_tags: as in ``dagster.asset``.
        required_resource_keys: as in ``dagster.asset``; also beside resources as parameters.
        resource_key: under which the ``SpcsJobResource`` is bound.

    Raises:
        dagster.DagsterInvalidDefinitionError: if an option or a parameter of the function cannot
            be meant; it says what to write.
    """
    if misplaced:
        raise dg.DagsterInvalidDefinitionError(
            "write @spcs_job_asset(…) with parentheses above the function, and options by name"
        )
    refuse_unlikely_options(
        mode=mode,
        overlap=overlap,
        pipes=pipes,
        compute_pool=compute_pool,
        max_in_flight=max_in_flight,
    )
    refuse_unless_flag("batch", batch)
    if batch and pipes:
        raise dg.DagsterInvalidDefinitionError(
            "batch=True and pipes=True do not go together: what an instance reports does not tell"
            " its partition"
        )
    if batch and partitions_def is None:
        raise dg.DagsterInvalidDefinitionError(
            "batch=True makes one job of several partitions: give partitions_def as well"
        )

    def decorate(function: JobFunction) -> dg.AssetsDefinition:
        parameters = Parameters(function, [resource_key, *required_resource_keys])
        spec = job_asset_spec(
            dg.AssetSpec(
                key=_asset_key(key, name, key_prefix, function.__name__),
                deps=list(deps or ()),
                description=description or inspect.getdoc(function),
                group_name=group_name,
                partitions_def=partitions_def,
                automation_condition=automation_condition,
                freshness_policy=freshness_policy,
                code_version=code_version,
                metadata=metadata,
                tags=tags,
                owners=owners,
                kinds=kinds,
            ),
            result_table=result_table,
            max_retries=max_retries,
            retry_delay_seconds=retry_delay_seconds,
            resource_key=resource_key,
        )
        options = StepOptions(
            build=lambda seen, arguments: {spec.key: parameters.call(seen, arguments)},
            compute_pool=compute_pool,
            mode=mode,
            overlap=overlap,
            pipes=pipes,
            batch=batch,
            resource_key=resource_key,
            max_in_flight=max_in_flight,
        )
        return define(
            parameters,
            options,
            name=spec.key.to_python_identifier(),
            specs=[spec],
            backfill_policy=backfill_policy,
            retry_policy=retry_policy,
            check_specs=check_specs,
            pool=pool,
            op_tags=op_tags,
        )

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
    key: dg.AssetKey | str | Sequence[str] | None,
    name: str | None,
    prefix: str | Sequence[str] | None,
    default: str,
) -> dg.AssetKey:
    if key is not None:
        if name is not None or prefix is not None:
            raise dg.DagsterInvalidDefinitionError("give key, or name and key_prefix, not both")
        return key if isinstance(key, dg.AssetKey) else dg.AssetKey(key)
    parts = [prefix] if isinstance(prefix, str) else list(prefix or ())
    return dg.AssetKey([*parts, name or default])
