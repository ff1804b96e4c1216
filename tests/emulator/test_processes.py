"""Containers as real local processes."""

import asyncio
import sys
from pathlib import Path

import pytest

from dagster_spcs.emulator.containers import processes
from dagster_spcs.emulator.containers.images import Image
from dagster_spcs.emulator.containers.logs import ContainerLog
from dagster_spcs.emulator.containers.processes import CannotStart, ContainerProcess, command_line
from tests.support.emulators import DEADLINE_SECONDS, is_gone, until

ENV = {"PATH": "/usr/bin:/bin", "GREETING": "hello"}


@pytest.fixture
def log(tmp_path: Path) -> ContainerLog:
    """The container's log."""
    return ContainerLog(tmp_path / "log")


def run(shell: Image, log: ContainerLog, script: str) -> int:
    """Run a shell script to its end."""
    argv = command_line(shell, None, (script,))
    work = ContainerProcess(log).run(argv, shell.root, ENV)
    return asyncio.run(asyncio.wait_for(work, DEADLINE_SECONDS))


async def printed(log: ContainerLog, text: str) -> None:
    """Wait until a line is in the log."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while text not in texts(log):
            await asyncio.sleep(0.005)


def texts(log: ContainerLog) -> list[str]:
    """Return the lines' texts."""
    return [record.text for record in log.records()]


def open_files() -> int:
    """Count this process's file descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("script", "code"),
    [
        pytest.param("true", 0, id="success"),
        pytest.param("exit 3", 3, id="exit-3"),
        pytest.param("kill -9 $$", 137, id="killed"),
        pytest.param("kill -15 $$", 143, id="terminated"),
        pytest.param("no-such-command", 127, id="shell-finds-nothing"),
    ],
)
def test_exit_codes(shell: Image, log: ContainerLog, script: str, code: int) -> None:
    """A death by signal n is 128 + n, as in a container."""
    assert run(shell, log, script) == code


def test_output(shell: Image, log: ContainerLog) -> None:
    """Both streams are kept line by line, the last line without a newline too."""
    run(shell, log, r"echo $GREETING; echo; printf 'a\r\nb\rc\n'; printf end; echo oh >&2")
    out = [record.text for record in log.records() if record.stream == "stdout"]
    err = [record.text for record in log.records() if record.stream == "stderr"]
    assert (out, err) == (["hello", "", "a", "b\rc", "end"], ["oh"])


def test_characters_at_every_border(
    shell: Image, log: ContainerLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line without an end is kept in pieces, and no character of UTF-8 is torn between them."""
    monkeypatch.setattr(processes, "MAX_UNFINISHED_LINE", 1000)
    monkeypatch.setattr(processes, "CHUNK", 61)
    text = "aä€😀" * 2000
    (shell.root / "text").write_text(text, encoding="utf-8")
    run(shell, log, "cat text")
    assert len(texts(log)) > 1
    assert "".join(texts(log)) == text


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["/no/such/program"], id="missing"),
        pytest.param(["/etc/hostname"], id="not-executable"),
        pytest.param(["/bin/echo", "a\0b"], id="nul-in-an-argument"),
    ],
)
def test_what_cannot_start(shell: Image, log: ContainerLog, argv: list[str]) -> None:
    """A command that cannot be run is told from one that fails, and leaves no open file."""
    before = open_files()
    with pytest.raises(CannotStart):
        asyncio.run(ContainerProcess(log).run(argv, shell.root, ENV))
    assert open_files() == before


def test_python_is_the_emulators_own(shell: Image) -> None:
    """``python`` in an image is the interpreter that runs the emulator."""
    for word in ("python", "python3", "/usr/local/bin/python3.11"):
        assert command_line(shell, (word, "-V"), None) == [sys.executable, "-V"]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    "child",
    [
        pytest.param("sleep 600 & echo $!", id="in-the-background"),
        pytest.param("setsid sleep 600 & echo $!", id="in-a-session-of-its-own"),
        pytest.param("(trap '' TERM HUP; setsid sleep 600 >/dev/null 2>&1 & echo $!)", id="daemon"),
        pytest.param("(sleep 600 & echo $!; wait) & sleep 0.05", id="grandchild"),
    ],
)
def test_nothing_is_left_behind(shell: Image, log: ContainerLog, child: str) -> None:
    """A container's end is the end of all its processes, whatever they did to get away."""
    assert run(shell, log, f"{child}; exit 5") == 5
    (pid,) = map(int, texts(log))
    until(lambda: is_gone(pid))


@pytest.mark.parametrize(
    ("script", "grace", "code", "last"),
    [
        pytest.param("trap 'echo bye; exit 4' TERM", 60, 4, "bye", id="term-honoured"),
        pytest.param("trap 'exit 0' TERM", 60, 0, "ready", id="ends-well"),
        pytest.param("trap '' TERM", 0.05, 137, "ready", id="term-ignored"),
        pytest.param("", 60, 143, "ready", id="no-trap"),
    ],
)
def test_stop(
    shell: Image, log: ContainerLog, script: str, grace: float, code: int, last: str
) -> None:
    """TERM first, KILL when the grace is over; what it prints on the way is kept."""
    loop = "while :; do sleep 0.01; done"
    argv = command_line(shell, None, (f"{script}\necho ready\n{loop}",))

    async def test() -> int:
        process = ContainerProcess(log)
        running = asyncio.create_task(process.run(argv, shell.root, ENV))
        await printed(log, "ready")
        await process.stop(grace)
        return await asyncio.wait_for(running, DEADLINE_SECONDS)

    assert asyncio.run(test()) == code
    # The shell itself may report the death of its ``sleep``.
    assert [text for text in texts(log) if text != "Terminated"][-1] == last


def test_stop_before_the_start(shell: Image, log: ContainerLog) -> None:
    """A container told to stop while it is being started stops."""

    async def test() -> int:
        process = ContainerProcess(log)
        stopping = asyncio.create_task(process.stop(60))
        await asyncio.sleep(0)
        argv = command_line(shell, None, ("sleep 600",))
        code = await asyncio.wait_for(process.run(argv, shell.root, ENV), DEADLINE_SECONDS)
        await stopping
        return code

    assert asyncio.run(test()) == 143


def test_stop_after_the_end(shell: Image, log: ContainerLog) -> None:
    """Stopping a container that has ended changes nothing."""

    async def test() -> int:
        process = ContainerProcess(log)
        code = await process.run(command_line(shell, None, ("exit 7",)), shell.root, ENV)
        await process.stop(60)
        process.kill()
        return code

    assert asyncio.run(test()) == 7


def test_no_file_stays_open(shell: Image, log: ContainerLog) -> None:
    """A container that ended holds no file descriptor of the emulator."""
    before = open_files()
    for _ in range(5):
        run(shell, log, "echo x; echo y >&2")
    assert open_files() == before
