"""What a container sees of the file system: the image over this machine, the token, the volumes.

Where the kernel grants namespaces for mounts and processes, everything stands where image and
specification say, for any program. Where it does not, the container sees this machine, and Python
is led to the token and the volumes (``container_shim``).
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from dagster_spcs.emulator.containers.images import Image

_APP = PurePosixPath("/app")
LAUNCHER = Path(__file__).parent / "launcher.py"
SHIM = Path(__file__).parent / "container_shim"
SESSION_FOLDER = "/snowflake/session"
"""Where the token is (page "SQL execution")."""
_LIVE = frozenset({"dev", "proc", "sys"})
"""Folders of the machine that nothing of an image is laid over."""
_SHARED = Path("/tmp")  # noqa: S108  what is made for a mount there does no harm


@dataclass(frozen=True)
class FileSystem:
    """The parts of one container's view.

    Args:
        image: its files, and where it starts.
        scratch: a folder of the container's own, for what it changes.
        mounts: folders of this machine by their absolute paths in the container.
    """

    image: Image
    scratch: Path
    mounts: Mapping[str, Path] = field(default_factory=dict)

    def command(self, command: list[str], report: int) -> list[str]:
        """Return what to run so that ``command`` runs in this view.

        ``report`` is a file descriptor: what goes wrong before is written there.
        """
        root = self.scratch / "root"
        root.mkdir(parents=True)
        plan = {
            "root": str(root),
            "report": report,
            "parent": os.getpid(),
            "workdir": str(self.image.workdir),
            "overlays": self._overlays(),
            "binds": self._binds(),
        }
        return [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(plan), *command]

    def _overlays(self) -> list[dict[str, Any]]:
        laid = [f"/{path.name}" for path in sorted(self.image.root.iterdir()) if path.is_dir()]
        laid = [target for target in laid if target[1:] not in _LIVE]
        found = [
            self._overlay(target, [self.image.root / target[1:], Path(target)]) for target in laid
        ]
        for mount in self.mounts:
            above = _last_that_is_there(Path(mount))
            is_new = str(above) != mount and above not in (Path("/"), _SHARED)
            if is_new and not any(above.is_relative_to(target) for target in laid):
                found.append(self._overlay(str(above), [above]))
                laid.append(str(above))
        # What pip installs is the container's own.
        packages, scripts = sysconfig.get_path("purelib"), sysconfig.get_path("scripts")
        return [
            *found,
            self._overlay(packages, [SHIM, Path(packages)]),
            self._overlay(scripts, [Path(scripts)]),
        ]

    def _overlay(self, target: str, lower: list[Path]) -> dict[str, Any]:
        upper = self.scratch / "changed" / target.strip("/").replace("/", "-")
        return {"target": target, "lower": [str(each) for each in lower], "upper": str(upper)}

    def _binds(self) -> list[tuple[str, str]]:
        files = [path for path in sorted(self.image.root.iterdir()) if path.is_file()]
        return [
            *((str(path), f"/{path.name}") for path in files),
            *((str(folder), mount) for mount, folder in self.mounts.items()),
        ]


def remove_scratch(folder: Path) -> None:
    """Remove the folder that holds those of a job's containers."""
    for left in folder.glob("*/changed/*.work/work"):
        left.chmod(0o700)  # the kernel makes it without any permission
    shutil.rmtree(folder, ignore_errors=True)


def _last_that_is_there(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


@cache
def why_not_granted() -> str | None:
    """Return why this machine gives containers no view of their own; None if it does."""
    if sys.platform != "linux":
        return f"there are no mount namespaces on {sys.platform}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "image" / "app").mkdir(parents=True)
        image = Image(folder / "image", _APP, (), (), {}, "")
        view = FileSystem(image, folder, {SESSION_FOLDER: folder})
        done = subprocess.run(
            view.command(["/bin/true"], report=2), capture_output=True, text=True, check=False
        )
    return None if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"
