"""What every route reads of a request: its session token and its body."""

import asyncio
import json
from typing import Any

from starlette.requests import Request

from dagster_spcs.emulator.wire.guard import STATEMENT_BYTES, OddBody, TooLarge, bounded_body

_BODY_WITHIN_SECONDS = 60.0


class Refused(Exception):
    """The request is refused with a number and a text; Snowflake answers 200 all the same."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


class OddRequest(Exception):
    """The request cannot be read; answered 400, without a word in the log."""


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


async def body_of(request: Request, most: int = STATEMENT_BYTES) -> dict[str, Any]:
    """Return the body, a JSON object; an empty one where there is none.

    Raises:
        OddRequest: answered 400, if it is something else, too large, or does not come to its end.
    """
    try:
        async with asyncio.timeout(_BODY_WITHIN_SECONDS):
            raw = await bounded_body(request, most)
        body = json.loads(raw or b"{}")
    except TooLarge:
        raise OddRequest(f"the body has more than {most} bytes") from None
    except TimeoutError:
        raise OddRequest("the body did not come to its end") from None
    except OddBody as error:
        raise OddRequest(str(error)) from None
    except (ValueError, RecursionError):
        raise OddRequest("the body is not JSON") from None
    if not isinstance(body, dict):
        raise OddRequest("the body is not a JSON object")
    return body
