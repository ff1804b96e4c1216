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
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from definitions import settings
from definitions.interruption import (
    Interrupted,
    announce,
    call_undisturbed,
    end_if_interrupted,
    interrupted_by,
    interruptible,
    undisturbed,
)

if TYPE_CHECKING:
    import dagster as dg
    from snowflake.connector import SnowflakeConnection

    from dagster_spcs import JobRecord, SpcsClient
    from dagster_spcs.emulator import Emulator
    from definitions.sql import Warehouse
    from definitions.view import Row

JOB_ASSETS = ("summarization_results", "sentiment_results")
ASSETS = (*JOB_ASSETS, "review_insights")
_PATIENCE_SECONDS = 240.0
_LOOK_SECONDS = 0.5
_POLL_SECONDS = "3"
_QUIET = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
_ANNOUNCEMENT = "Interrupted: ending the jobs, the Dagster daemon and the emulator …"
# Runs start at once instead of waiting in a queue that is looked at every five seconds. What steps
# print is not captured: Dagster's capture starts processes that answer Ctrl-C with a traceback.
_INSTANCE = """
telemetry:
  enabled: false
run_coordinator:
  module: dagster.core.run_coordinator
  class: DefaultRunCoordinator
compute_logs:
  module: dagster.core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


class DemoFailed(Exception):
    """The demo did not come to its end; the message says where it stopped."""


def main() -> int:
    """Run the demo and return the exit code."""
    cancelled: list[str] = []
    try:
        with (
            interruptible(_ANNOUNCEMENT),
            tempfile.TemporaryDirectory(prefix="dagster-spcs-demo-") as folder,
        ):
            return Demo(Path(folder), cancelled).run()
    except Interrupted:
        announce()
        print(f"Ended. Cancelled jobs: {', '.join(cancelled) or 'none'}.", file=sys.stderr)
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
    """One demonstration in a folder of its own.

    Args:
        folder: an empty one.
        cancelled: gets the assets whose jobs an interruption cancelled.
    """

    def __init__(self, folder: Path, cancelled: list[str]) -> None:
        self._folder = folder
        self._cancelled = cancelled
        self._log = folder / "daemon.log"

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
            from definitions.view import View
        end_if_interrupted()
        self._view = View(sys.stdout)
        with local.emulator(self._folder, keep_data=False) as emulator:
            self._say(f"Emulator on {emulator.host}:{emulator.port}.")
            with self._daemon():
                self._say("Dagster daemon started; loading definitions …")
                with undisturbed():
                    # Imported now that the emulator has written its connection file.
                    import dagster as dg

                    from definitions.definitions import defs
                    from definitions.sql import Warehouse
                end_if_interrupted()

                with dg.DagsterInstance.get() as instance:
                    self._load_reviews(defs, instance)
                    with self._cancelling(emulator), _client(emulator) as client:
                        submission = self._submit(defs, instance)
                        self._watch(client, instance)
                    self._settle(instance)
                    with _connection(emulator) as connection:
                        return self._summarize(Warehouse(connection), instance, submission)

    @contextmanager
    def _daemon(self) -> Iterator[None]:
        from definitions import local

        arguments = [local.tool("dagster-daemon"), "run", "-w", "workspace.yaml"]
        with local.process(arguments, {}, self._log) as daemon:
            self._process = daemon
            yield

    @contextmanager
    def _cancelling(self, emulator: "Emulator") -> Iterator[None]:
        try:
            yield
        except Interrupted:
            announce()
            self._cancelled += _cancel_jobs(emulator)
            raise

    def _say(self, text: str) -> None:
        end_if_interrupted()
        self._view.say(text)

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
        self._say(f"{count.value} reviews loaded.")

    def _submit(self, defs: "dg.Definitions", instance: "dg.DagsterInstance") -> Submission:
        begun = time.monotonic()
        result = _execute(defs.resolve_job_def("refresh"), instance)
        if not result.success:
            raise DemoFailed("the run that submits both jobs failed (see its log above)")
        submission = Submission(time.monotonic() - begun, result.run_id)
        self._say(f"Run {submission.run_id[:8]} submitted both jobs and ended.")
        return submission

    def _watch(self, client: "SpcsClient", instance: "dg.DagsterInstance") -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        with self._view.watching() as show:
            while True:
                jobs = _jobs(client)
                counts = {asset: _materializations(instance, asset) for asset in ASSETS}
                end_if_interrupted()
                show([_row(client, asset, jobs.get(asset), counts[asset]) for asset in ASSETS])
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
        write = self._view.write
        write("\nSummary")
        for facts in recorded.values():
            write(f"  {facts[keys.JOB_NAME].rpartition('.')[2]}")
            write(
                f"    {facts[keys.STATUS]}, {facts[keys.SECONDS_QUEUED]:.1f} s queued,"
                f" {facts[keys.SECONDS_RUNNING]:.1f} s running, {facts[keys.ROW_COUNT]} rows,"
                f" {facts[keys.LOG_LINES]} log lines"
            )
        alone = sum(facts[keys.SECONDS_RUNNING] for facts in recorded.values())
        together = max(facts[keys.COMPLETED] for facts in recorded.values()) - min(
            facts[keys.STARTED] for facts in recorded.values()
        )
        write(f"\n  One run submitted both jobs in {submission.seconds:.2f} s and was over.")
        write(f"  Both jobs together took {together:.1f} s; one after the other {alone:.1f} s.")
        write("\n  Some joined rows: product, reviews, positive, neutral, negative, mean score")
        self._view.columns(
            [
                [f"    {row[0]}", *(str(int(count)) for count in row[1:5]), f"{row[5]:.3f}"]
                for row in warehouse.rows(sql.READ_INSIGHTS)[:4]
            ]
        )
        counts = {asset: _materializations(instance, asset) for asset in ASSETS}
        write("\n  Materializations: " + ", ".join(f"{key} {n}" for key, n in counts.items()))
        if set(counts.values()) != {1}:
            raise DemoFailed("each asset should have exactly one materialization")
        return 0


def _row(client: "SpcsClient", asset: str, job: "JobRecord | None", materializations: int) -> "Row":
    from definitions.view import Row

    if job is None:
        return Row(asset, "materialized" if materializations else "waiting")
    status = "materialized" if materializations else job.status.value
    return Row(asset, status, _seconds(job), _last_line(client, job))


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
    return call_undisturbed(
        lambda: job.execute_in_process(
            instance=instance, run_config=_QUIET, raise_on_error=False, **options
        )
    )


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


def _client(emulator: "Emulator") -> "SpcsClient":
    from dagster_spcs import SpcsClient
    from dagster_spcs.spcs.session import SnowflakeSession

    return SpcsClient(SnowflakeSession(lambda: _connection(emulator)))


def _cancel_jobs(emulator: "Emulator") -> list[str]:
    """Cancel the jobs at work and return their assets."""
    from dagster_spcs import SpcsError

    try:
        with _client(emulator) as client:
            at_work = {
                job.name: asset for asset, job in _jobs(client).items() if not job.status.is_final
            }
            refused = client.cancel_many(sorted(at_work))
    except SpcsError:  # the emulator ends them anyway
        return []
    return [asset for name, asset in at_work.items() if name not in refused]


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
