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
    ended: dict[tuple[str, int], Counter[str | None]] = {}
    success: dict[tuple[str, int], bool] = {}
    several: dict[str, int] = {}
    materialized = set()
    for asset in assets:
        for _, event in asset_events(instance, dg.AssetKey(asset)):
            end = events.end_told_by(event)
            if end is not None:
                key = (end.job_name.rpartition(".")[2], round(end.created))
                ended.setdefault(key, Counter())[event.partition] += 1
                success[key] = isinstance(event, dg.AssetMaterialization)
                if success[key]:
                    materialized.add((asset, event.partition))
            elif events.PARTITIONS in event.metadata:
                of_one = event.metadata[events.PARTITIONS].value
                assert isinstance(of_one, list)
                several[str(event.tags[events.JOB_TAG])] = len(of_one)
    history = lab.rows(
        "SELECT NAME, STATUS, CREATED_TIME FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY("
        "RESULT_LIMIT => 10000))"
    )
    jobs = {(row["NAME"], round(row["CREATED_TIME"].timestamp())): row["STATUS"] for row in history}

    def near(key: tuple[str, int]) -> Counter[str | None]:
        name, created = key
        told: Counter[str | None] = Counter()
        for (other, at), ends in ended.items():
            if other == name and abs(at - created) <= 5:
                told += ends
        return told

    return Count(
        jobs=len(jobs),
        lost=[name for (name, at) in jobs if len(near((name, at))) < several.get(name, 1)],
        doubled=[name for (name, at) in jobs if max(near((name, at)).values(), default=0) > 1],
        orphaned=[name for (name, _), status in jobs.items() if status in ("PENDING", "RUNNING")],
        materialized=materialized,
        wrong=[
            name
            for (name, at), told in success.items()
            for (other, _), status in jobs.items()
            # Of a job over several partitions some may be made though it failed.
            if other == name and name not in several and told != (status == "DONE")
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
