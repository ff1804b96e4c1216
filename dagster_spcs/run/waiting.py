"""Waiting for jobs in the run: one listing an interval, and log lines as they come."""

import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from dagster_spcs.errors import StatementError
from dagster_spcs.jobs.gather import JobReport, gather
from dagster_spcs.jobs.submission import LaunchedJob
from dagster_spcs.pipes.messages import MARK
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord
from dagster_spcs.spcs.request import JobRequest
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.spec import ServiceSpec

LOG_ARRIVES_WITHIN_SECONDS = 600.0
"""Lines reach the event table "a few minutes" late (page "Monitoring Services"); ml-python's tests
wait 300 seconds for them."""
MOST_FOLLOWED = 10
"""Containers whose logs are followed live; each costs a statement an interval."""
GAP = "[some lines are missing here: more than 100 KB came between two looks at the log]"
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")


class LogFollower:
    """Prints each line of one container once, in order, however the reads overlap."""

    def __init__(
        self, client: SpcsClient, name: JobName, instance: int, container: str, label: str
    ) -> None:
        self._client = client
        self.name = name
        self._instance = instance
        self._container = container
        self._label = label
        self._last = ""
        self._seen_at_last: Counter[str] = Counter()

    def read(self) -> list[str]:
        """Return the lines that came since the last call."""
        text = self._client.follow(self.name, self._instance, self._container, self._last)
        fresh: list[str] = []
        # The last line seen comes again, unless the answer, cut at 100 KB, begins after it.
        if self._last and text and not any(_stamp(line) == self._last for line in text.split("\n")):
            fresh.append(f"{self._label}{GAP}")
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
            fresh.append(f"{self._label}{line}")
        return fresh


def _stamp(line: str) -> str:
    return line.partition(" ")[0]


def containers_of(request: JobRequest) -> list[tuple[int, str]]:
    """Return instance and name of each container, as far as the request tells."""
    if not isinstance(request.spec, ServiceSpec):
        return []
    return [
        (instance, container.name)
        for instance in range(request.replicas)
        for container in request.spec.containers
    ]


def compute_log(*, pipes: bool) -> Callable[[str], None]:
    """Return what prints a line into the run's compute log; messages of ``pipes`` are no lines."""

    def emit(line: str) -> None:
        if not (pipes and MARK in line):
            print(line, flush=True)

    return emit


def followed(launched: Sequence[LaunchedJob]) -> list[tuple[JobName, int, str]]:
    """Return the containers whose logs ``wait_and_stream`` follows."""
    every = (
        (each.name, instance, container)
        for each in launched
        for instance, container in containers_of(each.planned.request)
    )
    return list(itertools.islice(every, MOST_FOLLOWED))


def emit_others(
    job: LaunchedJob,
    report: JobReport,
    launched: Sequence[LaunchedJob],
    emit: Callable[[str], None],
) -> None:
    """Emit the last lines of an ended job's containers that were not followed."""
    known = set(followed(launched))
    for line in report.log.lines:
        if (job.name, line.instance_id, line.container) not in known:
            emit(f"{_label(job, line.instance_id, line.container, len(launched))}{line.text}")


def wait_and_stream(
    client: SpcsClient,
    launched: Sequence[LaunchedJob],
    *,
    poll_seconds: float,
    emit: Callable[[str], None],
    warn: Callable[[str], None],
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> Iterator[list[tuple[LaunchedJob, JobRecord]]]:
    """Yield the jobs that ended since the last look; lines of followed containers are emitted.

    The logs of ``MOST_FOLLOWED`` containers are followed. A job past its deadline is cancelled
    and yielded when it has ended.
    """
    by_name = {each.name: each for each in launched}
    followers: dict[JobName, list[LogFollower]] = {}
    for name, instance, container in followed(launched):
        label = _label(by_name[name], instance, container, len(launched))
        follower = LogFollower(client, name, instance, container, label)
        followers.setdefault(name, []).append(follower)
    others = sum(len(containers_of(each.planned.request)) for each in launched) - MOST_FOLLOWED
    if others > 0:
        warn(
            f"The logs of {MOST_FOLLOWED} containers are followed; the last lines of the {others}"
            " others come when their jobs have ended."
        )
    told: set[JobName] = set()
    cancelled: set[JobName] = set()

    def read(name: JobName, *, last: bool) -> None:
        for follower in followers.get(name, []):
            try:
                for line in follower.read():
                    emit(line)
            except StatementError as error:
                # A container that has not started has no log yet; after the end it matters.
                if last and name not in told:
                    told.add(name)
                    warn(f"the log of {name} could not be followed to its end: {error}")

    def on_poll(jobs: Sequence[JobRecord]) -> None:
        for job in jobs:
            if job.status is not JobStatus.PENDING:
                read(job.name, last=False)
            deadline = by_name[job.name].identity.deadline
            if deadline is not None and now() > deadline and job.name not in cancelled:
                warn(f"{job.name} is past its deadline and is cancelled.")
                try:
                    client.cancel(job.name)
                    cancelled.add(job.name)
                except StatementError as error:
                    warn(f"it could not be cancelled: {error}")  # tried again at the next look

    for ended in client.wait_in_batches(by_name, poll_seconds=poll_seconds, on_poll=on_poll):
        for job in ended:
            read(job.name, last=True)
        yield [(by_name[job.name], job) for job in ended]


def gather_whole(
    client: SpcsClient,
    jobs: Sequence[JobRecord],
    *,
    poll_seconds: float,
    say: Callable[[str], None],
    warn: Callable[[str], None],
    deadlines: Mapping[JobName, datetime] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    **options: Any,
) -> list[JobReport]:
    """Do what ``gather`` does, again until the rest of the jobs' logs has arrived.

    Jobs that speak Pipes are waited for ``LOG_ARRIVES_WITHIN_SECONDS``, batches until each
    instance has ended or its job's deadline is past.
    """
    begun = time.monotonic()
    ended: dict[JobName, JobReport] = {}
    while True:
        left = [job for job in jobs if job.name not in ended]
        reports = {report.job.name: report for report in gather(client, left, **options)}
        for name, report in reports.items():
            deadline = (deadlines or {}).get(name)
            if report.goes_on and deadline is not None and now() > deadline:
                ended[name] = cancel_rest(client, report, warn)
        reports |= ended
        is_late = time.monotonic() - begun > LOG_ARRIVES_WITHIN_SECONDS
        late = [report for report in reports.values() if not report.is_whole]
        if not late or (is_late and not any(report.goes_on for report in late)):
            return [reports[job.name] for job in jobs]
        say("Waiting for the rest of a log, or for the other instances of a batch.")
        time.sleep(poll_seconds)


def cancel_rest(client: SpcsClient, report: JobReport, tell: Callable[[str], None]) -> JobReport:
    """Stop waiting for instances that work on beyond the deadline after another one failed.

    Whether an account heeds the cancellation of a job that is FAILED is on no page read.
    """
    try:
        client.cancel(report.job.name)
    except StatementError as error:
        tell(f"{report.job.name} timed out and goes on: {error}")
    return replace(report, is_whole=True, goes_on=False, timed_out=True)


def _label(job: LaunchedJob, instance: int, container: str, jobs: int) -> str:
    parts = []
    if jobs > 1:
        parts.append(job.planned.partition or job.planned.asset[-1])
    if len(containers_of(job.planned.request)) > 1:
        parts.append(f"{instance}/{container}")
    return f"[{' '.join(parts)}] " if parts else ""
