"""Several assets, each made by a job of its own, in one step."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from dagster_spcs.definition import (
    define,
    job_asset_spec,
    refuse_unlikely_options,
)
from dagster_spcs.run.mode import Mode
from dagster_spcs.run.options import StepOptions
from dagster_spcs.run.overlap import Overlap
from dagster_spcs.run.parameters import Parameters
from dagster_spcs.spcs.request import JobRequest

JobsFunction = Callable[..., Mapping[str, JobRequest]]


def spcs_job_multi_asset(
    *,
    specs: Sequence[dg.AssetSpec],
    name: str | None = None,
    compute_pool: str | None = None,
    mode: Mode = "auto",
    overlap: Overlap = "skip",
    pipes: bool = False,
    result_tables: Mapping[str, str] | None = None,
    partitions_def: dg.PartitionsDefinition[str] | None = None,
    backfill_policy: dg.BackfillPolicy | None = None,
    retry_policy: dg.RetryPolicy | None = None,
    check_specs: Sequence[dg.AssetCheckSpec] = (),
    max_retries: int = 0,
    retry_delay_seconds: float = 60.0,
    max_in_flight: int | None = None,
    pool: str | None = None,
    op_tags: Mapping[str, Any] | None = None,
    required_resource_keys: Iterable[str] = (),
    resource_key: str = "spcs",
) -> Callable[[JobsFunction], dg.AssetsDefinition]:
    """Turn a function from context to several ``JobRequest`` into assets made by one job each.

    The counterpart of ``dagster.multi_asset``: one step submits the jobs of all selected assets
    concurrently and, if it waits, waits for all of them in one process, under any executor. Each
    asset is recorded as its own job ends; a job that fails does not undo the others, and fails
    the step at the end.

    The function returns a mapping from asset key, as text with slashes, to request; the keys may
    be those of ``specs`` also where a code location puts a prefix before them. It is asked for
    all, or for ``context.selected_asset_keys`` if it looks there; requests for assets that
    are not selected are left alone.

    Args:
        specs: the assets. They cannot depend on each other, for their jobs run side by side.
        name: the step's name; the function's if left out.
        compute_pool: pool for requests that name none; else the resource's.
        mode: as in ``spcs_job_asset``, for all of them.
        overlap: as in ``spcs_job_asset``, for each of them.
        pipes: as in ``spcs_job_asset``, for all of them.
        result_tables: ``database.schema.table`` by asset key.
        partitions_def: of all of them; one job an asset and partition.
        backfill_policy: as in ``dagster.multi_asset``.
        retry_policy: for failures of the step; what was submitted is adopted.
        check_specs: as in ``spcs_job_asset``.
        max_retries: as in ``spcs_job_asset``.
        retry_delay_seconds: as in ``spcs_job_asset``.
        max_in_flight: as in ``spcs_job_asset``, for each of them.
        pool: as in ``spcs_job_asset``.
        op_tags: as in ``spcs_job_asset``.
        required_resource_keys: as in ``spcs_job_asset``.
        resource_key: under which the ``SpcsJobResource`` is bound.

    Raises:
        dagster.DagsterInvalidDefinitionError: if one of the assets depends on another of them,
            a result table is named for none of them, or an option or a parameter of the function
            cannot be meant.
    """
    refuse_unlikely_options(
        mode=mode,
        overlap=overlap,
        pipes=pipes,
        compute_pool=compute_pool,
        max_in_flight=max_in_flight,
    )
    tables = {
        dg.AssetKey.from_user_string(key): table for key, table in (result_tables or {}).items()
    }
    _refuse_what_cannot_be(specs, tables)

    def decorate(function: JobsFunction) -> dg.AssetsDefinition:
        parameters = Parameters(function, [resource_key, *required_resource_keys])

        def build(context: Any, arguments: Mapping[str, Any]) -> dict[dg.AssetKey, object]:
            requests = parameters.call(context, arguments)
            if not isinstance(requests, Mapping):
                raise TypeError(
                    f"{function.__name__} returned {type(requests).__name__}; it must return a"
                    " mapping from asset key to JobRequest"
                )
            return {_key(key): request for key, request in requests.items()}

        options = StepOptions(
            build=build,
            compute_pool=compute_pool,
            mode=mode,
            overlap=overlap,
            pipes=pipes,
            resource_key=resource_key,
            max_in_flight=max_in_flight,
        )
        return define(
            parameters,
            options,
            name=name or function.__name__,
            specs=[
                job_asset_spec(
                    spec.replace_attributes(
                        partitions_def=spec.partitions_def or partitions_def,
                        description=spec.description or inspect.getdoc(function),
                    ),
                    result_table=tables.get(spec.key),
                    max_retries=max_retries,
                    retry_delay_seconds=retry_delay_seconds,
                    resource_key=resource_key,
                )
                for spec in specs
            ],
            backfill_policy=backfill_policy,
            retry_policy=retry_policy,
            check_specs=check_specs,
            pool=pool,
            op_tags=op_tags,
        )

    return decorate


def _refuse_what_cannot_be(
    specs: Sequence[dg.AssetSpec], tables: Mapping[dg.AssetKey, str]
) -> None:
    for spec in specs:
        if not isinstance(spec, dg.AssetSpec):
            raise dg.DagsterInvalidDefinitionError(
                f"specs holds {spec!r}: write dg.AssetSpec({spec!r})"
            )
    if not specs:
        raise dg.DagsterInvalidDefinitionError("specs=[]: name at least one asset")
    keys = {spec.key for spec in specs}
    for spec in specs:
        inner = sorted(dep.asset_key.to_user_string() for dep in spec.deps if dep.asset_key in keys)
        if inner:
            raise dg.DagsterInvalidDefinitionError(
                f"asset {spec.key.to_user_string()} depends on {', '.join(inner)} of the same"
                " group, whose jobs run side by side; make it a spcs_job_asset of its own"
            )
    strange = sorted(key.to_user_string() for key in tables.keys() - keys)
    if strange:
        raise dg.DagsterInvalidDefinitionError(
            f"result_tables names {', '.join(strange)}, which is none of the specs"
        )


def _key(key: str | dg.AssetKey) -> dg.AssetKey:
    return key if isinstance(key, dg.AssetKey) else dg.AssetKey.from_user_string(key)
