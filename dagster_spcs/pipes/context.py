"""What a container is told through Dagster Pipes, in its environment."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dagster_pipes import (
    DAGSTER_PIPES_CONTEXT_ENV_VAR,
    DAGSTER_PIPES_MESSAGES_ENV_VAR,
    PipesContextData,
    PipesDefaultContextLoader,
    PipesDefaultMessageWriter,
    encode_param,
)

from dagster_spcs.errors import InvalidSpecification
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.request import JobRequest
from dagster_spcs.spec import ServiceSpec, StageConfig, Volume, VolumeMount

MESSAGES = {PipesDefaultMessageWriter.STDIO_KEY: PipesDefaultMessageWriter.STDOUT}
"""Where a container writes its messages: into its log."""
LARGEST_CONTEXT = 64 * 1024
"""Characters of a context in the environment; one variable of a Linux process holds 128 KiB."""
_VOLUME = "dagster-pipes"
_MOUNT = "/dagster-pipes"


def with_pipes(
    request: JobRequest, data: PipesContextData, client: SpcsClient, stage: str | None
) -> JobRequest:
    """Return the request with what its containers need to open Dagster Pipes.

    That is two variables. A context that is too large for one is put on the stage, which is then
    mounted in every container.

    Raises:
        InvalidSpecification: if the specification is a template or on a stage, where nothing can be
            added, or if there is no stage for a context that needs it.
    """
    context = encode_param({PipesDefaultContextLoader.DIRECT_KEY: data})
    if len(context) > LARGEST_CONTEXT:
        name = _put_on_stage(data, client, stage)
        context = encode_param({PipesDefaultContextLoader.FILE_PATH_KEY: f"{_MOUNT}/{name}"})
        request = _with_mount(request, stage or "")
    return with_environment(
        request,
        {
            DAGSTER_PIPES_CONTEXT_ENV_VAR: context,
            DAGSTER_PIPES_MESSAGES_ENV_VAR: encode_param(MESSAGES),
        },
    )


def with_environment(request: JobRequest, environment: Mapping[str, str]) -> JobRequest:
    """Return the request with variables for each of its containers.

    Raises:
        InvalidSpecification: if the specification is a template or on a stage.
    """
    spec = _specification(request).with_environment(environment)
    return request.model_copy(update={"spec": spec})


def _put_on_stage(data: PipesContextData, client: SpcsClient, stage: str | None) -> str:
    if stage is None:
        raise InvalidSpecification(
            f"What the containers are told through Pipes is longer than {LARGEST_CONTEXT}"
            " characters. Set `pipes_stage` of SpcsJobResource, or give them less in `extras`."
        )
    text = json.dumps(data)
    name = f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_text(text)
        client.put_file(path, stage)
    return name


def _with_mount(request: JobRequest, stage: str) -> JobRequest:
    spec = _specification(request)
    volume = Volume(name=_VOLUME, source="stage", stage_config=StageConfig(name=stage))
    mount = VolumeMount(name=_VOLUME, mount_path=_MOUNT)
    containers = [
        container.model_copy(update={"volume_mounts": [*(container.volume_mounts or ()), mount]})
        for container in spec.containers
    ]
    changes = {"containers": containers, "volumes": [*(spec.volumes or ()), volume]}
    return request.model_copy(update={"spec": spec.model_copy(update=changes)})


def _specification(request: JobRequest) -> ServiceSpec:
    if not isinstance(request.spec, ServiceSpec):
        raise InvalidSpecification(
            "Dagster Pipes needs the specification as a ServiceSpec, because the containers'"
            " environment is added to it; this one is a template or a file on a stage."
        )
    return request.spec
