"""The account of the tests of faults, and what they count: its jobs against Dagster's events."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import events
from dagster_spcs.event_log.ledger import asset_events
from tests.support.emulators import POOL, SHELL, Lab


@dataclass
class Count:
    """The outcome of a test."""

    jobs: int
    lost: list[str]
    doubled: list[str]
    orphaned: list[str]
    wrong: list[str]
    taken_over: int


def count(lab: Lab, instance: dg.DagsterInstance, assets: tuple[str, ...]) -> Count:
    """Compare every job of the account's history with the events of the assets.

    No name is used twice. A job over several partitions has an end of each.
    """
    told: dict[str, Counter[str | None]] = {}
    made: set[tuple[str, str | None]] = set()
    several: dict[str, list[str]] = {}
    taken_over = 0
    for asset in assets:
        for _, event in asset_events(instance, dg.AssetKey(asset)):
            end = events.end_told_by(event)
            if end is not None:
                name = end.job_name.rpartition(".")[2]
                told.setdefault(name, Counter())[event.partition] += 1
                if isinstance(event, dg.AssetMaterialization):
                    made.add((name, event.partition))
            elif events.PARTITIONS in event.metadata:
                of_one = event.metadata[events.PARTITIONS].value
                assert isinstance(of_one, list)
                several[event.tags[events.JOB_TAG]] = list(map(str, of_one))
            taken_over += events.taken_over_by(event) is not None
    history = lab.rows(
        "SELECT NAME, STATUS, INSTANCE_STATUSES FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY("
        "RESULT_LIMIT => 10000))"
    )
    wrong = []
    for row in history:
        name, ends = row["NAME"], told.get(row["NAME"], {})
        if name in several:
            codes = exit_codes(row["INSTANCE_STATUSES"])
            good = {part for part, code in zip(several[name], codes, strict=True) if code == 0}
        else:
            good = set(ends) if row["STATUS"] == "DONE" else set()
        if {part for part in ends if (name, part) in made} != good & set(ends):
            wrong.append(name)
    names = [row["NAME"] for row in history]
    return Count(
        jobs=len(names),
        lost=[name for name in names if len(told.get(name, ())) < len(several.get(name, "1"))],
        doubled=[name for name, ends in told.items() if max(ends.values()) > 1],
        orphaned=[row["NAME"] for row in history if row["STATUS"] in ("PENDING", "RUNNING")],
        wrong=wrong,
        taken_over=taken_over,
    )


def exit_codes(statuses: str) -> list[int | None]:
    """Return the exit code of each instance's one container, in the instances' order."""
    instances = json.loads(statuses)["instances"]
    instances.sort(key=lambda each: int(each["instanceId"]))
    return [each["containers"][0].get("lastExitCode") for each in instances]


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
