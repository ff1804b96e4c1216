"""Compute pools: a bounded number of nodes, and who waits for a place on one."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from dagster_spcs.emulator.account.families import FAMILIES, Family


@dataclass
class Node:
    """One node and what is left of it."""

    cpu: Decimal
    memory_gib: Decimal
    instances: int = 0


@dataclass
class Place:
    """An instance's share of a node."""

    node: Node
    cpu: Decimal
    memory_gib: Decimal


@dataclass
class ComputePool:
    """A pool; nodes appear as instances need them, up to ``max_nodes``."""

    name: str
    family: str
    min_nodes: int
    max_nodes: int
    created: datetime
    owner: str
    auto_suspend_secs: int = 3600
    auto_resume: bool = True
    suspended: bool = False
    comment: str | None = None
    updated: datetime | None = None
    resumed: datetime | None = None
    _nodes: list[Node] = field(default_factory=list)
    _queue: deque[tuple[asyncio.Future[Place], Decimal, Decimal]] = field(default_factory=deque)

    @property
    def capacity(self) -> Family:
        """What one node holds."""
        return FAMILIES[self.family]

    @property
    def busy_nodes(self) -> int:
        """Nodes with at least one instance."""
        return sum(1 for node in self._nodes if node.instances)

    @property
    def state(self) -> str:
        """ACTIVE with work, else IDLE, or SUSPENDED."""
        if self.busy_nodes:
            return "ACTIVE"
        return "SUSPENDED" if self.suspended else "IDLE"

    def fits(self, cpu: Decimal, memory_gib: Decimal) -> bool:
        """Whether an empty node could hold an instance of this size."""
        return cpu <= self.capacity.vcpu and memory_gib <= self.capacity.memory_gib

    async def place(self, cpu: Decimal, memory_gib: Decimal) -> Place:
        """Wait, first come first served, for room on a node."""
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._queue.append((future, cpu, memory_gib))
        self._serve()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.leave(future.result())
            self._serve()  # whoever stood behind may fit where this one did not
            raise

    def resize(self, min_nodes: int, max_nodes: int) -> None:
        """Change the number of nodes; instances that waited for one may start."""
        self.min_nodes, self.max_nodes = min_nodes, max_nodes
        self._serve()

    def leave(self, place: Place) -> None:
        """Give room back."""
        place.node.cpu += place.cpu
        place.node.memory_gib += place.memory_gib
        place.node.instances -= 1
        self._serve()

    def _serve(self) -> None:
        while self._queue:
            future, cpu, memory = self._queue[0]
            if future.done():  # cancelled while it waited
                self._queue.popleft()
                continue
            node = self._room(cpu, memory)
            if node is None:
                return
            self._queue.popleft()
            node.cpu -= cpu
            node.memory_gib -= memory
            node.instances += 1
            future.set_result(Place(node, cpu, memory))

    def _room(self, cpu: Decimal, memory_gib: Decimal) -> Node | None:
        for node in self._nodes:
            if node.cpu >= cpu and node.memory_gib >= memory_gib:
                return node
        if len(self._nodes) < self.max_nodes:
            node = Node(self.capacity.vcpu, self.capacity.memory_gib)
            self._nodes.append(node)
            return node
        return None
