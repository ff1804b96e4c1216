"""Starting many jobs at once, against one after the other, against the bare connector."""

import itertools
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from statistics import median

from snowflake.connector import SnowflakeConnection

from benchmarks import account
from benchmarks.emulator_process import Account
from benchmarks.table import Bar, Table, say
from dagster_spcs import JobName, JobStatus, SpcsClient, Submission
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.statements import execute_job_service

_TIMES_FASTER = 8
_LONGEST_SERIES_SECONDS = 20.0
"""A series that would take longer is measured with a tenth of its jobs."""


def run(*, quick: bool) -> list[Table]:
    """Measure each number of jobs at each latency."""
    table = Table(
        "submission: seconds to start jobs",
        [
            "jobs", "ms a statement", "submit_many", "one by one", "bare connector",
            "times faster", "than bare",
        ],
    )  # fmt: skip
    say(table.title)
    with (
        account.account() as opened,
        account.spcs_resource(opened.parameters).get_client() as client,
        account.session(opened) as connection,
    ):
        bench = _Bench(opened, client, connection)
        for way in bench.ways:
            bench.seconds(way, 10)  # the first use opens the session and imports what it needs
        for latency in (0.0, 0.05) if quick else (0.0, 0.05, 0.5):
            for jobs in (1, 10, 100):
                _measure(table, bench, jobs, latency, rounds=1 if quick or latency > 0.1 else 3)
    table.notes += [
        "Medians of three rounds, the three ways in turn; one round at 500 ms and with --quick.",
        "submit_many has 32 statements in flight: 25 times faster is the most that 100 jobs, in"
        " four turns, can be.",
        "* extrapolated: 10 jobs were measured, and their time is taken ten times.",
        "Sessions are open before the clock starts. The jobs wait on a pool without nodes, so no"
        " container disturbs the timing, and are dropped before the next measurement.",
        "At 0 ms the account's own work, one statement at a time, is most of what is measured.",
    ]
    return [table]


def _measure(table: Table, bench: "_Bench", jobs: int, latency: float, *, rounds: int) -> None:
    scale = 10 if jobs * latency > _LONGEST_SERIES_SECONDS else 1
    bench.latency = latency
    measured = [
        (
            bench.seconds(bench.at_once, jobs),
            bench.seconds(bench.one_by_one, jobs // scale) * scale,
            bench.seconds(bench.bare, jobs // scale) * scale,
        )
        for _ in range(rounds)
    ]
    at_once, one_by_one, bare = (median(way) for way in zip(*measured, strict=True))
    faster = one_by_one / at_once
    mark = "*" if scale > 1 else " "
    table.add(
        jobs, round(latency * 1000), at_once, f"{one_by_one:6.2f}{mark}", f"{bare:6.2f}{mark}",
        faster, bare / at_once,
        bars=[Bar(f"at least {_TIMES_FASTER} times faster", faster >= _TIMES_FASTER)]
        if (jobs, latency) == (100, 0.05)
        else [],
    )  # fmt: skip


class _Bench:
    """The three ways to start jobs, and the clock around them."""

    def __init__(
        self, opened: Account, client: SpcsClient, connection: SnowflakeConnection
    ) -> None:
        self._account = opened
        self.latency = 0.0
        self.ways = (self.at_once, self.one_by_one, self.bare)
        self._client = client
        self._connection = connection
        self._numbers = itertools.count()

    def at_once(self, submissions: Sequence[Submission]) -> None:
        """As a step does it for its partitions."""
        self._client.submit_many(submissions)

    def one_by_one(self, submissions: Sequence[Submission]) -> None:
        """The same client, without concurrency."""
        for submission in submissions:
            self._client.submit(submission)

    def bare(self, submissions: Sequence[Submission]) -> None:
        """The same statements by the connector alone."""
        for each in submissions:
            statement = execute_job_service(
                each.request, name=each.name, compute_pool=each.compute_pool, comment=each.comment
            )
            with self._connection.cursor() as cursor:
                cursor.execute(statement.text)
                cursor.fetchall()

    def seconds(self, way: Callable[[Sequence[Submission]], None], jobs: int) -> float:
        """Start new jobs one of the ways and return how long it took."""
        submissions = [self._submission(next(self._numbers)) for _ in range(jobs)]
        self._account.set_fault(latency_seconds=self.latency)
        begun = time.perf_counter()
        way(submissions)
        took = time.perf_counter() - begun
        self._account.set_fault(latency_seconds=0.0)
        started = self._client.list_jobs(database=account.DATABASE, schema=account.SCHEMA)
        if {job.name for job in started} != {each.name for each in submissions}:
            raise AssertionError("not the jobs that were to be started")
        if any(job.status is not JobStatus.PENDING for job in started):
            raise AssertionError("a job began and may have disturbed the timing")
        for job in started:
            self._client.drop(job.name)
        return took

    def _submission(self, number: int) -> Submission:
        identity = JobIdentity(
            asset=("submitted",),
            partition=str(number),
            run_id="0" * 32,
            submitted=datetime.now(timezone.utc),
        )
        name = JobName(f"DAGSTER_SUBMITTED_{number:016d}", account.SCHEMA, account.DATABASE)
        return Submission(account.script("true"), name, account.FULL, identity.to_comment())
