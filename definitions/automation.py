"""When the joined asset is built: once both of its inputs have news."""

import dagster as dg


class AllNewer(dg.AutomationCondition[dg.AssetKey]):
    """True while each of some assets was materialized after the asset itself was.

    ``AutomationCondition.eager()`` would build the join after each of the two jobs; this waits for
    the second. For assets without partitions.
    """

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    @property
    def name(self) -> str:
        """What the automation page shows."""
        return f"all_newer({', '.join(self.keys)})"

    def evaluate(
        self, context: dg.AutomationContext[dg.AssetKey]
    ) -> dg.AutomationResult[dg.AssetKey]:
        """Compare the last materializations."""
        instance = context.asset_graph_view.instance
        inputs = [dg.AssetKey(key) for key in self.keys]
        latest = instance.get_latest_materialization_events([context.key, *inputs])

        def when(key: dg.AssetKey) -> float:
            event = latest.get(key)
            return 0.0 if event is None else event.timestamp

        own = when(context.key)
        if all(when(parent) > own for parent in inputs):
            return dg.AutomationResult(context, context.candidate_subset)
        return dg.AutomationResult(context, context.get_empty_subset())


def when_all_are_newer(*keys: str) -> dg.AutomationCondition[dg.AssetKey]:
    """Return the condition, quiet while a run is at work already and after one that failed."""
    return (
        AllNewer(*keys)
        & ~dg.AutomationCondition.in_progress()
        & ~dg.AutomationCondition.execution_failed()
    )
