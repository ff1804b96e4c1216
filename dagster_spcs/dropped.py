"""Jobs that were dropped before their end was seen.

Such a job is in no listing, so its comment cannot be read. But Dagster's event log holds the
observation that it was started, and nothing that tells its end.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

import dagster as dg

from dagster_spcs import events
from dagster_spcs.client import SpcsClient
from dagster_spcs.errors import FunctionUnavailable, ObjectNotFound, StatementError
from dagster_spcs.identity import JobIdentity
from dagster_spcs.names import JobName
from dagster_spcs.recorded import CLOCK_SLACK, materializations, observations
from dagster_spcs.records import HistoryRecord, JobRecord
from dagster_spcs.reports import JobReport, MetadataSource, note, report_of_gone
from dagster_spcs.status import JobStatus

_AT_ONCE = 8
_SAME_TIME = timedelta(seconds=5)
"""Two commands may tell a job's creation with a different precision."""


@dataclass(frozen=True)
class Gone:
    """A job that was dropped, and what is known of it."""

    report: JobReport
    identity: JobIdentity
    partitions: tuple[str, ...] = ()
    """What a job over several partitions was to make, in the instances' order."""


@dataclass(frozen=True)
class Dropped:
    """Jobs that are gone without an end, and since when others may be."""

    jobs: Sequence[Gone] = ()
    recorded: Sequence[tuple[JobReport, JobIdentity]] = ()
    """Those that are gone and whose end is recorded, and was no good one: who recorded it may have
    died before it could do what follows."""
    left_since: datetime | None = None
    """When the first job was started that was left for another time, or to its run."""


def find_dropped(
    instance: dg.DagsterInstance,
    client: SpcsClient,
    keys: Iterable[dg.AssetKey],
    *,
    is_ours: Callable[[JobName], bool],
    listed: Sequence[JobRecord],
    since: datetime,
    listed_at: datetime,
    source: MetadataSource,
    limit: int,
    is_left: Callable[[JobRecord, JobIdentity], bool],
    is_row_late: Callable[[JobRecord], bool],
) -> Dropped:
    """Return jobs that were started in that time, have no recorded end, and are gone.

    At most ``limit``, the oldest first, without those that ``is_left`` leaves to the run that
    started them. Each is asked for by name once more before it counts as gone. Its status is what
    the history says, where it may be read, else DELETED; without a row it is left for another
    time while ``is_row_late``.
    """
    standing = {job.name: job for job in listed}
    found = [_Unlisted(instance, key, is_ours, standing, since, listed_at) for key in keys]
    endless = sorted(
        (start for each in found for start in each.endless()),
        key=lambda start: start.identity.submitted,
    )
    left: list[_Start] = []
    asked: list[_Start] = []
    for start in endless:
        is_enough = len(asked) == limit
        (left if is_enough or is_left(start.job, start.identity) else asked).append(start)

    def standing_now(start: _Start) -> JobRecord | None:
        try:
            return client.describe(start.name)
        except ObjectNotFound:
            return None

    answers = client.concurrently(standing_now, asked, at_once=_AT_ONCE)
    gone = [
        start
        for start, job in zip(asked, answers, strict=True)
        if job is None or not start.is_of(job)
    ]
    rows: Mapping[JobName, Sequence[HistoryRecord]] = {}
    has_history = source == "warehouse"
    refusal: StatementError | None = None
    if has_history:
        try:
            names = {start.name for start in gone}
            rows = client.history_of_names(names, since=since - CLOCK_SLACK)
        except FunctionUnavailable:
            has_history = False  # not every account has it
        except StatementError as error:
            refusal = error
    standing.update({job.name: job for job in answers if job is not None})
    created = [(name, standing[name].created_on) for name in rows if name in standing]
    created += [moment for each in found for moment in each.ended_jobs() if moment[0] in rows]
    history = _match(endless, rows, created)
    jobs: list[Gone] = []
    for start in gone:
        known = history.get(start.key)
        is_late = known is None and has_history and refusal is None and is_row_late(start.job)
        # What is alive is there, though the role may not see it now.
        if is_late or (known is not None and known.is_alive):
            left.append(start)
            continue
        report = report_of_gone(_as_history_tells(start.job, known), known)
        if refusal is not None:
            report = note(report, "history", refusal)
        jobs.append(Gone(report, start.identity, start.partitions))
    return Dropped(
        jobs,
        [failure for each in found for failure in each.recorded_failures()],
        min((start.moment for start in left), default=None),
    )


def _as_history_tells(job: JobRecord, known: HistoryRecord | None) -> JobRecord:
    if known is None:
        return job
    status = known.status if known.status.is_final else JobStatus.DELETED
    return replace(
        job,
        status=status,
        status_text=status.value,
        created_on=known.created,
        updated_on=known.completed or known.deleted or job.updated_on,
    )


_Key = tuple[str, float]
"""A job's name as it is told, and when it was submitted."""


@dataclass(frozen=True)
class _Start:
    """What the observation that a job was started tells of it."""

    at: float
    text: str
    """The name as it is told."""
    identity: JobIdentity
    compute_pool: str
    partitions: tuple[str, ...]

    @classmethod
    def told_by(cls, at: float, event: dg.AssetObservation) -> "_Start | None":
        """Return what an event tells of a start, None if it tells of none."""
        metadata = event.metadata
        if not {events.JOB_NAME, events.SUBMITTED} <= metadata.keys():
            return None
        told = metadata.get(events.PARTITIONS)
        several = told.value if isinstance(told, dg.JsonMetadataValue) else None
        partitions = tuple(map(str, several or ()))
        return cls(
            at=at,
            text=str(metadata[events.JOB_NAME].value),
            identity=JobIdentity(
                asset=tuple(event.asset_key.path),
                partition=event.partition,
                run_id=str(metadata[events.SUBMITTING_RUN].value),
                blocking=metadata[events.WAITED_FOR].value is True,
                attempt=int(str(metadata[events.ATTEMPT].value)),
                submitted=_utc(float(str(metadata[events.SUBMITTED].value))),
                batch=bool(partitions),
                held_back=events.HELD_BACK in metadata,
            ),
            compute_pool=str(metadata[events.COMPUTE_POOL].value),
            partitions=partitions,
        )

    @property
    def key(self) -> _Key:
        return self.text, self.identity.submitted.timestamp()

    @property
    def moment(self) -> datetime:
        """When the event was stored."""
        return _utc(self.at)

    @property
    def name(self) -> JobName:
        # As it is told: nothing is quoted, and only the last two parts cannot have dots.
        database, schema, name = self.text.rsplit(".", 2)
        return JobName(name, schema, database)

    @property
    def job(self) -> JobRecord:
        """The job, as far as its start tells of it."""
        return JobRecord(
            name=self.name,
            status=JobStatus.DELETED,
            status_text=JobStatus.DELETED.value,
            compute_pool=self.compute_pool,
            created_on=self.identity.submitted,
            updated_on=self.identity.submitted,
            replicas=max(1, len(self.partitions)),
            comment=None,
            query_warehouse=None,
        )

    def is_of(self, job: JobRecord) -> bool:
        """Whether this is the start of that job, and not of an earlier one of the name."""
        identity = JobIdentity.from_comment(job.comment)
        return (
            identity is not None
            and job.name == self.name
            and identity.submitted == self.identity.submitted
        )


class _Unlisted:
    """The jobs of one asset that were started and are not listed, and what is recorded of them."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        key: dg.AssetKey,
        is_ours: Callable[[JobName], bool],
        standing: Mapping[JobName, JobRecord],
        since: datetime,
        listed_at: datetime,
    ) -> None:
        self._starts: dict[_Key, _Start] = {}
        self._ends: dict[_Key, list[tuple[float, events.JobEnd]]] = {}
        for at, event in observations(instance, key, since.timestamp()):
            if not self._take_end(at, event) and isinstance(event, dg.AssetObservation):
                start = _Start.told_by(at, event)
                # One that was submitted after the listing could not be in it.
                if start is None or at >= listed_at.timestamp() or not is_ours(start.name):
                    continue
                if start.name not in standing or not start.is_of(standing[start.name]):
                    self._starts[start.key] = start
        if self._starts:  # seldom; the materializations of an asset are much to read
            earliest = min(start.at for start in self._starts.values())
            for at, event in materializations(instance, key, earliest):
                self._take_end(at, event)

    def _take_end(self, at: float, event: dg.AssetMaterialization | dg.AssetObservation) -> bool:
        end = events.end_told_by(event)
        if end is not None and end.submitted is not None:
            self._ends.setdefault((end.job_name, end.submitted), []).append((at, end))
        return end is not None

    def endless(self) -> list[_Start]:
        """Return the starts of which not every partition's end is recorded."""
        return [start for start in self._starts.values() if not self._has_ended(start)]

    def _has_ended(self, start: _Start) -> bool:
        told = {end.partition for _, end in self._ends.get(start.key, ())}
        return None in told or told.issuperset(start.partitions or [start.identity.partition])

    def ended_jobs(self) -> list[tuple[JobName, datetime]]:
        """Return name and creation of the jobs whose end is recorded."""
        return [
            (start.name, _utc(end.created))
            for start in self._starts.values()
            for _, end in self._ends.get(start.key, ())[:1]
            if self._has_ended(start)
        ]

    def recorded_failures(self) -> list[tuple[JobReport, JobIdentity]]:
        """Return the ends that are recorded and were no success, one a partition."""
        return [
            (
                JobReport(
                    replace(
                        start.job,
                        status=JobStatus(end.status),
                        status_text=end.status,
                        created_on=_utc(end.created),
                        updated_on=_utc(at),
                    ),
                    timed_out=end.timed_out,
                ),
                start.identity.model_copy(update={"partition": end.partition}),
            )
            for start in self._starts.values()
            if self._has_ended(start)
            if self._has_ended(start)
            for at, end in self._ends[start.key]
            if not end.succeeded
        ]


def _match(
    starts: Sequence[_Start],
    rows: Mapping[JobName, Sequence[HistoryRecord]],
    created: Collection[tuple[JobName, datetime]],
) -> dict[_Key, HistoryRecord]:
    """Return the history row of each start, told by the order of the jobs that had its name.

    ``created`` is the creation of jobs with a row that none of these starts can be of.
    """
    matched: dict[_Key, HistoryRecord] = {}
    for name, all_rows in rows.items():
        own = [start for start in starts if start.name == name]
        free = list(all_rows)
        for other, moment in created:
            near = [row for row in free if abs(row.created - moment) <= _SAME_TIME]
            if other == name and near:
                free.remove(min(near, key=lambda row: abs(row.created - moment)))
        if len(free) != len(own):
            # A row is late, or the start of a job was not recorded: then the clocks decide.
            pairs = sorted(
                ((start, row) for start in own for row in free),
                key=lambda pair: abs(pair[1].created - pair[0].identity.submitted),
            )
            nearest: dict[_Key, HistoryRecord] = {}
            for start, row in pairs:
                if start.key not in nearest and row not in nearest.values():
                    nearest[start.key] = row
            matched |= nearest
        else:
            matched |= {start.key: row for start, row in zip(own, free, strict=True)}
    return matched


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, timezone.utc)
