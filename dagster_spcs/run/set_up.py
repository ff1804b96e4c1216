"""What is wrong with the set-up around a step, for its log."""

from collections.abc import Iterator

import dagster as dg

from dagster_spcs.event_log.entries import sensors_of
from dagster_spcs.resource import SpcsJobResource


def notes_on_set_up(
    context: dg.AssetExecutionContext,
    resource: SpcsJobResource,
    resource_key: str,
    *,
    blocking: bool,
) -> Iterator[str]:
    """Yield what would otherwise be found out late, or never.

    Args:
        context: of the step.
        resource: that runs its jobs.
        resource_key: under which it is bound.
        blocking: whether the step waits for its jobs.
    """
    repository = _repository(context)
    if not blocking and repository is not None and not sensors_of(repository, resource_key):
        yield (
            f"No sensor of this code location records the jobs of resource {resource_key!r}: what"
            " this job makes will not be shown. Add build_spcs_polling_sensor() to the sensors of"
            " the Definitions, in YAML `polling_sensor: true` to the component, or use"
            ' mode="blocking".'
        )
    yield from resource.notes_on_set_up()


def _repository(context: dg.AssetExecutionContext) -> dg.RepositoryDefinition | None:
    try:
        return context.repository_def
    except Exception:
        return None  # a job outside of a code location, as in dagster.materialize
