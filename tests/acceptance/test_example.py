"""The example from outside: a real ``dagster dev``, its GraphQL, and a browser."""

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
import snowflake.connector
from playwright.sync_api import Page, expect, sync_playwright

from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from definitions import local, settings
from tests.acceptance.dagster_web import DagsterWeb, dagster_dev, wait_for

pytestmark = pytest.mark.slow

ARTIFACTS = Path("test-artifacts")
JOB_ASSETS = ("summarization_results", "sentiment_results")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with local.emulator(tmp_path_factory.mktemp("emulator"), keep_data=False) as started:
        yield started


@pytest.fixture(scope="module")
def web(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterWeb]:
    folder = tmp_path_factory.mktemp("dagster")
    environment = {"SPCS_EXAMPLE_POLL_SECONDS": "2", "SPCS_EXAMPLE_REFRESH_CRON": "* * * * *"}
    with dagster_dev(folder / "home", folder / "log.txt", **environment) as started:
        yield started


@pytest.fixture(scope="module")
def refreshed(web: DagsterWeb) -> DagsterWeb:
    """The reviews loaded and both jobs run once, launched over GraphQL."""
    loading = web.launch("__ASSET_JOB", ["sample_reviews"])
    assert web.run_finished(loading) == "SUCCESS"
    refresh = web.launch("refresh")
    assert web.run_finished(refresh) == "SUCCESS"
    for asset in JOB_ASSETS:
        web.materialized(asset, 1)
    web.materialized("review_insights", 1)
    return web


@pytest.fixture(scope="module")
def page(refreshed: DagsterWeb) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        page = browser.new_page(viewport={"width": 1500, "height": 1300})
        yield page
        browser.close()


def entries(event: dict) -> dict:
    """Return a materialization's metadata by label."""
    return {entry["label"]: entry for entry in event["metadataEntries"]}


def test_both_jobs_are_recorded_once_and_joined_once(refreshed: DagsterWeb) -> None:
    """One run submits both jobs; each asset and their join get exactly one materialization."""
    for asset in (*JOB_ASSETS, "review_insights"):
        assert len(refreshed.materializations(asset)) == 1
    ticks = refreshed.sensor_ticks("spcs_polling_sensor")
    assert not [tick for tick in ticks if tick["status"] == "FAILURE"]


def test_event_carries_the_job_s_history_and_logs(refreshed: DagsterWeb) -> None:
    """All metadata of the sensor's event can be read back over GraphQL."""
    metadata = entries(refreshed.materializations("sentiment_results")[0])

    assert metadata[keys.STATUS]["text"] == "DONE"
    assert metadata[keys.JOB_NAME]["text"].startswith("SPCS_EXAMPLE.REVIEWS.DAGSTER_SENTIMENT_")
    assert metadata[keys.COMPUTE_POOL]["text"] == settings.COMPUTE_POOL
    assert metadata[keys.INSTANCE_FAMILY]["text"] == "CPU_X64_S"
    assert metadata[keys.IMAGE]["text"].endswith(settings.IMAGE)
    assert metadata[keys.IMAGE_DIGEST]["text"].startswith("sha256:")
    assert len(metadata[keys.QUERY_ID]["text"]) == 36
    assert metadata[keys.SECONDS_RUNNING]["floatValue"] > 0
    assert metadata[keys.SECONDS_QUEUED]["floatValue"] >= 0
    assert metadata[keys.CREDITS_ON_RUNNING_NODES]["floatValue"] > 0
    assert metadata[keys.LOG_LINES]["intValue"] > 3
    assert metadata[keys.ERROR_LINES]["intValue"] == 0
    assert "266 rows analysed" in metadata[keys.LOG]["mdStr"]
    assert metadata[keys.REPLICAS]["intValue"] == 1
    assert metadata[keys.ATTEMPT]["intValue"] == 0
    assert '"exit_code": 0' in metadata[keys.INSTANCES]["table"]["records"][0]
    created, started, completed = (
        metadata[label]["timestamp"] for label in (keys.CREATED, keys.STARTED, keys.COMPLETED)
    )
    assert created <= started <= completed
    refresh = next(run for run in refreshed.runs() if run["jobName"] == "refresh")
    assert metadata[keys.SUBMITTING_RUN]["runId"] == refresh["runId"]
    assert metadata[keys.ROW_COUNT]["intValue"] == 266


def test_checks_are_green_for_the_recorded_result(refreshed: DagsterWeb) -> None:
    """The job's own check belongs to the materialization; the example's checks follow it."""
    for asset, check in (
        ("sentiment_results", keys.CHECK_NAME),
        ("summarization_results", keys.CHECK_NAME),
        ("sentiment_results", "every_review_scored"),
        ("sentiment_results", "no_label_missing"),
        ("summarization_results", "every_review_summarized"),
    ):

        def succeeded(asset: str = asset, check: str = check) -> bool:
            execution = refreshed.check_execution(asset, check)
            return execution is not None and execution["status"] == "SUCCEEDED"

        wait_for(f"check {check} of {asset}", succeeded, refreshed.log)


def test_asset_page_shows_the_job(refreshed: DagsterWeb, page: Page) -> None:
    """A person sees status, exit code and log lines on the asset's page."""
    page.goto(f"{refreshed.url}/assets/sentiment_results?view=events")

    expect(page.get_by_text(keys.JOB_NAME, exact=True).first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("DONE", exact=True).first).to_be_visible()
    expect(page.get_by_text("266 rows analysed").first).to_be_visible()
    expect(page.get_by_text("Completed successfully").first).to_be_visible()
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "asset-page.png")


def test_job_of_a_task_is_observed(refreshed: DagsterWeb, emulator: Emulator) -> None:
    """A job that a Snowflake task starts is one materialization of the asset it is mapped to."""
    with snowflake.connector.connect(**emulator.connection_parameters()) as connection:
        task = f"{settings.DATABASE}.{settings.SCHEMA}.NIGHTLY_SENTIMENT"
        connection.cursor().execute(f"EXECUTE TASK {task}")
    refreshed.materialized("nightly_sentiment", 1)

    metadata = entries(refreshed.materializations("nightly_sentiment")[0])
    assert metadata[keys.STATUS]["text"] == "DONE"
    assert ".JOB_" in metadata[keys.JOB_NAME]["text"]
    assert "266 rows analysed" in metadata[keys.LOG]["mdStr"]


def test_new_rows_start_a_refresh(refreshed: DagsterWeb, emulator: Emulator) -> None:
    """The sensor sees a new review and its refresh analyses that one alone."""
    before = len(refreshed.materializations("sentiment_results"))
    refreshed.start_sensor("new_reviews_sensor")
    wait_for(
        "the sensor's first look",
        lambda: refreshed.sensor_ticks("new_reviews_sensor"),
        refreshed.log,
    )
    wait_for(
        "the first look's end",
        lambda: refreshed.sensor_ticks("new_reviews_sensor")[-1]["status"] == "SKIPPED",
        refreshed.log,
    )
    with snowflake.connector.connect(
        **emulator.connection_parameters(), database=settings.DATABASE, schema=settings.SCHEMA
    ) as connection:
        connection.cursor().execute(
            "INSERT INTO REVIEWS VALUES (%s, %s, %s, %s, %s, %s)",
            (9001, "Brisa Kettle 1.7 l", "en", "Love it.", "2026-02-01", datetime.datetime.now()),
        )

    run = refreshed.run_with_tag("dagster/sensor_name", "new_reviews_sensor")
    assert refreshed.run_finished(run) == "SUCCESS"
    recorded = refreshed.materialized("sentiment_results", before + 1)[0]
    assert entries(recorded)[keys.SUBMITTING_RUN]["runId"] == run
    assert "1 rows analysed" in entries(recorded)[keys.LOG]["mdStr"]


def test_schedule_starts_a_refresh(refreshed: DagsterWeb) -> None:
    """A tick of the schedule submits both jobs, and the sensor records them."""
    refreshed.start_schedule("daily_refresh")

    run = refreshed.run_with_tag("dagster/schedule_name", "daily_refresh")

    assert refreshed.run_finished(run) == "SUCCESS"
    for asset in JOB_ASSETS:

        def recorded(asset: str = asset) -> bool:
            found = refreshed.materializations(asset)
            return any(entries(event)[keys.SUBMITTING_RUN]["runId"] == run for event in found)

        wait_for(f"the scheduled result of {asset}", recorded, refreshed.log)
