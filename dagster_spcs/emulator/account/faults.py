"""What a test can do to the account: delays, refusals, lost connections, outages, late rows, time.

One object, ``Emulator.faults``. All of it may be set from any thread while the emulator runs, and
is the same for every client. Chances are drawn from one seeded generator, so that a run of faults
can be repeated.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from dagster_spcs.emulator.sql.words import leading_words

Effect = Literal["refuse", "slow", "lose request", "lose answer"]


@dataclass
class Fault:
    """One thing that goes wrong with some statements."""

    effect: Effect
    begins_with: tuple[str, ...]
    times: int | None
    chance: float
    seconds: float = 0.0
    number: int = 0
    text: str = ""
    struck: int = 0
    """How often it has happened."""

    def fits(self, statement: str) -> bool:
        """Whether it can still happen, to this statement."""
        if self.times is not None and self.struck >= self.times:
            return False
        words = leading_words(statement, len(self.begins_with))
        return tuple(words) == self.begins_with


class Faults:
    """What goes wrong, and how late things are.

    ``begins_with`` chooses statements by their first words, as in ``"SHOW JOB SERVICES"``; the
    empty text is every statement. ``times`` is how often a fault happens at most, None for ever;
    ``chance`` is how likely it is each time.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311  repeatable on purpose
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.latency_seconds = 0.0
        """Added to every statement, as a distant account's round trip would."""
        self.history_lag_seconds = 0.0
        """How long after a job's end GET_JOB_HISTORY has its row."""
        self.log_lag_seconds = 0.0
        """How long after it was printed SPCS_GET_LOGS has a line; an account takes minutes. The
        node's own log, SYSTEM$GET_SERVICE_LOGS, has it at once."""
        self.clock_offset = timedelta()
        """How far the account's clock is ahead of this machine's."""
        self.unreachable = False
        """Whether connections are closed as soon as they are made; see ``outage``."""
        self.turned_away = 0
        """How many connections and requests outages have ended."""
        self.expired_sessions = 0
        """Raised by ``expire_sessions``: sessions of an earlier number have no valid token."""

    def refuse(
        self,
        begins_with: str = "",
        *,
        number: int = 603,
        text: str = "SQL execution internal error (injected)",
        times: int | None = 1,
        chance: float = 1.0,
    ) -> Fault:
        """Let statements fail with an error of the account; they are not carried out."""
        return self._add("refuse", begins_with, times, chance, number=number, text=text)

    def slow(
        self,
        begins_with: str = "",
        *,
        seconds: float,
        times: int | None = None,
        chance: float = 1.0,
    ) -> Fault:
        """Let statements take longer; they are carried out at once and answered late."""
        return self._add("slow", begins_with, times, chance, seconds=seconds)

    def lose_request(
        self, begins_with: str = "", *, times: int | None = 1, chance: float = 1.0
    ) -> Fault:
        """Break the connection before the statement is carried out."""
        return self._add("lose request", begins_with, times, chance)

    def lose_answer(
        self, begins_with: str = "", *, times: int | None = 1, chance: float = 1.0
    ) -> Fault:
        """Break the connection after the statement was carried out, instead of an answer."""
        return self._add("lose answer", begins_with, times, chance)

    def expire_sessions(self) -> None:
        """Let the token of every session run out; clients have to renew it."""
        self.expired_sessions += 1

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Let nobody reach the account for a while; its jobs go on."""
        self.unreachable = True
        try:
            yield
        finally:
            self.unreachable = False

    def clear(self) -> None:
        """Let everything go well from now on; the clock stays as it is set."""
        with self._lock:
            self._faults.clear()
        self.latency_seconds = self.history_lag_seconds = self.log_lag_seconds = 0.0
        self.unreachable = False

    def turns_away(self) -> bool:
        """Whether a connection or request is to be ended now; counts it if so."""
        self.turned_away += self.unreachable
        return self.unreachable

    def strike(self, statement: str) -> list[Fault]:
        """Return the faults that happen to a statement, and count them."""
        with self._lock:
            struck = [
                fault
                for fault in self._faults
                if fault.fits(statement) and self._random.random() < fault.chance
            ]
            for fault in struck:
                fault.struck += 1
        return struck

    def _add(
        self,
        effect: Effect,
        begins_with: str,
        times: int | None,
        chance: float,
        *,
        seconds: float = 0.0,
        number: int = 0,
        text: str = "",
    ) -> Fault:
        words = tuple(begins_with.upper().split())
        fault = Fault(effect, words, times, chance, seconds, number, text)
        with self._lock:
            self._faults.append(fault)
        return fault
