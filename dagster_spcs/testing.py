"""An in-memory session: tests of code that uses a ``SpcsClient``, without network or emulator.

It stands behind the client's own seam, so everything above the seam is the real thing::

    session = InMemorySession()
    session.answer("DESCRIBE SERVICE", [job_row])
    session.answer("DESCRIBE SERVICE", ObjectNotFound("gone"))
    client = SpcsClient(session, sleep=session.slept.append)

    assert client.describe(name).status is JobStatus.RUNNING
    assert session.texts() == ['DESCRIBE SERVICE "DB"."SC".JOB']

It knows nothing of Snowflake: whether a statement is good SQL, only an account or the emulator
can tell.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dagster_spcs.spcs.statements import Statement

Rows = Sequence[Mapping[str, Any]]
Answer = Rows | Exception | Callable[[Statement], Rows]
"""Rows with lower-case column names, an error to raise, or a function that gives the rows."""


class UnexpectedStatementError(AssertionError):
    """A statement without an answer; not an ``SpcsError``, so that nothing handles it."""


class InMemorySession:
    """A ``Session`` that answers from a script.

    Answers are found by how a statement begins; of several beginnings that fit, the longest
    counts. Those given with ``answer`` are used once each, in the order given, then the one given
    with ``always``. Anything else raises ``UnexpectedStatementError``. Several threads may use it.
    """

    def __init__(self) -> None:
        self.asked: list[Statement] = []
        """Every statement run, in order."""
        self.slept: list[float] = []
        """For the client's ``sleep``: what it would have waited."""
        self.closed = False
        self._once: dict[str, list[Answer]] = {}
        self._always: dict[str, Answer] = {}
        self._lock = threading.Lock()

    def answer(self, beginning: str, *answers: Answer) -> None:
        """Answer the next statements that begin so, one answer each."""
        self._once.setdefault(beginning, []).extend(answers)

    def always(self, beginning: str, answer: Answer) -> None:
        """Answer every statement that begins so and has no answer of its own left."""
        self._always[beginning] = answer

    def texts(self, beginning: str = "") -> list[str]:
        """Return the texts of the statements run that begin so."""
        return [each.text for each in self.asked if each.text.startswith(beginning)]

    def unused(self) -> list[str]:
        """Return the beginning of each answer that was given for one use and not used."""
        return [beginning for beginning, answers in self._once.items() for _ in answers]

    def run(self, statement: Statement) -> list[dict[str, Any]]:
        """Answer one statement."""
        with self._lock:
            self.asked.append(statement)
            answer = self._take(statement)
        if isinstance(answer, Exception):
            raise answer
        rows = answer(statement) if callable(answer) else answer
        return [dict(row) for row in rows]

    def close(self) -> None:
        """Note that the session was closed."""
        self.closed = True

    def _take(self, statement: Statement) -> Answer:
        fitting = {each for each in (*self._once, *self._always) if statement.text.startswith(each)}
        for beginning in sorted(fitting, key=len, reverse=True):
            if self._once.get(beginning):
                return self._once[beginning].pop(0)
            if beginning in self._always:
                return self._always[beginning]
        raise UnexpectedStatementError(f"no answer was given for: {statement.text}")
