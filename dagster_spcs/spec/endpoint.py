"""Endpoints: ports that other containers, or the public, may reach."""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dagster_spcs.spec.base import NotEmpty, SpecModel, SpecName

_RANGE = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")


class CorsSettings(SpecModel):
    """Cross-origin rules of a public endpoint."""

    allow_origin: Annotated[list[str], NotEmpty] = Field(alias="Access-Control-Allow-Origin")
    allow_methods: list[str] | None = Field(default=None, alias="Access-Control-Allow-Methods")
    allow_headers: list[str] | None = Field(default=None, alias="Access-Control-Allow-Headers")
    expose_headers: list[str] | None = Field(default=None, alias="Access-Control-Expose-Headers")


class Endpoint(SpecModel):
    """One port, or one range of TCP ports."""

    name: SpecName
    port: int | None = Field(default=None, ge=1, le=65535)
    port_range: str | None = None
    public: bool | None = None
    protocol: Literal["TCP", "HTTP", "HTTPS"] | None = None
    cors_settings: CorsSettings | None = None

    @model_validator(mode="after")
    def _port_or_range(self) -> "Endpoint":
        if (self.port is None) == (self.port_range is None):
            raise ValueError(
                f"Invalid spec: endpoint '{self.name}' takes one of port and portRange"
            )
        if self.port_range is not None:
            match = _RANGE.fullmatch(self.port_range)
            if match is None or not 1 <= int(match[1]) <= int(match[2]) <= 65535:
                raise ValueError(
                    f"Invalid spec: portRange '{self.port_range}' is not of the form 8000-8010"
                )
            if self.public or self.protocol != "TCP":
                raise ValueError("Invalid spec: portRange is for TCP endpoints that are not public")
        return self
