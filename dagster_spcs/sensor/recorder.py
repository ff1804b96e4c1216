"""From jobs that ended to what a tick tells Dagster: the events of each, once, and what follows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import dagster as dg

from dagster_spcs.errors import ObjectNotFound, SpcsError, StatementError, UnexpectedAnswer
from dagster_spcs.event_log import events
from dagster_spcs.event_log.ledger import RecordedEnds, Searched
from dagster_spcs.event_log.starts import find_start
from dagster_spcs.jobs.batch import by_partition, partitions_of
from dagster_spcs.jobs.gather import (
    History,
    JobReport,
    MetadataSource,
    gather,
    note,
    ran_out_of_time,
    read_history,
    with_families,
)
from dagster_spcs.jobs.identity import JobIdentity
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.sensor.code_location import CodeLocation
from dagster_spcs.sensor.cursor import Cursor, searched_from
from dagster_spcs.sensor.dropped import DroppedJob
from dagster_spcs.sensor.follow_ups import FollowUps
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.clocks import HOSTS_DIFFER_BY
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.records import JobRecord

Found = tuple[JobRecord, JobIdentity]
BATCH: dict[MetadataSource, int] = {"warehouse": 50, "no-warehouse": 10}
"""Jobs read together."""


class Recorder:
    """Reads jobs that ended, and makes their events.

    Args:
        instance: whose event log tells what is recorded.
        location: whose assets the jobs are for.
        client: reads.
        resource: how many lines, which account.
        source: how metadata is read.
        follow_ups: are told of each end.
        cursor: what the last tick knew.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        location: CodeLocation,
        client: SpcsClient,
        resource: SpcsJobResource,
        source: MetadataSource,
        follow_ups: FollowUps,
        cursor: Cursor,
    ) -> None:
        self._instance = instance
        self._location = location
        self._client = client
        self._resource = resource
        self._source = source
        self._follow_ups = follow_ups
        self._cursor = cursor
        self._history: History | None = None
        self._families: dict[str, str | None] = {}
        self._recorded = RecordedEnds(instance, ())
        self.made: list[events.Event] = []
        self.count = 0
        """Jobs recorded."""

    def search(self, dropped: Iterable[DroppedJob], over: Iterable[Found]) -> None:
        """Look in the event log for the ends of these jobs, whenever asked for one of them."""
        searched: list[Searched] = [(each.identity, each.identity.submitted) for each in dropped]
        searched += [(identity, searched_from(identity, self._cursor)) for _, identity in over]
        self._recorded = RecordedEnds(self._instance, searched)

    def recorded_at(self, job: JobRecord, identity: JobIdentity) -> datetime | None:
        """Return when the end of a job was recorded; None of one over several partitions."""
        return None if identity.batch else self._recorded.recorded_at(job, identity)

    def read_history(self, ended: Sequence[JobRecord]) -> None:
        """Read the history of all that this tick may record, in one statement."""
        if self._source == "warehouse" and len(ended) > BATCH[self._source]:
            self._history = read_history(self._client, ended)

    def read(self, found: Sequence[Found]) -> list[JobReport]:
        """Return a report for each job, in order."""
        return gather(
            self._client,
            [job for job, _ in found],
            source=self._source,
            last_lines=self._resource.log_lines,
            tables=self._result_tables(found),
            pipes={job.name for job, identity in found if identity.pipes},
            batches={job.name for job, identity in found if identity.batch},
            history=self._history,
            families=self._families,
        )

    def record(self, report: JobReport, identity: JobIdentity) -> bool:
        """Make the events of a job, unless they are in the event log.

        Returns whether it could; of a job over several partitions that was dropped just now only
        its start tells which, so it is left for the next tick.
        """
        if identity.batch:
            return self._record_batch(report, identity)
        if not self._ends_of(identity).is_recorded(report.job, identity):
            self._record_one(report, identity)
        return True

    def record_dropped(self, dropped: Sequence[DroppedJob]) -> list[JobRecord]:
        """Make the events of jobs that are gone; nothing but the history knows of them."""
        reports = with_families(self._client, [each.report for each in dropped], self._families)
        for report, each in zip(reports, dropped, strict=True):
            if each.partitions:
                self._record_each(report, each.identity, each.partitions)
            else:
                self.record(report, each.identity)
        return [report.job for report in reports]

    def follow_up(self, report: JobReport, identity: JobIdentity, recorded: datetime) -> None:
        """Note what follows an end that was recorded then, of a job that is not settled."""
        if searched_from(identity, self._cursor) > identity.submitted:
            # The tick that recorded it did not save its cursor, nor request anything.
            self._follow_ups.add(report, identity)
        else:
            self._follow_ups.add_recorded(report, identity, recorded)

    def repeat_verdict(self, recorded: Mapping[JobRecord, tuple[JobIdentity, datetime]]) -> None:
        """Evaluate the checks of the job that was recorded last once more.

        A tick that died may have done so between a job's own event and its checks.
        """
        own = [
            (at, job, identity)
            for job, (identity, at) in recorded.items()
            if not identity.blocking
            and (self._cursor.looked is None or at >= self._cursor.looked - HOSTS_DIFFER_BY)
        ]
        if own:
            _, job, identity = max(own, key=lambda each: each[0])
            [report] = self.read([(job, identity)])
            report = replace(report, timed_out=ran_out_of_time(job, identity))
            self.made += self._events(report, identity)[1:]

    def _ends_of(self, identity: JobIdentity) -> RecordedEnds:
        """Return what is recorded: read anew where a run may be recording at this moment."""
        if not identity.blocking:
            return self._recorded
        return RecordedEnds(self._instance, [(identity, identity.submitted)])

    def _record_one(self, report: JobReport, identity: JobIdentity) -> None:
        self.made += self._events(report, identity)
        self._follow_ups.add(report, identity)
        self.count += 1

    def _record_batch(self, report: JobReport, identity: JobIdentity) -> bool:
        """Make the events of a job over several partitions: one each, and one verdict."""
        try:
            partitions = partitions_of(self._client.specification(report.job.name))
        except ObjectNotFound:
            return False
        except (StatementError, UnexpectedAnswer) as error:
            # Only its owner's role may see it; what the run told of the start, everybody.
            start = find_start(self._instance, report.job, identity)
            if start is None or not start.partitions:
                self._record_without_partitions(report, identity, error)
                return True
            partitions = start.partitions
        self._record_each(report, identity, partitions)
        return True

    def _record_without_partitions(
        self, report: JobReport, identity: JobIdentity, error: SpcsError
    ) -> None:
        # An observation: a materialization of no partition would be wrong.
        if not self._recorded.is_recorded(report.job, identity):
            report = note(report, "the partitions of this job", error)
            self.made.append(self._observation(report, identity))
            self.made.append(events.check_evaluation(report, identity))
            self.count += 1

    def _record_each(
        self, report: JobReport, identity: JobIdentity, partitions: Sequence[str]
    ) -> None:
        told = by_partition(report, identity, partitions)
        ends = self._ends_of(identity)
        known = [ends.recorded_at(each.job, own_identity) for each, own_identity in told]
        for (each, own_identity), recorded in zip(told, known, strict=True):
            if recorded is not None:
                self.follow_up(each, own_identity, recorded)
            else:
                self.made.append(self._events(each, own_identity)[0])
                self._follow_ups.add(each, own_identity)
        # The verdict comes last; a tick that died may have told all but that.
        if None in known or not identity.blocking:
            self.made.append(events.check_evaluation(report, identity))
            self.count += 1

    def _observation(self, report: JobReport, identity: JobIdentity) -> dg.AssetObservation:
        return dg.AssetObservation(
            dg.AssetKey(list(identity.asset)),
            description=f"{events.failure_text(report)}; its partitions could not be told",
            metadata=events.job_metadata(report, identity, account=self._resource.account()),
            tags=events.finished_tags(report),
        )

    def _events(self, report: JobReport, identity: JobIdentity) -> list[events.Event]:
        partition = identity.partition
        if partition is not None and not self._location.has_partition(identity.asset, partition):
            # Recorded all the same: what the job made is there, and only its place is not.
            told = f"partition {partition}: the asset does not have it"
            report = replace(report, missing=(*report.missing, told))
        metadata = events.job_metadata(report, identity, account=self._resource.account())
        own, verdict, *others = events.finished_events(report, identity, metadata)
        # An asset that others make has the check only if its definition says so.
        is_checked = bool(identity.run_id) or self._location.has_check(identity.asset)
        return [own, *([verdict] if is_checked else []), *others]

    def _result_tables(self, found: Sequence[Found]) -> dict[JobName, str]:
        tables = {
            job.name: self._location.metadata(identity.asset, events.RESULT_TABLE)
            for job, identity in found
        }
        return {name: str(table) for name, table in tables.items() if table is not None}
