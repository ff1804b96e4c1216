"""What the platform does around the containers: log export, metrics, security."""

from typing import Literal

from pydantic import Field

from dagster_spcs.spec.base import SpecModel


class EventTableConfig(SpecModel):
    """Which container output reaches the event table: all, stderr only, or none."""

    log_level: Literal["INFO", "ERROR", "NONE"]


class LogExporters(SpecModel):
    """Where container output is sent."""

    event_table_config: EventTableConfig


class MetricConfig(SpecModel):
    """Groups of platform metrics (page "Monitoring Services")."""

    groups: list[Literal["system", "system_limits", "network", "storage", "status"]]


class PlatformMonitor(SpecModel):
    """Platform metrics to collect."""

    metric_config: MetricConfig


class SecurityContext(SpecModel):
    """Whose rights the containers use."""

    execute_as_caller: bool | None = None
    enable_custom_credentials: bool | None = None


class Capabilities(SpecModel):
    """What the job is allowed beyond the usual."""

    security_context: SecurityContext


class ServiceRole(SpecModel):
    """A role that may use some endpoints."""

    name: str = Field(pattern=r"^[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?$")
    endpoints: list[str]
