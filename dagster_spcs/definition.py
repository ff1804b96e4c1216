"""What the decorators of job assets have in common: from specs and a function to a definition."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import dagster as dg

from dagster_spcs.event_log import keys
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
    if not _is_number(max_retries, (int,)):
        raise dg.DagsterInvalidDefinitionError(
            f"max_retries={max_retries!r}: write how many further attempts there may be, 0 for none"
        )
    if not _is_number(retry_delay_seconds, (int, float)):
        raise dg.DagsterInvalidDefinitionError(
            f"retry_delay_seconds={retry_delay_seconds!r}: write a number of seconds, 0 or more"
        )
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


def refuse_unknown_words(*, mode: str, overlap: str) -> None:
    """Refuse what is none of the words that an option takes.

    Raises:
        dagster.DagsterInvalidDefinitionError: naming those that it takes.
    """
    for name, value, known in (
        ("mode", mode, get_args(Mode)),
        ("overlap", overlap, get_args(Overlap)),
    ):
        if value not in known:
            raise dg.DagsterInvalidDefinitionError(
                f"{name}={value!r}: write one of {', '.join(map(repr, known))}"
            )


def refuse_unlikely_limit(max_in_flight: object) -> None:
    """Refuse a limit under which nothing could start.

    Raises:
        dagster.DagsterInvalidDefinitionError: saying what to write.
    """
    if max_in_flight is not None and not (_is_number(max_in_flight, (int,)) and max_in_flight):
        raise dg.DagsterInvalidDefinitionError(
            f"max_in_flight={max_in_flight!r}: write how many jobs may be at work, 1 or more, or"
            " None for any number"
        )


def _is_number(value: object, kinds: tuple[type[int | float], ...]) -> bool:
    """Whether a value is a number of these kinds, finite and not below 0."""
    return isinstance(value, kinds) and not isinstance(value, bool) and 0 <= value < math.inf
