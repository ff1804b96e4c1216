"""What one tick of the sensor asks of the account, by jobs in flight and jobs that ended."""

import logging
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from statistics import median

import dagster as dg
from snowflake.connector import DictCursor

from benchmarks import account
from benchmarks.dagster_home import dagster_home
from benchmarks.emulator_process import Account
from benchmarks.peak_memory import peak_memory
from benchmarks.sensor_loop import SensorLoop
from benchmarks.table import Bar, Table, say
from dagster_spcs import JobStatus, SpcsJobResource, build_spcs_job_asset
from dagster_spcs.emulator import PlantedJob, SentStatement
from dagster_spcs.event_log.keys import LOG
from dagster_spcs.jobs.gather import MetadataSource
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.spcs.statements import MAX_LISTED

ASSETS = [f"planted_{number}" for number in range(10)]
LINE = "planted line of"
_MANY = 1_000
"""Jobs from which on the listing, not the tick's own work, is what takes the time."""
_MOST_TIMES_BARE = 1.5
_MOST_ABOVE_IDLE = 80
_FULL_TICK = 200
"""The sensor's ``max_completions``."""
_KINDS = {
    "SHOW JOB SERVICES": "listing",
    "GET_JOB_HISTORY": "history",
    "!SPCS_GET_LOGS": "logs",
    "SYSTEM$GET_SERVICE_LOGS": "node logs",
    "SHOW SERVICE CONTAINERS": "containers",
}


@dataclass(frozen=True)
class Tick:
    """One evaluation of the sensor and what followed from it."""

    seconds: float
    report_seconds: float
    """What the daemon needs to store the events."""
    statements: Sequence[SentStatement]
    ended: int
    cursor: str

    @property
    def kinds(self) -> Counter[str]:
        """How many statements of each kind were sent."""
        return Counter(
            next((kind for part, kind in _KINDS.items() if part in sent.text), "others")
            for sent in self.statements
        )

    @property
    def of_warehouse(self) -> int:
        """How many statements need a warehouse."""
        return sum(sent.needs_warehouse for sent in self.statements)


class Location:
    """A code location with ten job assets over an account."""

    def __init__(self, opened: Account, resource: SpcsJobResource, loop: SensorLoop) -> None:
        self.account = opened
        self.loop = loop
        self._prefix = resource.place().prefix
        self._planted: list[PlantedJob] = []

    def plant(self, jobs: int, within: timedelta = timedelta(hours=1)) -> None:
        """Let jobs be in flight, submitted one after the other within this time."""
        now = datetime.now(timezone.utc)
        self._planted = [
            self._job(number, now - within * (1 - number / jobs)) for number in range(jobs)
        ]
        self.account.plant(self._planted)

    def end(self, jobs: int, status: JobStatus, *, prints: bool) -> None:
        """Let the first of them end."""
        self.account.plant(
            PlantedJob(
                name=job.name,
                compute_pool=job.compute_pool,
                status=status,
                exit_code=0 if status is JobStatus.DONE else 1,
                log=[f"{LINE} {job.name[2]}: {line}" for line in range(10)] if prints else (),
            )
            for job in self._planted[:jobs]
        )

    def _job(self, number: int, created: datetime) -> PlantedJob:
        asset = ASSETS[number % len(ASSETS)]
        identity = JobIdentity(
            asset=(asset,), run_id=f"{number:032x}", submitted=created, deployment=self._prefix
        )
        name = f"{self._prefix}_{asset.upper()}_{number:016d}"
        return PlantedJob(
            name=(account.DATABASE, account.SCHEMA, name),
            compute_pool=account.FULL,
            comment=identity.to_comment(),
            status=JobStatus.RUNNING,
            created=created,
        )

    def tick(self) -> Tick:
        """Evaluate the sensor and do with its result what the daemon does."""
        sent_before = len(self.account.statements())
        begun = time.perf_counter()
        result = self.loop.evaluate()
        evaluated = time.perf_counter()
        sent = self.account.statements(sent_before)
        storing = time.perf_counter()
        self.loop.store(result)
        stored = time.perf_counter()
        ended = sum(not isinstance(each, dg.AssetCheckEvaluation) for each in result.asset_events)
        return Tick(evaluated - begun, stored - storing, sent, ended, result.cursor or "")

    def bare_listing_seconds(self) -> float:
        """What connecting and one SHOW of the same jobs take without this library."""
        begun = time.perf_counter()
        with account.session(self.account) as connection, connection.cursor(DictCursor) as cursor:
            cursor.execute(
                f"SHOW JOB SERVICES LIKE '{self._prefix}%' IN SCHEMA"
                f" {account.DATABASE}.{account.SCHEMA}"
            )
            cursor.fetchall()
        return time.perf_counter() - begun

    def events(self) -> Iterator[dg.AssetMaterialization | dg.AssetObservation]:
        """Every event that tells of a job."""
        for asset in ASSETS:
            key = dg.AssetKey(asset)
            instance = self.loop.instance
            for fetch in (instance.fetch_materializations, instance.fetch_observations):
                for record in fetch(key, limit=10_000).records:
                    event = record.asset_materialization or record.asset_observation
                    if event is not None:
                        yield event


@contextmanager
def location(
    emptied: Account, source: MetadataSource, *, autocommit: bool | None = True
) -> Iterator[Location]:
    """Build the location over an empty account."""
    emptied.renew()
    with dagster_home() as home, dg.DagsterInstance.from_config(str(home)) as instance:
        resource = account.spcs_resource(emptied.parameters, autocommit=autocommit)
        assets = [build_spcs_job_asset(key=key, request=account.script("true")) for key in ASSETS]
        opened = Location(emptied, resource, SensorLoop(instance, resource, assets, source))
        opened.tick()  # what is imported and created at the first use is no part of a tick
        opened.loop.cursor = None
        yield opened


def run(*, quick: bool) -> list[Table]:
    """Measure both kinds of ticks."""
    logging.getLogger("dagster").setLevel(logging.ERROR)
    with account.account() as opened:
        return [_in_flight(opened, quick=quick), _ended(opened, quick=quick)]


def _in_flight(emptied: Account, *, quick: bool) -> Table:
    table = Table(
        "tick: jobs in flight, none ended",
        [
            "jobs",
            "metadata",
            "statements",
            "of warehouse",
            "seconds",
            "bare SHOW s",
            "MB above idle",
            "cursor bytes",
        ],
    )
    say(table.title)
    sources: tuple[MetadataSource, ...] = ("warehouse", "no-warehouse")
    for source in sources[:1] if quick else sources:
        idle = 0.0
        for jobs in (0, 1, 100, 1_000) if quick else (0, 1, 100, 9_999, 10_000):
            with location(emptied, source) as opened:
                opened.plant(jobs)
                peak = _add_in_flight(table, opened, jobs, source, idle)
                idle = idle or peak
    with location(emptied, "warehouse", autocommit=None) as opened:
        opened.plant(100)
        ticks = [opened.tick() for _ in range(2)]
        table.add(
            100, "warehouse, autocommit unset", *_most(ticks), ticks[-1].seconds, None, None,
            len(ticks[-1].cursor),
        )  # fmt: skip
    table.notes += [
        "statements: the most of eight ticks, the first without a cursor; seconds: their median.",
        "bare SHOW: the connector alone connects and lists the same jobs, side by side.",
        "MB above idle: the most memory the process held, above the same with no job at all.",
        "The account's own work is part of all seconds.",
        "autocommit unset: dagster-snowflake ends each connection with a COMMIT (see README).",
    ]
    return table


def _add_in_flight(
    table: Table, opened: Location, jobs: int, source: MetadataSource, idle: float
) -> float:
    """Add a row; return the most memory that a tick took, in megabytes."""
    ticks = []
    bare = []
    with peak_memory() as peak:
        ticks.append(opened.tick())
    for _ in range(7):
        ticks.append(opened.tick())
        bare.append(opened.bare_listing_seconds())
    if any(tick.ended for tick in ticks):
        raise AssertionError("a job in flight was recorded")
    statements, of_warehouse = _most(ticks)
    seconds = median(tick.seconds for tick in ticks)
    above = peak.megabytes - idle if idle else 0.0
    bars = [
        # A page that is full may have a successor: only asking tells.
        Bar("1 statement a page", statements == 1 + jobs // MAX_LISTED),
        Bar("0 of warehouse", of_warehouse == 0),
        Bar(f"{_MOST_ABOVE_IDLE} MB above idle", above <= _MOST_ABOVE_IDLE),
    ]
    if statements == 1 and jobs >= _MANY:
        bars.append(Bar(f"{_MOST_TIMES_BARE} x bare", seconds <= _MOST_TIMES_BARE * median(bare)))
    table.add(
        jobs, source, statements, of_warehouse, seconds, median(bare), above,
        max(len(tick.cursor) for tick in ticks), bars=bars,
    )  # fmt: skip
    return peak.megabytes


def _most(ticks: Sequence[Tick]) -> tuple[int, int]:
    return max(len(tick.statements) for tick in ticks), max(tick.of_warehouse for tick in ticks)


@dataclass(frozen=True)
class _Case:
    """How jobs ended."""

    jobs: int
    source: MetadataSource = "warehouse"
    what: str = ""
    status: JobStatus = JobStatus.DONE
    prints: bool = True
    log_lag_seconds: float = 0.0
    others_in_flight: int = 0
    within: timedelta = timedelta(hours=1)


def _cases(*, quick: bool) -> Iterator[_Case]:
    sources: tuple[MetadataSource, ...] = ("warehouse", "no-warehouse")
    for source in sources:
        for jobs in (1, 100) if quick else (1, 100, 1_000):
            yield _Case(jobs, source)
    yield _Case(100, what="logs arrive late", log_lag_seconds=600.0)
    if not quick:
        yield _Case(100, what="print nothing", prints=False)
        yield _Case(100, what="failed", status=JobStatus.FAILED)
        yield _Case(100, what="8,000 others", others_in_flight=8_000)
        yield _Case(10_000, what="outage of three days", within=timedelta(days=3))


def _ended(emptied: Account, *, quick: bool) -> Table:
    table = Table(
        "tick: jobs that ended since the last one",
        [
            "ended", "metadata", "case", "ticks", "history", "logs", "node logs", "containers",
            "others", "total", "a job", "of warehouse", "s a tick", "s in all", "s to store",
        ],
    )  # fmt: skip
    say(table.title)
    for case in _cases(quick=quick):
        with location(emptied, case.source) as opened:
            _add_ended(table, opened, case)
    table.notes += [
        "history, logs, node logs, containers, others: the most of any one tick; others are the"
        " listing, SHOW COMPUTE POOLS and what else was sent.",
        "total, a job, of warehouse, s in all, s to store: over all ticks. s a tick: the longest.",
        "A tick ends at 200 jobs (max_completions). s to store: what the daemon needs for the"
        " events afterwards, two a job.",
        "logs arrive late: an account's event table has lines minutes after they were printed.",
        "node logs need no warehouse, so they have a bar of their own.",
    ]
    return table


def _add_ended(table: Table, opened: Location, case: _Case) -> None:
    opened.account.set_fault(log_lag_seconds=case.log_lag_seconds)
    opened.plant(case.jobs + case.others_in_flight, case.within)
    opened.tick()
    opened.end(case.jobs, case.status, prints=case.prints)
    ticks: list[Tick] = []
    while sum(tick.ended for tick in ticks) < case.jobs:
        ticks.append(opened.tick())
        if not ticks[-1].ended:
            raise AssertionError("the sensor recorded nothing")
    if opened.tick().ended:
        raise AssertionError("a job was recorded twice")
    _check_events(opened, case)
    most: Counter[str] = Counter()
    for tick in ticks:
        most |= tick.kinds
    total = sum(len(tick.statements) for tick in ticks)
    of_warehouse = sum(tick.of_warehouse for tick in ticks)
    table.add(
        case.jobs, case.source, case.what, len(ticks), most["history"], most["logs"],
        most["node logs"], most["containers"], most["listing"] + most["others"], total,
        total / case.jobs, of_warehouse, max(tick.seconds for tick in ticks),
        sum(tick.seconds for tick in ticks), sum(tick.report_seconds for tick in ticks),
        bars=_bars(case, ticks),
    )  # fmt: skip


def _bars(case: _Case, ticks: Sequence[Tick]) -> list[Bar]:
    bars = [Bar("below a sensor's 60 s", max(tick.seconds for tick in ticks) < 60)]
    full = [tick.seconds for tick in ticks if tick.ended == _FULL_TICK]
    if case.jobs == 1_000 and case.source == "warehouse":
        bars.append(Bar("1 s for 200 jobs", median(full) <= 1.0))
    if case.source == "no-warehouse":
        return [
            *bars,
            Bar("0 of warehouse", not any(tick.of_warehouse for tick in ticks)),
            Bar("logs <= k", all(tick.kinds["node logs"] <= tick.ended for tick in ticks)),
        ]
    return [
        *bars,
        Bar("history constant (1)", all(tick.kinds["history"] <= 1 for tick in ticks)),
        Bar(
            "logs <= ceil(k/50)",
            all(tick.kinds["logs"] <= math.ceil(tick.ended / 50) for tick in ticks),
        ),
        # Lines that the event table does not have yet are read from the node, as without one.
        Bar("node logs <= k", all(tick.kinds["node logs"] <= tick.ended for tick in ticks)),
    ]


def _check_events(opened: Location, case: _Case) -> None:
    """Refuse figures of ticks that did less than their work: an event a job, with its log."""
    logs = [str(event.metadata[LOG].value) for event in opened.events()]
    if len(logs) != case.jobs:
        raise AssertionError(f"{len(logs)} events of {case.jobs} jobs")
    if case.prints and not all(LINE in log for log in logs):
        raise AssertionError("an event has no log")
