"""The code location."""

import warnings
from pathlib import Path

import dagster as dg

from definitions import assets, checks, refresh, resources, settings

# A condition of one's own is beta in Dagster; the tested version is pinned, and a test holds it.
warnings.filterwarnings("ignore", message=".*use_user_code_server", category=dg.BetaWarning)

# What is in ``defs`` is written in YAML: the polling sensor.
defs = dg.Definitions.merge(
    dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
    dg.Definitions(
        assets=dg.load_assets_from_modules([assets], include_specs=True),
        asset_checks=dg.load_asset_checks_from_modules([checks]),
        jobs=[refresh.refresh],
        schedules=[refresh.daily_refresh],
        sensors=[
            refresh.new_reviews_sensor,
            dg.AutomationConditionSensorDefinition(
                "automation",
                target=dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks(),
                default_status=dg.DefaultSensorStatus.RUNNING,
                minimum_interval_seconds=settings.POLL_SECONDS,
                use_user_code_server=True,  # the join's condition is the example's own
            ),
        ],
        # Steps here submit, or run one statement: a process for each would cost more than it does.
        executor=dg.in_process_executor,
        resources={"snowflake": resources.snowflake(), "spcs": resources.spcs()},
    ),
)
