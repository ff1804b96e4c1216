"""The in-memory session: what it answers, what it records, and that it refuses the rest."""

import pytest

from dagster_spcs.errors import ConnectionFailed, SpcsError
from dagster_spcs.spcs.statements import Statement
from dagster_spcs.testing import InMemorySession, UnexpectedStatementError


def test_answers_in_order(session: InMemorySession) -> None:
    """Answers for one use come in the order given, then the standing one."""
    session.always("SHOW", [{"n": 0}])
    session.answer("SHOW", [{"n": 1}], [{"n": 2}])
    assert [session.run(Statement("SHOW X"))[0]["n"] for _ in range(4)] == [1, 2, 0, 0]


def test_longest_beginning_counts(session: InMemorySession) -> None:
    """A more exact beginning is preferred, whatever was given first."""
    session.always("SHOW", [])
    session.always("SHOW JOB", [{"job": 1}])
    assert session.run(Statement("SHOW JOB SERVICES")) == [{"job": 1}]
    assert session.run(Statement("SHOW TABLES")) == []


def test_answers_that_are_not_rows(session: InMemorySession) -> None:
    """An error is raised, a function is called with the statement."""
    session.answer("DROP", ConnectionFailed("broken"))
    session.answer("SELECT", lambda statement: [{"length": len(statement.text)}])
    with pytest.raises(ConnectionFailed, match="broken"):
        session.run(Statement("DROP SERVICE X"))
    assert session.run(Statement("SELECT 1")) == [{"length": 8}]


def test_refuses_what_was_not_expected(session: InMemorySession) -> None:
    """A statement without an answer fails the test, past any handler of the library's errors."""
    session.answer("SHOW", [])
    session.run(Statement("SHOW X"))
    with pytest.raises(UnexpectedStatementError, match="no answer was given for: SHOW X"):
        session.run(Statement("SHOW X"))
    assert not issubclass(UnexpectedStatementError, SpcsError)


def test_records_what_was_asked(session: InMemorySession) -> None:
    """Statements, answers left over and the closing are there to look at."""
    session.answer("SHOW", [], [])
    session.answer("DROP", [])
    session.run(Statement("SHOW X", needs_warehouse=True))
    session.close()
    assert session.asked == [Statement("SHOW X", needs_warehouse=True)]
    assert (session.texts("SHOW"), session.texts("DROP")) == (["SHOW X"], [])
    assert session.unused() == ["SHOW", "DROP"]
    assert session.closed
