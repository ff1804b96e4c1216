"""The account of the tests of faults, and what they count: its jobs against Dagster's events."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from dagster_spcs import events
from dagster_spcs.emulator import Emulator
from dagster_spcs.recorded import asset_events
from tests.support.emulators import POOL, SHELL, Lab


@dataclass
class Count:
    """The outcome of a test."""

    jobs: int
    lost: list[str]
    doubled: list[str]
    orphaned: list[str]
    materialized: set[tuple[str, str | None]]
    wrong: list[str]


def count(lab: Lab, instance: dg.DagsterInstance, assets: tuple[str, ...]) -> Count:
    """Compare every job of the account's history with the events of the assets."""
    ended: Counter[tuple[str, int]] = Counter()
    success: dict[tuple[str, int], bool] = {}
    materialized = set()
    for asset in assets:
        for _, event in asset_events(instance, dg.AssetKey(asset)):
            end = events.end_told_by(event)
            if end is not None:
                key = (end.job_name.rpartition(".")[2], round(end.created))
                ended[key] += 1
                success[key] = isinstance(event, dg.AssetMaterialization)
                if success[key]:
                    materialized.add((asset, event.partition))
    history = lab.rows(
        "SELECT NAME, STATUS, CREATED_TIME FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY("
        "RESULT_LIMIT => 10000))"
    )
    jobs = {(row["NAME"], round(row["CREATED_TIME"].timestamp())): row["STATUS"] for row in history}

    def near(key: tuple[str, int]) -> int:
        name, created = key
        return sum(
            n for (other, at), n in ended.items() if other == name and abs(at - created) <= 5
        )

    return Count(
        jobs=len(jobs),
        lost=[name for (name, at) in jobs if near((name, at)) == 0],
        doubled=[name for (name, at) in jobs if near((name, at)) > 1],
        orphaned=[name for (name, _), status in jobs.items() if status in ("PENDING", "RUNNING")],
        materialized=materialized,
        wrong=[
            name
            for (name, at), told in success.items()
            for (other, _), status in jobs.items()
            if other == name and told != (status == "DONE")
        ],
    )


def write_settings(emulator: Emulator, folder: Path) -> Path:
    """Write down what the code location has to know."""
    path = folder / "settings.json"
    path.write_text(
        json.dumps(
            {
                **emulator.connection_parameters(),
                "image": SHELL,
                "pool": POOL,
                "cursor": str(folder / "cursor.json"),
                "asked": str(folder / "asked.json"),
            }
        )
    )
    return path
