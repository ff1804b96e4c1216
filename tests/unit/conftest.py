"""What the unit tests share: no socket, no process, no real clock."""

import pytest
from hypothesis import settings

from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.testing import InMemorySession

# A deadline would be a bound on the machine's speed, not on the program.
settings.register_profile("unit", deadline=None, database=None)
settings.load_profile("unit")


@pytest.fixture
def session() -> InMemorySession:
    """A session without answers."""
    return InMemorySession()


@pytest.fixture
def client(session: InMemorySession) -> SpcsClient:
    """A client over ``session`` whose pauses take no time, and whose clock counts only them."""
    return SpcsClient(session, sleep=session.slept.append, clock=lambda: sum(session.slept))
