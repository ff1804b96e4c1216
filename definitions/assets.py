"""The assets of the example."""

import csv
from datetime import datetime, timezone
from typing import Any

import dagster as dg
from dagster_snowflake import SnowflakeResource

from dagster_spcs import Container, JobRequest, ServiceSpec, spcs_job_asset
from definitions import settings, sql
from definitions.automation import when_all_are_newer
from definitions.charts import insights_picture

GROUP = "reviews"


def _place(table: str) -> str:
    return f"{settings.DATABASE}.{settings.SCHEMA}.{table}"


@dg.asset(
    group_name=GROUP,
    kinds={"snowflake"},
    metadata={"dagster/table_name": _place("REVIEWS")},
)
def sample_reviews(snowflake: SnowflakeResource) -> dg.MaterializeResult[Any]:
    """Reviews that come with the example; rows already there are left alone."""
    with settings.REVIEWS_CSV.open(newline="", encoding="utf-8") as file:
        bundled = list(csv.DictReader(file))
    loaded_at = datetime.now(timezone.utc).replace(tzinfo=None)
    with sql.warehouse(snowflake) as warehouse:
        warehouse.rows(sql.CREATE_REVIEWS)
        present = {row[0] for row in warehouse.rows(sql.REVIEW_IDS)}
        fresh = [row for row in bundled if int(row["review_id"]) not in present]
        warehouse.insert(
            sql.INSERT_REVIEW,
            [
                (
                    int(row["review_id"]),
                    row["product"],
                    row["language"],
                    row["review_text"],
                    row["written_on"],
                    loaded_at,
                )
                for row in fresh
            ],
        )
        total = warehouse.value("SELECT COUNT(*) FROM REVIEWS")
    languages = sorted({row["language"] for row in bundled})
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": total,
            "new_rows": len(fresh),
            "languages": ", ".join(languages),
        }
    )


def _nothing_left(asset: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        "nothing_left",
        asset=asset,
        description="The container says that every review that was due has its result.",
    )


def _text_analysis(task: str, result_table: str) -> JobRequest:
    return JobRequest(
        spec=ServiceSpec(
            containers=[
                Container(
                    name="main",
                    image=settings.IMAGE,
                    args=[
                        f"--task={task}",
                        "--source_table=REVIEWS",
                        "--source_id_column=REVIEW_ID",
                        "--source_value_column=REVIEW_TEXT",
                        f"--result_table={result_table}",
                    ],
                    env={"SNOWFLAKE_WAREHOUSE": settings.WAREHOUSE},
                )
            ]
        )
    )


@spcs_job_asset(
    deps=[sample_reviews],
    group_name=GROUP,
    result_table=_place("SUMMARIZATION_RESULTS"),
    pipes=True,
    check_specs=[_nothing_left("summarization_results")],
)
def summarization_results(context: dg.AssetExecutionContext) -> JobRequest:
    """A summary of each review, made of the review's own sentences."""
    return _text_analysis("summarization", "SUMMARIZATION_RESULTS")


@spcs_job_asset(
    deps=[sample_reviews],
    group_name=GROUP,
    result_table=_place("SENTIMENT_RESULTS"),
    pipes=True,
    check_specs=[_nothing_left("sentiment_results")],
)
def sentiment_results(context: dg.AssetExecutionContext) -> JobRequest:
    """A label and a score from -1 to 1 for each review."""
    return _text_analysis("sentiment", "SENTIMENT_RESULTS")


nightly_sentiment = dg.AssetSpec(
    "nightly_sentiment",
    deps=[sample_reviews],
    group_name=GROUP,
    kinds={"snowflake"},
    description="Scores that a Snowflake task makes at night; the sensor only observes its jobs.",
    metadata={"dagster/table_name": _place("NIGHTLY_SENTIMENT")},
)


@dg.asset(
    deps=[sample_reviews, summarization_results, sentiment_results],
    group_name=GROUP,
    kinds={"snowflake", "sql"},
    automation_condition=when_all_are_newer("summarization_results", "sentiment_results"),
    metadata={"dagster/table_name": _place("REVIEW_INSIGHTS")},
)
def review_insights(snowflake: SnowflakeResource) -> dg.MaterializeResult[Any]:
    """What both jobs say together, a row a product."""
    with sql.warehouse(snowflake) as warehouse:
        warehouse.rows(sql.INSIGHTS)
        products = warehouse.rows(sql.READ_INSIGHTS)
        scores = [float(row[0]) for row in warehouse.rows(sql.SCORES)]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(products),
            "reviews": sum(int(row[1]) for row in products),
            "mean_score": sum(scores) / len(scores) if scores else 0.0,
            "picture": insights_picture(scores, products),
        }
    )
