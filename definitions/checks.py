"""Checks on the result tables; they run after the sensor has recorded a result."""

import dagster as dg
from dagster_snowflake import SnowflakeResource

from definitions import sql
from definitions.assets import sentiment_results, summarization_results

# A job asset's own step ends before its job does, so the checks wait for the recorded result.
_AFTER_RESULT = dg.AutomationCondition.eager()


@dg.asset_check(asset=summarization_results, automation_condition=_AFTER_RESULT)
def every_review_summarized(snowflake: SnowflakeResource) -> dg.AssetCheckResult:
    """Each row of the source has a row in the result."""
    return _every_review_in(snowflake, "SUMMARIZATION_RESULTS")


@dg.asset_check(asset=sentiment_results, automation_condition=_AFTER_RESULT)
def every_review_scored(snowflake: SnowflakeResource) -> dg.AssetCheckResult:
    """Each row of the source has a row in the result."""
    return _every_review_in(snowflake, "SENTIMENT_RESULTS")


@dg.asset_check(asset=sentiment_results, automation_condition=_AFTER_RESULT)
def no_label_missing(snowflake: SnowflakeResource) -> dg.AssetCheckResult:
    """Each result has a label."""
    with sql.warehouse(snowflake) as warehouse:
        missing = warehouse.value(sql.MISSING_LABELS)
    return dg.AssetCheckResult(passed=missing == 0, metadata={"missing_labels": missing})


def _every_review_in(snowflake: SnowflakeResource, table: str) -> dg.AssetCheckResult:
    with sql.warehouse(snowflake) as warehouse:
        missing = warehouse.value(sql.unanalysed(table))
        source = warehouse.value("SELECT COUNT(*) FROM REVIEWS")
    return dg.AssetCheckResult(
        passed=missing == 0, metadata={"source_rows": source, "rows_missing": missing}
    )
