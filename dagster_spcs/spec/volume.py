"""Volumes: local disk, memory, block storage, or a stage."""

import re
from typing import Literal

from pydantic import Field, model_validator

from dagster_spcs.spec.base import SpecModel, SpecName
from dagster_spcs.spec.quantities import memory_bytes
from dagster_spcs.spec.resources import Resources

_WHOLE_GIB = re.compile(r"([0-9]+)Gi")
_MAX_BLOCK_GIB = 65536


class InitialContents(SpecModel):
    """What a new block volume starts with."""

    from_snapshot: str


class BlockConfig(SpecModel):
    """Options of a block volume."""

    initial_contents: InitialContents | None = None
    iops: int | None = Field(default=None, ge=3000, le=80000)
    throughput: int | None = Field(default=None, ge=125, le=2000)
    encryption: Literal["SNOWFLAKE_SSE", "SNOWFLAKE_FULL"] | None = None
    snapshot_on_delete: bool | None = None
    snapshot_delete_after: str | None = None


class StageConfig(SpecModel):
    """Options of a stage volume."""

    name: str = Field(pattern="^@.+")
    """``@db.schema.stage/path``: a directory of an internal stage."""
    metadata_cache: str | None = None
    resources: Resources | None = None


class Volume(SpecModel):
    """A volume that containers of the job mount by name."""

    name: SpecName
    source: str
    """``local``, ``memory``, ``block``, ``stage``, or (deprecated by Snowflake) ``@stage/path``."""
    size: str | None = None
    uid: int | None = Field(default=None, ge=0)
    gid: int | None = Field(default=None, ge=0)
    block_config: BlockConfig | None = None
    stage_config: StageConfig | None = None

    @model_validator(mode="after")
    def _fits_its_source(self) -> "Volume":
        if self.source not in ("local", "memory", "block", "stage") and self.source[:1] != "@":
            raise ValueError(
                f"Invalid spec: volume '{self.name}' has unknown source '{self.source}'; one of"
                " local, memory, block, stage"
            )
        self._check_size()
        if self.block_config is not None and self.source != "block":
            raise ValueError("Invalid spec: blockConfig is for block volumes")
        if (self.stage_config is not None) != (self.source == "stage"):
            raise ValueError("Invalid spec: source 'stage' and stageConfig go together")
        return self

    def _check_size(self) -> None:
        if self.source in ("memory", "block") and self.size is None:
            raise ValueError(f"Invalid spec: volume '{self.name}' needs a size")
        if self.source not in ("memory", "block") and self.size is not None:
            raise ValueError(f"Invalid spec: volume '{self.name}' takes no size")
        if self.source == "memory" and self.size is not None:
            memory_bytes(self.size)
        if self.source == "block":
            match = _WHOLE_GIB.fullmatch(self.size or "")
            if match is None or not 1 <= int(match[1]) <= _MAX_BLOCK_GIB:
                raise ValueError(
                    f"Invalid spec: block volume '{self.name}' needs a whole number of Gi from 1"
                    f" to {_MAX_BLOCK_GIB}"
                )
