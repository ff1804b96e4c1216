"""The account of the tests of faults, and what they count: its jobs against Dagster's events."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import dagster as dg

from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log.end import JobEnd, read_end
from dagster_spcs.event_log.start import JobStart, read_start
from tests.support.emulators import POOL, SHELL, Lab

_NEVER_MIND = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""When an event was stored, which does not matter here."""


@dataclass
class Count:
    """The outcome of a test."""

    jobs: int
    lost: list[str]
    doubled: list[str]
    orphaned: list[str]
    wrong: list[str]


def count(lab: Lab, instance: dg.DagsterInstance, assets: tuple[str, ...]) -> Count:
    """Compare every job of the account's history with the events of the assets.

    No name is used twice. A job over several partitions has an end of each.
    """
    told: dict[str, Counter[str | None]] = {}
    made: set[tuple[str, str | None]] = set()
    several: dict[str, Sequence[str]] = {}
    for asset in assets:
        for event in _events(instance, asset):
            end = read_end(_NEVER_MIND, event)
            start = read_start(_NEVER_MIND, event)
            if isinstance(end, JobEnd):
                name = end.key.name.rpartition(".")[2]
                told.setdefault(name, Counter())[event.partition] += 1
                if isinstance(event, dg.AssetMaterialization):
                    made.add((name, event.partition))
            elif isinstance(start, JobStart) and start.partitions:
                several[start.name.name] = start.partitions
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
    )


def _events(
    instance: dg.DagsterInstance, asset: str
) -> Iterator[dg.AssetMaterialization | dg.AssetObservation]:
    for fetch in (instance.fetch_materializations, instance.fetch_observations):
        for record in fetch(dg.AssetKey(asset), limit=10_000).records:
            event = record.asset_materialization or record.asset_observation
            assert event is not None
            yield event


def exit_codes(statuses: str) -> list[int | None]:
    """Return the exit code of each instance's one container, in the instances' order."""
    instances = json.loads(statuses)["instances"]
    instances.sort(key=lambda each: int(each["instanceId"]))
    return [each["containers"][0].get("lastExitCode") for each in instances]


def write_settings(emulator: Emulator, folder: Path, **more: str) -> Path:
    """Write down what the code location has to know, and what else a test tells it."""
    path = folder / "settings.json"
    path.write_text(
        json.dumps(
            {
                **emulator.connection_parameters(),
                "image": SHELL,
                "pool": POOL,
                "cursor": str(folder / "cursor.json"),
                "asked": str(folder / "asked.json"),
                **more,
            }
        )
    )
    return path
