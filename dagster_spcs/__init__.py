"""Run container workloads on Snowpark Container Services as Dagster assets."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster_spcs.assets import build_spcs_job_asset, spcs_job_asset
    from dagster_spcs.components.job import SpcsJobComponent
    from dagster_spcs.components.polling_sensor import SpcsPollingSensorComponent
    from dagster_spcs.errors import (
        AuthenticationFailed,
        ConnectionFailed,
        FunctionUnavailable,
        InvalidName,
        InvalidSpecification,
        Lasting,
        NoCurrentSchema,
        NotAnswered,
        NotPrivileged,
        ObjectExists,
        ObjectNotFound,
        Retryable,
        SessionExpired,
        SpcsError,
        StatementError,
        UnexpectedAnswer,
    )
    from dagster_spcs.jobs.job_errors import JobFailed, JobNameInUse
    from dagster_spcs.multi_assets import spcs_job_multi_asset
    from dagster_spcs.pipes_client import PipesSpcsClient, PipesSpcsLogsMessageReader
    from dagster_spcs.polling_sensor import build_spcs_polling_sensor
    from dagster_spcs.resource import SpcsJobResource
    from dagster_spcs.spcs.client import SpcsClient
    from dagster_spcs.spcs.job_errors import JobTimedOut, SubmissionFailed
    from dagster_spcs.spcs.names import JobName
    from dagster_spcs.spcs.records import (
        ContainerRecord,
        EventRecord,
        HistoryRecord,
        InstanceRecord,
        JobListing,
        JobLog,
        JobRecord,
        LogLine,
        MetricRecord,
    )
    from dagster_spcs.spcs.request import JobRequest, SpecTemplate, StageFile
    from dagster_spcs.spcs.status import JobStatus
    from dagster_spcs.spcs.submission import Submission, Submitted
    from dagster_spcs.spcs.unreadable import Unreadable
    from dagster_spcs.spec import (
        BlockConfig,
        Capabilities,
        Container,
        CorsSettings,
        Endpoint,
        EventTableConfig,
        InitialContents,
        LogExporters,
        MetricConfig,
        PlatformMonitor,
        Probe,
        ResourceAmounts,
        Resources,
        Secret,
        SecretObject,
        SecurityContext,
        ServiceRole,
        ServiceSpec,
        SessionTokenConfig,
        StageConfig,
        Volume,
        VolumeMount,
    )

__version__ = "0.1.0"

__all__ = [
    "AuthenticationFailed",
    "BlockConfig",
    "Capabilities",
    "ConnectionFailed",
    "Container",
    "ContainerRecord",
    "CorsSettings",
    "Endpoint",
    "EventRecord",
    "EventTableConfig",
    "FunctionUnavailable",
    "HistoryRecord",
    "InitialContents",
    "InstanceRecord",
    "InvalidName",
    "InvalidSpecification",
    "JobFailed",
    "JobListing",
    "JobLog",
    "JobName",
    "JobNameInUse",
    "JobRecord",
    "JobRequest",
    "JobStatus",
    "JobTimedOut",
    "Lasting",
    "LogExporters",
    "LogLine",
    "MetricConfig",
    "MetricRecord",
    "NoCurrentSchema",
    "NotAnswered",
    "NotPrivileged",
    "ObjectExists",
    "ObjectNotFound",
    "PipesSpcsClient",
    "PipesSpcsLogsMessageReader",
    "PlatformMonitor",
    "Probe",
    "ResourceAmounts",
    "Resources",
    "Retryable",
    "Secret",
    "SecretObject",
    "SecurityContext",
    "ServiceRole",
    "ServiceSpec",
    "SessionExpired",
    "SessionTokenConfig",
    "SpcsClient",
    "SpcsError",
    "SpcsJobComponent",
    "SpcsJobResource",
    "SpcsPollingSensorComponent",
    "SpecTemplate",
    "StageConfig",
    "StageFile",
    "StatementError",
    "Submission",
    "SubmissionFailed",
    "Submitted",
    "UnexpectedAnswer",
    "Unreadable",
    "Volume",
    "VolumeMount",
    "build_spcs_job_asset",
    "build_spcs_polling_sensor",
    "spcs_job_asset",
    "spcs_job_multi_asset",
]

_NAMES_BY_MODULE = {
    "assets": (
        "build_spcs_job_asset",
        "spcs_job_asset",
    ),
    "components.job": ("SpcsJobComponent",),
    "components.polling_sensor": ("SpcsPollingSensorComponent",),
    "errors": (
        "AuthenticationFailed",
        "ConnectionFailed",
        "FunctionUnavailable",
        "InvalidName",
        "InvalidSpecification",
        "Lasting",
        "NoCurrentSchema",
        "NotAnswered",
        "NotPrivileged",
        "ObjectExists",
        "ObjectNotFound",
        "Retryable",
        "SessionExpired",
        "SpcsError",
        "StatementError",
        "UnexpectedAnswer",
    ),
    "jobs.job_errors": (
        "JobFailed",
        "JobNameInUse",
    ),
    "multi_assets": ("spcs_job_multi_asset",),
    "pipes_client": (
        "PipesSpcsClient",
        "PipesSpcsLogsMessageReader",
    ),
    "polling_sensor": ("build_spcs_polling_sensor",),
    "resource": ("SpcsJobResource",),
    "spcs.client": ("SpcsClient",),
    "spcs.job_errors": (
        "JobTimedOut",
        "SubmissionFailed",
    ),
    "spcs.names": ("JobName",),
    "spcs.records": (
        "ContainerRecord",
        "EventRecord",
        "HistoryRecord",
        "InstanceRecord",
        "JobListing",
        "JobLog",
        "JobRecord",
        "LogLine",
        "MetricRecord",
    ),
    "spcs.request": (
        "JobRequest",
        "SpecTemplate",
        "StageFile",
    ),
    "spcs.status": ("JobStatus",),
    "spcs.submission": (
        "Submission",
        "Submitted",
    ),
    "spcs.unreadable": ("Unreadable",),
    "spec": (
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
    ),
}
_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}


if not TYPE_CHECKING:  # a type checker has to go on refusing names that do not exist

    def __getattr__(name: str) -> Any:
        """Load what is asked for, and only that.

        So that the emulator and the client alone do without Dagster, and a code location without
        what it does not use.
        """
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
