"""Build contexts, read through their Dockerfiles."""

from pathlib import Path

import pytest

from dagster_spcs.emulator.containers.images import (
    Image,
    Images,
    UnreadableImage,
    read_build_context,
)
from dagster_spcs.emulator.containers.processes import CannotStart, command_line
from tests.support.emulators import build_context


@pytest.fixture
def read(tmp_path: Path):
    """Read a Dockerfile beside the files ``a.txt``, ``b.txt`` and ``src/lib/c.py``."""

    def read(dockerfile: str) -> Image:
        folder = build_context(tmp_path / "context", dockerfile, a_txt="a", b_txt="b")
        (folder / "src" / "lib").mkdir(parents=True, exist_ok=True)
        (folder / "src" / "lib" / "c.py").write_text("c")
        (folder / "src" / "link").unlink(missing_ok=True)
        (folder / "src" / "link").symlink_to("/etc/passwd")
        return read_build_context(folder, tmp_path / "root")

    return read


@pytest.mark.parametrize(
    ("lines", "entrypoint", "command"),
    [
        pytest.param('ENTRYPOINT ["a", "b c"]', ("a", "b c"), (), id="exec-entrypoint"),
        pytest.param("ENTRYPOINT a 'b c'", ("/bin/sh", "-c", "a 'b c'"), (), id="shell-entrypoint"),
        pytest.param('CMD ["x"]', (), ("x",), id="exec-command"),
        pytest.param("CMD x $Y", (), ("/bin/sh", "-c", "x $Y"), id="shell-command"),
        pytest.param('ENTRYPOINT ["a"]\nCMD ["x"]', ("a",), ("x",), id="both"),
        pytest.param('CMD ["x"]\nCMD ["y"]', (), ("y",), id="the-last-one-counts"),
        pytest.param('entrypoint\t["a"]', ("a",), (), id="lower-case-and-tab"),
        pytest.param('ENTRYPOINT ["a", \\\n  # why\n  "b"]', ("a", "b"), (), id="continued"),
    ],
)
def test_what_runs(read, lines: str, entrypoint: tuple[str, ...], command: tuple[str, ...]) -> None:
    """ENTRYPOINT and CMD are taken in their exec and their shell form."""
    image = read(f"FROM scratch\n{lines}\n")
    assert (image.entrypoint, image.command) == (entrypoint, command)


@pytest.mark.parametrize(
    ("lines", "env"),
    [
        pytest.param(
            "ENV A=1 B='two words' C=\"x\"", {"A": "1", "B": "two words", "C": "x"}, id="new"
        ),
        pytest.param("ENV A the rest of it", {"A": "the rest of it"}, id="old-form"),
        pytest.param("ENV A=1\nENV B=$A${A}x", {"A": "1", "B": "11x"}, id="expanded"),
        pytest.param("ARG V=7\nENV A=${V}", {"V": "7", "A": "7"}, id="argument"),
    ],
)
def test_environment(read, lines: str, env: dict[str, str]) -> None:
    """ENV is taken in both forms, and variables set before are filled in."""
    assert read(f"FROM scratch\n{lines}\nCMD x\n").env == env


@pytest.mark.parametrize(
    ("lines", "files"),
    [
        pytest.param("COPY a.txt /app/", {"app/a.txt"}, id="file-into-folder"),
        pytest.param("COPY a.txt /app/x.txt", {"app/x.txt"}, id="file-renamed"),
        pytest.param("COPY a.txt b.txt /app/", {"app/a.txt", "app/b.txt"}, id="several"),
        pytest.param("COPY *.txt /app/", {"app/a.txt", "app/b.txt"}, id="glob"),
        pytest.param("COPY src/lib /app", {"app/c.py"}, id="folder"),
        pytest.param('COPY ["a.txt", "/my app/"]', {"my app/a.txt"}, id="exec-form"),
        pytest.param("ADD --chown=1:1 a.txt /", {"a.txt"}, id="add-with-a-flag"),
        pytest.param("WORKDIR /app\nCOPY a.txt .", {"app/a.txt"}, id="into-workdir"),
        pytest.param("ENV D=/data\nCOPY a.txt $D/", {"data/a.txt"}, id="variable"),
        pytest.param("COPY a.txt ../../../up.txt", {"up.txt"}, id="root-is-its-own-parent"),
        pytest.param(
            "FROM x AS b\nCOPY a.txt /\nFROM y\nCOPY --from=b /a.txt /", set(), id="stages"
        ),
    ],
)
def test_copied_files(read, lines: str, files: set[str]) -> None:
    """COPY and ADD lay files out below the image's root, and nowhere else."""
    image = read(f"FROM scratch\n{lines}\nCMD x\n")
    found = {str(path.relative_to(image.root)) for path in image.root.rglob("*") if path.is_file()}
    assert found == files


def test_the_whole_context(read) -> None:
    """``COPY . .`` copies everything; a link stays a link, so nothing outside is copied."""
    image = read("FROM scratch\nWORKDIR /app\nCOPY . .\nCMD x\n")
    assert (image.root / "app" / "src" / "lib" / "c.py").read_text() == "c"
    assert (image.root / "app" / "src" / "link").is_symlink()


@pytest.mark.parametrize(
    ("lines", "workdir"),
    [
        pytest.param("", "/", id="none"),
        pytest.param("WORKDIR /a/b", "/a/b", id="absolute"),
        pytest.param("WORKDIR /a\nWORKDIR b", "/a/b", id="relative"),
        pytest.param("WORKDIR /a\nWORKDIR ../../..", "/", id="root-is-its-own-parent"),
    ],
)
def test_working_directory(read, lines: str, workdir: str) -> None:
    """WORKDIR adds up and exists."""
    image = read(f"FROM scratch\n{lines}\nCMD x\n")
    assert str(image.workdir) == workdir
    assert image.inside(image.workdir).is_dir()
    assert image.inside(image.workdir).resolve().is_relative_to(image.root.resolve())


def test_only_the_last_stage_counts(read) -> None:
    """What an earlier stage set is gone."""
    image = read(
        'FROM a AS build\nENV A=1\nWORKDIR /b\nENTRYPOINT ["b"]\nRUN make\nFROM c\nCMD x\n'
    )
    assert (image.env, str(image.workdir), image.entrypoint) == ({}, "/", ())


@pytest.mark.parametrize(
    ("dockerfile", "says"),
    [
        pytest.param("FROM a\nCOPY ../secret /\nCMD x", "leaves the build context", id="parent"),
        pytest.param("FROM a\nCOPY outside /\nCMD x", "leaves the build context", id="link"),
        pytest.param("FROM a\nCOPY missing /\nCMD x", "COPY finds no missing", id="missing-file"),
        pytest.param("FROM a\nCMD [x]", "not a JSON list", id="bad-exec-form"),
        pytest.param("FROM a\nCOPPY x y", "unknown instruction COPPY", id="typing-error"),
        pytest.param("FROM a\nRUN x", "neither ENTRYPOINT nor CMD", id="nothing-to-run"),
    ],
)
def test_refusals(tmp_path: Path, dockerfile: str, says: str) -> None:
    """A build context that cannot be used is refused with its reason."""
    (tmp_path / "secret").write_text("s")
    folder = build_context(tmp_path / "context", dockerfile)
    (folder / "outside").symlink_to(tmp_path / "secret")
    with pytest.raises(UnreadableImage, match=says):
        read_build_context(folder, tmp_path / "root")


def test_a_missing_dockerfile(tmp_path: Path) -> None:
    """A folder without a Dockerfile is refused by its name."""
    with pytest.raises(UnreadableImage, match=f"no Dockerfile in {tmp_path}"):
        read_build_context(tmp_path, tmp_path / "root")


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    """Same content, same digest; other content, other digest."""
    digests = [
        read_build_context(
            build_context(tmp_path / name, "FROM a\nCOPY x.txt /\nCMD x", x_txt=text),
            tmp_path / f"{name}-root",
        ).digest
        for name, text in [("one", "1"), ("same", "1"), ("other", "2")]
    ]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("given", "asked", "found"),
    [
        pytest.param("/d/s/r/i:1", "/d/s/r/i:1", True, id="same"),
        pytest.param("/d/s/r/i:1", "host.example.com/d/s/r/i:1", True, id="registry-host"),
        pytest.param("/d/s/r/i:1", "d/s/r/i:1@sha256:00", True, id="digest"),
        pytest.param("/d/s/r/i", "/d/s/r/i:7", True, id="any-tag"),
        pytest.param("/d/s/r/i:1", "/d/s/r/i:2", False, id="other-tag"),
        pytest.param("/d/s/r/i:1", "/d/s/r/j:1", False, id="other-image"),
    ],
)
def test_finding_an_image(tmp_path: Path, given: str, asked: str, found: bool) -> None:
    """An image is found by its path in the repository and its tag."""
    images = Images(tmp_path / "scratch")
    images.add(given, build_context(tmp_path / "context", "FROM a\nCMD x"))
    assert (images.find(asked) is not None) is found


@pytest.mark.parametrize(
    ("command", "args", "words"),
    [
        pytest.param(None, None, ["entry", "cmd"], id="image-as-it-is"),
        pytest.param(None, ("a",), ["entry", "a"], id="args-replace-cmd"),
        pytest.param(("c",), None, ["c"], id="command-replaces-both"),
        pytest.param(("c",), ("a",), ["c", "a"], id="command-and-args"),
    ],
)
def test_command_and_args(read, command, args, words: list[str]) -> None:
    """``command`` and ``args`` replace ENTRYPOINT and CMD as in Kubernetes."""
    image = read('FROM scratch\nENTRYPOINT ["entry"]\nCMD ["cmd"]\n')
    assert command_line(image, command, args) == words


def test_paths_of_the_image_are_found_on_disk(read) -> None:
    """A path that the image has is led to its file; one of this machine stays."""
    image = read("FROM scratch\nWORKDIR /app\nCOPY a.txt .\nCMD x\n")
    words = command_line(image, ("./run", "/app/a.txt", "/etc/hosts", "/app/../x"), None)
    app = image.root / "app"
    assert words == [str(app / "run"), str(app / "a.txt"), "/etc/hosts", "/app/../x"]


def test_nothing_to_run(read) -> None:
    """An empty command cannot start."""
    with pytest.raises(CannotStart, match="no command"):
        command_line(read("FROM a\nENTRYPOINT []\nCMD x"), (), None)
