"""Pausing Python's garbage collector while many objects are made."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """Let the collector rest meanwhile, in the whole process.

    A listing of ten thousand rows makes a hundred thousand objects, none of them garbage. Each few
    thousand of them the collector would go through these again, and at times through all of
    Dagster's, which takes as long as the listing itself.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
