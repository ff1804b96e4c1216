"""The sensor in this process, and what the daemon does with its result."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from dagster_spcs import SpcsJobResource, build_spcs_polling_sensor
from dagster_spcs.jobs.gather import MetadataSource


class SensorLoop:
    """A code location's sensor, its instance, and its cursor between ticks."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        resource: SpcsJobResource,
        assets: Sequence[dg.AssetsDefinition],
        metadata: MetadataSource = "warehouse",
    ) -> None:
        self.instance = instance
        self.cursor: str | None = None
        self._resource = resource
        self._sensor = build_spcs_polling_sensor(metadata=metadata)
        self._repository = dg.Definitions(
            assets=assets, sensors=[self._sensor], resources={"spcs": resource}
        ).get_repository_def()

    def evaluate(self) -> Any:
        """Evaluate a tick; nothing comes of it yet."""
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=self._repository,
            resources={"spcs": self._resource},
        ) as context:
            return self._sensor.evaluate_tick(context)

    def store(self, result: Any) -> None:
        """Store a tick's events, then its cursor."""
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        self.cursor = result.cursor
