"""What is refused before anybody has logged in: foreign pages, bodies that are too large or odd.

A page in a browser may send requests to this machine: it names another host (after a DNS answer
that leads here), or its origin. No client of Snowflake's does either.
"""

import ipaddress
import re
import zlib
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOGIN_BYTES = 1 << 20
"""Of a body that comes without a session's token."""
STATEMENT_BYTES = 256 << 20
"""Of a body that comes with one: a statement with its binds."""
_PIECE = 1 << 20
"""Bytes that are decompressed at a time."""


_PORT = re.compile(r"(?<=[^:]):\d+$|(?<=\]):\d+$")


class TooLarge(Exception):
    """A body is larger than what is taken."""


class OddBody(Exception):
    """A body cannot be read; the message says why."""


class ForeignPages:
    """Answers 403 to what a page of another host sends.

    Args:
        app: answers all else.
        host: where the emulator listens.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._host = host.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            host = headers.get(b"host", b"").decode("latin-1")
            origin = headers.get(b"origin")
            is_own = origin is None or origin.decode("latin-1").partition("://")[2] == host
            if not (is_own and self._is_known(host)):
                body = {"success": False, "code": "390403", "message": "foreign host or origin"}
                refusal = JSONResponse(body, status_code=HTTPStatus.FORBIDDEN)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_known(self, host: str) -> bool:
        name = _PORT.sub("", host.lower()).strip("[]")
        if name in ("", "localhost", self._host):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


async def bounded_body(request: Request, most: int) -> bytes:
    """Return a body, decompressed, of at most so many bytes.

    Raises:
        TooLarge: as soon as it is, whatever it says of its length.
        OddBody: if it is not what it says it is compressed with.
    """
    plain = bytearray()
    async for piece in _decompressed(request.stream(), request.headers.get("content-encoding")):
        plain += piece
        if len(plain) > most:
            raise TooLarge
    return bytes(plain)


async def _decompressed(pieces: AsyncIterator[bytes], encoding: str | None) -> AsyncIterator[bytes]:
    if encoding in (None, "", "identity"):
        async for piece in pieces:
            yield piece
        return
    if encoding != "gzip":
        raise OddBody(f"content encoding {encoding[:40]!r}")
    unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        async for piece in pieces:
            yield unzip.decompress(piece, _PIECE)
            while unzip.unconsumed_tail:
                yield unzip.decompress(unzip.unconsumed_tail, _PIECE)
    except zlib.error as error:
        raise OddBody(f"not gzip: {error}") from None
