"""Files that clients put on stages and get from them, over HTTP.

The answer to PUT or GET grants the client a folder of a stage, as an account in Google's cloud
does: with an address for each file, or with an endpoint and a token. Connector 4 makes HTTPS of any
endpoint, so it gets addresses; it asks anew for each file that it puts.
"""

import base64
import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from dagster_spcs.emulator.sql.answers import FileTransfer

_FOLDER = "stage_files"
_KEPT = 10_000
"""Grants; clients use them at once."""
_DIGEST = "x-goog-meta-sfc-digest"


@dataclass(frozen=True)
class _Grant:
    command: Literal["UPLOAD", "DOWNLOAD"]
    folder: Path


class Transfers:
    """The grants that were given out."""

    def __init__(self) -> None:
        self._grants: OrderedDict[str, _Grant] = OrderedDict()
        self.routes = [
            Route(f"/{_FOLDER}/{{key}}/{{name:path}}", self._upload, methods=["PUT"]),
            Route(f"/{_FOLDER}/{{key}}/{{name:path}}", self._download, methods=["GET"]),
        ]

    def announce(
        self, transfer: FileTransfer, host: str, query_id: str, *, takes_endpoint: bool
    ) -> dict[str, Any]:
        """Return the answer to PUT or GET."""
        key = secrets.token_urlsafe(16)
        self._grants[key] = _Grant(transfer.command, transfer.folder)
        if len(self._grants) > _KEPT:
            self._grants.popitem(last=False)
        stage: dict[str, Any] = {
            "locationType": "GCS",
            "location": f"{_FOLDER}/{key}/",
            "region": "",  # connector 5 refuses an answer without one
            "creds": {},
        }
        data = {
            "command": transfer.command,
            "src_locations": transfer.sources,
            "stageInfo": stage,
            "queryId": query_id,
            **transfer.options,
        }
        addresses = [f"http://{host}/{_FOLDER}/{key}/{quote(name)}" for name in transfer.names]
        if transfer.has_binds and not takes_endpoint:
            # Asking anew, connector 4 leaves the binds out; the client is on this machine.
            stage |= {"locationType": "LOCAL_FS", "location": str(transfer.folder)}
        elif takes_endpoint:
            stage |= {"creds": {"GCS_ACCESS_TOKEN": key}, "endPoint": f"http://{host}"}
        elif transfer.command == "UPLOAD":
            stage["presignedUrl"] = addresses[0]
        else:
            data["presignedUrls"] = addresses
        return {"success": True, "code": None, "message": None, "data": data}

    def _granted(self, request: Request, *commands: str) -> Path | None:
        grant = self._grants.get(request.path_params["key"])
        if grant is None or grant.command not in commands:
            return None
        path = grant.folder / request.path_params["name"]
        return path if path.resolve().is_relative_to(grant.folder.resolve()) else None

    async def _upload(self, request: Request) -> Response:
        path = self._granted(request, "UPLOAD")
        if path is None:
            return Response(status_code=HTTPStatus.FORBIDDEN)
        if request.headers.get("x-goog-if-generation-match") == "0" and path.exists():
            return Response(status_code=HTTPStatus.PRECONDITION_FAILED)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{secrets.token_hex(8)}")
        try:
            with part.open("wb") as file:
                async for chunk in request.stream():
                    file.write(chunk)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return Response()

    async def _download(self, request: Request) -> Response:
        # A client with a token asks for the head of a file before it puts one.
        commands = ("DOWNLOAD",) if request.method == "GET" else ("DOWNLOAD", "UPLOAD")
        path = self._granted(request, *commands)
        if path is None:
            return Response(status_code=HTTPStatus.FORBIDDEN)
        if not path.is_file():
            return Response(status_code=HTTPStatus.NOT_FOUND)
        digest = await run_in_threadpool(_digest, path)
        return FileResponse(path, headers={_DIGEST: digest})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()
