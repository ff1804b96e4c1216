"""Emulators for one test, and one that tests of the wire share."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dagster_spcs.emulator import Emulator
from dagster_spcs.emulator.containers.images import Image, read_build_context
from tests.support.emulators import Lab, new_emulator, open_lab


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A running emulator."""
    with new_emulator(tmp_path_factory.mktemp("emulator")) as emulator:
        yield emulator


@pytest.fixture
def lab(emulator: Emulator) -> Iterator[Lab]:
    """A session of the test's own."""
    with open_lab(emulator) as connection:
        yield Lab(connection)


@pytest.fixture
def qmark(emulator: Emulator) -> Iterator[Lab]:
    """A session that sends binds to the server."""
    with open_lab(emulator, paramstyle="qmark") as connection:
        yield Lab(connection)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends with the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def shell(tmp_path: Path) -> Image:
    """An image whose argument is a shell script."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["/bin/sh", "-c"]\n')
    return read_build_context(folder, tmp_path / "root")
