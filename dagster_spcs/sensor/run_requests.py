"""What the sensor requests after a failed job: another attempt, or a run that fails."""

from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg

from dagster_spcs.event_log import keys
from dagster_spcs.jobs.log_text import plain
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.sensor.retries import Retry

_SHOWN_LOG_BYTES = 4_000
_RUN_KEY_TAG = "dagster/run_key"
"""Dagster's own: of a run that a sensor has asked for."""
_ASKED_TOGETHER = 100
"""Keys in one query of the runs."""
_OF_DAGSTER = ("dagster/", ".dagster/")
"""Tags that Dagster writes itself."""
_OF_USERS = frozenset({"dagster/priority", "dagster/concurrency_key", "dagster/max_runtime"})
"""Tags of Dagster's that are a user's to set, for any run."""


def retry_request(
    retry: Retry,
    failed: dg.DagsterRun | None,
    op_name: str,
    *,
    resource_keys: Collection[str] = (),
    job_name: str | None = None,
) -> dg.RunRequest:
    """Return the run that makes another attempt; a sensor starts one run for its key, ever.

    It has the tags of the run whose job failed, without those that Dagster writes itself, and the
    configuration of the asset's op and of its resources. Without ``job_name`` it is a run of the
    assets that the sensor targets.
    """
    tags = {} if failed is None else failed.tags
    given: Mapping[str, Any] = {} if failed is None else failed.run_config
    config = {
        section: {name: each for name, each in given.get(section, {}).items() if name in own}
        for section, own in (("ops", {op_name}), ("resources", set(resource_keys)))
    }
    return dg.RunRequest(
        run_key=retry.run_key,
        job_name=job_name,
        asset_selection=[dg.AssetKey(list(retry.asset))],
        partition_key=retry.partition,
        run_config={section: each for section, each in config.items() if each} or None,
        tags={
            **{key: tags[key] for key in tags if _is_handed_on(key)},
            keys.ATTEMPT_TAG: str(retry.attempt),
        },
    )


def _is_handed_on(tag: str) -> bool:
    if tag in _OF_USERS:
        return True
    return tag != keys.SEEN_ALIVE_TAG and not tag.startswith(_OF_DAGSTER)


def failure_request(report: JobReport) -> dg.RunRequest:
    """Return a run that fails with the job's failure as its text."""
    shown = plain(report.log.lines, _SHOWN_LOG_BYTES)
    return dg.RunRequest(
        run_key=f"failure of {report.job.name.name} {report.job.record.created_on.timestamp():.6f}",
        job_name=FAILURE_JOB.name,
        run_config={
            "ops": {
                _fail_with_text.name: {
                    "config": {
                        "asset": "/".join(report.job.asset_key),
                        "text": f"{report.failure}\n{shown}".rstrip(),
                    }
                }
            }
        },
    )


def existing(instance: dg.DagsterInstance, run_keys: Collection[str]) -> set[str]:
    """Return those of the keys for which there is a run, whichever sensor asked for it."""
    found: set[str] = set()
    wanted = sorted(run_keys)
    for start in range(0, len(wanted), _ASKED_TOGETHER):
        tags = {_RUN_KEY_TAG: wanted[start : start + _ASKED_TOGETHER]}
        for record in instance.get_run_records(dg.RunsFilter(tags=tags)):
            found.add(record.dagster_run.tags[_RUN_KEY_TAG])
    return found


class FailureText(dg.Config):
    """What a run for alerting says."""

    asset: str
    text: str


@dg.op(name="fail_for_spcs_job")
def _fail_with_text(config: FailureText) -> None:
    raise dg.Failure(f"{config.asset}: {config.text}", allow_retries=False)


@dg.job(
    name="spcs_failure",
    description="Fails with the text of a failed job, so that alerts on failed runs fire.",
)
def _failure_job() -> None:
    _fail_with_text()


FAILURE_JOB = _failure_job
RETRY_JOB = dg.define_asset_job(
    "spcs_retry",
    selection=dg.AssetSelection.tag(keys.JOB_ASSET, "true"),
    description="Another attempt of an asset whose job failed.",
)
