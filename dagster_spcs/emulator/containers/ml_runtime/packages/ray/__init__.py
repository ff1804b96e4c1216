"""A stand-in for Ray in ML jobs of the emulator.

The instances of a job find each other and share named actors through files. Tasks and actors run
in the process that calls them, one after the other. Real Ray wants ports of its own for each node,
and all instances here have one address.

Not here: scheduling, resources and objects of other processes.
Read ``cluster`` first, then ``remote``.
"""

from ray import actor, exceptions
from ray.cluster import (
    available_resources,
    cluster_resources,
    get_runtime_context,
    init,
    is_initialized,
    nodes,
    shutdown,
)
from ray.remote import ObjectRef, get, get_actor, kill, put, remote, wait

__all__ = [
    "ObjectRef",
    "actor",
    "available_resources",
    "cluster_resources",
    "exceptions",
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
