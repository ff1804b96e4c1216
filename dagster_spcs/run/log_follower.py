"""Following the log of one container: each line once, in order, however the reads overlap."""

import re
from collections import Counter

from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.names import JobName

GAP = "[some lines are missing here: more than 100 KB came before this look at the log]"
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")


class LogFollower:
    """Prints each line of one container once, in order, however the reads overlap."""

    def __init__(self, client: SpcsClient, name: JobName, instance: int, container: str) -> None:
        self._client = client
        self.name = name
        self._instance = instance
        self._container = container
        self._last = ""
        self._seen_at_last: Counter[str] = Counter()

    def read(self) -> list[str]:
        """Return the lines that came since the last call."""
        text = self._client.follow(self.name, self._instance, self._container, self._last)
        fresh: list[str] = []
        if text and self._is_cut(text.split("\n")):
            fresh.append(GAP)
        met: Counter[str] = Counter()
        skip = self._seen_at_last.copy()
        # Sorted, because two streams may arrive crosswise; the stamps are of one fixed width.
        for stamped in sorted(filter(None, text.split("\n")), key=_stamp):
            stamp, _, line = stamped.partition(" ")
            if not _STAMP.fullmatch(stamp):
                continue  # the answer was cut at 100 KB, in the middle of this line
            met[stamped] += 1
            if stamp < self._last or (stamp == self._last and met[stamped] <= skip[stamped]):
                continue
            if stamp != self._last:
                self._last, self._seen_at_last = stamp, Counter()
            self._seen_at_last[stamped] += 1
            fresh.append(line)
        return fresh

    def _is_cut(self, lines: list[str]) -> bool:
        """Whether an answer lacks lines: it is cut at 100 KB, in the middle of one."""
        if not self._last:
            return not _STAMP.fullmatch(_stamp(lines[0]))
        # The last line seen comes again, unless the answer begins after it.
        return all(_stamp(line) != self._last for line in lines)


def _stamp(line: str) -> str:
    return line.partition(" ")[0]
