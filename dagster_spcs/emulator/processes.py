"""A container as a local process: start, log lines, exit code; and terminate, wait, kill."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from dagster_spcs.emulator.images import Image
from dagster_spcs.emulator.logs import ContainerLog

SHIM = Path(__file__).parent / "container_shim"
_CHUNK = 1 << 16
_MAX_UNFINISHED_LINE = 1 << 20


class CannotStart(Exception):
    """The container's command cannot be run."""


def command_line(
    image: Image, command: tuple[str, ...] | None, args: tuple[str, ...] | None
) -> list[str]:
    """Return what to run on this machine for a container of ``image``.

    ``command`` replaces ENTRYPOINT and, as in Kubernetes, CMD with it; ``args`` replaces CMD.
    ``python`` is the emulator's own interpreter; absolute paths that the image has are translated.
    """
    words = [
        *(command if command is not None else image.entrypoint),
        *(args if args is not None else () if command is not None else image.command),
    ]
    if not words:
        raise CannotStart("no command specified")
    located = [words[0], *(_inside(image, word) for word in words[1:])]
    name = PurePosixPath(words[0]).name
    if name in ("python", "python3") or name.startswith("python3."):
        located[0] = sys.executable
    elif words[0].startswith("/"):
        located[0] = _inside(image, words[0])
    elif "/" in words[0]:
        located[0] = str(image.inside(image.workdir) / words[0])
    return located


def _inside(image: Image, word: str) -> str:
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
        self._killed_by_us = False

    async def run(self, argv: list[str], cwd: Path, env: Mapping[str, str]) -> int:
        """Run to the end and return the exit code, 128 + n for a death by signal n.

        Raises:
            CannotStart: if the command is not there or not executable.
        """
        try:
            self._process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=cwd,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # its own process group, so that its children end with it
            )
        except (OSError, ValueError) as error:
            raise CannotStart(f"{argv[0]}: {error}") from error
        readers = asyncio.gather(
            self._read("stdout", self._process.stdout),
            self._read("stderr", self._process.stderr),
        )
        try:
            code = await self._process.wait()
        finally:
            # What the main process left behind goes with the container, and lets go of the pipes.
            self._signal(signal.SIGKILL)
            await readers
            self._log.close()
        return code if code >= 0 else 128 - code

    async def stop(self, grace_seconds: float) -> None:
        """TERM, wait at most ``grace_seconds``, KILL."""
        if self._process is None or self._process.returncode is not None:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._process.wait(), grace_seconds)
        self._signal(signal.SIGKILL)

    def kill(self) -> None:
        """KILL at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def _read(self, stream: str, pipe: asyncio.StreamReader | None) -> None:
        assert pipe is not None
        rest = b""
        while chunk := await pipe.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._log.append(stream, line.removesuffix(b"\r"))
            if len(rest) > _MAX_UNFINISHED_LINE:
                self._log.append(stream, rest)
                rest = b""
        if rest:
            self._log.append(stream, rest)
