"""What every route reads of a request: its session token and its body."""

import gzip
import json
from typing import Any

from starlette.requests import Request


class Refused(Exception):
    """The request is refused with a number and a text; Snowflake answers 200 all the same."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def token_of(request: Request) -> str:
    """Return the session token.

    Raises:
        Refused: 390103 if there is none.
    """
    value = request.headers.get("Authorization", "")
    prefix, quote, rest = value.partition('"')
    if prefix.strip() != "Snowflake Token=" or not quote:
        raise Refused("390103", "Session token not found in the request data.")
    return rest.removesuffix('"')


async def body_of(request: Request) -> dict[str, Any]:
    """Return the body; empty if it is no JSON object."""
    raw = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        raw = gzip.decompress(raw)
    body = json.loads(raw or b"{}")
    return body if isinstance(body, dict) else {}
