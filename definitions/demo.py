"""``make demo``: the main job once, from reviews to the joined table, without a browser.

Starts the emulator and a real Dagster daemon, loads the reviews, launches one run that submits
both jobs, and watches until the sensor has recorded them and the joined asset was built. Exit
code 0 only if each of the three assets has exactly one materialization.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from definitions import settings
from definitions.interruption import (
    Interrupted,
    end_if_interrupted,
    interrupted_by,
    interruptible,
    note_interruption,
    undisturbed,
)

if TYPE_CHECKING:
    import dagster as dg
    from snowflake.connector import SnowflakeConnection

    from dagster_spcs import JobRecord, SpcsClient
    from dagster_spcs.emulator import Emulator
    from definitions.sql import Warehouse

JOB_ASSETS = ("summarization_results", "sentiment_results")
ASSETS = (*JOB_ASSETS, "review_insights")
_PATIENCE_SECONDS = 240.0
_LOOK_SECONDS = 0.5
_POLL_SECONDS = "3"
_QUIET = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
# Runs start at once instead of waiting in a queue that is looked at every five seconds.
_INSTANCE = """
telemetry:
  enabled: false
run_coordinator:
  module: dagster.core.run_coordinator
  class: DefaultRunCoordinator
"""


class DemoFailed(Exception):
    """The demo did not come to its end; the message says where it stopped."""


def main() -> int:
    """Run the demo and return the exit code."""
    try:
        with (
            interruptible(),
            tempfile.TemporaryDirectory(prefix="dagster-spcs-demo-") as folder,
        ):
            return Demo(Path(folder)).run()
    except Interrupted:
        print("\nInterrupted; everything that was started has been ended.", file=sys.stderr)
        return 128 + (interrupted_by() or signal.SIGINT)
    except DemoFailed as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1


@dataclass
class Submission:
    """The run that submitted both jobs."""

    seconds: float
    run_id: str


class Demo:
    """One demonstration in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "daemon.log"
        self._view = View()

    def run(self) -> int:
        """Go from nothing to the summary."""
        home = self._folder / "dagster"
        home.mkdir()
        os.environ["DAGSTER_HOME"] = str(home)
        os.environ["SPCS_EXAMPLE_POLL_SECONDS"] = _POLL_SECONDS
        os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
        (home / "dagster.yaml").write_text(_INSTANCE)
        with undisturbed():
            from definitions import local
        end_if_interrupted()
        with local.emulator(self._folder, keep_data=False) as emulator:
            self._view.say(f"Emulator on {emulator.host}:{emulator.port}.")
            with self._daemon():
                self._view.say("Dagster daemon started; loading definitions …")
                with undisturbed():
                    # Imported now that the emulator has written its connection file.
                    import dagster as dg

                    from dagster_spcs import SpcsClient
                    from dagster_spcs.spcs.session import SnowflakeSession
                    from definitions.definitions import defs
                    from definitions.sql import Warehouse
                end_if_interrupted()

                with dg.DagsterInstance.get() as instance:
                    self._load_reviews(defs, instance)
                    submission = self._submit(defs, instance)
                    with _connection(emulator) as connection:
                        client = SpcsClient(SnowflakeSession(lambda: nullcontext(connection)))
                        self._watch(client, instance)
                        self._settle(instance)
                        warehouse = Warehouse(connection)
                        return self._summarize(warehouse, instance, submission)

    @contextmanager
    def _daemon(self) -> Iterator[None]:
        from definitions import local

        arguments = [local.tool("dagster-daemon"), "run", "-w", "workspace.yaml"]
        with local.process(arguments, {}, self._log) as daemon:
            self._process = daemon
            yield

    def _load_reviews(self, defs: "dg.Definitions", instance: "dg.DagsterInstance") -> None:
        result = _execute(
            defs.resolve_implicit_global_asset_job_def(),
            instance,
            asset_selection=[_key("sample_reviews")],
        )
        if not result.success:
            raise DemoFailed("the reviews could not be loaded (see the run's log above)")
        count = result.asset_materializations_for_node("sample_reviews")[0].metadata[
            "dagster/row_count"
        ]
        self._view.say(f"{count.value} reviews loaded.")

    def _submit(self, defs: "dg.Definitions", instance: "dg.DagsterInstance") -> Submission:
        begun = time.monotonic()
        result = _execute(defs.resolve_job_def("refresh"), instance)
        if not result.success:
            raise DemoFailed("the run that submits both jobs failed (see its log above)")
        submission = Submission(time.monotonic() - begun, result.run_id)
        self._view.say(f"Run {submission.run_id[:8]} submitted both jobs and ended.")
        return submission

    def _watch(self, client: "SpcsClient", instance: "dg.DagsterInstance") -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            jobs = _jobs(client)
            counts = {asset: _materializations(instance, asset) for asset in ASSETS}
            self._view.show(client, jobs, counts)
            if all(counts.values()):
                return
            for asset, job in jobs.items():
                if job.status.is_final and not job.status.is_success:
                    raise DemoFailed(f"job {job.name} of {asset} ended {job.status.value}")
            if self._process.poll() is not None:
                raise DemoFailed(f"the Dagster daemon ended; its log:\n{self._tail()}")
            if time.monotonic() > until:
                raise DemoFailed(
                    f"not all assets were materialized within {_PATIENCE_SECONDS:g} s;"
                    f" the daemon's log:\n{self._tail()}"
                )
            time.sleep(_LOOK_SECONDS)

    def _settle(self, instance: "dg.DagsterInstance") -> None:
        """Let the sensor look once more, so that something recorded twice would show."""
        seen = {tick.tick_id for tick in _polling_ticks(instance)}
        until = time.monotonic() + 10 * float(_POLL_SECONDS)
        while time.monotonic() < until:
            fresh = [tick for tick in _polling_ticks(instance) if tick.tick_id not in seen]
            if any(tick.status.value != "STARTED" for tick in fresh):
                return
            time.sleep(_LOOK_SECONDS)
        raise DemoFailed(f"the polling sensor stopped ticking; the daemon's log:\n{self._tail()}")

    def _tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-15:])

    def _summarize(
        self,
        warehouse: "Warehouse",
        instance: "dg.DagsterInstance",
        submission: Submission,
    ) -> int:
        from dagster_spcs.event_log import keys
        from definitions import sql

        recorded = {asset: _metadata(instance, asset) for asset in JOB_ASSETS}
        print("\nSummary")
        print(
            f"  {'job':<50} {'status':<7} {'queued':>8} {'running':>8} {'rows':>5} {'log lines':>9}"
        )
        for facts in recorded.values():
            print(
                f"  {facts[keys.JOB_NAME].rpartition('.')[2]:<50} {facts[keys.STATUS]:<7}"
                f" {facts[keys.SECONDS_QUEUED]:>7.1f}s {facts[keys.SECONDS_RUNNING]:>7.1f}s"
                f" {facts[keys.ROW_COUNT]:>5} {facts[keys.LOG_LINES]:>9}"
            )
        alone = sum(facts[keys.SECONDS_RUNNING] for facts in recorded.values())
        together = max(facts[keys.COMPLETED] for facts in recorded.values()) - min(
            facts[keys.STARTED] for facts in recorded.values()
        )
        print(f"\n  One run submitted both jobs in {submission.seconds:.2f} s and was over.")
        print(f"  Both jobs together took {together:.1f} s; one after the other {alone:.1f} s.")
        print("\n  Some joined rows (product, reviews, positive, neutral, negative, mean score):")
        for row in warehouse.rows(sql.READ_INSIGHTS)[:4]:
            counted = " ".join(f"{int(count):>4}" for count in row[1:5])
            print(f"    {row[0]:<28} {counted} {row[5]:>7.3f}")
        counts = {asset: _materializations(instance, asset) for asset in ASSETS}
        print("\n  Materializations: " + ", ".join(f"{key} {n}" for key, n in counts.items()))
        if set(counts.values()) != {1}:
            raise DemoFailed("each asset should have exactly one materialization")
        return 0


class View:
    """Progress: rewritten in place on a terminal, else a line where something changed."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._drawn = 0
        self._last: dict[str, str] = {}

    def say(self, text: str) -> None:
        """Print one line that stays."""
        end_if_interrupted()
        self._drawn = 0
        print(f"[{time.monotonic() - self._begun:6.1f} s] {text}", flush=True)

    def show(
        self, client: "SpcsClient", jobs: dict[str, "JobRecord"], counts: dict[str, int]
    ) -> None:
        """Show each asset's job, status, seconds and last log line."""
        end_if_interrupted()
        lines = []
        for asset in ASSETS:
            job = jobs.get(asset)
            recorded = "materialized" if counts[asset] else "waiting"
            if job is None:
                status, detail = recorded, ""
            else:
                status = job.status.value + (", materialized" if counts[asset] else "")
                detail = f"{_seconds(job):5.1f} s  {_last_line(client, job)}"
            lines.append((asset, f"  {asset:<22} {status:<20}", detail))
        if sys.stdout.isatty():
            if self._drawn:
                print(f"\x1b[{self._drawn}A", end="")
            for _, head, detail in lines:
                print(f"\x1b[2K{head} {detail[:90]}")
            self._drawn = len(lines)
            sys.stdout.flush()
            return
        for asset, head, detail in lines:
            if self._last.get(asset) != head:
                self._last[asset] = head
                print(f"[{time.monotonic() - self._begun:6.1f} s]{head} {detail}", flush=True)


def _seconds(job: "JobRecord") -> float:
    from datetime import datetime, timezone

    end = job.updated_on if job.status.is_final else datetime.now(timezone.utc)
    return (end - job.created_on).total_seconds()


def _last_line(client: "SpcsClient", job: "JobRecord") -> str:
    from dagster_spcs import JobStatus

    if job.status is JobStatus.PENDING:
        return ""
    lines = client.node_logs(job.name, client.containers(job.name), last_lines=10).lines
    told = [line.text for line in lines if "__dagster_pipes_version" not in line.text]
    return told[-1] if told else ""


def _execute(
    job: "dg.JobDefinition", instance: "dg.DagsterInstance", **options: Any
) -> "dg.ExecuteInProcessResult":
    import dagster as dg

    try:
        return job.execute_in_process(
            instance=instance, run_config=_QUIET, raise_on_error=False, **options
        )
    except dg.DagsterExecutionInterruptedError:
        # Dagster has handlers of its own while a run executes.
        note_interruption()
        raise Interrupted from None


def _key(asset: str) -> "dg.AssetKey":
    import dagster as dg

    return dg.AssetKey(asset)


def _connection(emulator: "Emulator") -> "closing[SnowflakeConnection]":
    import snowflake.connector

    return closing(
        snowflake.connector.connect(
            **emulator.connection_parameters(),
            database=settings.DATABASE,
            schema=settings.SCHEMA,
            warehouse=settings.WAREHOUSE,
        )
    )


def _jobs(client: "SpcsClient") -> dict[str, "JobRecord"]:
    from dagster_spcs.jobs.identity import JobIdentity

    found = {}
    for job in client.list_jobs(database=settings.DATABASE, schema=settings.SCHEMA):
        identity = JobIdentity.from_comment(job.comment)
        if isinstance(identity, JobIdentity):
            found[identity.asset[-1]] = job
    return {asset: found[asset] for asset in JOB_ASSETS if asset in found}


def _materializations(instance: "dg.DagsterInstance", asset: str) -> int:
    return len(instance.fetch_materializations(_key(asset), limit=10).records)


def _metadata(instance: "dg.DagsterInstance", asset: str) -> dict[str, Any]:
    event = instance.fetch_materializations(_key(asset), limit=1).records[0].asset_materialization
    assert event is not None
    return {name: value.value for name, value in event.metadata.items()}


def _polling_ticks(instance: "dg.DagsterInstance") -> list[Any]:
    for state in instance.all_instigator_state():
        if state.instigator_name == "spcs_polling_sensor":
            return list(instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=5))
    return []


if __name__ == "__main__":
    sys.exit(main())
