"""What the sensor asks of the code location that it is part of."""

from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg

from dagster_spcs.event_log import events

_ALL_ASSETS = "__ASSET_JOB"
"""The job that Dagster makes of all assets of a code location."""


class CodeLocation:
    """Its assets, with their partitions, checks and metadata."""

    def __init__(
        self,
        repository: dg.RepositoryDefinition,
        instance: dg.DagsterInstance,
        resource_key: str,
    ) -> None:
        self._resource_key = resource_key
        self._repository = repository
        self._graph = repository.asset_graph
        self._instance = instance

    def job_assets(self) -> list[dg.AssetKey]:
        """Return the assets that are made by jobs of the sensor's resource."""
        return [
            key
            for key in sorted(self._graph.get_all_asset_keys())
            if self.metadata(key.path, events.JOB_ASSET)
            and self.metadata(key.path, events.RESOURCE_KEY) in (None, self._resource_key)
        ]

    def without(self, keys: Collection[dg.AssetKey]) -> set[dg.AssetKey]:
        """Return those of the keys that are no assets of this code location."""
        return set(keys) - set(self._graph.get_all_asset_keys())

    def has_partition(self, asset: Sequence[str], partition: str | None) -> bool:
        """Whether an asset has a partition now; None is the whole of an unpartitioned one."""
        key = dg.AssetKey(list(asset))
        if key not in self._graph.get_all_asset_keys():
            return False
        definition = self._graph.get(key).partitions_def
        if definition is None or partition is None:
            return definition is None and partition is None
        if isinstance(definition, dg.DynamicPartitionsDefinition) and definition.name is not None:
            return bool(self._instance.has_dynamic_partition(definition.name, partition))
        if isinstance(definition, dg.MultiPartitionsDefinition):  # a dimension may be dynamic
            return partition in definition.get_partition_keys(
                dynamic_partitions_store=self._instance
            )
        return definition.has_partition_key(partition)

    def has_check(self, asset: Sequence[str]) -> bool:
        """Whether an asset has the check that tells of its jobs."""
        key = dg.AssetCheckKey(dg.AssetKey(list(asset)), events.CHECK_NAME)
        return key in self._graph.asset_check_keys

    def op_name(self, asset: Sequence[str]) -> str:
        """Return the name of the op that makes an asset: its place in a run's configuration."""
        name: str = self._repository.assets_defs_by_key[dg.AssetKey(list(asset))].node_def.name
        return name

    def refusal(self, request: dg.RunRequest) -> str | None:
        """Return why a run of some job assets cannot be started now, None if it can.

        Dagster would fail the tick over it, and every later one.
        """
        wanted = set(request.asset_selection or ())
        if not wanted <= set(self.job_assets()):
            return "the code location has no such job asset any more"
        job = self._repository.get_job(request.job_name or _ALL_ASSETS)
        try:
            dg.validate_run_config(job.get_subset(asset_selection=wanted), request.run_config)
        except dg.DagsterInvalidConfigError as error:
            return f"its configuration does not fit the asset any more: {error}"
        return None

    def metadata(self, asset: Sequence[str], key: str) -> Any:
        """Return a value of an asset's definition metadata, None if there is none."""
        value = self._graph.get(dg.AssetKey(list(asset))).metadata.get(key)
        # It comes back as a MetadataValue, or as it was given.
        return getattr(value, "value", value)
