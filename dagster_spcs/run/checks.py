"""The checks of a step: the job's own, and those that its containers report through Pipes."""

from collections.abc import Collection, Iterator
from dataclasses import replace

import dagster as dg

from dagster_spcs.event_log import keys
from dagster_spcs.event_log.end import EndEvents, check_result
from dagster_spcs.event_log.entries import DeclaredChecks
from dagster_spcs.event_log.ledger import Ledger


def checks_alone(
    context: dg.AssetExecutionContext, selected: Collection[dg.AssetKey]
) -> Iterator[dg.AssetCheckResult]:
    """Evaluate the selected checks of assets that are not ``selected`` themselves.

    The job's own check tells of the last end that was recorded.

    Raises:
        dagster.Failure: if there are others. Only a container can evaluate them, while it makes
            its asset.
    """
    others = []
    for check in sorted(context.selected_asset_check_keys, key=str):
        if check.asset_key in selected:
            continue
        if check.name == keys.CHECK_NAME:
            yield _last_verdict(context, check.asset_key)
        else:
            others.append(check)
    if others:
        names = ", ".join(check.to_user_string() for check in others)
        assets = ", ".join(dict.fromkeys(check.asset_key.to_user_string() for check in others))
        raise dg.Failure(
            f"{names}: reported by the container that makes the asset, never evaluated alone."
            f" Materialize {assets}.",
            allow_retries=False,
        )


def _last_verdict(context: dg.AssetExecutionContext, key: dg.AssetKey) -> dg.AssetCheckResult:
    last = Ledger(context.instance).last_end(key.path)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=keys.CHECK_NAME,
        passed=last is not None and last.succeeded,
        severity=dg.AssetCheckSeverity.WARN if last is None else dg.AssetCheckSeverity.ERROR,
        description=(
            "No job has ended yet."
            if last is None
            else f"The last job, {last.key.name}, ended {last.status}."
        ),
    )


class StepChecks:
    """The results of a step's checks, for each job and over all partitions of an asset.

    Args:
        context: of the step.
    """

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context
        self._failed: dict[dg.AssetCheckKey, dict[str, dg.AssetCheckSeverity]] = {}
        """Of assets with several partitions: those in which a check did not pass."""

    def of(self, key: dg.AssetKey) -> DeclaredChecks:
        """Return the checks of an asset that this step has to evaluate."""
        selected = self._context.selected_asset_check_keys
        checks = DeclaredChecks.of(self._context.assets_def, key)
        own = tuple(
            name for name in checks.of_containers if dg.AssetCheckKey(key, name) in selected
        )
        return replace(checks, of_containers=own)

    def results(self, events: EndEvents, *, alone: bool) -> Iterator[dg.AssetCheckResult]:
        """Yield the results of one job; what the step cannot yield is logged.

        Args:
            events: of the job.
            alone: whether it is the only one of its asset in this step.
        """
        for check in (events.verdict, *events.reported):
            if alone and check.asset_check_key in self._context.selected_asset_check_keys:
                yield check_result(check)
            elif check.check_name != keys.CHECK_NAME:
                self._context.log_event(check)
                if not check.passed:
                    failed = self._failed.setdefault(check.asset_check_key, {})
                    failed[events.own.partition or ""] = check.severity

    def of_range(self, key: dg.AssetKey) -> Iterator[dg.AssetCheckResult]:
        """Yield the results of the containers' checks over all partitions that were made."""
        for name in self.of(key).of_containers:
            failed = self._failed.get(dg.AssetCheckKey(key, name), {})
            is_error = not failed or dg.AssetCheckSeverity.ERROR in failed.values()
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=name,
                passed=not failed,
                severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
                description=f"Failed: {', '.join(sorted(failed))}"
                if failed
                else "Passed everywhere",
            )
