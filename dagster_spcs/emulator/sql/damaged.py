"""A data folder that cannot be read."""

from pathlib import Path


class DamagedData(ValueError):
    """A file of the data folder is damaged, or another program's.

    Args:
        path: the file.
        reason: what is wrong with it.
    """

    def __init__(self, path: Path, reason: object) -> None:
        first = str(reason).strip().partition("\n")[0]
        super().__init__(
            f"the file {path} of the data folder cannot be read ({first}). Put a copy in its place,"
            " or choose another --data-dir."
        )
