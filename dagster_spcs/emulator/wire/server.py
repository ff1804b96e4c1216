"""An emulator in this process: the account, its runner and a server on a thread of its own."""

import asyncio
import contextlib
import errno
import fcntl
import json
import secrets
import socket
import stat
import tempfile
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import uvicorn

from dagster_spcs.emulator.account.account import Account, Settings
from dagster_spcs.emulator.account.families import FAMILIES
from dagster_spcs.emulator.account.faults import Faults
from dagster_spcs.emulator.account.planted import PlantedJob, plant
from dagster_spcs.emulator.account.pools import ComputePool
from dagster_spcs.emulator.account.runner import Runner
from dagster_spcs.emulator.account.store import Store
from dagster_spcs.emulator.containers.images import Images
from dagster_spcs.emulator.sql.stage_files import StageFiles
from dagster_spcs.emulator.sql.tables import Tables
from dagster_spcs.emulator.statements import ml_jobs
from dagster_spcs.emulator.wire.routes import Wire
from dagster_spcs.emulator.wire.statement_log import SentStatement

CONNECTION_NAME = "spcs-emulator"
_DEFAULT_FAMILY = "CPU_X64_S"


class CannotListen(OSError):
    """The address is taken or not this machine's."""


class DataFolderInUse(OSError):
    """Another emulator keeps its data in the folder."""


class Emulator:
    """An embedded Snowflake account that runs job services as local processes.

    Use it as a context manager. It listens on loopback unless told otherwise, because it starts
    processes for whoever can log in.

    Args:
        host: address to listen on.
        port: port to listen on; 0 takes any free one.
        data_dir: folder to keep tables, history and logs in; None forgets them at the end.
        images: build contexts by image reference.
        compute_pools: numbers of nodes by pool name; created unless they are there.
        password: the only one that may log in; made at random if None.
        settings: finer behaviour.
        faults: what goes wrong and how late things are, for tests; may be changed at any time.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        data_dir: Path | None = None,
        images: Iterable[tuple[str, Path]] = (),
        compute_pools: Mapping[str, int] | None = None,
        password: str | None = None,
        settings: Settings | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.password = password or secrets.token_urlsafe(24)
        self.settings = settings or Settings()
        self.faults = faults or Faults()
        self._data_dir = data_dir
        self._images = list(images)
        self._pools = dict(compute_pools or {})
        self._stack = contextlib.ExitStack()
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None
        self._wire: Wire | None = None
        self._account: Account | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_running = threading.Event()

    def __enter__(self) -> "Emulator":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def statements(self) -> list[SentStatement]:
        """Every statement clients sent, oldest first (the last 100,000)."""
        assert self._wire is not None
        return list(self._wire.statements)

    def connection_parameters(self) -> dict[str, Any]:
        """Arguments for ``snowflake.connector.connect``."""
        return {
            "account": self.settings.account,
            "user": self.settings.user,
            "password": self.password,
            "host": self.host,
            "port": self.port,
            "protocol": "http",
            # Else the connector asks at its first login which cloud it runs in, and waits for it.
            "platform_detection_timeout_seconds": 0.0,
        }

    def write_connections_file(self, path: Path) -> None:
        """Write a ``connections.toml`` that only its owner can read."""
        lines = [f"[{CONNECTION_NAME}]"]
        lines += [
            f"{key} = {json.dumps(value)}"  # TOML writes numbers and text as JSON does
            for key, value in self.connection_parameters().items()
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
        path.write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """Listen; returns once clients can log in.

        Raises:
            CannotListen: naming address and reason.
            DataFolderInUse: if another emulator has the data folder.
            DamagedData: naming a file of the data folder that cannot be read.
            UnreadableImage: for a build context without a usable Dockerfile.
        """
        listener = self._stack.enter_context(self._bind())
        self.port = listener.getsockname()[1]
        try:
            scratch = Path(self._stack.enter_context(tempfile.TemporaryDirectory("-spcs")))
            account, tables = self._build(scratch)
        except BaseException:
            self._stack.close()
            raise
        self._account = account
        runner = Runner(account, scratch)
        runner.host, runner.port = self.host, self.port
        self._wire = Wire(account, runner, tables, self.password, self.faults, self.host)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._wire.app,
                http=self._wire.connections.protocol(),
                log_level="error",  # a line for each odd request would fill a disk
                lifespan="off",
                ws="none",
            )
        )
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._serve(listener, runner, account),), name="spcs-emulator"
        )
        self._thread.start()
        self._is_running.wait()

    def stop(self) -> None:
        """Stop listening and end every container."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        self._thread = self._server = self._loop = None
        self._is_running.clear()
        self._stack.close()

    def kill(self) -> None:
        """Stop as a crash would: connections break, containers end, nothing is said.

        ``start`` brings the account back at the same port; with a ``data_dir`` tables, history and
        logs are there, and jobs that were at work have failed.
        """
        if self._server is not None and self._loop is not None and self._wire is not None:
            self._server.force_exit = True
            self._loop.call_soon_threadsafe(self._wire.connections.abort_all)
        self.stop()

    def plant(self, jobs: Iterable[PlantedJob]) -> None:
        """Put jobs into the account without running a container; see ``PlantedJob``."""

        async def add() -> None:
            assert self._account is not None
            for job in jobs:
                plant(self._account, job)

        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(add(), self._loop).result()

    async def _serve(self, listener: socket.socket, runner: Runner, account: Account) -> None:
        assert self._server is not None
        assert self._wire is not None
        self._loop = asyncio.get_running_loop()
        self._wire.begin()
        self._is_running.set()
        try:
            await self._server.serve(sockets=[listener])
        finally:
            try:
                self._wire.close()
            finally:  # whatever the tables have to say, the jobs' end is written down
                await runner.close()
                account.write()
                account.store.close()

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # Named as TCP, for asyncio switches off Nagle's delay (40 ms an answer) only then.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.port))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRNOTAVAIL:
                advice = "Choose a host that is an address of this machine."
            else:
                advice = "Choose another port, or 0 for any free one."
            raise CannotListen(
                f"cannot listen on {self.host}:{self.port}: {error.strerror}. {advice}"
            ) from error
        return listener

    def _lock(self, folder: Path) -> None:
        # Before anything is read: who starts anew declares what was at work as failed.
        file = self._stack.enter_context((folder / "lock").open("w"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataFolderInUse(
                f"the data in {folder} is in use by another emulator. End that one, or choose"
                " another --data-dir."
            ) from None

    def _now(self) -> datetime:
        return datetime.now(timezone.utc) + self.faults.clock_offset

    def _build(self, scratch: Path) -> tuple[Account, Tables]:
        data = self._data_dir
        folder = data or scratch
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(stat.S_IRWXU)  # tables, logs and tokens are nobody else's
        self._lock(folder)
        tables_folder = None if data is None else data / "tables"
        if tables_folder is not None:
            tables_folder.mkdir(exist_ok=True)
        images = Images(scratch)
        images.add(ml_jobs.RUNTIME, ml_jobs.RUNTIME_FOLDER)
        for reference, context in self._images:
            images.add(reference, context)
        store = Store(None if data is None else data / "account.sqlite")
        account = Account(self.settings, images, store, folder / "logs", self._now)
        account.load()
        for name, nodes in self._pools.items():
            if name.upper() not in account.pools:
                account.add_pool(
                    ComputePool(
                        name.upper(), _DEFAULT_FAMILY, 1, nodes, account.now(), "ACCOUNTADMIN"
                    )
                )
        assert _DEFAULT_FAMILY in FAMILIES
        return account, Tables(tables_folder, StageFiles(folder / "stages"))
