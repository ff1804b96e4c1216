"""The log of one container: each line once, in order, however the reads overlap."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_spcs.run.log_follower import GAP, LogFollower
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.statements import Statement
from dagster_spcs.testing import InMemorySession

from .samples import NOON, name
from .test_sql_text import read_literal

FOLLOW = "SELECT SYSTEM$GET_SERVICE_LOGS"


def stamp(tick: int) -> str:
    """A time stamp as the account puts it before a line."""
    return f"{NOON + timedelta(microseconds=tick):%Y-%m-%dT%H:%M:%S.%f}000Z"


def account(written: list[str], session: InMemorySession) -> None:
    """Answer with every line written so far whose stamp is not before the one asked for."""

    def answer(statement: Statement) -> list:
        since = read_literal(statement.text.split(", ")[-2])
        return [{"log": "\n".join(line for line in written if line.split(" ")[0] >= since)}]

    session.always(FOLLOW, answer)


WORDS = st.sampled_from(["", "a", "b", "a b", "\t x"])


@given(st.lists(st.tuples(st.integers(0, 2), WORDS, st.booleans()), max_size=30))
def test_each_line_once(events: list[tuple[int, str, bool]]) -> None:
    """However lines and reads fall together, each line comes once and in order."""
    session = InMemorySession()
    written: list[str] = []
    account(written, session)
    follower = LogFollower(SpcsClient(session), name(), 0, "main")
    read: list[str] = []
    now = 0
    for index, (later, text, look) in enumerate(events):
        now += later
        written.append(f"{stamp(now)} {text}{index}")  # stamps may be equal, texts differ
        if look:
            read += follower.read()
    read += follower.read()
    assert read == [line.split(" ", 1)[1] for line in written]
    assert follower.read() == []


def test_line_printed_twice(session: InMemorySession) -> None:
    """Two lines of the same text and time are two lines."""
    written = [f"{stamp(1)} retrying", f"{stamp(1)} retrying"]
    account(written, session)
    follower = LogFollower(SpcsClient(session), name(), 0, "main")
    assert follower.read() == ["retrying", "retrying"]
    written.append(f"{stamp(1)} retrying")
    assert follower.read() == ["retrying"]
    assert follower.read() == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(None, [], id="no-output"),
        pytest.param("", [], id="empty"),
        pytest.param(f"{stamp(1)} one\n{stamp(2)} two", ["one", "two"], id="two"),
        pytest.param(f"{stamp(1)} one\n", ["one"], id="newline-at-the-end"),
        pytest.param(f"{stamp(1)} ", [""], id="empty-line"),
        pytest.param(f"{stamp(1)} a  b ", ["a  b "], id="blanks-are-kept"),
    ],
)
def test_read_once(text: str | None, lines: list[str], session: InMemorySession) -> None:
    """A line comes without its time stamp and otherwise as it was printed."""
    session.answer(FOLLOW, [{"log": text}])
    assert LogFollower(SpcsClient(session), name(), 0, "main").read() == lines


def test_instance_and_container(session: InMemorySession) -> None:
    """One container of one instance is asked for."""
    session.answer(FOLLOW, [{"log": f"{stamp(1)} one"}])
    follower = LogFollower(SpcsClient(session), name(), 1, "side")
    assert follower.read() == ["one"]
    assert ", 1, 'side', " in session.texts()[0]


def test_gap_is_told(client: SpcsClient, session: InMemorySession) -> None:
    """An answer that begins after the last line seen has lost what was between."""
    session.answer(
        FOLLOW, [{"log": f"{stamp(1)} one"}], [{"log": f"{stamp(1)} one\n{stamp(2)} two"}]
    )
    session.answer(FOLLOW, [{"log": f"{stamp(7)} seven"}])
    follower = LogFollower(client, name(), 0, "main")
    assert [follower.read() for _ in range(3)] == [["one"], ["two"], [GAP, "seven"]]


def test_gap_before_the_first_look(client: SpcsClient, session: InMemorySession) -> None:
    """An answer that begins in the middle of a line was cut."""
    session.answer(FOLLOW, [{"log": f"of a line\n{stamp(1)} one"}])
    follower = LogFollower(client, name(), 0, "main")
    assert follower.read() == [GAP, "one"]


def test_line_that_was_cut(client: SpcsClient, session: InMemorySession) -> None:
    """An answer that begins in the middle of a line tells that line at no time."""
    session.answer(FOLLOW, [{"log": f"the end of it\n{stamp(2)} two"}])
    assert LogFollower(client, name(), 0, "main").read() == [GAP, "two"]


def test_two_streams_that_arrive_crosswise(client: SpcsClient, session: InMemorySession) -> None:
    """Lines are told in the order of their times."""
    session.answer(FOLLOW, [{"log": f"{stamp(2)} two\n{stamp(1)} one\n{stamp(3)} three"}])
    assert LogFollower(client, name(), 0, "main").read() == ["one", "two", "three"]
