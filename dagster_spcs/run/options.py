"""What the steps of one definition have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from dagster_spcs.run.mode import Mode
from dagster_spcs.run.overlap import Overlap


@dataclass(frozen=True)
class StepOptions:
    """The options of a job asset, as its step needs them."""

    build: Callable[[Any, Mapping[str, Any]], Mapping[dg.AssetKey, object]]
    """From context and the step's other arguments to the request of each asset.

    The keys are those that the assets were defined with. A prefix, or a replacement, that a code
    location gives them later is in ``AssetKeys``.
    """
    compute_pool: str | None
    """Of requests that name none."""
    mode: Mode
    overlap: Overlap
    pipes: bool
    """Whether the containers are asked to speak Dagster Pipes."""
    resource_key: str
    """Under which the ``SpcsJobResource`` is bound."""
    max_in_flight: int | None = None
    """Jobs of one asset that may be at work at once."""
    batch: bool = False
    """Whether a run over several partitions is one job."""
