"""The component of the polling sensor, for ``defs.yaml`` files."""

from datetime import timedelta
from typing import Any, Literal

import dagster as dg

from dagster_spcs.polling_sensor import build_spcs_polling_sensor


class SpcsPollingSensorComponent(dg.Component, dg.Model, dg.Resolvable):
    """The sensor that records the end of every job of the code location."""

    name: str = "spcs_polling_sensor"
    minimum_interval_seconds: int = 30
    metadata: Literal["warehouse", "no-warehouse"] | None = None
    max_completions: int = 200
    max_seconds: float = 40.0
    failure_runs: bool = False
    observe: dict[str, str] | None = None
    drop_after_seconds: float | None = None
    running: bool = True
    resource_key: str = "spcs"

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the sensor."""
        status = dg.DefaultSensorStatus
        options = self.model_dump(exclude={"running", "drop_after_seconds"})
        seconds = self.drop_after_seconds
        sensor = build_spcs_polling_sensor(
            **options,
            drop_after=None if seconds is None else timedelta(seconds=seconds),
            default_status=status.RUNNING if self.running else status.STOPPED,
        )
        return dg.Definitions(sensors=[sensor])


class SpcsPollingSensorScaffolder(dg.Scaffolder[Any]):
    """Writes a ``defs.yaml`` with the interval."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write the file."""
        dg.scaffold_component(request, {"minimum_interval_seconds": 30})


dg.scaffold_with(SpcsPollingSensorScaffolder)(SpcsPollingSensorComponent)
