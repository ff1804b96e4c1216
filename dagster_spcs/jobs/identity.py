"""A job's identity, carried in its COMMENT.

Snowflake is the only place where jobs in flight are recorded: whoever lists the jobs can tell
from this, on any machine and after any crash, which asset a job belongs to and who started it.
"""

from datetime import datetime, timezone
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

MAX_COMMENT = 4000
"""Longest comment sent, in characters. Snowflake's own limit is not on the pages read."""
_KIND = "dagster-spcs"
_FIRST = datetime(1980, 1, 1, tzinfo=timezone.utc)
"""What tells of an earlier time was not written here, and could not be reckoned with."""


class JobIdentity(BaseModel):
    """Who a job is for. Written as compact JSON with short keys."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore", defer_build=True)

    kind: Literal["dagster-spcs"] = Field(default="dagster-spcs", alias="k")
    version: Literal[1] = Field(default=1, alias="v")
    asset: tuple[str, ...] = Field(alias="a")
    """Components of the asset key."""
    partition: str | None = Field(default=None, alias="p")
    run_id: str = Field(alias="r")
    """The run that submitted it; empty for a job that others started."""
    attempt: int = Field(default=0, alias="n")
    blocking: bool = Field(default=False, alias="b")
    """Whether a run waits for the job and records it itself."""
    submitted: datetime = Field(alias="t")
    """By Dagster's clock, so that events can be looked up from here on."""
    deadline: datetime | None = Field(default=None, alias="d")
    """By Dagster's clock."""
    deployment: str | None = Field(default=None, alias="x")
    """The prefix of the job's name, for prefixes that begin alike."""
    pipes: bool = Field(default=False, alias="m")
    """Whether the containers were asked to speak Dagster Pipes."""
    batch: bool = Field(default=False, alias="q")
    """Whether each instance makes a partition of its own; which ones its specification tells."""
    held_back: bool = Field(default=False, alias="h")
    """Whether its run records it with the step's result only, after the last of its jobs ended."""
    note: str | None = Field(default=None, alias="c")
    """The comment the user asked for."""

    @field_validator("submitted", "deadline")
    @classmethod
    def _is_a_moment(cls, value: datetime | None) -> datetime | None:
        if value is not None and (value.tzinfo is None or value < _FIRST):
            raise ValueError("a time with its zone, of our days")
        return value

    def to_comment(self) -> str:
        """Return the COMMENT; a long note is cut so that the whole stays in ``MAX_COMMENT``.

        Raises:
            ValueError: if asset key and partition alone are longer.
        """
        text = self.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=False)
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
    def from_comment(cls, comment: str | None) -> "JobIdentity | None":
        """Read a COMMENT; None if it is not one of ours."""
        if not comment or _KIND not in comment:
            return None
        try:
            return cls.model_validate_json(comment)
        except ValidationError:
            return None
