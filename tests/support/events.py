"""What tests ask of events."""

from datetime import datetime, timezone

import dagster as dg

from dagster_spcs.event_log.end import JobEnd, read_end
from dagster_spcs.event_log.start import JobStart, read_start

Told = dg.AssetMaterialization | dg.AssetObservation
_AT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def is_end(event: Told) -> bool:
    """Whether an event tells that a job ended."""
    return isinstance(read_end(_AT, event), JobEnd)


def is_start(event: Told) -> bool:
    """Whether an event tells that a job was started."""
    return isinstance(read_start(_AT, event), JobStart)
