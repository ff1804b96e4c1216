"""CPU, memory and GPUs of a container."""

from pydantic import Field, field_validator, model_validator

from dagster_spcs.spec.base import SpecModel
from dagster_spcs.spec.quantities import cpu_cores, memory_bytes


class ResourceAmounts(SpecModel):
    """One side, requests or limits, of a container's resources."""

    memory: str | None = None
    """With its unit: ``512Mi``, ``2G``."""
    cpu: str | None = None
    """Cores (``0.5``) or millicores (``500m``)."""
    gpu: int | None = Field(default=None, alias="nvidia.com/gpu", ge=1)

    @field_validator("cpu", mode="before")
    @classmethod
    def _cpu_as_text(cls, value: object) -> object:
        # YAML reads `cpu: 0.5` as a number.
        return str(value) if isinstance(value, int | float) else value

    @model_validator(mode="after")
    def _amounts(self) -> "ResourceAmounts":
        if self.memory is not None:
            memory_bytes(self.memory)
        if self.cpu is not None:
            cpu_cores(self.cpu)
        return self


class Resources(SpecModel):
    """What a container is given (``requests``) and may not pass (``limits``)."""

    requests: ResourceAmounts | None = None
    limits: ResourceAmounts | None = None

    @model_validator(mode="after")
    def _requests_within_limits(self) -> "Resources":
        requests = self.requests or ResourceAmounts()
        limits = self.limits or ResourceAmounts()
        if (
            requests.memory
            and limits.memory
            and memory_bytes(requests.memory) > memory_bytes(limits.memory)
        ):
            raise ValueError(
                f"Invalid spec: memory request {requests.memory} is above its limit {limits.memory}"
            )
        if requests.cpu and limits.cpu and cpu_cores(requests.cpu) > cpu_cores(limits.cpu):
            raise ValueError(
                f"Invalid spec: cpu request {requests.cpu} is above its limit {limits.cpu}"
            )
        if requests.gpu != limits.gpu:
            raise ValueError(
                "Invalid spec: nvidia.com/gpu must stand in requests and limits with equal values"
            )
        return self
