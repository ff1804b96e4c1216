"""The nodes of a cluster: the instances of one job, each written down in a file."""

import fcntl
import json
import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_state = SimpleNamespace(is_initialized=False)


class Cluster:
    """The cluster whose files are in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_job(cls) -> "Cluster":
        """Return the cluster of the job that this process belongs to."""
        return cls(Path(os.environ["RAY_TMPDIR"]))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the other instances out."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def add_node(self, address: str, resources: dict[str, float], *, is_head: bool) -> None:
        """Make this instance a node."""
        own: dict[str, float] = {"CPU": float(os.cpu_count() or 1), f"node:{address}": 1.0}
        if is_head:
            own["node:__internal_head__"] = 1.0
        node = {
            "NodeID": node_id(),
            "NodeManagerAddress": address,
            "Resources": {**own, **resources},
            "head": is_head,
        }
        with self.locked():
            (self.folder / f"node-{node['NodeID']}.json").write_text(json.dumps(node))

    def nodes(self) -> list[dict[str, Any]]:
        """Return the nodes as Ray tells them; ConnectionError without a head at work."""
        found = [json.loads(path.read_text()) for path in sorted(self.folder.glob("node-*.json"))]
        for node in found:
            node["Alive"] = _is_held(self.folder / f"{node['NodeID']}.alive")
        if not any(node["head"] and node["Alive"] for node in found):
            raise ConnectionError("Could not find any running Ray instance.")
        return found


def node_id() -> str:
    """Return the id of this instance's node."""
    return uuid.uuid5(uuid.NAMESPACE_OID, os.environ.get("SNOWFLAKE_JOB_INDEX", "0")).hex * 2


def nodes() -> list[dict[str, Any]]:
    """Return the nodes of the job."""
    return Cluster.of_job().nodes()


def init(address: str | None = None, *_: Any, **__: Any) -> SimpleNamespace:
    """Join the cluster of the job; ConnectionError if its head is not there yet."""
    if address == "auto":
        nodes()
    _state.is_initialized = True
    return SimpleNamespace(address_info={"address": address}, dashboard_url="")


def is_initialized() -> bool:
    """Whether this process has joined."""
    return bool(_state.is_initialized)


def shutdown(*_: Any, **__: Any) -> None:
    """Leave the cluster."""
    _state.is_initialized = False


def cluster_resources() -> dict[str, float]:
    """Return the sum of the nodes' resources."""
    total: dict[str, float] = {}
    for node in nodes():
        for name, amount in node["Resources"].items():
            total[name] = total.get(name, 0.0) + amount
    return total


available_resources = cluster_resources


def get_runtime_context() -> SimpleNamespace:
    """Return where this process runs."""
    return SimpleNamespace(get_node_id=node_id, get_job_id=lambda: "01000000")


def stay_for_the_container() -> None:
    """Hold a lock from a process of its own, for as long as the container is at work.

    Instances do not see each other's processes; a lock they see.
    """
    cluster = Cluster.of_job()
    with cluster.locked():
        held = (cluster.folder / f"{node_id()}.alive").open("a")
        fcntl.flock(held, fcntl.LOCK_EX)
    if os.fork() == 0:
        os.setsid()
        for number in (0, 1, 2):
            os.close(number)
        signal.pause()


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
