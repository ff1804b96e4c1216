"""Fixtures for projects that test against an emulated account.

A project's top ``conftest.py`` names the plugin. It is not loaded by itself, because that would
make every pytest run of the same environment some seconds slower::

    pytest_plugins = ["dagster_spcs.emulator.pytest_plugin"]
"""

from collections.abc import Iterator

import pytest

from dagster_spcs.emulator import Emulator
from dagster_spcs.emulator.__main__ import parse_image, parse_pool, quiet

_POOL = "SPCS_EMULATOR_POOL"
_NODES = 8


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings of the emulated account."""
    parser.addini(
        "spcs_emulator_images",
        "images of the spcs_emulator fixture, REF=FOLDER a line, folders relative to the project",
        type="linelist",
        default=[],
    )
    parser.addini(
        "spcs_emulator_compute_pools",
        f"compute pools of the spcs_emulator fixture, NAME=NODES a line ({_POOL}={_NODES})",
        type="linelist",
        default=[f"{_POOL}={_NODES}"],
    )


@pytest.fixture(scope="session")
def spcs_emulator_session(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """An emulated account for the whole test session."""
    quiet()
    root = request.config.rootpath
    images = [parse_image(line, root) for line in request.config.getini("spcs_emulator_images")]
    pools = dict(map(parse_pool, request.config.getini("spcs_emulator_compute_pools")))
    with Emulator(images=images, compute_pools=pools) as emulator:
        yield emulator


@pytest.fixture
def spcs_emulator(spcs_emulator_session: Emulator) -> Iterator[Emulator]:
    """The same account; what a test made go wrong is over after the test."""
    yield spcs_emulator_session
    spcs_emulator_session.faults.clear()
