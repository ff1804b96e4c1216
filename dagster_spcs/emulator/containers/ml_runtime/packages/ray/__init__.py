"""A stand-in for Ray in ML jobs of the emulator.

The instances of a job find each other and share named actors through files. Tasks and actors run
in the process that calls them, one after the other. Real Ray wants ports of its own for each node,
and all instances here have one address.
"""

from .cluster import (
    available_resources,
    cluster_resources,
    get_runtime_context,
    init,
    is_initialized,
    nodes,
    shutdown,
)
from .remote import ObjectRef, get, get_actor, kill, put, remote, wait

__all__ = [
    "ObjectRef",
    "available_resources",
    "cluster_resources",
    "get",
    "get_actor",
    "get_runtime_context",
    "init",
    "is_initialized",
    "kill",
    "nodes",
    "put",
    "remote",
    "shutdown",
    "wait",
]
