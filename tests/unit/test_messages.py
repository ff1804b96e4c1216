"""Messages among the lines of a log, however they arrive."""

import json
import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from dagster_spcs.pipes.messages import PipesMessage, read_messages
from dagster_spcs.spcs.records import LogLine

from .samples import NOON

TEXT = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=40)
PIECE = 4096


def written(number: int, value: str = "") -> str:
    """A message as dagster_pipes prints it."""
    params = {"payload": value, "number": number}
    return said("report_custom_message", params)


def said(method: str, params: dict) -> str:
    """A message of any method."""
    return json.dumps({"__dagster_pipes_version": "0.1", "method": method, "params": params})


def lines(*texts: str, container: str = "main") -> list[LogLine]:
    """Lines as the event table has them, each later than the one before."""
    return [
        LogLine(text, 0, container, NOON + timedelta(microseconds=at), "stdout")
        for at, text in enumerate(texts)
    ]


def records(*texts: str, container: str = "main") -> list[LogLine]:
    """The same with long lines in pieces."""
    pieces = [text[at : at + PIECE] for text in texts for at in range(0, max(1, len(text)), PIECE)]
    return lines(*pieces, container=container)


def numbers(found: tuple[PipesMessage, ...]) -> list[int]:
    return [message.params["number"] for message in found]


@given(
    st.lists(st.one_of(TEXT, st.integers(0, 10_000)), max_size=12),
    st.lists(st.one_of(TEXT, st.integers(0, 10_000)), max_size=12),
    st.randoms(),
)
def test_two_containers_that_arrive_twice_and_mixed(
    first: list, second: list, chance: random.Random
) -> None:
    """Each message counts once and in its order, each plain line once."""
    logs = {
        name: records(
            *(each if isinstance(each, str) else written(each, "ü" * each) for each in asked),
            container=name,
        )
        for name, asked in (("a", first), ("b", second))
    }
    arrived: list[LogLine] = []
    waiting = [list(log) for log in logs.values()]
    while any(waiting):
        one = chance.choice([each for each in waiting if each])
        line = one.pop(0)
        arrived += [line] * chance.choice([1, 1, 2])
    found = read_messages(arrived)
    for name, asked in (("a", first), ("b", second)):
        wanted = [each for each in asked if isinstance(each, int)]
        alone = read_messages(logs[name])
        assert numbers(alone.messages) == wanted
        plain = [each for each in asked if isinstance(each, str)]
        assert [line.text for line in found.shown if line.container == name] == plain
    assert sorted(numbers(found.messages)) == sorted(
        each for each in (*first, *second) if isinstance(each, int)
    )
    assert found.broken == 0


def test_line_shared_by_two_writers() -> None:
    """What stands before or behind a message on its line is a line of its own."""
    found = read_messages(lines(f"50 %{written(1)}{written(2)} done"))
    assert numbers(found.messages) == [1, 2]
    assert [line.text for line in found.shown] == ["50 %", " done"]


def test_logged_through_pipes() -> None:
    """Its lines are shown where they were printed, with the level, as lines of that container."""
    log = {"message": "one\ntwo", "level": "WARNING"}
    found = read_messages(
        lines("before", said("log", log), said("log", {"message": "three"}), "after")
    )
    assert [line.text for line in found.shown] == [
        "before",
        "WARNING: one",
        "WARNING: two",
        "INFO: three",
        "after",
    ]
    assert {(line.container, line.stream) for line in found.shown} == {("main", "stdout")}
    assert len(found.messages) == 2
    odd = read_messages(lines(said("log", {"message": 7, "level": None}), said("log", {})))
    assert (odd.shown, len(odd.messages)) == ((), 2)


def test_half_a_message() -> None:
    """A message without an end is counted, and swallows nothing."""
    whole = written(1)
    found = read_messages(lines(whole[:40], "plain", written(2), "{", "}", whole[:50]))
    assert numbers(found.messages) == [2]
    assert [line.text for line in found.shown] == [whole[:40], "plain", "{", "}", whole[:50]]
    assert found.broken == 2


def test_same_line_at_another_time() -> None:
    """Printed twice is told twice; arrived twice is told once."""
    [one] = lines(written(1))
    later = LogLine(one.text, 0, "main", NOON + timedelta(seconds=1), "stdout")
    assert numbers(read_messages([one, one, later]).messages) == [1, 1]


def test_node_log_has_no_times() -> None:
    """Where no time tells, equal lines are different lines."""
    line = LogLine(written(1), 0, "main")
    assert numbers(read_messages([line, line]).messages) == [1, 1]


def test_closed_by_all() -> None:
    """A job has said everything when each writer that opened has closed."""

    def log(*methods: str) -> list[LogLine]:
        return lines(*(f'{{"__dagster_pipes_version": "0.1", "method": "{m}"}}' for m in methods))

    assert not read_messages(log()).has_closed
    assert not read_messages(log("opened", "opened", "closed")).has_closed
    assert read_messages(log("opened", "opened", "closed", "closed")).has_closed
