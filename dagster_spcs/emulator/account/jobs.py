"""A job service as the account knows it: its columns, its instances, its log files."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from dagster_spcs.emulator.account.status_changes import StatusChange
from dagster_spcs.emulator.containers.logs import ContainerLog
from dagster_spcs.emulator.containers.specification import Specification
from dagster_spcs.emulator.sql.object_name import ObjectName
from dagster_spcs.spcs.status import JobStatus


@dataclass
class ContainerState:
    """One container of one instance."""

    name: str
    image: str
    image_digest: str
    status: str = "PENDING"
    message: str = "Waiting to start"
    restart_count: int = 0
    start_time: str | None = None
    last_exit_code: int | None = None


@dataclass
class Instance:
    """One replica."""

    id: int
    containers: list[ContainerState]
    created: datetime
    status: str = "PENDING"
    start_time: str | None = None
    ip_address: str | None = None


@dataclass
class Job:
    """A job service, alive, finished or dropped."""

    id: int
    name: ObjectName
    query_id: str
    spec_yaml: str
    spec_digest: str
    dns_name: str
    compute_pool: str
    is_async: bool
    replicas: int
    owner: str
    created: datetime
    updated: datetime
    instances: list[Instance]
    status: JobStatus = JobStatus.PENDING
    message: str = "Job is pending"
    completed: datetime | None = None
    deleted: datetime | None = None
    query_warehouse: str | None = None
    comment: str | None = None
    external_access_integrations: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    log_level: str = "INFO"
    changes: list[StatusChange] = field(default_factory=list)
    """Of status, the oldest first."""

    @property
    def short_name(self) -> str:
        """The unqualified name."""
        return self.name[2]

    def log_path(self, folder: Path, instance: int, container: str) -> Path:
        """Where the log of one container is kept."""
        return folder / str(self.id) / f"{instance}.{container}.log"

    def log(self, folder: Path, instance: int, container: str) -> ContainerLog:
        """The log of one container, for reading."""
        return ContainerLog(self.log_path(folder, instance, container))

    def instance_statuses(self) -> dict[str, Any]:
        """The OBJECT that GET_JOB_HISTORY shows."""
        counted = [instance.status for instance in self.instances]
        return {
            "failedInstances": counted.count("FAILED"),
            "pendingInstances": counted.count("PENDING"),
            "runningInstances": counted.count("READY"),
            "succeededInstances": counted.count("SUCCEEDED"),
            "totalInstances": len(counted),
            "instances": [
                {
                    "instanceId": str(instance.id),
                    "containers": [
                        {
                            "containerName": container.name,
                            "image": container.image,
                            "imageSha256": container.image_digest,
                            "status": container.status,
                            "message": container.message,
                            "lastExitCode": container.last_exit_code,
                            "restartCount": container.restart_count,
                            "startTime": container.start_time or "",
                        }
                        for container in instance.containers
                    ],
                }
                for instance in self.instances
            ],
        }

    def to_json(self) -> dict[str, Any]:
        """Return plain data for the disk."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Job":
        """Read plain data back."""

        def moment(value: Any) -> Any:
            return None if value is None else datetime.fromisoformat(str(value))

        values = dict(data)
        values["name"] = tuple(values["name"])
        values["status"] = JobStatus(values["status"])
        for key in ("created", "updated", "completed", "deleted"):
            values[key] = moment(values[key])
        values["instances"] = [
            Instance(
                **{
                    **instance,
                    "created": moment(instance["created"]),
                    "containers": [ContainerState(**entry) for entry in instance["containers"]],
                }
            )
            for instance in values["instances"]
        ]
        values["changes"] = [
            StatusChange(**{**change, "at": moment(change["at"])})
            for change in values.get("changes", ())
        ]
        return cls(**values)


def new_instances(
    spec: Specification, images: list[tuple[str, str]], replicas: int, created: datetime
) -> list[Instance]:
    """Return ``replicas`` pending instances; ``images`` are full reference and digest in order."""
    return [
        Instance(
            index,
            [
                ContainerState(container.name, reference, digest)
                for container, (reference, digest) in zip(spec.containers, images, strict=True)
            ],
            created,
        )
        for index in range(replicas)
    ]
