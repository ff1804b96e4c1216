"""The whole specification of a job service, in and out of YAML."""

from collections.abc import Mapping
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from dagster_spcs.errors import InvalidSpecification
from dagster_spcs.spec.base import NotEmpty, SpecModel, refuse_duplicates
from dagster_spcs.spec.container import Container
from dagster_spcs.spec.endpoint import Endpoint
from dagster_spcs.spec.platform import Capabilities, LogExporters, PlatformMonitor, ServiceRole
from dagster_spcs.spec.reading import read_yaml
from dagster_spcs.spec.volume import Volume

# Official samples write these two in the singular; Snowflake takes both, we send the plural.
_SINGULAR = {"container": "containers", "endpoint": "endpoints"}
_MAX_BLOCK_VOLUMES = 3
_TOP = ("capabilities", "serviceRoles")


class ServiceSpec(SpecModel):
    """A job's specification; what Snowflake would refuse is refused when it is built.

    ``resourceManagement`` (autoscaling) is for services, not jobs, and therefore unknown here.
    """

    containers: Annotated[list[Container], NotEmpty, Field(max_length=20)]
    endpoints: Annotated[list[Endpoint], NotEmpty, Field(max_length=100)] | None = None
    volumes: Annotated[list[Volume], NotEmpty, Field(max_length=20)] | None = None
    log_exporters: LogExporters | None = None
    platform_monitor: PlatformMonitor | None = None
    capabilities: Capabilities | None = None
    service_roles: Annotated[list[ServiceRole] | None, NotEmpty] = None

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "ServiceSpec":
        refuse_duplicates("container", [container.name for container in self.containers])
        refuse_duplicates("volume", [volume.name for volume in self.volumes or []])
        refuse_duplicates("endpoint", [endpoint.name for endpoint in self.endpoints or []])
        self._refuse_unknown_volumes()
        self._refuse_unknown_endpoints()
        self._refuse_too_many()
        return self

    def _refuse_unknown_volumes(self) -> None:
        volumes = {volume.name for volume in self.volumes or []}
        for container in self.containers:
            for mount in container.volume_mounts or []:
                if mount.name not in volumes:
                    raise ValueError(
                        f"Invalid spec: container '{container.name}' mounts unknown volume"
                        f" '{mount.name}'"
                    )

    def _refuse_unknown_endpoints(self) -> None:
        endpoints = {endpoint.name for endpoint in self.endpoints or []}
        for role in self.service_roles or []:
            for endpoint in role.endpoints:
                if endpoint not in endpoints:
                    raise ValueError(
                        f"Invalid spec: service role '{role.name}' names unknown endpoint"
                        f" '{endpoint}'"
                    )

    def _refuse_too_many(self) -> None:
        secrets = sum(len(container.secrets or []) for container in self.containers)
        if secrets > 50:
            raise ValueError(f"Invalid spec: {secrets} secrets; a job takes at most 50")
        blocks = sum(volume.source == "block" for volume in self.volumes or [])
        if blocks > _MAX_BLOCK_VOLUMES:
            raise ValueError(
                f"Invalid spec: {blocks} block volumes; a job takes at most {_MAX_BLOCK_VOLUMES}"
            )

    @classmethod
    def from_yaml(cls, text: str) -> "ServiceSpec":
        """Read a specification as Snowflake takes it: YAML or JSON with ``spec`` on top.

        Values of ``env``, ``args`` and ``command`` are the text that is written, quoted or not.

        Raises:
            InvalidSpecification: naming the place and the reason.
        """
        return cls.from_document(read_yaml(text))

    @classmethod
    def from_document(cls, document: Any) -> "ServiceSpec":
        """Read a specification from plain data, ``spec`` on top; raises as ``from_yaml``."""
        if not isinstance(document, dict) or not isinstance(document.get("spec"), dict):
            raise InvalidSpecification("Invalid spec: the top level needs a mapping 'spec'")
        top = dict(document)
        inner = dict(top.pop("spec"))
        for singular, plural in _SINGULAR.items():
            if singular in inner and plural in inner:
                raise InvalidSpecification(f"Invalid spec: both '{singular}' and '{plural}'")
            if singular in inner:
                inner[plural] = inner.pop(singular)
        unknown = [key for key in top if key not in _TOP]
        if unknown:
            raise InvalidSpecification(f"Invalid spec: unknown key '{unknown[0]}' at the top level")
        misplaced = [key for key in inner if key in _TOP]
        if misplaced:
            raise InvalidSpecification(f"Invalid spec: unknown field (at spec.{misplaced[0]})")
        try:
            return cls.model_validate({**inner, **top})
        except ValidationError as error:
            raise InvalidSpecification(describe_validation_error(error)) from error

    def to_document(self) -> dict[str, Any]:
        """Return plain data with ``spec``, ``capabilities`` and ``serviceRoles`` on top."""
        inner = super().to_document()
        document: dict[str, Any] = {"spec": inner}
        for key in ("capabilities", "serviceRoles"):
            if key in inner:
                document[key] = inner.pop(key)
        return document

    def with_environment(
        self, variables: Mapping[str, str], *, replacing: bool = True
    ) -> "ServiceSpec":
        """Return the specification with variables for each of its containers.

        Args:
            variables: texts by name.
            replacing: whether they take the place of a container's own ones.
        """
        containers = []
        for container in self.containers:
            own = container.env or {}
            env = {**own, **variables} if replacing else {**variables, **own}
            containers.append(container.model_copy(update={"env": env}))
        return self.model_copy(update={"containers": containers})

    def to_yaml(self) -> str:
        """Return the specification as YAML that ``from_yaml`` reads back to an equal one."""
        return yaml.safe_dump(self.to_document(), sort_keys=False)


def describe_validation_error(error: ValidationError) -> str:
    """Return one line a complaint: the place in the specification, and what is wrong there."""
    lines = []
    for complaint in error.errors(include_url=False):
        place = ".".join(str(step) for step in complaint["loc"])
        text = complaint["msg"].removeprefix("Value error, ")
        if complaint["type"] == "extra_forbidden":
            text = "unknown field"
        lines.append(f"{text} (at spec.{place})" if place else text)
    body = "; ".join(lines)
    return body if body.startswith("Invalid spec") else f"Invalid spec: {body}"
