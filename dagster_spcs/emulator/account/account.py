"""What exists in the account now; no SQL text here.

Everything runs on one event loop, so nothing here needs a lock.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dagster_spcs.emulator.account.jobs import Job
from dagster_spcs.emulator.account.places import Places
from dagster_spcs.emulator.account.platform_events import changes
from dagster_spcs.emulator.account.pools import ComputePool
from dagster_spcs.emulator.account.states import may_move
from dagster_spcs.emulator.account.store import Store
from dagster_spcs.emulator.account.tasks import Tasks
from dagster_spcs.emulator.containers.images import Images
from dagster_spcs.emulator.containers.logs import ContainerLog
from dagster_spcs.emulator.sql.answers import (
    SqlError,
    already_exists,
    compilation_error,
    does_not_exist,
)
from dagster_spcs.emulator.sql.damaged import DamagedData
from dagster_spcs.emulator.sql.file_formats import Value
from dagster_spcs.emulator.sql.object_name import ObjectName
from dagster_spcs.spcs.status import JobStatus

_TRIES_AGAIN_SECONDS = 1.0


@dataclass
class Warehouse:
    """A warehouse by name; it does nothing but exist."""

    name: str
    size: str
    created: datetime
    owner: str
    comment: str | None = None
    kind: str = "STANDARD"
    auto_suspend: int = 600
    auto_resume: bool = True
    suspended: bool = False


@dataclass
class ImageRepository:
    """An image repository."""

    name: ObjectName
    created: datetime
    owner: str
    comment: str | None = None


@dataclass
class Secret:
    """A secret: its values by what they are, USERNAME, PASSWORD or SECRET_STRING."""

    name: ObjectName
    type: str
    created: datetime
    owner: str
    values: dict[str, str] = field(repr=False)
    comment: str = ""


@dataclass
class NamedFormat:
    """A file format that was created; ``options`` as they were given."""

    name: ObjectName
    created: datetime
    owner: str
    options: dict[str, Value]
    comment: str


@dataclass
class Settings:
    """What the emulator was started with, as far as the account's behaviour depends on it."""

    account: str = "SPCSEMU01"
    organization: str = "EMULATOR"
    user: str = "SPCS"
    start_delay_seconds: float = 0.1
    """How long a job stays PENDING at least, so that a client sees it once."""
    grace_seconds: float = 30.0
    """Between TERM and KILL (page "Working with services")."""

    @property
    def registry(self) -> str:
        """The image registry's host, in Snowflake's form."""
        return f"{self.organization}-{self.account}.registry.snowflakecomputing.com".lower()


@dataclass
class Account:
    """Pools, warehouses, repositories, jobs, history."""

    settings: Settings
    images: Images
    store: Store
    log_folder: Path
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    pools: dict[str, ComputePool] = field(default_factory=dict)
    warehouses: dict[str, Warehouse] = field(default_factory=dict)
    repositories: dict[ObjectName, ImageRepository] = field(default_factory=dict)
    roles: set[str] = field(
        default_factory=lambda: {"ACCOUNTADMIN", "SYSADMIN", "SECURITYADMIN", "USERADMIN", "PUBLIC"}
    )
    file_formats: dict[ObjectName, NamedFormat] = field(default_factory=dict)
    secrets: dict[ObjectName, Secret] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    """What ALTER ACCOUNT SET has set."""
    public_keys: dict[str, str] = field(default_factory=dict)
    """The user's RSA keys in PEM, by property: RSA_PUBLIC_KEY and RSA_PUBLIC_KEY_2."""
    jobs: dict[ObjectName, Job] = field(default_factory=dict)
    """The job services that exist."""
    dropped: list[Job] = field(default_factory=list)
    """Jobs that were dropped, for the history."""
    tokens: dict[str, ObjectName] = field(default_factory=dict)
    """Session tokens of running containers, and their jobs."""
    _last_id: int = 0
    _changed: dict[int, asyncio.Event] = field(default_factory=dict)
    _unwritten: dict[int, Job] = field(default_factory=dict)
    _unwritten_logs: set[ContainerLog] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.places = Places(self.store, self.now())
        self.tasks = Tasks(self.store, self.now)

    def load(self) -> None:
        """Read the store; jobs that were at work when the emulator died failed with it.

        Raises:
            DamagedData: if a document in it is none of the emulator's.
        """
        try:
            self._load()
        except (KeyError, TypeError, ValueError, IndexError) as error:
            if isinstance(error, DamagedData):
                raise
            reason = f"{type(error).__name__}: {error}"
            raise DamagedData(self.store.path or Path(), reason) from error

    def _load(self) -> None:
        for body in self.store.all("pool"):
            created = datetime.fromisoformat(body.pop("created"))
            pool = ComputePool(created=created, **body)
            self.pools[pool.name] = pool
        for body in self.store.all("warehouse"):
            warehouse = Warehouse(created=datetime.fromisoformat(body.pop("created")), **body)
            self.warehouses[warehouse.name] = warehouse
        for body in self.store.all("repository"):
            place = (body["name"][0], body["name"][1], body["name"][2])
            self.repositories[place] = ImageRepository(
                place, datetime.fromisoformat(body["created"]), body["owner"], body["comment"]
            )
        self.roles.update(body["name"] for body in self.store.all("role"))
        self._load_named()
        for job in sorted(map(Job.from_json, self.store.all("job")), key=lambda each: each.id):
            self._last_id = job.id
            if job.deleted:
                self.dropped.append(job)
                continue
            self.jobs[job.name] = job
            if not job.status.is_final:
                for instance in job.instances:
                    if instance.status in ("PENDING", "READY", "TERMINATING"):
                        instance.status = "FAILED"
                        for container in instance.containers:
                            if container.status in ("PENDING", "READY"):
                                container.status = "FAILED"
                                container.message = "Encountered fatal error"
                self.finish(job, JobStatus.INTERNAL_ERROR, "Job has encountered an error")

    def _load_named(self) -> None:
        """Read what has a name and needs no more than to be there."""
        for body in self.store.all("file format"):
            database, schema, name = body.pop("name")
            created = datetime.fromisoformat(body.pop("created"))
            known = NamedFormat((database, schema, name), created, **body)
            self.file_formats[known.name] = known
        for body in self.store.all("secret"):
            database, schema, name = body.pop("name")
            created = datetime.fromisoformat(body.pop("created"))
            secret = Secret((database, schema, name), created=created, **body)
            self.secrets[secret.name] = secret
        self.parameters.update(
            {body["name"]: body["value"] for body in self.store.all("parameter")}
        )
        self.public_keys.update(
            {body["name"]: body["key"] for body in self.store.all("public key")}
        )

    def next_id(self) -> int:
        """Return a new job id."""
        self._last_id += 1
        return self._last_id

    def job(self, name: ObjectName) -> Job:
        """Return a job that exists, or refuse with 2003."""
        try:
            return self.jobs[name]
        except KeyError:
            raise does_not_exist("Service", ".".join(name)) from None

    def pool(self, name: str) -> ComputePool:
        """Return a compute pool, or refuse with 2003."""
        try:
            return self.pools[name]
        except KeyError:
            raise does_not_exist("Compute pool", name) from None

    def history(self) -> list[Job]:
        """Every job that ever was, the newest first."""
        return sorted(
            [*self.jobs.values(), *self.dropped],
            key=lambda job: (job.created, job.id),
            reverse=True,
        )

    def add_pool(self, pool: ComputePool, *, or_replace: bool = False) -> None:
        """Create a compute pool."""
        if pool.name in self.pools and not or_replace:
            raise already_exists(pool.name)
        self.save_pool(pool)
        self.pools[pool.name] = pool

    def save_pool(self, pool: ComputePool) -> None:
        """Write a pool's properties down."""
        self.store.put(
            "pool",
            pool.name,
            {
                "name": pool.name,
                "family": pool.family,
                "min_nodes": pool.min_nodes,
                "max_nodes": pool.max_nodes,
                "created": pool.created,
                "owner": pool.owner,
                "auto_suspend_secs": pool.auto_suspend_secs,
                "auto_resume": pool.auto_resume,
                "suspended": pool.suspended,
                "comment": pool.comment,
            },
        )

    def drop_pool(self, name: str) -> None:
        """Remove a pool that no job uses."""
        pool = self.pool(name)
        if any(job.compute_pool == name for job in self.jobs.values()):
            raise compilation_error(
                f"Compute pool '{pool.name}' cannot be dropped while it has services or jobs.",
                number=2211,
            )
        self.store.remove("pool", name)
        del self.pools[name]

    def add_warehouse(self, warehouse: Warehouse) -> None:
        """Create or replace a warehouse."""
        self.store.put("warehouse", warehouse.name, vars(warehouse))
        self.warehouses[warehouse.name] = warehouse

    def add_repository(self, repository: ImageRepository) -> None:
        """Create or replace an image repository."""
        self.store.put("repository", ".".join(repository.name), vars(repository))
        self.repositories[repository.name] = repository

    def secret(self, name: ObjectName) -> Secret:
        """Return a secret, or refuse with 2003."""
        try:
            return self.secrets[name]
        except KeyError:
            raise does_not_exist("Secret", ".".join(name)) from None

    def add_secret(self, secret: Secret) -> None:
        """Create or replace a secret."""
        self.store.put("secret", ".".join(secret.name), vars(secret))
        self.secrets[secret.name] = secret

    def drop_secret(self, name: ObjectName) -> bool:
        """Remove a secret; False if there is none."""
        self.store.remove("secret", ".".join(name))
        return self.secrets.pop(name, None) is not None

    def file_format(self, name: ObjectName) -> NamedFormat:
        """Return a file format, or refuse with 2003."""
        try:
            return self.file_formats[name]
        except KeyError:
            raise does_not_exist("File format", ".".join(name)) from None

    def add_file_format(self, named: NamedFormat) -> None:
        """Create or replace a file format."""
        self.store.put("file format", ".".join(named.name), vars(named))
        self.file_formats[named.name] = named

    def drop_file_format(self, name: ObjectName) -> bool:
        """Remove a file format; False if there is none."""
        self.store.remove("file format", ".".join(name))
        return self.file_formats.pop(name, None) is not None

    def drop_repository(self, name: ObjectName) -> bool:
        """Remove an image repository; False if there is none."""
        self.store.remove("repository", ".".join(name))
        return self.repositories.pop(name, None) is not None

    def drop_warehouse(self, name: str) -> bool:
        """Remove a warehouse; False if there is none."""
        self.store.remove("warehouse", name)
        return self.warehouses.pop(name, None) is not None

    def add_role(self, name: str) -> None:
        """Create a role."""
        self.store.put("role", name, {"name": name})
        self.roles.add(name)

    def set_parameter(self, name: str, value: str | None) -> None:
        """Set a parameter of the account; None takes the default again."""
        if value is None:
            self.store.remove("parameter", name)
            self.parameters.pop(name, None)
        else:
            self.store.put("parameter", name, {"name": name, "value": value})
            self.parameters[name] = value

    def set_public_key(self, name: str, key: str | None) -> None:
        """Set one of the user's two RSA keys; None takes it away."""
        if key is None:
            self.store.remove("public key", name)
            self.public_keys.pop(name, None)
        else:
            self.store.put("public key", name, {"name": name, "key": key})
            self.public_keys[name] = key

    def finish(self, job: Job, status: JobStatus, message: str) -> None:
        """Bring a job to a final status."""
        job.completed = self.now()
        self.change(job, status, message)

    def change(self, job: Job, status: JobStatus, message: str) -> None:
        """Set a job's status, write it down and wake whoever waits for it."""
        if not may_move(job.status, status):
            raise AssertionError(f"job {job.id} cannot move from {job.status} to {status}")
        job.status = status
        job.message = message
        job.updated = self.now()
        self.changed(job)

    def changed(self, job: Job) -> None:
        """Write a job down and wake whoever waits for it.

        Changes of one turn of the event loop are written together, before any answer is sent.
        """
        job.changes += changes(job, self.now())
        self._unwritten[job.id] = job
        if len(self._unwritten) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.write)
            except RuntimeError:  # no loop yet: the emulator is just reading its store
                self.write()
        event = self._changed.pop(job.id, None)
        if event is not None:
            event.set()

    def write(self) -> None:
        """Write down the jobs that changed, and lines of logs that found no room.

        What cannot be written now, as on a full disk, is tried again until it can.
        """
        for job in list(self._unwritten.values()):
            try:
                self.store.put("job", str(job.id), job.to_json())
            except SqlError:
                break
            del self._unwritten[job.id]
        self._unwritten_logs = {log for log in self._unwritten_logs if not log.flush()}
        if self._unwritten or self._unwritten_logs:
            with contextlib.suppress(RuntimeError):  # no loop: the emulator is ending
                asyncio.get_running_loop().call_later(_TRIES_AGAIN_SECONDS, self.write)

    def write_now(self, job: Job) -> None:
        """Write a job down, before anybody is told of it.

        Raises:
            SqlError: if that cannot be.
        """
        self.store.put("job", str(job.id), job.to_json())

    def keep_writing(self, log: ContainerLog) -> None:
        """Try to write what a log has left, until it can be written."""
        if not log.flush():
            self._unwritten_logs.add(log)
            asyncio.get_running_loop().call_later(_TRIES_AGAIN_SECONDS, self.write)

    async def wait_for_change(self, job: Job, timeout: float | None) -> bool:
        """Wait for the next change of a job; False if the time was up first."""
        event = self._changed.setdefault(job.id, asyncio.Event())
        try:
            await asyncio.wait_for(event.wait(), timeout)
        except asyncio.TimeoutError:
            return False
        return True

    def issue_token(self, name: ObjectName) -> str:
        """Return a new session token for a container of a job."""
        token = secrets.token_urlsafe(48)
        self.tokens[token] = name
        return token

    def revoke_token(self, token: str) -> None:
        """Refuse a token from now on."""
        self.tokens.pop(token, None)

    def properties_of(self, job: Job) -> dict[str, Any]:
        """Return what DESCRIBE SERVICE shows, ``spec`` included, by column."""
        running = sum(1 for instance in job.instances if instance.status == "READY")
        database, schema, name = job.name
        integrations = ",".join(job.external_access_integrations)
        return {
            "name": name,
            "status": job.status.value,
            "database_name": database,
            "schema_name": schema,
            "owner": job.owner,
            "compute_pool": job.compute_pool,
            "spec": job.spec_yaml,
            "dns_name": job.dns_name,
            "current_instances": running,
            "target_instances": job.replicas,
            "min_ready_instances": job.replicas,
            "min_instances": job.replicas,
            "max_instances": job.replicas,
            "auto_resume": True,
            "external_access_integrations": integrations or None,
            "created_on": job.created,
            "updated_on": job.updated,
            "resumed_on": None,
            "suspended_on": None,
            "auto_suspend_secs": 0,
            "comment": job.comment,
            "owner_role_type": "ROLE",
            "query_warehouse": job.query_warehouse,
            "is_job": True,
            "is_async_job": job.is_async,
            "spec_digest": job.spec_digest,
            "is_upgrading": False,
            "managing_object_domain": None,
            "managing_object_name": None,
        }
