"""What follows a failed job: another attempt when it is due, or a run that fails."""

import logging
from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from dagster_spcs.event_log import keys
from dagster_spcs.event_log.end import Event, JobEnd, read_end
from dagster_spcs.event_log.ledger import Ledger
from dagster_spcs.jobs.report import JobReport
from dagster_spcs.sensor.code_location import CodeLocation
from dagster_spcs.sensor.retries import Retry, RetryRule, next_attempt, take_due
from dagster_spcs.sensor.run_requests import RETRY_JOB, existing, failure_request, retry_request
from dagster_spcs.spcs.clocks import ACCOUNT_DIFFERS_BY


class FollowUps:
    """Collects, over one tick, what is to be requested.

    Args:
        instance: knows the runs whose jobs failed.
        ledger: tells of later successes.
        location: whose assets say how often a job is tried.
        log: is told of attempts that are not made.
        failure_runs: whether a job that is not tried again launches a run that fails.
        now: by Dagster's clock.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        ledger: Ledger,
        location: CodeLocation,
        log: logging.Logger,
        *,
        failure_runs: bool,
        now: datetime,
    ) -> None:
        self._instance = instance
        self._ledger = ledger
        self._location = location
        self._log = log
        self._failure_runs = failure_runs
        self._now = now
        self._retries: list[Retry] = []
        self._requests: list[dg.RunRequest] = []

    def add(self, report: JobReport) -> None:
        """Note what follows the end of a job; nothing follows a success.

        The end may have been recorded by another tick, which died before it could request anything,
        or long ago: what exists is not requested again.
        """
        if report.succeeded:
            return
        rule = RetryRule(
            max_retries=self._location.metadata(report.job.asset_key, keys.MAX_RETRIES) or 0,
            delay_seconds=self._location.metadata(report.job.asset_key, keys.RETRY_DELAY) or 0,
        )
        retry = next_attempt(report, rule, self._now)
        if retry is not None:
            self._retries.append(retry)
        elif self._failure_runs and not report.job.identity.blocking:
            self._requests.append(failure_request(report))

    def take(
        self, retries: Sequence[Retry], made: Sequence[Event]
    ) -> tuple[list[dg.RunRequest], list[Retry]]:
        """Return what to request now, and the attempts that still wait.

        ``retries`` are those that waited before, ``made`` the events of this tick.
        """
        # The same attempt may be noted again by a later tick; it stays due when it was.
        known = {retry.key: retry for retry in [*self._retries, *retries]}
        wanted = [retry.run_key for retry in known.values()]
        wanted += [str(request.run_key) for request in self._requests]
        there = existing(self._instance, set(wanted))
        requests = [each for each in self._requests if each.run_key not in there]
        left = (retry for retry in known.values() if retry.run_key not in there)
        due, waiting = take_due(left, self._now)
        job_name = RETRY_JOB.name if self._failure_runs else None
        for retry in due:
            if not self._is_wanted(retry, made):
                continue
            failed = self._instance.get_run_by_id(retry.run_id) if retry.run_id else None
            request = retry_request(
                retry,
                failed,
                self._location.op_name(retry.asset),
                resource_keys=self._location.resource_keys(retry.asset),
                job_name=job_name,
            )
            if retry.run_id and failed is None:
                refusal: str | None = "its run was deleted, and its configuration with it"
            else:
                refusal = self._location.refusal(request)
            if refusal is None:
                requests.append(request)
            else:
                self._log.error(f"{retry.after} is not tried again: {refusal}")
        return requests, waiting

    def _is_wanted(self, retry: Retry, made: Sequence[Event]) -> bool:
        asset = "/".join(retry.asset)
        if not self._location.has_partition(retry.asset, retry.partition):
            # A request for another partition would fail the tick.
            self._log.warning(
                f"{retry.after} is not tried again: {asset} has no partition"
                f" {retry.partition or '(none)'} any more."
            )
            return False
        if self._was_made_since(retry, made):
            self._log.info(f"{retry.after} is not tried again: a later job of {asset} succeeded.")
            return False
        return True

    def _was_made_since(self, retry: Retry, made: Sequence[Event]) -> bool:
        if retry.created is None:
            return False
        since = retry.created - ACCOUNT_DIFFERS_BY
        if self._ledger.has_success_since(retry.asset, retry.partition, retry.created, since):
            return True
        asset_key = dg.AssetKey(list(retry.asset))
        about_to_be = (
            read_end(self._now, event)
            for event in made
            if isinstance(event, dg.AssetMaterialization)
            and (event.asset_key, event.partition) == (asset_key, retry.partition)
        )
        return any(isinstance(end, JobEnd) and end.created > retry.created for end in about_to_be)
