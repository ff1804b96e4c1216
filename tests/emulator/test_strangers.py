"""What somebody does who has not logged in: he costs little, and shuts nobody out."""

import gzip
import http.client
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from dagster_spcs.emulator import Emulator
from dagster_spcs.emulator.wire import connections, requests
from tests.support.emulators import Lab, until

LOGIN = "/session/v1/login-request"
MIB = 1 << 20


def send(
    address: tuple[str, int], path: str, body: bytes, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Send a request and return status and body."""
    with closing(http.client.HTTPConnection(*address, timeout=30)) as connection:
        with suppress(OSError):  # the server may answer before it has read all
            connection.request("POST", path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()


@pytest.fixture
def address(emulator: Emulator) -> tuple[str, int]:
    """Where the shared emulator listens."""
    return emulator.host, emulator.port


class Alone:
    """An emulator in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._log = (folder / "log").open("w+")
        connections_file = folder / "connections.toml"
        command = [sys.executable, "-m", "dagster_spcs.emulator", "--port", "0"]
        command += ["--connections-file", str(connections_file)]
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        text = str(until(lambda: connections_file.exists() and connections_file.read_text()))
        port = re.search(r"^port = (\d+)$", text, re.MULTILINE)
        assert port is not None
        self.address = ("127.0.0.1", int(port[1]))

    def most_memory(self) -> int:
        """Return the most bytes it ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def said(self) -> str:
        """Return what it printed."""
        self._log.seek(0)
        return self._log.read()

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()
        self._log.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    """An emulator whose memory and output are looked at."""
    with closing(Alone(tmp_path)) as emulator:
        yield emulator


@pytest.mark.parametrize("is_compressed", [True, False], ids=["compressed", "plain"])
def test_half_a_gigabyte(alone: Alone, is_compressed: bool) -> None:
    """It is refused as soon as it is too much; memory stays, and nothing is said of it."""
    send(alone.address, LOGIN, b"{}")
    before = alone.most_memory()
    pieces = [b" " * MIB] * 512
    body = gzip.compress(b"".join(pieces), 1) if is_compressed else b"".join(pieces)
    headers = {"Content-Encoding": "gzip"} if is_compressed else {}
    try:
        status, answer = send(alone.address, LOGIN, body, headers)
        assert status == 400
        assert "bytes" in json.loads(answer)["message"]
    except ConnectionError:
        assert not is_compressed  # the answer came while the rest was being sent
    assert send(alone.address, LOGIN, b"{}")[0] == 400
    assert alone.most_memory() - before < 64 * MIB
    assert "Traceback" not in alone.said()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"nonsense", {}),
        (b"[]", {}),
        (b'"text"', {}),
        (b"[" * 100_000, {}),
        (b"\xff\xfe", {}),
        (b'{"data": 7}', {}),
        (b"{}", {"Content-Encoding": "gzip"}),
        (b"{}", {"Content-Encoding": "br"}),
        (gzip.compress(b"{}")[:-6] + b"xxxxxx", {"Content-Encoding": "gzip"}),
    ],
    ids=["text", "list", "string", "deep", "bytes", "data", "not-gzip", "brotli", "damaged"],
)
def test_odd_bodies(alone: Alone, body: bytes, headers: dict[str, str]) -> None:
    """They are answered 400 in JSON, without a line in the log."""
    status, answer = send(alone.address, LOGIN, body, headers)
    assert (status, json.loads(answer)["success"]) == (400, False)
    assert "Traceback" not in alone.said()


def test_odd_requests_are_not_logged(alone: Alone) -> None:
    """However many come."""
    said = alone.said()
    for _ in range(50):
        with socket.create_connection(alone.address) as stranger:
            stranger.sendall(b"NONSENSE\r\n\r\n")
            stranger.recv(1000)
    assert alone.said() == said


def test_headers_that_do_not_come(
    address: tuple[str, int], lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is closed after a while, and others are served meanwhile."""
    monkeypatch.setattr(connections, "HEADERS_WITHIN_SECONDS", 0.2)
    for begin in (b"", b"POST /session", b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-"):
        with socket.create_connection(address, timeout=30) as stranger:
            stranger.sendall(begin)
            assert lab.value("SELECT 1") == 1
            with suppress(ConnectionResetError):
                assert stranger.recv(1) == b""


def test_a_body_that_does_not_come(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is answered 400."""
    monkeypatch.setattr(requests, "_BODY_WITHIN_SECONDS", 0.2)
    with socket.create_connection(address, timeout=30) as stranger:
        stranger.sendall(
            f"POST {LOGIN} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{{".encode()
        )
        assert b" 400 " in stranger.recv(1000)


def test_many_connections(address: tuple[str, int], lab: Lab) -> None:
    """They take the place of each other, not of who has logged in, and end nobody's job."""
    name = lab.submit("sleep 600")
    lab.wait(name, "RUNNING")
    with ExitStack() as stack:
        for _ in range(700):
            stack.enter_context(socket.create_connection(address, timeout=30))
        assert lab.value("SELECT 2") == 2
        other = lab.run("echo from a crowd")
        assert lab.log(other) == ["from a crowd"]
        assert lab.describe(name)["status"] == "RUNNING"
    lab.rows(f"DROP SERVICE {name}")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:80"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Host": "127.0.0.1"}, 200),
    ],
    ids=str,
)
def test_pages_of_other_hosts(
    address: tuple[str, int], headers: dict[str, str], status: int
) -> None:
    """A page in a browser reaches this machine, and is refused."""
    assert send(address, LOGIN, b'{"data": {}}', headers)[0] == status
