"""A job's identity, carried in its COMMENT.

Snowflake is the only place where jobs in flight are recorded. Whoever lists the jobs can tell from
the identity, on any machine and after any crash, which asset a job belongs to and who started it.
The observation that a job was started carries the same document.
"""

import json
from datetime import datetime, timezone
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from dagster_spcs.spcs.clocks import USABLE_YEARS
from dagster_spcs.spcs.unreadable import Unreadable, read_safely

MAX_COMMENT = 4000
"""Longest comment sent, in characters. Snowflake's own limit is not on the pages read."""
_KIND = "dagster-spcs"
MAX_PARTITION_BYTES = 2000
"""Longest partition key; PostgreSQL keeps it in an index of at most 2,704 bytes."""
_Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Text that every database stores."""


class JobIdentity(BaseModel):
    """Who a job is for. Written as compact JSON with short keys."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore", defer_build=True)

    kind: Literal["dagster-spcs"] = Field(default="dagster-spcs", alias="k")
    version: Literal[1] = Field(default=1, alias="v")
    asset: tuple[_Text, ...] = Field(alias="a")
    """Components of the asset key; empty for a job that an op runs for itself."""
    partition: _Text | None = Field(default=None, alias="p")
    run_id: _Text = Field(alias="r")
    """The run that submitted it; empty for a job that others started."""
    attempt: int = Field(default=0, ge=0, alias="n")
    blocking: bool = Field(default=False, alias="b")
    """Whether a run waits for the job and records it itself."""
    submitted: datetime = Field(alias="t")
    """When the run submitted it, by Dagster's clock. For a job that others started: when the
    account created it."""
    deadline: datetime | None = Field(default=None, alias="d")
    """When its timeout is up, by Dagster's clock."""
    start_deadline: datetime | None = Field(default=None, alias="e")
    """When its containers have to have started, by Dagster's clock."""
    deployment: _Text | None = Field(default=None, alias="x")
    """The prefix of the job's name, for prefixes that begin alike."""
    resource_key: _Text | None = Field(default=None, alias="s")
    """The key of the resource that started it: its sensor records the job."""
    pipes: bool = Field(default=False, alias="m")
    """Whether the containers were asked to speak Dagster Pipes."""
    batch: bool = Field(default=False, alias="q")
    """Whether each instance makes a partition of its own; which ones its specification tells."""
    call: _Text | None = Field(default=None, alias="o")
    """Which call of an op started it, for a job that an op runs for itself."""
    code_version: _Text | None = Field(default=None, alias="w")
    """Of the asset's code, as it was when the job was submitted."""
    note: str | None = Field(default=None, alias="c")
    """The comment the user asked for."""

    @field_validator("submitted", "deadline", "start_deadline")
    @classmethod
    def _is_a_moment(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None or value.year not in USABLE_YEARS:
            raise ValueError("a time with its zone, of our days")
        return value.astimezone(timezone.utc) if value.utcoffset() else value

    @field_validator("partition")
    @classmethod
    def _fits_into_an_index(cls, value: str | None) -> str | None:
        if value is not None and len(value.encode()) > MAX_PARTITION_BYTES:
            raise ValueError(f"a partition key has at most {MAX_PARTITION_BYTES} bytes")
        return value

    @property
    def is_observed(self) -> bool:
        """Whether others started the job, and a pattern of its name tells its asset."""
        return not self.run_id

    def to_document(self) -> str:
        """Return the identity as compact JSON."""
        return self.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=False)

    def to_comment(self) -> str:
        """Return the COMMENT; a long note is cut so that the whole stays in ``MAX_COMMENT``.

        Raises:
            ValueError: if asset key and partition alone are longer.
        """
        text = self.to_document()
        if len(text) > MAX_COMMENT and self.note:
            # Escapes can make a character longer, never shorter: cut by the excess and by what
            # the note's own JSON form adds.
            kept = max(0, len(self.note) - (len(text) - MAX_COMMENT))
            return self.model_copy(update={"note": self.note[:kept] or None}).to_comment()
        if len(text) > MAX_COMMENT:
            raise ValueError(
                f"the identity of asset {'/'.join(self.asset)} needs {len(text)} characters of"
                f" COMMENT; at most {MAX_COMMENT} are sent. Shorten asset key or partition key"
            )
        return text

    @classmethod
    def from_comment(cls, comment: str | None) -> "JobIdentity | Unreadable | None":
        """Read a COMMENT, or the document of a start; never raises.

        Returns:
            None if it is not one of ours, ``Unreadable`` if it is and cannot be read, as one of a
            later version may be.
        """
        return _read(comment) if comment and _KIND in comment else None


@lru_cache(maxsize=20_000)
def _read(comment: str) -> JobIdentity | Unreadable | None:
    # Kept, because a job's comment never changes, and each tick lists all jobs again.
    what = "the identity in a job's comment"
    identity = read_safely(what, JobIdentity.model_validate_json, comment)
    return None if isinstance(identity, Unreadable) and not _is_ours(comment) else identity


def _is_ours(comment: str) -> bool:
    """Whether a comment that cannot be read is an identity, not a person's own words."""
    if comment.startswith(f'{{"k":"{_KIND}"'):
        return True  # as it is written here; what follows may be cut off
    document = read_safely("JSON", json.loads, comment)
    return isinstance(document, dict) and document.get("k") == _KIND
