"""What a user asks for: one job to run."""

import json
import re
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dagster_spcs.spcs.names import identifier, qualified
from dagster_spcs.spec.service import ServiceSpec

_STEM = re.compile(r"[A-Za-z0-9_]+")


class _Model(BaseModel):
    # What is refused may hold a secret: an error tells where it stands, not what it is.
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )


class StageFile(_Model):
    """A specification file on an internal stage."""

    stage: str
    """``@database.schema.stage``, with a directory behind it if there is one."""
    path: str
    """The file below the stage location."""

    @field_validator("stage")
    @classmethod
    def _stage(cls, value: str) -> str:
        if not value.startswith("@"):
            raise ValueError(f"a stage begins with @, got {value!r}")
        qualified(value[1:].partition("/")[0])
        return value


class SpecTemplate(_Model):
    """A specification with ``{{ variables }}`` and their values."""

    template: str | StageFile
    """The template's text, or the file that holds it."""
    values: dict[str, Any] = Field(min_length=1)
    """A value for each variable without a default; lists and maps become YAML in place.
    Names are case-sensitive."""

    @field_validator("values")
    @classmethod
    def _names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not name.isidentifier():
                raise ValueError(f"template variable {name!r} is not an identifier")
            try:
                json.dumps(value[name], allow_nan=False)
            except (TypeError, ValueError) as error:
                raise ValueError(f"template value {name!r} is not JSON: {error}") from error
        return value


class JobRequest(_Model):
    """A job to run on Snowpark Container Services.

    Everything left out is filled by Snowflake or by the resource's defaults.
    """

    spec: ServiceSpec | StageFile | SpecTemplate
    compute_pool: str | None = None
    """Default: the asset's, else the resource's."""
    name: str | None = None
    """A readable stem of the job's name, instead of the asset's own: letters, digits and ``_``.
    The whole name is ``<prefix>_<stem>_<digest>``, with a digest of asset, partition, run and
    attempt. So two runs, and a retry, never choose one name, and a repeated submission finds the
    job it started."""
    replicas: int = Field(default=1, ge=1)
    """Instances of the job; each is told its index in ``SNOWFLAKE_JOB_INDEX``."""
    query_warehouse: str | None = None
    """Warehouse for SQL that the containers issue; the statement itself does not need it."""
    comment: str | None = None
    """A note for people; kept inside the job's COMMENT beside its identity."""
    external_access_integrations: tuple[str, ...] = Field(default=(), max_length=10)
    tags: dict[str, str] = Field(default_factory=dict)
    """Snowflake tags by name (``db.schema.tag``)."""
    extras: dict[str, Any] = Field(default_factory=dict)
    """What the containers are told besides, where they speak Dagster Pipes; JSON values."""
    timeout: timedelta | None = None
    """From submission; a job past it is cancelled and reported as failed."""
    start_timeout: timedelta | None = None
    """From submission; a job that is still PENDING then is cancelled and reported as failed."""

    @field_validator("extras")
    @classmethod
    def _extras(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"extras are told as JSON: {error}") from error
        return value

    @model_validator(mode="after")
    def _time_to_start(self) -> "JobRequest":
        if self.timeout and self.start_timeout and self.start_timeout > self.timeout:
            raise ValueError("start_timeout is longer than timeout")
        return self

    @field_validator("name")
    @classmethod
    def _stem(cls, value: str | None) -> str | None:
        if value is not None and not (_STEM.fullmatch(value) and value.strip("_")):
            raise ValueError(
                f"name {value!r} is to be a readable stem of letters, digits and _. Prefix and"
                " digest are added to it; database and schema are those of SpcsJobResource"
            )
        return value

    @field_validator("compute_pool", "query_warehouse")
    @classmethod
    def _identifier(cls, value: str | None) -> str | None:
        if value is not None:
            identifier(value)
        return value

    @field_validator("external_access_integrations")
    @classmethod
    def _integrations(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            identifier(name)
        return value

    @field_validator("tags")
    @classmethod
    def _tags(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            qualified(name)
            if len(text) > 256:
                raise ValueError(f"the value of tag {name} is longer than 256 characters")
        return value

    @field_validator("timeout", "start_timeout")
    @classmethod
    def _positive(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value <= timedelta(0):
            raise ValueError("a timeout is longer than nothing")
        return value
