"""A container as a local process: start, log lines, exit code; and terminate, wait, kill."""

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from dagster_spcs.emulator.containers.filesystem import FileSystem
from dagster_spcs.emulator.containers.images import Image
from dagster_spcs.emulator.containers.logs import ContainerLog
from dagster_spcs.emulator.containers.usage import Usage, usage_of

CHUNK = 1 << 16
MAX_UNFINISHED_LINE = 1 << 20
_UMASK = 0o022
"""What programs in images expect, whatever the emulator's own is."""
_MARK = "SPCS_EMULATOR_CONTAINER"
_PIPES_CLOSE_WITHIN_SECONDS = 30.0
"""For what no KILL reached; its later output is lost, and the container ends all the same."""


class CannotStart(Exception):
    """The container's command cannot be run."""


def command_line(
    image: Image,
    command: tuple[str, ...] | None,
    args: tuple[str, ...] | None,
    *,
    has_view: bool = False,
) -> list[str]:
    """Return what to run on this machine for a container of ``image``.

    ``command`` replaces ENTRYPOINT and, as in Kubernetes, CMD with it; ``args`` replaces CMD.
    ``python`` is the emulator's own interpreter. In a container without a file system of its own,
    absolute paths that the image has are translated.
    """
    words = [
        *(command if command is not None else image.entrypoint),
        *(args if args is not None else () if command is not None else image.command),
    ]
    if not words:
        raise CannotStart("no command specified")
    name = PurePosixPath(words[0]).name
    is_python = name in ("python", "python3") or name.startswith("python3.")
    if has_view:
        return [sys.executable if is_python else words[0], *words[1:]]
    located = [words[0], *(inside(image, word) for word in words[1:])]
    if is_python:
        located[0] = sys.executable
    elif words[0].startswith("/"):
        located[0] = inside(image, words[0])
    elif "/" in words[0]:
        located[0] = str(image.inside(image.workdir) / words[0])
    return located


def inside(image: Image, word: str) -> str:
    """Return where on this disk an absolute path of the image is; any other word as it is."""
    if word.startswith("/") and ".." not in word:
        path = image.inside(PurePosixPath(word))
        if path.exists():
            return str(path)
    return word


class ContainerProcess:
    """One running container."""

    def __init__(self, log: ContainerLog) -> None:
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._mark = str(uuid.uuid4())
        self._is_known = asyncio.Event()

    async def run(
        self,
        argv: list[str],
        cwd: Path,
        env: Mapping[str, str],
        view: FileSystem | None = None,
    ) -> int:
        """Run to the end and return the exit code, 128 + n for a death by signal n.

        With a ``view`` the command sees that file system, and ``cwd`` counts for nothing.

        Raises:
            CannotStart: if the command is not there or not executable.
        """
        report, report_end = _pipe()
        # Pipes of our own: asyncio's would not report the end before every child let go of them.
        (out, out_end), (err, err_end) = _pipe(), _pipe()
        try:
            command = argv if view is None else view.command(argv, report_end)
            self._process = await asyncio.create_subprocess_exec(
                *command,
                cwd=cwd,
                pass_fds=() if view is None else [report_end],
                env={**env, _MARK: self._mark},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out_end,
                stderr=err_end,
                umask=_UMASK,
                start_new_session=True,  # its own process group, so that its children end with it
            )
        except (OSError, ValueError) as error:
            for each in (out, err, report):
                each.close()
            raise CannotStart(f"{argv[0]}: {error}") from error
        finally:
            for end in (out_end, err_end, report_end):
                os.close(end)
            self._is_known.set()
        readers = asyncio.gather(self._read("stdout", out), self._read("stderr", err))
        try:
            code = await self._process.wait()
        finally:
            # What the main process left behind goes with the container, and lets go of the pipes.
            self._signal(signal.SIGKILL)
            try:
                await asyncio.to_thread(_kill_marked, f"{_MARK}={self._mark}".encode())
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(readers, _PIPES_CLOSE_WITHIN_SECONDS)
            finally:
                readers.cancel()  # a job that is dropped at this moment has no more to say
                self._log.close()
                with report:
                    os.set_blocking(report.fileno(), False)
                    trouble = report.read()
        if trouble:
            raise CannotStart(trouble.decode(errors="replace"))
        return code if code >= 0 else 128 - code

    async def stop(self, grace_seconds: float) -> None:
        """TERM, wait at most ``grace_seconds``, KILL."""
        await self._is_known.wait()
        if self._process is None or self._process.returncode is not None:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._process.wait(), grace_seconds)
        self._signal(signal.SIGKILL)

    def usage(self) -> Usage | None:
        """Return what its process group uses now; None if that cannot be told."""
        if self._process is None or self._process.returncode is not None:
            return None
        return usage_of(self._process.pid)

    def kill(self) -> None:
        """KILL at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to the process group, as long as that is the container's."""
        if self._process is None:
            return
        # The leader of the group has ended and was waited for: whoever has its id now is another
        # process. The system gives the id to nobody while anything of the group is left.
        if self._process.returncode is not None and _is_taken(self._process.pid):
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def _read(self, stream: str, file: BinaryIO) -> None:
        pipe = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(pipe), file
        )
        rest = b""
        while chunk := await pipe.read(CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            if lines:
                self._log.append(stream, *(line.removesuffix(b"\r") for line in lines))
            if len(rest) > MAX_UNFINISHED_LINE:
                border = _character_border(rest)
                self._log.append(stream, rest[:border])
                rest = rest[border:]
        if rest:
            self._log.append(stream, rest)


def _is_taken(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _pipe() -> tuple[BinaryIO, int]:
    read_end, write_end = os.pipe()
    return os.fdopen(read_end, "rb", buffering=0), write_end


def _character_border(data: bytes) -> int:
    """Return how many bytes to take so that no character of UTF-8 is torn."""
    for back in (1, 2, 3):
        if data[-back] >= 0xC0:  # the first byte of a character whose end may be still to come
            return len(data) - back
    return len(data)


def _kill_marked(mark: bytes) -> None:
    """KILL every process with a container's mark in its environment, wherever it went.

    A daemon leaves its process group, but a container ends with all its processes. This reads
    ``/proc``; a machine without one keeps such daemons.
    """
    found = True
    while found:
        found = False
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if mark in environment.read_bytes().split(b"\0"):
                    os.kill(int(environment.parent.name), signal.SIGKILL)
                    found = True
