"""Open network connections, so that a fault can break one, or all of them."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

Address = tuple[str, int]


class Connections:
    """The connections of one server, by the address of their client."""

    def __init__(self, is_refused: Callable[[], bool]) -> None:
        self._is_refused = is_refused
        self._transports: dict[Address, asyncio.Transport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """Return uvicorn's HTTP protocol, which tells this object of its connections."""
        connections = self

        class Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                self._address = _address(transport.get_extra_info("peername"))
                connections._transports[self._address] = transport
                if connections._is_refused():
                    transport.abort()

            def connection_lost(self, error: Exception | None) -> None:
                connections._transports.pop(self._address, None)
                super().connection_lost(error)

        return Protocol

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
