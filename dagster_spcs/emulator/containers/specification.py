"""The emulator's own reading of a service specification.

It shares nothing with the library's models on purpose: a mistake there must not be cancelled
by the same mistake here. Messages follow Snowflake's form ``Invalid spec: …``.
"""

import json
import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import yaml

from dagster_spcs.emulator.sql.answers import invalid_spec, template_error

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)(Mi|Gi|M|G|Ki|k)")
_GIB = {
    "Gi": Decimal(1),
    "G": Decimal(10**9) / 2**30,
    "Mi": Decimal(1) / 1024,
    "M": Decimal(10**6) / 2**30,
    "Ki": Decimal(1) / 2**20,
    "k": Decimal(1000) / 2**30,
}
_TOP = {"spec", "capabilities", "serviceRoles"}
_SPEC = {
    "containers",
    "container",
    "endpoints",
    "endpoint",
    "volumes",
    "volume",
    "logExporters",
    "platformMonitor",
    "resourceManagement",
}
_CONTAINER = {
    "name",
    "image",
    "command",
    "args",
    "env",
    "readinessProbe",
    "livenessProbe",
    "volumeMounts",
    "resources",
    "secrets",
    "mountSessionToken",
    "sessionTokenConfig",
}
_SECRET = {"snowflakeSecret", "secretKeyRef", "envVarName", "directoryPath"}
_TOKEN = {"path", "permission", "mountConnectionConfig"}
_METRIC_GROUPS = frozenset(
    {"system", "system_limits", "status", "network", "storage", "metric_resource_attributes"}
)
_VARIABLE = re.compile(
    r"\{\{\s*([A-Za-z_]\w*)\s*(?:\|\s*default\(\s*(?:'([^']*)'|\"([^\"]*)\")\s*"
    r"(?:,\s*(true|false))?\s*\))?\s*\}\}"
)


@dataclass(frozen=True)
class SecretUse:
    """How a container gets a secret: as a variable, or as files in a folder."""

    name: str
    """As it is written: one to three parts."""
    variable: str | None = None
    key: str | None = None
    """What of the secret the variable holds."""
    folder: str | None = None
    values: dict[str, str] = field(default_factory=dict, repr=False)
    """By ``username``, ``password``, ``secret_string``; known once the job was accepted."""


@dataclass(frozen=True)
class ContainerSpec:
    """What is needed to start a container."""

    name: str
    image: str
    command: tuple[str, ...] | None
    args: tuple[str, ...] | None
    env: dict[str, str]
    cpu: Decimal
    memory_gib: Decimal
    mount_token: bool
    connection_config: bool
    stages: tuple[tuple[str, str], ...] = ()
    """Mount path and stage directory of each stage volume."""
    token_path: str = "/snowflake/session/token"  # noqa: S105  a place, no password
    token_mode: int = 0o600
    secrets: tuple["SecretUse", ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    """Mount path and name of each volume that begins empty: local, memory, block."""


@dataclass(frozen=True)
class Specification:
    """A specification that was accepted."""

    containers: tuple[ContainerSpec, ...]
    log_level: str
    metric_groups: frozenset[str]
    """The platform metrics that were asked for: system, system_limits, status and others."""
    document: dict[str, Any] = field(repr=False)

    @property
    def cpu(self) -> Decimal:
        """Cores one instance asks for."""
        return sum((container.cpu for container in self.containers), Decimal(0))

    @property
    def memory_gib(self) -> Decimal:
        """Memory one instance asks for."""
        return sum((container.memory_gib for container in self.containers), Decimal(0))


def render(template: str, values: dict[str, Any]) -> str:
    """Fill a template's ``{{ variables }}``; lists and maps become YAML in place."""
    missing: list[str] = []

    def replace(match: re.Match[str]) -> str:
        name, single, double, also_blank = match.groups()
        default = single if single is not None else double
        value = values.get(name)
        blank = value is None or (value == "" and also_blank == "true")
        if blank and default is None and name not in values:
            missing.append(name)
            return ""
        chosen = default if blank and default is not None else value
        return chosen if isinstance(chosen, str) else json.dumps(chosen)

    text = _VARIABLE.sub(replace, template)
    if missing:
        raise template_error(f"variable {missing[0]} has no value and no default")
    return text


def parse(text: str) -> Specification:
    """Read and check a specification, YAML or JSON."""
    document = _document(text)
    if not isinstance(document, dict):
        raise invalid_spec("the document is not a mapping")
    _refuse_unknown("", document, _TOP)
    spec = _mapping("spec", document.get("spec"))
    _refuse_unknown("spec", spec, _SPEC)
    listed = spec.get("containers", spec.get("container"))
    containers = [_container(entry) for entry in _list("containers", listed)]
    if not containers:
        raise invalid_spec("invalid 'containers'. Value is empty")
    if len(containers) > 20:
        raise invalid_spec(f"{len(containers)} containers; at most 20 are allowed")
    names = [container.name for container in containers]
    for name in names:
        if names.count(name) > 1:
            raise invalid_spec(f"duplicate container name '{name}'")
    volumes = {
        _mapping("volumes", volume).get("name"): volume
        for volume in _list("volumes", spec.get("volumes", spec.get("volume", [])))
    }
    containers = [
        replace(
            container,
            stages=_stage_mounts(entry, volumes),
            volumes=_empty_mounts(entry, volumes),
        )
        for container, entry in zip(containers, _list("containers", listed), strict=True)
    ]
    exporters = spec.get("logExporters") or {}
    level = str((exporters.get("eventTableConfig") or {}).get("logLevel", "INFO"))
    if level not in ("INFO", "ERROR", "NONE"):
        raise invalid_spec(f"invalid 'logLevel' '{level}'")
    return Specification(tuple(containers), level, _metric_groups(spec), document)


def _metric_groups(spec: dict[str, Any]) -> frozenset[str]:
    monitor = _mapping("platformMonitor", spec.get("platformMonitor") or {})
    config = _mapping("metricConfig", monitor.get("metricConfig") or {})
    groups = frozenset(map(str, _list("groups", config.get("groups") or [])))
    unknown = sorted(groups - _METRIC_GROUPS)
    if unknown:
        raise invalid_spec(f"unknown metric group '{unknown[0]}'")
    return groups


def _stage_mounts(
    container: dict[str, Any], volumes: dict[Any, dict[str, Any]]
) -> tuple[tuple[str, str], ...]:
    mounts = []
    for mount in container.get("volumeMounts", ()):
        name = _mapping("volumeMounts", mount).get("name")
        if name not in volumes:
            raise invalid_spec(f"unknown volume '{name}' in volumeMounts")
        source = str(volumes[name].get("source"))
        if source == "stage":
            source = str(_mapping("stageConfig", volumes[name].get("stageConfig")).get("name"))
        if source.startswith("@"):
            mounts.append((str(mount.get("mountPath")), source))
    return tuple(mounts)


def _empty_mounts(
    container: dict[str, Any], volumes: dict[Any, dict[str, Any]]
) -> tuple[tuple[str, str], ...]:
    return tuple(
        (str(mount.get("mountPath")), str(mount.get("name")))
        for mount in container.get("volumeMounts", ())
        if volumes[mount.get("name")].get("source") in ("local", "memory", "block")
    )


def _document(text: str) -> Any:
    # JSON is read as such: YAML takes the two halves of an escaped emoji for two characters.
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise invalid_spec(f"not a YAML document. {' '.join(str(error).split())}") from None


def _container(entry: Any) -> ContainerSpec:
    container = _mapping("containers", entry)
    _refuse_unknown("containers", container, _CONTAINER)
    name, image = container.get("name"), container.get("image")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid_spec(f"invalid container name '{name}'")
    if not isinstance(image, str) or not image:
        raise invalid_spec(f"invalid 'image' of container '{name}'")
    for key in ("volumeMounts", "secrets"):
        if key in container and not container[key]:
            raise invalid_spec(f"invalid '{key}'. Value is empty")
    resources = _mapping("resources", container.get("resources") or {})
    requests = _mapping("requests", resources.get("requests") or {})
    limits = _mapping("limits", resources.get("limits") or {})
    cpu = _request("cpu", requests, limits, _cores, Decimal("0.5"))
    memory = _request("memory", requests, limits, _gib, Decimal("0.5"))
    token = _token(container)
    return ContainerSpec(
        name=name,
        image=image,
        command=_texts("command", container.get("command")),
        args=_texts("args", container.get("args")),
        env={
            str(key): _text(value)
            for key, value in _mapping("env", container.get("env") or {}).items()
        },
        cpu=cpu,
        memory_gib=memory,
        mount_token=container.get("mountSessionToken", True) is not False,
        connection_config=token.get("mountConnectionConfig") is True,
        token_path=str(token.get("path") or ContainerSpec.token_path),
        token_mode=int(str(token.get("permission", "0600")), 8),
        secrets=tuple(_secret(use) for use in _list("secrets", container.get("secrets", []))),
    )


def _token(container: dict[str, Any]) -> dict[str, Any]:
    token = _mapping("sessionTokenConfig", container.get("sessionTokenConfig") or {})
    _refuse_unknown("sessionTokenConfig", token, _TOKEN)
    mode = str(token.get("permission", "0600"))
    if not re.fullmatch(r"0[0-7]{3}", mode):
        raise invalid_spec(f"invalid 'permission' '{mode}'")
    return token


def _secret(entry: Any) -> SecretUse:
    use = _mapping("secrets", entry)
    _refuse_unknown("secrets", use, _SECRET)
    named = use.get("snowflakeSecret")
    if isinstance(named, dict):
        if "objectReference" in named:
            raise invalid_spec("'objectReference' of a secret is for native apps")
        named = named.get("objectName")
    variable, folder, key = (
        use.get(name) for name in ("envVarName", "directoryPath", "secretKeyRef")
    )
    if not isinstance(named, str) or (variable is None) == (folder is None):
        raise invalid_spec("a secret needs 'snowflakeSecret', and 'envVarName' or 'directoryPath'")
    if variable is not None and key not in ("username", "password", "secret_string"):
        raise invalid_spec(f"invalid 'secretKeyRef' '{key}'")
    return SecretUse(named, variable, key, folder)


def _request(
    key: str, requests: dict[str, Any], limits: dict[str, Any], read: Any, default: Decimal
) -> Decimal:
    limit = read(limits[key]) if key in limits else None
    if key not in requests:
        return default if limit is None else min(default, limit)
    request: Decimal = read(requests[key])
    if limit is not None and request > limit:
        raise invalid_spec(f"{key} request is above its limit")
    return request


def _cores(value: Any) -> Decimal:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", str(value))
    if match is None:
        raise invalid_spec(f"invalid cpu '{value}'")
    return Decimal(match[1]) / (1000 if match[2] else 1)


def _gib(value: Any) -> Decimal:
    match = _MEMORY.fullmatch(str(value))
    if match is None:
        raise invalid_spec(f"invalid memory '{value}'")
    return Decimal(match[1]) * _GIB[match[2]]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _texts(key: str, value: Any) -> tuple[str, ...] | None:
    return None if value is None else tuple(_text(item) for item in _list(key, value))


def _mapping(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid_spec(f"invalid '{key}'. Expected a mapping")
    return value


def _list(key: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise invalid_spec(f"invalid '{key}'. Expected a list")
    return value


def _refuse_unknown(place: str, value: dict[str, Any], known: set[str]) -> None:
    for key in value:
        if key not in known:
            raise invalid_spec(f"unknown field '{f'{place}.{key}'.lstrip('.')}'")
