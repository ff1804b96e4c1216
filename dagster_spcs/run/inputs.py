"""From which inputs a job makes its asset, as Dagster tells staleness by.

A step that yields a result has this done by Dagster. A deferred job's event is written later, by
the sensor, when the inputs may have changed: what a job reads is known when it is submitted.
"""

import dagster as dg

from dagster_spcs.event_log import keys

_UNKNOWN_VERSION = "INITIAL"
_NO_EVENT = "NULL"
"""As Dagster writes them (module ``data_version``)."""


def input_tags(context: dg.AssetExecutionContext, key: dg.AssetKey) -> dict[str, str] | None:
    """Return the tags that name version and event of each input of an asset.

    None where partitions are involved: which of them a job reads is not one event.
    """
    definition = context.assets_def
    if definition.partitions_def is not None:
        return None
    tags = {}
    for dependency in definition.asset_deps[key]:
        record = context.instance.get_latest_data_version_record(dependency)
        if record is not None and record.partition_key is not None:
            return None
        stored = {} if record is None else (record.event_log_entry.tags or {})
        name = dependency.to_user_string()
        tags[f"{keys.INPUT_VERSION_TAG}/{name}"] = stored.get(
            keys.DATA_VERSION_TAG, _UNKNOWN_VERSION
        )
        tags[f"{keys.INPUT_EVENT_TAG}/{name}"] = (
            _NO_EVENT if record is None else str(record.storage_id)
        )
    return tags
