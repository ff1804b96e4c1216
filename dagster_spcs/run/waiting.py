"""Waiting for jobs in the run: one listing an interval, and log lines as they come."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import dagster as dg

from dagster_spcs.errors import NotAnswered
from dagster_spcs.jobs.gather import Gatherer
from dagster_spcs.jobs.log_text import last_state
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.jobs.submission import SubmittedJob
from dagster_spcs.jobs.tracked_job import JobKey, TrackedJob
from dagster_spcs.pipes.messages import MARK, read_messages
from dagster_spcs.resource import SpcsJobResource, WaitedFor
from dagster_spcs.run.log_follower import LogFollower
from dagster_spcs.spcs import clocks
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord, LogLine
from dagster_spcs.spcs.request import JobRequest
from dagster_spcs.spcs.status import JobStatus
from dagster_spcs.spec import ServiceSpec

MOST_FOLLOWED = 10
"""Containers whose logs are followed live; each costs a statement an interval."""
Say = Callable[[str], None]


def containers_of(request: JobRequest) -> list[tuple[int, str]]:
    """Return instance and name of each container, as far as the request tells."""
    if not isinstance(request.spec, ServiceSpec):
        return []
    return [
        (instance, container.name)
        for instance in range(request.replicas)
        for container in request.spec.containers
    ]


def print_line(line: str) -> None:
    """Print a line into the run's compute log."""
    print(line.encode(errors="replace").decode(), flush=True)


def without_messages(line: str) -> list[str]:
    """Return what of a line is for people: no Pipes messages, but the texts they log."""
    if MARK not in line:
        return [line]
    found = read_messages([LogLine(line, 0, "")])
    # The beginning of a long message stands last; its rest comes in the lines that follow.
    return [each.text for each in found.shown[: len(found.shown) - found.broken]]


class LogStreams:
    """The logs of the containers that a run waits for, printed with a label each.

    The first ``MOST_FOLLOWED`` containers are followed live. Of the others the last lines are
    printed when their job has ended.

    Args:
        client: reads.
        submitted: the jobs.
        warn: is told what could not be followed.
        emit: prints a line.
    """

    def __init__(
        self,
        client: SpcsClient,
        submitted: Sequence[SubmittedJob],
        warn: Say,
        emit: Say = print_line,
    ) -> None:
        self._jobs = {each.name: each for each in submitted}
        self._emit = emit
        self._warn = warn
        self._followers: dict[JobName, list[tuple[str, LogFollower]]] = {}
        self._followed: set[tuple[JobName, int, str]] = set()
        self._refused: set[JobName] = set()
        every = (
            (each.name, instance, container)
            for each in submitted
            for instance, container in containers_of(each.planned.request)
        )
        for name, instance, container in itertools.islice(every, MOST_FOLLOWED):
            follower = LogFollower(client, name, instance, container)
            labelled = (self._label(name, instance, container), follower)
            self._followers.setdefault(name, []).append(labelled)
            self._followed.add((name, instance, container))
        others = sum(1 for _ in every)
        if others > 0:
            warn(
                f"The logs of {MOST_FOLLOWED} containers are followed live. For the other {others}"
                " you get the last lines when their jobs have ended."
            )

    def read(self, name: JobName, *, last: bool) -> None:
        """Print what came since the last call; ``last`` after the job's end."""
        speaks_pipes = self._jobs[name].planned.pipes
        for label, follower in self._followers.get(name, []):
            try:
                for line in follower.read():
                    for text in without_messages(line) if speaks_pipes else [line]:
                        self._emit(f"{label}{last_state(text)}")
            except NotAnswered as error:
                # A container that has not started has no log yet; after the end it matters.
                if last and name not in self._refused:
                    self._refused.add(name)
                    self._warn(f"The log of {name} could not be followed to its end: {error}")

    def print_others(self, report: JobReport) -> None:
        """Print the last lines of an ended job's containers that were not followed."""
        name = report.job.name
        for line in report.log.lines:
            if (name, line.instance_id, line.container) not in self._followed:
                label = self._label(name, line.instance_id, line.container)
                self._emit(f"{label}{last_state(line.text)}")

    def _label(self, name: JobName, instance: int, container: str) -> str:
        planned = self._jobs[name].planned
        parts = []
        if len(self._jobs) > 1:
            parts.append(planned.partition or (planned.asset[-1] if planned.asset else name.name))
        if len(containers_of(planned.request)) > 1:
            parts.append(f"{instance}/{container}")
        return f"[{' '.join(parts)}] " if parts else ""


def wait_and_stream(
    client: SpcsClient,
    submitted: Sequence[SubmittedJob],
    streams: LogStreams,
    *,
    poll_seconds: float,
    warn: Say,
    show_alive: Callable[[], None] = lambda: None,
) -> Iterator[list[TrackedJob]]:
    """Yield together the jobs that one look found ended, until all have.

    A job past its deadline is cancelled, and yielded when it has ended.

    Args:
        client: lists, reads and cancels.
        submitted: the jobs to wait for.
        streams: prints their logs.
        poll_seconds: between two looks.
        warn: is told what does not go well.
        show_alive: is called at each look.
    """
    by_name: Mapping[JobName, SubmittedJob] = {each.name: each for each in submitted}
    cancelled: set[JobName] = set()

    def on_poll(records: Sequence[JobRecord]) -> None:
        show_alive()
        for record in records:
            if record.status is not JobStatus.PENDING:
                streams.read(record.name, last=False)
            job = by_name[record.name].tracked(record)
            if job.is_overdue(clocks.utc_now()) and job.name not in cancelled:
                warn(f"{job.name} is past its deadline and is cancelled.")
                try:
                    client.cancel(job.name)
                    cancelled.add(job.name)
                except NotAnswered as error:
                    warn(f"It could not be cancelled: {error}")  # tried again at the next look

    for ended in client.wait_in_batches(by_name, poll_seconds=poll_seconds, on_poll=on_poll):
        for record in ended:
            streams.read(record.name, last=True)
        yield [by_name[record.name].tracked(record) for record in ended]


def gather_whole(
    client: SpcsClient,
    gatherer: Gatherer,
    jobs: Sequence[TrackedJob],
    *,
    poll_seconds: float,
    say: Say,
    warn: Say,
    show_alive: Callable[[], None] = lambda: None,
) -> list[JobReport]:
    """Gather the reports of ended jobs, again until the rest of their logs has arrived.

    Jobs that speak Pipes are waited for as long as the event table may be late, batches until each
    instance has ended or its job's deadline is past.
    """
    begun = time.monotonic()
    whole: dict[JobKey, JobReport] = {}
    while True:
        is_late = time.monotonic() - begun > clocks.LOG_ARRIVES_WITHIN.total_seconds()
        for report in gatherer.gather(
            [job for job in jobs if job.key not in whole], clocks.utc_now()
        ):
            if report.needs_cancelling:
                cancel_overdue(client, report, warn)
                whole[report.job.key] = report
            elif report.is_whole or (is_late and not report.goes_on):
                whole[report.job.key] = report
        if len(whole) == len({job.key for job in jobs}):
            return [whole[job.key] for job in jobs]
        show_alive()
        say("Waiting for the rest of a log, or for the other instances of a batch.")
        time.sleep(poll_seconds)


def cancel_overdue(client: SpcsClient, report: JobReport, warn: Say) -> None:
    """Cancel what works on beyond the deadline; a refusal is told.

    Whether an account heeds the cancellation of a job that is FAILED is on no page read.
    """
    try:
        client.cancel(report.job.name)
    except NotAnswered as error:
        warn(f"{report.job.name} timed out and goes on: {error}")


INTERRUPTIONS = (KeyboardInterrupt, SystemExit, dg.DagsterExecutionInterruptedError)
"""What ends a step from outside, while it runs."""


@contextmanager
def cancelled_after(
    *errors: type[BaseException],
    resource: SpcsJobResource,
    unfinished: set[JobName],
    log: dg.DagsterLogManager,
    leave_to_others: Callable[[set[JobName]], None] = lambda _: None,
) -> Iterator[None]:
    """Cancel what is ``unfinished`` if one of ``errors`` ends the block, or the block never ends.

    Any other error leaves the jobs alone: they go on, or are not this step's. So are those that
    ``leave_to_others`` takes away.

    A step whose event is being stored when its run is terminated is told nothing: Dagster does not
    ask for its next event, and leaves the generator to Python's garbage collector. The resource is
    told of the jobs, because Dagster does tear resources down.
    """
    waited = WaitedFor(unfinished, leave_to_others)
    resource.waited_for.append(waited)
    try:
        yield
    except errors as error:
        why = "cannot wait any longer" if isinstance(error, Exception) else "was terminated"
        resource.cancel_unfinished(waited, log, why)
        raise
    finally:
        resource.waited_for.remove(waited)
