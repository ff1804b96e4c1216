"""Whether a step waits for its jobs: decided from the run's own selection and tags."""

from dataclasses import dataclass
from typing import Literal

import dagster as dg

Mode = Literal["auto", "deferred", "blocking"]
_BACKFILL_TAG = "dagster/backfill"


@dataclass(frozen=True)
class RunMode:
    """Whether a step waits, and why, for its log."""

    blocking: bool
    reason: str
    feeds_run: bool = False
    """Whether something downstream in the same run is built from the result."""


def choose_mode(mode: Mode, *, waiting_assets: list[str], in_backfill: bool) -> RunMode:
    """Return whether to wait.

    A step that defers yields nothing: what depends on it in the same run would be skipped, and a
    backfill would count its partitions as failed. So ``auto`` waits in these two cases only.
    """
    feeds_run = bool(waiting_assets)
    if mode == "blocking":
        return RunMode(True, 'mode="blocking"', feeds_run)
    if mode == "deferred":
        return RunMode(False, 'mode="deferred"')
    if waiting_assets:
        return RunMode(True, f"the run also builds {', '.join(waiting_assets)} from it", True)
    if in_backfill:
        return RunMode(True, "the run belongs to a backfill")
    return RunMode(False, "nothing in this run waits for the result")


def mode_for_run(context: dg.AssetExecutionContext, mode: Mode) -> RunMode:
    """Return the mode of the run that ``context`` is part of."""
    layer = context.job_def.asset_layer
    selected = layer.executable_asset_keys
    own = context.selected_asset_keys
    children = {
        child
        for key in own
        for child in layer.asset_graph.get(key).child_keys
        if child in selected and child not in own
    }
    return choose_mode(
        mode,
        waiting_assets=sorted(key.to_user_string() for key in children),
        in_backfill=_BACKFILL_TAG in context.run.tags,
    )
