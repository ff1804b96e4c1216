"""Platform metrics of a container, for the groups that its specification asks for.

Names and groups are those of page "Monitoring Services"; a local process has no figures for the
network and for block volumes. They are kept beside the log, in its format.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from dagster_spcs.emulator.containers.logs import ContainerLog
from dagster_spcs.emulator.containers.processes import ContainerProcess
from dagster_spcs.emulator.containers.specification import ContainerSpec

_EVERY_SECONDS = 10.0
_GIB = 2**30


@dataclass(frozen=True)
class Metric:
    """One measured value."""

    name: str
    unit: str
    value: float


def metrics_path(log_path: Path) -> Path:
    """Return where the metrics of a container are kept."""
    return log_path.with_suffix(".metrics")


def kept_metrics(log_path: Path) -> Iterator[tuple[datetime, Metric]]:
    """Return what was measured of a container, the oldest first."""
    for record in ContainerLog(metrics_path(log_path)).records():
        yield record.timestamp, Metric(**json.loads(record.text))


class Meter:
    """Measures one container while it is at work.

    Args:
        groups: what its specification asks for.
        spec: of the container.
        process: the container.
        log: where to write.
    """

    def __init__(
        self,
        groups: frozenset[str],
        spec: ContainerSpec,
        process: ContainerProcess,
        log: ContainerLog,
    ) -> None:
        self._groups = groups
        self._spec = spec
        self._process = process
        self._log = log

    async def measure(self) -> None:
        """Write down a value of each metric now and then, until this is cancelled."""
        if not self._groups:
            return
        used, looked = 0.0, time.monotonic()
        with contextlib.closing(self._log):
            while True:
                usage = await asyncio.to_thread(self._process.usage)
                found = [*self._constant()]
                if usage is not None and "system" in self._groups:
                    now = time.monotonic()
                    cores = (usage.cpu_seconds - used) / max(now - looked, 0.001)
                    used, looked = usage.cpu_seconds, now
                    found += [
                        Metric("container.cpu.usage", "cpu", round(cores, 3)),
                        Metric("container.memory.usage", "bytes", usage.memory_bytes),
                    ]
                lines = [json.dumps(asdict(metric)).encode() for metric in found]
                self._log.append("metric", *lines)
                await asyncio.sleep(_EVERY_SECONDS)

    def _constant(self) -> Iterator[Metric]:
        if "system_limits" in self._groups:
            memory = float(self._spec.memory_gib * _GIB)
            yield Metric("container.cpu.requested", "cpu", float(self._spec.cpu))
            yield Metric("container.memory.requested", "bytes", memory)
        if "status" in self._groups:
            yield Metric("container.restarts", "restarts", 0)
            yield Metric("container.state.running", "state", 1)
