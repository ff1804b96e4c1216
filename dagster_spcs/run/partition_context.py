"""The step's context as the function of one partition sees it."""

from typing import Any

import dagster as dg


class PartitionContext:
    """Tells of one partition where the run is over several; all else is the step's own context."""

    def __init__(self, context: dg.AssetExecutionContext, partition_key: str) -> None:
        self._context = context
        self.partition_key = partition_key
        self.partition_keys = [partition_key]
        self.partition_key_range = dg.PartitionKeyRange(partition_key, partition_key)
        self.has_partition_key = True
        self.has_partition_key_range = False

    @property
    def partitions_def(self) -> dg.PartitionsDefinition[str] | None:
        """The partitions of the step's assets."""
        definition: dg.PartitionsDefinition[str] | None = self._context.assets_def.partitions_def
        return definition

    @property
    def has_time_window(self) -> bool:
        """Whether the partition, or one of its dimensions, is a span of time."""
        return self._time_dimension() is not None

    @property
    def partition_time_window(self) -> dg.TimeWindow:
        """The window of this partition alone."""
        found = self._time_dimension()
        if found is None:
            window: dg.TimeWindow = self._context.partition_time_window  # says why there is none
            return window
        definition, key = found
        return definition.time_window_for_partition_key(key)

    @property
    def multi_partition_key(self) -> dg.MultiPartitionKey:
        """The key by dimension, of a multi-partitioned asset."""
        definition = self.partitions_def
        if not isinstance(definition, dg.MultiPartitionsDefinition):
            key: dg.MultiPartitionKey = self._context.multi_partition_key
            return key
        return definition.get_partition_key_from_str(self.partition_key)

    def _time_dimension(self) -> tuple[dg.TimeWindowPartitionsDefinition, str] | None:
        """Return what tells time, and the key in it."""
        definition = self.partitions_def
        if isinstance(definition, dg.TimeWindowPartitionsDefinition):
            return definition, self.partition_key
        if isinstance(definition, dg.MultiPartitionsDefinition):
            keys = definition.get_partition_key_from_str(self.partition_key).keys_by_dimension
            for dimension in definition.partitions_defs:
                if isinstance(dimension.partitions_def, dg.TimeWindowPartitionsDefinition):
                    return dimension.partitions_def, keys[dimension.name]
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)
