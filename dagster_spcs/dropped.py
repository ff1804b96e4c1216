"""Jobs that were dropped before their end was seen.

Such a job is in no listing, so its comment cannot be read. But Dagster's event log holds the
observation that it was started, and nothing that tells its end.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

import dagster as dg

from dagster_spcs import events
from dagster_spcs.client import SpcsClient
from dagster_spcs.errors import ObjectNotFound, StatementError
from dagster_spcs.identity import JobIdentity
from dagster_spcs.names import JobName
from dagster_spcs.recorded import CLOCK_SLACK, JobEvent, materializations, observations
from dagster_spcs.records import HistoryRecord, JobRecord
from dagster_spcs.reports import MetadataSource
from dagster_spcs.status import JobStatus

_AT_ONCE = 8


@dataclass(frozen=True)
class Dropped:
    """Jobs that are gone without an end, and since when others may be."""

    jobs: Sequence[tuple[JobRecord, JobIdentity]] = ()
    partitions: Mapping[JobName, Sequence[str]] = field(default_factory=dict)
    """Which ones a job over several partitions was to make, in the instances' order."""
    left_since: datetime | None = None
    """When the first job was started that was left for another time, or to its run."""


def find_dropped(
    instance: dg.DagsterInstance,
    client: SpcsClient,
    keys: Iterable[dg.AssetKey],
    *,
    is_ours: Callable[[JobName], bool],
    listed: Collection[JobName],
    since: datetime,
    listed_at: datetime,
    source: MetadataSource,
    limit: int,
    is_left: Callable[[JobRecord, JobIdentity], bool],
) -> Dropped:
    """Return jobs that were started in that time, have no recorded end, and are gone.

    At most ``limit``, the oldest first, without those that ``is_left`` leaves to the run that
    started them. Each is asked for by name once more before it counts as gone. Its status is what
    the history says, where it may be read, else DELETED.
    """
    started = sorted(
        (
            start
            for key in keys
            for start in _without_end(instance, key, is_ours, listed, since, listed_at)
        ),
        key=lambda start: start.at,
    )

    def is_gone(found: tuple[JobRecord, JobIdentity]) -> bool:
        try:
            client.describe(found[0].name)
        except ObjectNotFound:
            return True
        return False

    left: list[_Start] = []
    asked: list[tuple[JobRecord, JobIdentity]] = []
    for start in started:
        job, identity = _records(start)
        if len(asked) == limit or is_left(job, identity):
            left.append(start)
        else:
            asked.append((job, identity))
    answers = client.concurrently(is_gone, asked, at_once=_AT_ONCE)
    gone = [found for found, answer in zip(asked, answers, strict=True) if answer]
    history: Mapping[JobName, HistoryRecord] = {}
    if source == "warehouse":
        try:
            history = client.last_history([job.name for job, _ in gone], since=since - CLOCK_SLACK)
        except StatementError:
            history = {}  # DELETED is what can be said without it
    known = [(job, identity, history.get(job.name)) for job, identity in gone]
    # What the history knows as alive is there, though the role may not see it now.
    unseen = {job.name for job, _, record in known if record is not None and record.is_alive}
    left += [start for start in started if start.name in unseen]
    return Dropped(
        [
            (_as_history_tells(job, record), identity)
            for job, identity, record in known
            if job.name not in unseen
        ],
        {start.name: start.partitions for start in started if start.partitions},
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


@dataclass(frozen=True)
class _Start:
    """The observation that a job was started."""

    at: float
    event: dg.AssetObservation

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.at, timezone.utc)

    @property
    def name(self) -> JobName:
        # As it is told: nothing is quoted, and only the last two parts cannot have dots.
        database, schema, name = self.text.rsplit(".", 2)
        return JobName(name, schema, database)

    @property
    def text(self) -> str:
        """The name as it stands in the event."""
        return str(self.event.metadata[events.JOB_NAME].value)

    @property
    def run_id(self) -> str:
        """The run that started it."""
        return str(self.event.metadata[events.SUBMITTING_RUN].value)

    @property
    def partitions(self) -> tuple[str, ...]:
        """Those of a job over several."""
        told = self.event.metadata.get(events.PARTITIONS)
        return tuple(map(str, told.value or ())) if isinstance(told, dg.JsonMetadataValue) else ()

    def has_ended(self, ends: Sequence[tuple[float, events.JobEnd]]) -> bool:
        """Whether an end of each partition was recorded, or one of the whole."""
        # A run may find its own job again after the end; the name of another run's job may be used
        # again, and then only what was recorded since is about this one.
        told = {end.partition for at, end in ends if at >= self.at or end.run_id == self.run_id}
        return None in told or told.issuperset(self.partitions or [self.event.partition])


def _without_end(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    is_ours: Callable[[JobName], bool],
    listed: Collection[JobName],
    since: datetime,
    listed_at: datetime,
) -> list[_Start]:
    started: dict[str, _Start] = {}
    ended: dict[str, list[tuple[float, events.JobEnd]]] = {}

    def take(at: float, event: JobEvent) -> None:
        end = events.end_told_by(event)
        if end is not None:
            ended.setdefault(end.job_name, []).append((at, end))
        elif isinstance(event, dg.AssetObservation) and events.JOB_NAME in event.metadata:
            name = str(event.metadata[events.JOB_NAME].value)
            # One that was submitted after the listing could not be in it.
            if at < listed_at.timestamp() and (name not in started or at > started[name].at):
                started[name] = _Start(at, event)

    for at, event in observations(instance, key, since.timestamp()):
        take(at, event)
    unlisted = {
        name: start
        for name, start in started.items()
        if is_ours(start.name) and start.name not in listed
    }
    if unlisted:  # seldom; the materializations of an asset are much to read
        for at, event in materializations(
            instance, key, min(start.at for start in unlisted.values())
        ):
            take(at, event)
    return [start for name, start in unlisted.items() if not start.has_ended(ended.get(name, ()))]


def _records(start: _Start) -> tuple[JobRecord, JobIdentity]:
    metadata = {name: value.value for name, value in start.event.metadata.items()}
    job = JobRecord(
        name=start.name,
        status=JobStatus.DELETED,
        status_text=JobStatus.DELETED.value,
        compute_pool=str(metadata[events.COMPUTE_POOL]),
        created_on=start.moment,
        updated_on=start.moment,
        replicas=max(1, len(start.partitions)),
        comment=None,
        query_warehouse=None,
    )
    identity = JobIdentity(
        asset=tuple(start.event.asset_key.path),
        partition=start.event.partition,
        run_id=start.run_id,
        blocking=metadata.get(events.WAITED_FOR) is True,
        attempt=int(str(metadata[events.ATTEMPT])),
        submitted=start.moment,
        batch=bool(start.partitions),
    )
    return job, identity
