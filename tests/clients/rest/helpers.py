"""What several checks need: the job's specification and waiting for its end."""

import time

from snowflake.core.service import JobService, ServiceResource, ServiceSpec

POOL = "CPU_S"
IMAGE = "/db/schema/images/hello:1"
ENDED = {"DONE", "FAILED", "CANCELLED", "INTERNAL_ERROR"}


def specification(*, name: str = "main", args: tuple[str, ...] = (), **env: object) -> str:
    """Return the YAML of a job with one container."""
    lines = ["spec:", "  containers:", f"  - name: {name}", f"    image: {IMAGE}"]
    if args:
        lines += ["    args:", *(f"    - {word}" for word in args)]
    if env:
        lines += ["    env:", *(f'      {key}: "{value}"' for key, value in env.items())]
    return "\n".join(lines) + "\n"


def job(
    name: str, *, is_async_job: bool = True, spec: str | None = None, **more: object
) -> JobService:
    """Return a job service as the client's models describe it."""
    return JobService(
        name=name,
        compute_pool=POOL,
        spec=ServiceSpec(spec or specification()),
        is_async_job=is_async_job,
        **more,
    )


def status(service: ServiceResource) -> str:
    """Return the job's status, as the containers' listing gives it."""
    return next(service.get_containers()).service_status


def wait(service: ServiceResource, wanted: set[str] = ENDED, seconds: float = 60) -> str:
    """Poll until the job is in one of the wanted states."""
    deadline = time.monotonic() + seconds
    while (now := status(service)) not in wanted:
        assert time.monotonic() < deadline, f"still {now}"
        time.sleep(0.2)
    return now
