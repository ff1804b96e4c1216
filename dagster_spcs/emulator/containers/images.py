"""Images: a reference stands for a build context on disk, read through its Dockerfile.

Files that COPY and ADD name are laid out below a folder that serves as the image's root. RUN is
not carried out: a container sees the packages of the emulator's own Python. Of several stages
only the last counts.
"""

import hashlib
import json
import posixpath
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_IGNORED = frozenset(
    ("RUN EXPOSE LABEL USER VOLUME STOPSIGNAL HEALTHCHECK MAINTAINER ONBUILD SHELL").split()
)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class UnreadableImage(ValueError):
    """A build context the emulator cannot use; the message says why."""


@dataclass(frozen=True)
class Image:
    """What a container of this image starts with."""

    root: Path
    workdir: PurePosixPath
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: dict[str, str]
    digest: str

    def inside(self, path: PurePosixPath) -> Path:
        """Return where an absolute path of the image is on this disk."""
        return self.root / path.relative_to("/")


class Images:
    """The images the emulator was given, by repository path with or without a tag."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._images: dict[tuple[str, str | None], Image] = {}

    def add(self, reference: str, folder: Path) -> None:
        """Read the build context ``folder`` and serve it as ``reference``.

        Raises:
            UnreadableImage: if there is no Dockerfile, or one that cannot be read.
        """
        root = self._scratch / f"image-{len(self._images)}"
        self._images[_path_and_tag(reference)] = read_build_context(folder, root)

    def listed(self) -> list[tuple[str, str | None, Image]]:
        """Return path, tag and image of each."""
        return [(path, tag, image) for (path, tag), image in self._images.items()]

    def find(self, reference: str) -> Image | None:
        """Return the image a specification names; a registry host in front is not compared."""
        path, tag = _path_and_tag(reference)
        return self._images.get((path, tag)) or self._images.get((path, None))


def _path_and_tag(reference: str) -> tuple[str, str | None]:
    path = reference.partition("@")[0]
    head, slash, rest = path.partition("/")
    if head and slash and ("." in head or ":" in head):
        path = rest
    path, colon, tag = path.strip("/").partition(":")
    return path, tag if colon else None


def read_build_context(folder: Path, root: Path) -> Image:
    """Read ``folder``'s Dockerfile and lay its files out below ``root``."""
    dockerfile = folder / "Dockerfile"
    if not dockerfile.is_file():
        raise UnreadableImage(f"no Dockerfile in {folder}")
    root.mkdir(parents=True)
    workdir = PurePosixPath("/")
    env: dict[str, str] = {}
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    for instruction, text in _instructions(dockerfile.read_text()):
        if instruction == "FROM":
            workdir, env, entrypoint, command = PurePosixPath("/"), {}, (), ()
            shutil.rmtree(root)
            root.mkdir()
        elif instruction == "WORKDIR":
            workdir = _absolute(workdir, _expand(text, env))
            (root / workdir.relative_to("/")).mkdir(parents=True, exist_ok=True)
        elif instruction == "ENV":
            env.update(_assignments(text, env))
        elif instruction == "ARG":
            name, equals, default = text.partition("=")
            if equals:
                env.setdefault(name.strip(), _expand(default.strip(), env))
        elif instruction in ("COPY", "ADD"):
            _copy(folder, root, workdir, _expand(text, env))
        elif instruction == "ENTRYPOINT":
            entrypoint = _argv(text)
        elif instruction == "CMD":
            command = _argv(text)
        elif instruction not in _IGNORED:
            raise UnreadableImage(f"{dockerfile}: unknown instruction {instruction}")
    if not entrypoint and not command:
        raise UnreadableImage(f"{dockerfile}: neither ENTRYPOINT nor CMD")
    return Image(root, workdir, entrypoint, command, env, _digest(dockerfile, root))


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    joined = re.sub(r"\\[ \t]*\n", " ", re.sub(r"(?m)^\s*#.*\n?", "", text))
    for line in joined.splitlines():
        if words := line.split(maxsplit=1):
            yield words[0].upper(), "".join(words[1:]).strip()


def _absolute(workdir: PurePosixPath, path: str) -> PurePosixPath:
    # As in a container, the root is its own parent: no path leads out of the image.
    return PurePosixPath("/" + posixpath.normpath(workdir / path).lstrip("/"))


def _expand(text: str, env: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda match: env.get(match[1] or match[2], ""), text)


def _assignments(text: str, env: dict[str, str]) -> dict[str, str]:
    words = shlex.split(_expand(text, env))
    if words and "=" not in words[0]:  # the old form: ENV NAME the rest
        name, _, value = text.partition(" ")
        return {name: _expand(value.strip(), env)}
    return dict(word.split("=", 1) for word in words)


def _argv(text: str) -> tuple[str, ...]:
    if text.startswith("["):
        try:
            return tuple(str(word) for word in json.loads(text))
        except json.JSONDecodeError as error:
            raise UnreadableImage(f"not a JSON list: {text} ({error})") from None
    return ("/bin/sh", "-c", text)


def _copy(folder: Path, root: Path, workdir: PurePosixPath, text: str) -> None:
    words = list(_argv(text)) if text.startswith("[") else shlex.split(text)
    if any(word.startswith("--from") for word in words):
        return  # from another stage, which is not built
    *sources, target = [word for word in words if not word.startswith("--")]
    inside = _absolute(workdir, target)
    destination = root / inside.relative_to("/")
    into_folder = target.endswith(("/", ".")) or len(sources) > 1
    for source in sources:
        found = _found(folder, source)
        for path in found:
            if path.is_dir():
                shutil.copytree(path, destination, symlinks=True, dirs_exist_ok=True)
            elif into_folder or len(found) > 1 or destination.is_dir():
                destination.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, destination / path.name)
            else:
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, destination)


def _found(folder: Path, source: str) -> list[Path]:
    """Return what COPY means by a source: files and folders of the build context."""
    found = sorted(folder.glob(source.lstrip("/"))) if source not in (".", "./") else [folder]
    if not found:
        raise UnreadableImage(f"{folder}: COPY finds no {source}")
    if not all(path.resolve().is_relative_to(folder.resolve()) for path in found):
        raise UnreadableImage(f"{folder}: COPY {source} leaves the build context")
    return found


def _digest(dockerfile: Path, root: Path) -> str:
    digest = hashlib.sha256(dockerfile.read_bytes())
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return f"sha256:{digest.hexdigest()}"
