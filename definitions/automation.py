"""When the joined asset is built: once both of its inputs have news."""

import dagster as dg


class AllDependenciesNewer(dg.AutomationCondition[dg.AssetKey]):
    """True while every dependency was materialized after the asset itself was.

    ``AutomationCondition.eager()`` would build the join after each of the two jobs; this waits for
    the second. For assets without partitions.
    """

    @property
    def name(self) -> str:
        """What the automation page shows."""
        return "all_dependencies_newer"

    def evaluate(
        self, context: dg.AutomationContext[dg.AssetKey]
    ) -> dg.AutomationResult[dg.AssetKey]:
        """Compare the last materializations."""
        instance = context.asset_graph_view.instance
        parents = context.asset_graph_view.asset_graph.get(context.key).parent_keys
        latest = instance.get_latest_materialization_events([context.key, *parents])

        def when(key: dg.AssetKey) -> float:
            event = latest.get(key)
            return 0.0 if event is None else event.timestamp

        own = when(context.key)
        if all(when(parent) > own for parent in parents):
            return dg.AutomationResult(context, context.candidate_subset)
        return dg.AutomationResult(context, context.get_empty_subset())


def when_all_dependencies_are_newer() -> dg.AutomationCondition[dg.AssetKey]:
    """Return the condition, quiet while a run is at work already."""
    return AllDependenciesNewer() & ~dg.AutomationCondition.in_progress()
