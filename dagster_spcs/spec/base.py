"""What every part of the specification shares."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


class SpecModel(BaseModel):
    """Immutable, no unknown keys, camelCase outside (page "Service specification reference")."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,  # it may hold a secret
        defer_build=True,  # at first use: importing the package must stay light
    )

    def to_document(self) -> dict[str, Any]:
        """Return plain data in Snowflake's spelling, without what was left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _spec_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"Invalid spec: invalid name '{value}'. A name has at most 63 lower-case letters,"
            " digits and '-', begins with a letter and ends with a letter or digit"
        )
    return value


SpecName = Annotated[str, AfterValidator(_spec_name)]
"""The name of a container, an endpoint or a volume."""


def _not_empty(value: list[Any] | None) -> list[Any] | None:
    # Snowflake refuses an empty list where it takes a missing one.
    if value is not None and not value:
        raise ValueError("Invalid spec: Value is empty; leave the field out instead")
    return value


NotEmpty = AfterValidator(_not_empty)
"""A list that may be left out but not be empty."""


def refuse_duplicates(kind: str, names: list[str]) -> None:
    """Raise ``ValueError`` when two parts of one kind share a name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Invalid spec: duplicate {kind} name '{twice[0]}'")
