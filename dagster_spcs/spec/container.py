"""A container of a job: image, command, environment, probes, mounts, secrets."""

import re
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from dagster_spcs.spec.base import NotEmpty, SpecModel, SpecName
from dagster_spcs.spec.resources import Resources

_IMAGE = re.compile(
    r"(?:[a-z0-9][a-z0-9.-]*(?::[0-9]+)?)?"  # registry host
    r"/?[a-z0-9_][a-z0-9_./-]*[a-z0-9_]"  # path, lower case
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"  # tag
    r"(?:@sha256:[0-9a-f]{64})?"
)
_OCTAL = re.compile(r"0[0-7]{3}")


class Probe(SpecModel):
    """An HTTP GET that answers 200 while the container is well."""

    port: int = Field(ge=1, le=65535)
    path: str
    period_seconds: int | None = Field(default=None, ge=1)
    """Snowflake's default: 5 for readiness, 10 for liveness."""
    failure_threshold: int | None = Field(default=None, ge=1)


class VolumeMount(SpecModel):
    """Where a container sees a volume."""

    name: SpecName
    mount_path: str

    @field_validator("mount_path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not value.startswith("/"):
            raise ValueError(f"Invalid spec: mountPath '{value}' is not an absolute path")
        return value


class SecretObject(SpecModel):
    """A secret by name, or by the reference a native app was given."""

    object_name: str | None = None
    object_reference: str | None = None

    @model_validator(mode="after")
    def _one_of(self) -> "SecretObject":
        if (self.object_name is None) == (self.object_reference is None):
            raise ValueError(
                "Invalid spec: snowflakeSecret takes one of objectName and objectReference"
            )
        return self


class Secret(SpecModel):
    """A Snowflake secret as an environment variable or as files in a directory."""

    snowflake_secret: str | SecretObject
    secret_key_ref: str | None = Field(
        default=None, pattern="^(username|password|secret_string|access_token)$"
    )
    env_var_name: str | None = None
    directory_path: str | None = None

    @model_validator(mode="after")
    def _one_target(self) -> "Secret":
        if (self.env_var_name is None) == (self.directory_path is None):
            raise ValueError("Invalid spec: a secret takes one of envVarName and directoryPath")
        if (self.secret_key_ref is None) != (self.env_var_name is None):
            raise ValueError("Invalid spec: secretKeyRef and envVarName go together")
        return self


class SessionTokenConfig(SpecModel):
    """Where the session token is put and who may read it."""

    path: str | None = None
    permission: str | None = None
    mount_connection_config: bool | None = None

    @model_validator(mode="after")
    def _permission(self) -> "SessionTokenConfig":
        if self.permission is not None:
            if not _OCTAL.fullmatch(self.permission):
                raise ValueError(
                    f"Invalid spec: permission '{self.permission}' is not a four-digit octal"
                    ' number in quotes, like "0644"'
                )
            if self.path is None:
                raise ValueError("Invalid spec: sessionTokenConfig.permission needs path")
        return self


class Container(SpecModel):
    """One container; all containers of an instance share a node and its network."""

    name: SpecName
    image: str
    """``/db/schema/repo/image:tag``, in lower case; a registry host in front, or a digest behind,
    is allowed."""
    command: list[str] | None = None
    """Replaces the image's ENTRYPOINT."""
    args: list[str] | None = None
    """Replaces the image's CMD."""
    env: dict[str, str] | None = None
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    volume_mounts: Annotated[list[VolumeMount] | None, NotEmpty] = None
    resources: Resources | None = None
    secrets: Annotated[list[Secret] | None, NotEmpty] = None
    mount_session_token: bool | None = None
    session_token_config: SessionTokenConfig | None = None

    @field_validator("image")
    @classmethod
    def _image(cls, value: str) -> str:
        if not _IMAGE.fullmatch(value):
            raise ValueError(
                f"Invalid spec: image '{value}' is not of the form /db/schema/repo/image:tag with"
                " a lower-case path"
            )
        return value

    @field_validator("command", "args", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError('Invalid spec: a list of texts is expected, like ["--task", "load"]')
        for place, item in enumerate(value if isinstance(value, list | tuple) else ()):
            _refuse_other_than_text(f"item {place}", item)
        return value

    @field_validator("env", mode="before")
    @classmethod
    def _variables(cls, value: object) -> object:
        if value is None:
            return value
        if not isinstance(value, dict):
            raise ValueError(
                'Invalid spec: a mapping from name to text is expected, like {PORT: "80"}'
            )
        texts = {
            name: str(item) if isinstance(item, int) and not isinstance(item, bool) else item
            for name, item in value.items()
        }
        for name, item in texts.items():
            _refuse_other_than_text(f"the value of {name}", item)
        return texts


def _refuse_other_than_text(what: str, value: object) -> None:
    """Refuse what a process cannot get, and what is not sure to be what was written.

    YAML that was read elsewhere has turned `1.10` into 1.1 and `NO` into false.
    """
    if isinstance(value, str):
        return
    if value is None:
        raise ValueError(f'Invalid spec: {what} is missing; write "" for an empty text')
    if isinstance(value, list | dict):
        raise ValueError(f"Invalid spec: {what} is a {type(value).__name__}, not text")
    raise ValueError(f"Invalid spec: {what} is a {type(value).__name__}, not text; quote it")
