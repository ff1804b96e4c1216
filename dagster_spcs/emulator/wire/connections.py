"""Open network connections: how many, how long they may be silent, and breaking them.

Whoever has not logged in costs little: a request's headers have to come within a time, and when
there are too many connections, the oldest of those that nobody has logged in on goes.
"""

import asyncio
import resource
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

Address = tuple[str, int]
HEADERS_WITHIN_SECONDS = 20.0
_MOST = 512


class Connections:
    """The connections of one server, by the address of their client."""

    def __init__(self, is_refused: Callable[[], bool]) -> None:
        self._is_refused = is_refused
        self._transports: dict[Address, asyncio.Transport] = {}
        """The oldest first."""
        self._trusted: set[Address] = set()
        # Half of the files that this process may open are for jobs and tables.
        self._most = min(_MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)

    def protocol(self) -> type[asyncio.Protocol]:
        """Return uvicorn's HTTP protocol, which tells this object of its connections."""
        connections = self

        class Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
            _silent: asyncio.TimerHandle | None = None

            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                self._address = _address(transport.get_extra_info("peername"))
                connections._add(self._address, transport)
                self._expect_headers()

            def data_received(self, data: bytes) -> None:
                if self._silent is None and not self._is_answering():
                    self._expect_headers()
                super().data_received(data)
                if self._silent is not None and self._is_answering():
                    self._silent.cancel()
                    self._silent = None

            def connection_lost(self, error: Exception | None) -> None:
                if self._silent is not None:
                    self._silent.cancel()
                connections._remove(self._address)
                super().connection_lost(error)

            def _expect_headers(self) -> None:
                loop = asyncio.get_running_loop()
                self._silent = loop.call_later(HEADERS_WITHIN_SECONDS, self.transport.abort)

            def _is_answering(self) -> bool:
                return self.cycle is not None and not self.cycle.response_complete

        return Protocol

    def _add(self, address: Address, transport: asyncio.Transport) -> None:
        self._transports[address] = transport
        if self._is_refused():
            transport.abort()
        elif len(self._transports) > self._most:
            strangers = (each for each in self._transports if each not in self._trusted)
            self._transports[next(strangers, address)].abort()

    def _remove(self, address: Address) -> None:
        self._transports.pop(address, None)
        self._trusted.discard(address)

    def trust(self, address: Any) -> None:
        """Keep a connection on which a session's token came."""
        if address is not None and _address(address) in self._transports:
            self._trusted.add(_address(address))

    async def abort(self, address: Any) -> None:
        """Break one connection; returns once the server knows."""
        transport = self._transports.get(_address(address))
        if transport is not None:
            transport.abort()
            await asyncio.sleep(0)

    def abort_all(self) -> None:
        """Break every connection."""
        for transport in list(self._transports.values()):
            transport.abort()


def _address(peer: Any) -> Address:
    return str(peer[0]), int(peer[1])
