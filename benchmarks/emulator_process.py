"""An emulator in a process of its own, for an account's work is not the client's.

A client that shares the interpreter with the account waits for the account's Python as it would
for no real one.
"""

import multiprocessing
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from snowflake.connector import connect

from dagster_spcs.emulator import Emulator, PlantedJob, SentStatement, Settings
from dagster_spcs.emulator.__main__ import quiet


class Account:
    """The emulator as seen from here; each method is carried out in its process."""

    def __init__(self, pipe: "Connection[Any, Any]") -> None:
        self._pipe = pipe
        self.parameters: dict[str, Any] = {}
        """Arguments for ``snowflake.connector.connect``."""

    def renew(self) -> None:
        """Replace the account by an empty one."""
        self.parameters = self._ask("renew")

    def plant(self, jobs: Iterable[PlantedJob]) -> None:
        """See ``Emulator.plant``."""
        self._ask("plant", list(jobs))

    def statements(self, since: int = 0) -> list[SentStatement]:
        """Return the statements that clients sent, but for the first ones."""
        sent: list[SentStatement] = self._ask("statements", since)
        return sent

    def set_fault(self, **values: float) -> None:
        """Set attributes of ``Emulator.faults``."""
        self._ask("set_fault", values)

    def _ask(self, what: str, *arguments: object) -> Any:
        self._pipe.send((what, arguments))
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def account(*, image: str, compute_pools: Mapping[str, int], database: str) -> Iterator[Account]:
    """Run an emulator whose one image takes a shell script."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, image, dict(compute_pools), database))
    process.start()
    theirs.close()  # so that the emulator sees the end of this process, however it ends
    try:
        opened = Account(ours)
        opened.renew()
        yield opened
    finally:
        ours.close()
        process.join()


class _Served:
    """The other end."""

    def __init__(self, image: str, pools: dict[str, int], database: str, folder: Path) -> None:
        self._image = (image, folder)
        self._pools = pools
        self._database = database
        self._emulator: Emulator | None = None
        (folder / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["/bin/sh", "-c"]\n')

    @property
    def emulator(self) -> Emulator:
        assert self._emulator is not None
        return self._emulator

    def stop(self) -> None:
        if self._emulator is not None:
            self._emulator.stop()

    def renew(self) -> dict[str, Any]:
        self.stop()
        self._emulator = Emulator(
            images=[self._image],
            compute_pools=self._pools,
            settings=Settings(start_delay_seconds=0.03, grace_seconds=5.0),
        )
        self._emulator.start()
        parameters = self._emulator.connection_parameters()
        with connect(**parameters) as connection:
            connection.cursor().execute(f"CREATE DATABASE {self._database}")
        return parameters

    def plant(self, jobs: list[PlantedJob]) -> None:
        self.emulator.plant(jobs)

    def statements(self, since: int) -> list[SentStatement]:
        return self.emulator.statements[since:]

    def set_fault(self, values: dict[str, float]) -> None:
        for name, value in values.items():
            setattr(self.emulator.faults, name, value)


def _serve(pipe: "Connection[Any, Any]", image: str, pools: dict[str, int], database: str) -> None:
    quiet()
    with TemporaryDirectory("-image") as folder:
        served = _Served(image, pools, database, Path(folder))
        try:
            while True:
                what, arguments = pipe.recv()
                try:
                    answer = getattr(served, what)(*arguments)
                except Exception as error:
                    answer = error
                pipe.send(answer)
        except (EOFError, KeyboardInterrupt):
            return  # whoever started it has ended, or is about to
        finally:
            served.stop()
