"""The tags by which Dagster tells what is stale: as an ordinary asset's event has them.

Dagster's own answer to "is it stale?" is not public; it reads nothing but these tags.
"""

from collections.abc import Callable

import dagster as dg
import pytest

from tests.integration.conftest import Location, script_asset

Locate = Callable[..., Location]
INPUTS = ("dagster/input_data_version/source", "dagster/input_event_pointer/source")
CODE_VERSION = "dagster/code_version"


@dg.asset
def source() -> None:
    """What the others are made from."""


def plain_asset(code_version: str | None) -> dg.AssetsDefinition:
    """An asset of Dagster's own."""

    @dg.asset(deps=[source], code_version=code_version)
    def plain() -> None: ...

    return plain


def tags(location: Location, name: str) -> dict[str, str]:
    """The tags of the last materialization that say from what it was made."""
    [event, *_] = location.materializations(name)
    return {
        key: text
        for key, text in (event.tags or {}).items()
        if key == CODE_VERSION or key.startswith("dagster/input_")
    }


@pytest.mark.parametrize("code_version", ["1", None])
@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_as_an_ordinary_asset(locate: Locate, mode: str, code_version: str | None) -> None:
    """Inputs and code version are told alike; without a version the run stands for it."""
    job = script_asset("a", "true", mode=mode, deps=[source], code_version=code_version)
    location = locate(source, plain_asset(code_version), job)
    location.run("source")
    location.run("plain")
    run = location.run("a")
    location.tick_until(lambda: location.materializations("a"))
    told, expected = tags(location, "a"), tags(location, "plain")
    assert told.keys() == expected.keys() == {CODE_VERSION, *INPUTS}
    assert {name: told[name] for name in INPUTS} == {name: expected[name] for name in INPUTS}
    assert told[CODE_VERSION] == (code_version or run.run_id)


def test_input_that_changes_while_the_job_works(locate: Locate) -> None:
    """The job has read what was there when it started."""
    job = script_asset("a", "true", mode="deferred", deps=[source], code_version="1")
    location = locate(source, plain_asset("1"), job)
    location.run("source")
    location.run("plain")
    location.run("a")
    location.run("source")
    location.tick_until(lambda: location.materializations("a"))
    assert tags(location, "a") == tags(location, "plain")


def test_input_without_an_event(locate: Locate) -> None:
    """An input that was never made is told as such."""
    job = script_asset("a", "true", mode="deferred", deps=[source], code_version="1")
    location = locate(source, plain_asset("1"), job)
    location.run("plain")
    location.run("a")
    location.tick_until(lambda: location.materializations("a"))
    assert tags(location, "a") == tags(location, "plain")


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_partitions(locate: Locate, mode: str) -> None:
    """Which partitions a job reads is not one event: nothing is told, so nothing is stale."""
    job = script_asset(
        "a",
        "true",
        mode=mode,
        deps=[source],
        code_version="1",
        partitions_def=dg.StaticPartitionsDefinition(["p1", "p2"]),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    location = locate(source, job)
    location.run("source")
    both = {
        "dagster/asset_partition_range_start": "p1",
        "dagster/asset_partition_range_end": "p2",
    }
    location.run("a", tags=both)
    location.tick_until(lambda: len(location.materializations("a")) == 2)
    assert tags(location, "a") == {}
