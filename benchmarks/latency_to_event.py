"""From a job's end, as the account tells it, to the materialization in Dagster's event log."""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from statistics import median

import dagster as dg

from benchmarks import account
from benchmarks.dagster_home import dagster_home, process
from benchmarks.emulator_process import Account
from benchmarks.location_settings import LocationSettings
from benchmarks.sensor_loop import SensorLoop
from benchmarks.table import Bar, Table, say
from dagster_spcs import HistoryRecord, JobName, SpcsClient, Submission, build_spcs_job_asset
from dagster_spcs.event_log.keys import JOB_NAME
from dagster_spcs.jobs.identity import JobIdentity

_ALLOWANCE_SECONDS = 2
_DAEMON_SECONDS = 5
"""The daemon looks at its sensors so often, and one whose interval is not over waits for the next
look."""
_LOOP = "a loop"
_ASSET = dg.AssetKey("timed")
_LOCATION = "benchmarks.code_location"
_WITHIN_SECONDS = 200.0


def run(*, quick: bool) -> list[Table]:
    """Measure with a loop that ticks each second, and with the real daemon."""
    logging.getLogger("dagster").setLevel(logging.ERROR)
    table = Table(
        "latency_to_event: seconds from a job's end to its materialization",
        ["ticks by", "interval s", "between ticks", "jobs", "least", "median", "worst"],
    )
    say(table.title)
    jobs = 10 if quick else 20
    with account.account() as opened:
        _add(table, _LOOP, 1, *_by_loop(opened, 1, jobs))
        for interval in (4,) if quick else (4, 5, 30):
            opened.renew()
            _add(table, "dagster-daemon", interval, *_by_daemon(opened, interval, jobs))
    table.notes += [
        "interval: the sensor's; between ticks: the longest that the account saw. The daemon looks"
        " at its sensors every 5 seconds by its own clock: an interval of 4 s becomes 5, one of 5"
        " mostly 10.",
        "The jobs end one after another, spread over more than an interval.",
    ]
    return [table]


def _add(
    table: Table, ticks_by: str, interval: int, waits: Sequence[float], between: float
) -> None:
    # The daemon's own rhythm is not ours to keep, but what was seen between ticks would not do:
    # slow ticks of ours would move the bar.
    kept = interval if ticks_by == _LOOP else (interval // _DAEMON_SECONDS + 1) * _DAEMON_SECONDS
    table.add(
        ticks_by, interval, between, len(waits), min(waits), median(waits), max(waits),
        bars=[
            Bar(
                f"at most {kept} + {_ALLOWANCE_SECONDS} s",
                max(waits) <= kept + _ALLOWANCE_SECONDS,
            )
        ],
    )  # fmt: skip


def _by_loop(opened: Account, interval: int, jobs: int) -> tuple[list[float], float]:
    resource = account.spcs_resource(opened.parameters)
    asset = build_spcs_job_asset(key=_ASSET, request=account.script("true"))
    with (
        dagster_home() as home,
        dg.DagsterInstance.from_config(str(home)) as instance,
        resource.get_client() as client,
    ):
        loop = SensorLoop(instance, resource, [asset])
        loop.store(loop.evaluate())  # the first use imports the connector
        names = _submit(client, jobs, interval)
        begun = time.monotonic()
        tick = 0
        while len(_recorded(instance)) < jobs:
            _check_patience(begun)
            tick += 1
            time.sleep(max(0.0, begun + tick * interval - time.monotonic()))
            loop.store(loop.evaluate())
        return _waits(client, instance, names), _between_ticks(opened)


def _by_daemon(opened: Account, interval: int, jobs: int) -> tuple[list[float], float]:
    settings = LocationSettings(opened.parameters, account.ROOMY, sensor_seconds=interval)
    arguments = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-m", _LOCATION]
    with (
        dagster_home() as home,
        dg.DagsterInstance.from_config(str(home)) as instance,
        account.spcs_resource(opened.parameters).get_client() as client,
        process(home, arguments, settings.environment()),
    ):
        begun = time.monotonic()
        while len(_listings(opened)) < 1:
            _check_patience(begun)
            time.sleep(0.1)
        names = _submit(client, jobs, interval)
        begun = time.monotonic()
        while len(_recorded(instance)) < jobs:
            _check_patience(begun)
            time.sleep(0.5)
        return _waits(client, instance, names), _between_ticks(opened)


def _submit(client: SpcsClient, jobs: int, interval: int) -> list[JobName]:
    """Start jobs that end one after another, over more than an interval."""
    apart = max(0.37, 1.1 * interval / jobs)
    now = datetime.now(timezone.utc)
    submissions = [
        Submission(
            account.script(f"sleep {1 + number * apart:.2f}"),
            JobName(f"DAGSTER_TIMED_{number:016d}", account.SCHEMA, account.DATABASE),
            account.ROOMY,
            JobIdentity(asset=tuple(_ASSET.path), run_id="0" * 32, submitted=now).to_comment(),
        )
        for number in range(jobs)
    ]
    return [each.name for each in client.submit_many(submissions)]


def _recorded(instance: dg.DagsterInstance) -> dict[str, float]:
    """Return when each job's materialization was stored."""
    return dict(_events(instance))


def _events(instance: dg.DagsterInstance) -> Iterator[tuple[str, float]]:
    for record in instance.fetch_materializations(_ASSET, limit=1000).records:
        if record.asset_materialization is not None:
            yield str(record.asset_materialization.metadata[JOB_NAME].value), record.timestamp


def _waits(
    client: SpcsClient, instance: dg.DagsterInstance, names: Sequence[JobName]
) -> list[float]:
    """Return the seconds from each job's end to its one event."""
    stored = list(_events(instance))
    at = dict(stored)
    if len(stored) != len(names) or set(at) != set(map(str, names)):
        raise AssertionError(f"{len(stored)} materializations of {len(names)} jobs")
    ended = client.history(client.list_jobs(database=account.DATABASE, schema=account.SCHEMA))
    waits = []
    for name in names:
        row = ended[name]
        assert isinstance(row, HistoryRecord)
        assert row.completed is not None
        waits.append(at[str(name)] - row.completed.timestamp())
    if min(waits) < 0:
        raise AssertionError("an event is older than its job's end")
    return waits


def _listings(opened: Account) -> list[datetime]:
    return [each.at for each in opened.statements() if each.text.startswith("SHOW JOB SERVICES")]


def _between_ticks(opened: Account) -> float:
    # The last listing is the benchmark's own, of the jobs' ends.
    seen = _listings(opened)[:-1]
    return max((later - one).total_seconds() for one, later in pairwise(seen))


def _check_patience(begun: float) -> None:
    if time.monotonic() - begun > _WITHIN_SECONDS:
        raise RuntimeError(f"nothing more happened within {_WITHIN_SECONDS:.0f} s")
