"""A process that has imported everything and forks a child for each tick or run it is asked for.

Starting Dagster anew for each kill would take most of the time; a child that was forked is as
killable as any other process. One line of JSON in, ``{"do": …, "kill_after": seconds or null}``,
with ``"minutes": n`` for a tick that is to happen so much later; the exit code out.
"""

import json
import os
import signal
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg

from dagster_spcs.spcs import clocks
from tests.faults import location

CURSOR = Path(location.settings["cursor"])


def tick(minutes: int) -> int:
    """Do what the daemon does: evaluate, report the events, then save the cursor."""
    clocks.utc_now = lambda: datetime.now(timezone.utc) + timedelta(minutes=minutes)
    with dg.DagsterInstance.get() as instance:
        repository = location.defs.get_repository_def()
        cursor = CURSOR.read_text() if CURSOR.exists() else None
        with dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            repository_def=repository,
            resources=repository.get_top_level_resources(),
        ) as context:
            result = location.sensor.evaluate_tick(context)
        for event in result.asset_events:
            instance.report_runless_asset_event(event)
        if result.cursor is not None:
            written = CURSOR.with_suffix(f".{os.getpid()}")
            written.write_text(result.cursor)
            written.replace(CURSOR)
    return 0


def run(asset: str, group: int) -> int:
    """Execute a run over one range of partitions."""
    with dg.DagsterInstance.get() as instance:
        job = location.defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(asset)],
            tags=location.range_tags(group, group),
            raise_on_error=False,
        )
        return 0 if result.success else 3


def work(asked: dict[str, Any]) -> int:
    """Do what was asked and return the exit code."""
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # standard output is the parent's
    try:
        return (
            tick(asked.get("minutes", 0))
            if asked["do"] == "tick"
            else run(asked["asset"], asked["range"])
        )
    except Exception as error:
        print(f"{type(error).__name__}: {error}"[:2000], file=sys.stderr, flush=True)
        return 1


def main() -> None:
    """Fork a child for each request, kill it if its time is up, and tell its exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            os._exit(work(asked))
        if asked["kill_after"] is not None:
            signal.sigtimedwait({signal.SIGCHLD}, asked["kill_after"])
            os.kill(child, signal.SIGKILL)  # not reaped yet, so the id is still the child's
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
