"""What the decorators of job assets have in common: from specs and a function to a definition."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from dagster_spcs.event_log import keys
from dagster_spcs.run.asset_keys import AssetKeys
from dagster_spcs.run.execution import execute_step
from dagster_spcs.run.options import StepOptions
from dagster_spcs.spcs.names import qualified

_KINDS = {"snowflake", "container"}


def job_asset_spec(
    spec: dg.AssetSpec,
    *,
    result_table: str | None,
    max_retries: int,
    retry_delay_seconds: float,
    resource_key: str,
) -> dg.AssetSpec:
    """Return the spec of an asset made by a job: marked, and with what the sensor has to know.

    Raises:
        InvalidName: if no table can be called ``result_table``.
    """
    table = {}
    if result_table is not None:
        qualified(result_table)
        table = {keys.RELATION: result_table, keys.RESULT_TABLE: result_table}
    return spec.replace_attributes(
        metadata={
            **table,
            **spec.metadata,
            keys.JOB_ASSET: True,
            keys.MAX_RETRIES: max_retries,
            keys.RETRY_DELAY: retry_delay_seconds,
            keys.RESOURCE_KEY: resource_key,
        },
        tags={**spec.tags, keys.JOB_ASSET: "true"},
        kinds=spec.kinds or _KINDS,
        skippable=True,  # a deferred step yields no materialization; the sensor records it
    )


def define(
    function: Callable[..., Any],
    options: StepOptions,
    *,
    name: str,
    specs: Sequence[dg.AssetSpec],
    backfill_policy: dg.BackfillPolicy | None,
    retry_policy: dg.RetryPolicy | None,
    check_specs: Sequence[dg.AssetCheckSpec] = (),
) -> dg.AssetsDefinition:
    """Return the definition of a step, with the parameters of the user's function."""

    def run(context: dg.AssetExecutionContext, **arguments: Any) -> Iterator[Any]:
        asset_keys = AssetKeys.of(decorated, context.assets_def)
        yield from execute_step(options, asset_keys, context, arguments)

    _take_parameters(run, function)
    decorated: dg.AssetsDefinition = dg.multi_asset(
        name=name,
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                keys.CHECK_NAME,
                asset=spec.key,
                description="The last job of this asset ended DONE.",
            )
            for spec in specs
        ]
        + list(check_specs),
        can_subset=True,  # makes the checks' outputs optional as well
        backfill_policy=backfill_policy,
        retry_policy=retry_policy,
        required_resource_keys={options.resource_key},
    )(run)
    return decorated


def call(function: Callable[..., Any], context: Any, arguments: Mapping[str, Any]) -> Any:
    """Call the user's function, with the context if it takes one."""
    return function(context, **arguments) if _takes_context(function) else function(**arguments)


def _takes_context(function: Callable[..., Any]) -> bool:
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return first is not None and (
        first.name in ("context", "_", "__") or first.annotation is dg.AssetExecutionContext
    )


def _take_parameters(run: Callable[..., Any], function: Callable[..., Any]) -> None:
    """Give the step's function the parameters of the user's, so that Dagster fills them."""
    signature = inspect.signature(function)
    others = list(signature.parameters.values())[int(_takes_context(function)) :]
    context = inspect.Parameter(
        "context",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        annotation=dg.AssetExecutionContext,
    )
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[context, *others], return_annotation=inspect.Signature.empty
    )
    run.__annotations__ = {
        "context": dg.AssetExecutionContext,
        **{each.name: each.annotation for each in others},
    }
