"""The account the promises are checked on: an emulator that all tests share."""

from collections.abc import Iterator

import pytest

from dagster_spcs.emulator import Emulator
from tests.support.emulators import Lab, new_emulator, new_name, open_lab


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A running emulator with a warehouse and an integration."""
    with new_emulator(tmp_path_factory.mktemp("account")) as emulator:
        with open_lab(emulator) as connection:
            connection.cursor().execute("CREATE WAREHOUSE WH")
        yield emulator


@pytest.fixture
def lab(account: Emulator) -> Iterator[Lab]:
    """A session in ``LAB.PUBLIC``."""
    with open_lab(account) as connection:
        yield Lab(connection)


@pytest.fixture
def qmark(account: Emulator) -> Iterator[Lab]:
    """A session that sends binds to the server, as Snowpark does."""
    with open_lab(account, paramstyle="qmark") as connection:
        yield Lab(connection)


@pytest.fixture
def name() -> str:
    """A job's name no test has used."""
    return new_name()
