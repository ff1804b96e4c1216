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
    def partition_time_window(self) -> dg.TimeWindow:
        """The window of this partition alone."""
        definition = self._context.assets_def.partitions_def
        key = self.partition_key
        if isinstance(definition, dg.MultiPartitionsDefinition):
            keys = definition.get_partition_key_from_str(key).keys_by_dimension
            for dimension in definition.partitions_defs:
                if isinstance(dimension.partitions_def, dg.TimeWindowPartitionsDefinition):
                    definition, key = dimension.partitions_def, keys[dimension.name]
                    break
        if not isinstance(definition, dg.TimeWindowPartitionsDefinition):
            window: dg.TimeWindow = self._context.partition_time_window
            return window
        return definition.time_window_for_partition_key(key)

    @property
    def multi_partition_key(self) -> dg.MultiPartitionKey:
        """The key by dimension, of a multi-partitioned asset."""
        definition = self._context.assets_def.partitions_def
        if not isinstance(definition, dg.MultiPartitionsDefinition):
            key: dg.MultiPartitionKey = self._context.multi_partition_key
            return key
        return definition.get_partition_key_from_str(self.partition_key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)
