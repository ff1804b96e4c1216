"""What the decorators of job assets have in common: from specs and a function to a definition."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import dagster as dg

from dagster_spcs.event_log import keys
from dagster_spcs.option_checks import (
    refuse_unknown_word,
    refuse_unless_flag,
    refuse_unless_name,
    refuse_unless_seconds,
    refuse_unless_whole,
)
from dagster_spcs.run.asset_keys import AssetKeys
from dagster_spcs.run.execution import execute_step
from dagster_spcs.run.mode import Mode
from dagster_spcs.run.options import StepOptions
from dagster_spcs.run.overlap import Overlap
from dagster_spcs.run.parameters import Parameters
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
        dagster.DagsterInvalidDefinitionError: if a number cannot be meant.
    """
    refuse_unless_whole(
        "max_retries",
        max_retries,
        least=0,
        what="how many further attempts there may be, 0 for none",
    )
    refuse_unless_seconds("retry_delay_seconds", retry_delay_seconds)
    table = {}
    if result_table is not None:
        qualified(result_table)
        table = {
            keys.TABLE_NAME: result_table,
            keys.STORAGE_KIND: "snowflake",
            keys.RESULT_TABLE: result_table,
        }
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
    parameters: Parameters,
    options: StepOptions,
    *,
    name: str,
    specs: Sequence[dg.AssetSpec],
    backfill_policy: dg.BackfillPolicy | None,
    retry_policy: dg.RetryPolicy | None,
    check_specs: Sequence[dg.AssetCheckSpec] = (),
    pool: str | None = None,
    op_tags: Mapping[str, Any] | None = None,
) -> dg.AssetsDefinition:
    """Return the definition of a step, with the parameters of the user's function."""

    def run(context: dg.AssetExecutionContext, **arguments: Any) -> Iterator[Any]:
        asset_keys = AssetKeys.of(decorated, context.assets_def)
        yield from execute_step(options, asset_keys, context, arguments)

    parameters.give_to(run)
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
        pool=pool,
        op_tags=op_tags,
    )(run)
    return decorated


def refuse_unlikely_options(
    *,
    mode: object,
    overlap: object,
    pipes: object,
    compute_pool: object,
    max_in_flight: object,
) -> None:
    """Refuse what cannot be meant by the options that all job assets have.

    Raises:
        dagster.DagsterInvalidDefinitionError: naming the option and saying what to write.
    """
    refuse_unknown_word("mode", mode, get_args(Mode))
    refuse_unknown_word("overlap", overlap, get_args(Overlap))
    refuse_unless_flag("pipes", pipes)
    refuse_unless_name("compute_pool", compute_pool, example="CPU_S")
    if max_in_flight is not None:
        refuse_unless_whole(
            "max_in_flight",
            max_in_flight,
            least=1,
            what="how many jobs may be at work, 1 or more, or None for any number",
        )
