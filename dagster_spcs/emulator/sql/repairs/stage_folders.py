"""Each emulator has its own folder of stages; fakesnow has one for all of a process."""

import atexit
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from fakesnow.transforms import stage

# fakesnow makes its folder when it is imported, and leaves it behind.
_shared = stage.LOCAL_BUCKET_PATH
atexit.register(shutil.rmtree, _shared, ignore_errors=True)
_folder: ContextVar[str] = ContextVar("stages", default=_shared)


class _StagesFolder(os.PathLike[str]):
    """The folder of the emulator whose statement is running."""

    def __fspath__(self) -> str:
        return _folder.get()

    __str__ = __fspath__


stage.LOCAL_BUCKET_PATH = _StagesFolder()  # type: ignore[assignment]


@contextmanager
def stages_in(folder: Path) -> Iterator[None]:
    """Let fakesnow find stages there, within this task and the threads it waits for."""
    token = _folder.set(str(folder))
    try:
        yield
    finally:
        _folder.reset(token)
