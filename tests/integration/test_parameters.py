"""What ``dagster.asset`` gives to a function, a job asset's function takes too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from dagster_spcs import JobRequest, SpcsJobResource, spcs_job_asset, spcs_job_multi_asset
from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from tests.integration.conftest import Location, script_request, snowflake_resource

Locate = Callable[..., Location]


class Greeting(dg.ConfigurableResource):
    """A resource of the user's."""

    word: str


class Settings(dg.Config):
    """Configuration of the user's."""

    times: int = 2


def told(location: Location, *assets: str) -> list[str]:
    """Run assets; return the text that each one's job printed."""
    assert location.run(*assets).success
    return [location.materializations(asset)[0].metadata[keys.LOG].value for asset in assets]


def by_resource(context: dg.AssetExecutionContext, greeting: Greeting) -> JobRequest:
    """One resource."""
    return script_request(f"echo {greeting.word}-1")


def by_config(config: Settings, greeting: Greeting) -> JobRequest:
    """Configuration and a resource, and no context."""
    return script_request(f"echo {greeting.word}-{config.times}")


def by_parameter(context, name: dg.ResourceParam[str], greeting: Greeting) -> JobRequest:
    """Two resources, one of them a plain value."""
    return script_request(f"echo {greeting.word}-{name}")


async def by_await(greeting: Greeting) -> JobRequest:
    """A coroutine, as ``dagster.asset`` takes it."""
    return script_request(f"echo {greeting.word}-awaited")


def by_own(spcs: SpcsJobResource) -> JobRequest:
    """The step's own resource."""
    return script_request(f"echo hello-{spcs.compute_pool}")


@pytest.mark.parametrize(
    ("function", "printed"),
    [
        (by_resource, "hello-1"),
        (by_config, "hello-2"),
        (by_await, "hello-awaited"),
        (by_parameter, "hello-x"),
        (by_own, "hello-"),
    ],
)
def test_parameters(locate: Locate, function: Callable[..., Any], printed: str) -> None:
    location = locate(
        spcs_job_asset(mode="blocking")(function),
        bound={
            "greeting": Greeting(word="hello"),
            "name": dg.ResourceDefinition.hardcoded_resource("x"),
        },
    )
    [log] = told(location, function.__name__)
    assert printed in log


def test_parameters_of_several_assets(locate: Locate) -> None:
    @spcs_job_multi_asset(specs=[dg.AssetSpec("a"), dg.AssetSpec("b")], mode="blocking")
    def jobs(config: Settings, greeting: Greeting) -> dict[str, JobRequest]:
        return {key: script_request(f"echo {greeting.word}-{key}") for key in "ab"}

    location = locate(jobs, bound={"greeting": Greeting(word="hello")})
    logs = told(location, "a", "b")
    assert "hello-a" in logs[0]
    assert "hello-b" in logs[1]


def test_another_resource_in_the_place_of_ours(
    emulator: Emulator, schema: str, locate: Locate
) -> None:
    """The step and the tick say what is bound there and what to write."""
    location = locate(
        spcs_job_asset()(by_resource),
        bound={
            "greeting": Greeting(word="hello"),
            "spcs": snowflake_resource(emulator, schema),
        },
    )
    result = location.run("by_resource")
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "the resource 'spcs' is a Snowflake" in str(failure.step_failure_data.error)
    with pytest.raises(dg.DagsterInvariantViolationError, match="Write resources="):
        location.tick()


def by_key(context: dg.AssetExecutionContext, greeting: Greeting) -> JobRequest:
    """One resource as a parameter, another one by its key."""
    return script_request(f"echo {greeting.word}-{context.resources.name}")


def test_required_resource_keys(locate: Locate) -> None:
    """Beside parameters, which ``dagster.asset`` itself refuses."""
    location = locate(
        spcs_job_asset(mode="blocking", required_resource_keys={"name"})(by_key),
        bound={
            "greeting": Greeting(word="hello"),
            "name": dg.ResourceDefinition.hardcoded_resource("x"),
        },
    )
    [log] = told(location, "by_key")
    assert "hello-x" in log
