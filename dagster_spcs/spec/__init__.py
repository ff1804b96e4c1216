"""The service specification, as far as jobs may use it, as typed objects.

Not here: I/O, SQL, Dagster. Read ``service`` first.
"""

from dagster_spcs.spec.container import (
    Container,
    Probe,
    Secret,
    SecretObject,
    SessionTokenConfig,
    VolumeMount,
)
from dagster_spcs.spec.endpoint import CorsSettings, Endpoint
from dagster_spcs.spec.platform import (
    Capabilities,
    EventTableConfig,
    LogExporters,
    MetricConfig,
    PlatformMonitor,
    SecurityContext,
    ServiceRole,
)
from dagster_spcs.spec.resources import ResourceAmounts, Resources
from dagster_spcs.spec.service import ServiceSpec
from dagster_spcs.spec.volume import BlockConfig, InitialContents, StageConfig, Volume

__all__ = [
    "BlockConfig",
    "Capabilities",
    "Container",
    "CorsSettings",
    "Endpoint",
    "EventTableConfig",
    "InitialContents",
    "LogExporters",
    "MetricConfig",
    "PlatformMonitor",
    "Probe",
    "ResourceAmounts",
    "Resources",
    "Secret",
    "SecretObject",
    "SecurityContext",
    "ServiceRole",
    "ServiceSpec",
    "SessionTokenConfig",
    "StageConfig",
    "Volume",
    "VolumeMount",
]
