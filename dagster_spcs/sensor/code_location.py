"""What the sensor asks of the code location that it is part of."""

from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg

from dagster_spcs.event_log import keys
from dagster_spcs.event_log.entries import DeclaredChecks, defined, result_table, sensors_of
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.jobs.tracked_job import TrackedJob

_ALL_ASSETS = "__ASSET_JOB"
"""The job that Dagster makes of all assets of a code location."""


class CodeLocation:
    """Its assets, with their partitions, checks and metadata, and who records which job.

    Args:
        repository: the code location's definitions.
        instance: knows dynamic partitions.
        resource_key: of the resource whose jobs the sensor records.
    """

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
        self._all = {tuple(key.path): key for key in self._graph.get_all_asset_keys()}
        made = self._graph.materializable_asset_keys
        self._made = {path for path, key in self._all.items() if key in made}
        self.sensors = sensors_of(repository, resource_key)
        """The names of the polling sensors of the same resource, this one among them."""
        own = (sensor.metadata.get(keys.RESOURCE_KEY) for sensor in repository.sensor_defs)
        self._resource_keys = {each.value for each in own if each is not None}

    def job_assets(self) -> list[dg.AssetKey]:
        """Return the assets that are made by jobs, of whatever resource."""
        return [
            key for path, key in sorted(self._all.items()) if self.metadata(path, keys.JOB_ASSET)
        ]

    def has_asset_of(self, identity: JobIdentity) -> bool:
        """Whether the asset of a job is here.

        An asset that another code location makes, and that is only named here, is not; unless the
        jobs of others are observed for it.
        """
        return identity.asset in (self._all if identity.is_observed else self._made)

    def is_responsible_for(self, identity: JobIdentity) -> bool:
        """Whether the sensor records a job, of those that its resource lists.

        The sensor whose resource started a job does, whatever resource its asset has now. If no
        sensor here has that resource any more, the sensor of the asset's present resource does.
        """
        if identity.resource_key in (None, self._resource_key):
            return True
        if identity.resource_key in self._resource_keys or identity.asset not in self._made:
            return False
        present = self.metadata(identity.asset, keys.RESOURCE_KEY)
        return present in (None, self._resource_key)

    def without(self, asset_keys: Collection[dg.AssetKey]) -> set[dg.AssetKey]:
        """Return those of the keys that are no assets of this code location."""
        return {key for key in asset_keys if tuple(key.path) not in self._all}

    def has_partition(self, asset: Sequence[str], partition: str | None) -> bool:
        """Whether an asset has a partition now; None is the whole of an unpartitioned one."""
        key = dg.AssetKey(list(asset))
        if tuple(asset) not in self._all:
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
        key = dg.AssetCheckKey(dg.AssetKey(list(asset)), keys.CHECK_NAME)
        return key in self._graph.asset_check_keys

    def checks(self, asset: Sequence[str]) -> DeclaredChecks:
        """Return the checks of a job asset."""
        key = dg.AssetKey(list(asset))
        return DeclaredChecks.of(self._repository.assets_defs_by_key[key], key)

    def result_table(self, job: TrackedJob) -> str | None:
        """Return the table that a job fills, None if its asset names none."""
        return result_table(self._graph.get(dg.AssetKey(list(job.asset_key))).metadata)

    def op_name(self, asset: Sequence[str]) -> str:
        """Return the name of the op that makes an asset: its place in a run's configuration."""
        name: str = self._repository.assets_defs_by_key[dg.AssetKey(list(asset))].node_def.name
        return name

    def resource_keys(self, asset: Sequence[str]) -> set[str]:
        """Return the keys of the resources that an asset's step needs."""
        definition = self._repository.assets_defs_by_key[dg.AssetKey(list(asset))]
        return set(definition.required_resource_keys)

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
        return defined(self._graph.get(dg.AssetKey(list(asset))).metadata, key)
