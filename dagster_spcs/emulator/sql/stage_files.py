"""The files of internal stages: in one folder an emulator, by database, schema and stage."""

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from dagster_spcs.emulator.sql.answers import (
    SqlError,
    compilation_error,
    does_not_exist,
    not_emulated,
)
from dagster_spcs.emulator.sql.object_name import ObjectName

_PART = r'(?:"(?:[^"]|"")*"|[^."/\s]+)'
_LOCATION = re.compile(rf"({_PART}(?:\.{_PART}){{0,2}})(?:/(.*))?", re.DOTALL)
_PARTS = re.compile(_PART)
USER_STAGE = "~"
_LASTING = ".stage"
"""The suffix of an empty file beside the folder of a stage that lasts."""


@dataclass(frozen=True)
class StageLocation:
    """What stands behind the ``@``: the parts of a stage's name, in stored form, and a path."""

    name: tuple[str, ...]
    path: str

    @classmethod
    def parse(cls, text: str) -> "StageLocation":
        """Read a location without its ``@``.

        Raises:
            SqlError: for what is none.
        """
        match = _LOCATION.fullmatch(text)
        if match is None:
            raise compilation_error(f"invalid stage location '@{text}'")
        parts = tuple(
            part[1:-1].replace('""', '"') if part.startswith('"') else part.upper()
            for part in _PARTS.findall(match[1])
        )
        return cls(parts, (match[2] or "").lstrip("/"))


@dataclass(frozen=True)
class StageFile:
    """A file of a stage; ``name`` is its path within the stage."""

    name: str
    path: Path

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size

    @property
    def modified(self) -> datetime:
        """When it was put there."""
        return datetime.fromtimestamp(self.path.stat().st_mtime, timezone.utc)

    def md5(self) -> str:
        """Return the digest that LIST shows."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()


@dataclass(frozen=True)
class Stage:
    """One stage and its folder."""

    name: ObjectName
    folder: Path

    @property
    def prefix(self) -> str:
        """What LIST puts before the path of a file: the name of a named stage."""
        name = self.name[2]
        return "" if name == USER_STAGE or name.startswith("%") else f"{name.lower()}/"

    def inside(self, path: str) -> Path:
        """Return the place of a path.

        Raises:
            SqlError: if it leads out of the stage.
        """
        place = Path(os.path.normpath(self.folder / path))
        if not place.is_relative_to(self.folder):
            raise self._missing(path)
        return place

    def files(self, path: str = "", pattern: str | None = None) -> list[StageFile]:
        """Return the files whose names begin with a path, by name.

        ``pattern`` is a regular expression for the whole name, with or without the stage's own.

        Raises:
            SqlError: for a pattern that is none.
        """
        self.inside(path)
        wanted = _compiled(pattern)
        found = [
            StageFile(str(place.relative_to(self.folder)), place)
            for place in self.folder.rglob("*")
            if place.is_file()
        ]
        return sorted(
            (
                each
                for each in found
                if each.name.startswith(path)
                and any(wanted.fullmatch(name) for name in (each.name, self.prefix + each.name))
            ),
            key=lambda each: each.name,
        )

    def read(self, path: str) -> str:
        """Return the text of a file, or refuse with 2003."""
        place = self.inside(path)
        if not place.is_file():
            raise self._missing(path)
        return place.read_text()

    def _missing(self, path: str) -> SqlError:
        return does_not_exist("Remote file", f"@{'.'.join(self.name)}/{path}")


class StageFiles:
    """The stages of one emulator, as folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stage(self, name: ObjectName, storage: str | None = None) -> Stage:
        """Return a stage; ``storage`` is fakesnow's name for it where that is another one.

        Raises:
            SqlError: for a name that cannot be a folder's.
        """
        if any("/" in part or "." in part for part in name):
            raise not_emulated("a stage with a dot or a slash in its name")
        database, schema, own = storage.split(".", 2) if storage else name
        return Stage(name, self.folder / database / schema / own)

    def lasting(self) -> list[ObjectName]:
        """Return the stages that were created in an earlier life of a data folder."""
        marks = self.folder.glob(f"*/*/*{_LASTING}")
        return [(path.parts[-3], path.parts[-2], path.stem) for path in sorted(marks)]

    def keep(self, name: ObjectName) -> None:
        """Note that a stage is to be there after a restart; a temporary one is not."""
        folder = self.stage(name).folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.with_suffix(_LASTING).touch()

    def remove(self, *name: str) -> None:
        """Remove the files of a stage, or of all stages of a schema or database."""
        folder = self.folder.joinpath(*name)
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_suffix(_LASTING).unlink(missing_ok=True)


def _compiled(pattern: str | None) -> re.Pattern[str]:
    try:
        return re.compile(".*" if pattern is None else pattern, re.DOTALL)
    except re.error as error:
        raise SqlError(
            100048, "2201B", f"Invalid regular expression: '{pattern}', {error}"
        ) from None
