"""When the results are made anew: daily, and when the source has new rows."""

import dagster as dg
from dagster_snowflake import SnowflakeResource

from definitions import settings, sql
from definitions.assets import sentiment_results, summarization_results

refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.assets(summarization_results, sentiment_results)
    - dg.AssetSelection.all_asset_checks(),
    description="Submits both jobs; the polling sensor records their results.",
)

daily_refresh = dg.ScheduleDefinition(
    name="daily_refresh", job=refresh, cron_schedule=settings.REFRESH_CRON
)


@dg.sensor(job=refresh, minimum_interval_seconds=settings.POLL_SECONDS)
def new_reviews_sensor(
    context: dg.SensorEvaluationContext, snowflake: SnowflakeResource
) -> dg.SensorResult | dg.SkipReason:
    """Starts a refresh when the source table got new rows since the last look.

    The first look only remembers what is there: those rows have their results, or the first
    refresh is still to be started by hand or schedule.
    """
    with sql.warehouse(snowflake) as warehouse:
        count, loaded_at = warehouse.rows(sql.SOURCE_STATE)[0]
    state = f"{count} rows, last loaded {loaded_at}"
    if context.cursor in (None, "", state):
        return dg.SensorResult(skip_reason=f"No news: {state}.", cursor=state)
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=state)], cursor=state)
