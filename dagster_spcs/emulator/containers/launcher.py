"""Gives a container its own view of files and processes, and runs its command there.

Run as a program: ``launcher.py <plan as JSON> <command> <argument …>``. It takes a namespace for
mounts and one for processes (and, for a user who is not root, a user namespace in which nothing
else changes), builds a root of the machine's folders with the image's files laid over them, mounts
the token and the volumes where the specification says, and runs the command. What fails is written
to the file descriptor that the plan names.

Three processes: this one, which the emulator knows; the first of the namespace, which ends with the
command and takes all that is left with it, daemons too; and the command. Each ends when the one
before it does, so that nothing outlives an emulator that was killed.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # the module is costly, and runs before each container
    from typing import Any

_CLONE_NEWNS = 0x00020000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_MS_BIND = 4096
_MS_REC = 16384
_MS_PRIVATE = 1 << 18


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(
    libc: Any,
    source: str | None,
    target: str,
    kind: str | None = None,
    flags: int = 0,
    data: str | None = None,
) -> None:
    encoded = [None if each is None else os.fsencode(each) for each in (source, target, kind)]
    options = None if data is None else os.fsencode(data)
    _check(libc.mount(*encoded, ctypes.c_ulong(flags), options), f"mount {target}")


def _own_namespace(libc: Any) -> None:
    user, group = os.getuid(), os.getgid()
    wanted = _CLONE_NEWNS | _CLONE_NEWPID | (_CLONE_NEWUSER if user else 0)
    _check(libc.unshare(wanted), "unshare")
    if user:
        maps = {"uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
        for name, text in {"setgroups": "deny", **maps}.items():
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _mount(libc, None, "/", flags=_MS_REC | _MS_PRIVATE)


def _show_machine(libc: Any, root: str, hidden: set[str]) -> None:
    """Put every folder of the machine's root under ours, as it is."""
    for entry in os.scandir("/"):
        place = os.path.join(root, entry.name)
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), place)
        elif entry.name in hidden:
            os.mkdir(place)
        elif entry.name == "proc":
            os.mkdir(place)
            _show_processes(libc, place)
        elif entry.is_dir():
            os.mkdir(place)
            _mount(libc, entry.path, place, flags=_MS_BIND | _MS_REC)


def _show_processes(libc: Any, place: str) -> None:
    """Show the namespace's own processes, or the machine's where that is not granted."""
    try:
        _mount(libc, "proc", place, "proc")
    except OSError:
        _mount(libc, "/proc", place, flags=_MS_BIND | _MS_REC)


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def _lay_over(libc: Any, root: str, target: str, lower: list[str], upper: str | None) -> None:
    """Show folders as one; what the container writes there is its own."""
    place = root + target
    os.makedirs(place, exist_ok=True)
    lowers = ":".join(_escaped(folder) for folder in lower if os.path.isdir(folder))
    options = f"lowerdir={lowers}"
    if upper:
        work = f"{upper}.work"
        os.makedirs(upper, exist_ok=True)
        os.makedirs(work, exist_ok=True)
        options += f",upperdir={_escaped(upper)},workdir={_escaped(work)}"
    if os.getuid():
        options += ",userxattr"
    _mount(libc, "overlay", place, "overlay", 0, options)


def _bind(libc: Any, root: str, source: str, target: str) -> None:
    place = root + target
    if os.path.isdir(source):
        os.makedirs(place, exist_ok=True)
    elif not os.path.exists(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        open(place, "x").close()
    _mount(libc, source, place, flags=_MS_BIND | _MS_REC)


def _build(libc: Any, plan: dict[str, Any]) -> None:
    root = plan["root"]
    _mount(libc, "tmpfs", root, "tmpfs", 0, "mode=755")
    overlays = plan["overlays"]
    whole = {each["target"][1:] for each in overlays if each["target"].count("/") == 1}
    _show_machine(libc, root, whole)
    for each in overlays:
        _lay_over(libc, root, each["target"], each["lower"], each["upper"])
    for source, target in plan["binds"]:
        _bind(libc, root, source, target)
    os.chroot(root)
    os.chdir(plan["workdir"])


def _end_with_parent(libc: Any) -> None:
    _check(libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def _code(status: int) -> int:
    """Return an exit code: 128 + n for a death by signal n."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _watch(libc: Any, plan: dict[str, Any], command: list[str]) -> int:
    """Be the first process of the namespace: run the command, and reap until it has ended."""
    _end_with_parent(libc)
    _build(libc, plan)
    main = os.fork()
    if main == 0:
        os.execvp(command[0], command)
    os.close(plan["report"])
    while True:
        ended, status = os.wait()
        if ended == main:
            return _code(status)


def main() -> None:
    """Enter the namespaces and run the command; say what could not be done."""
    plan, command = json.loads(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(plan["report"], False)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        _end_with_parent(libc)
        if os.getppid() != plan["parent"]:
            os._exit(1)  # the emulator ended before it could be said that this is to end with it
        _own_namespace(libc)
        first = os.fork()
        if first == 0:
            os._exit(_watch(libc, plan, command))
    except OSError as error:
        text = error.strerror or str(error)
        os.write(plan["report"], f"{command[0]}: {text}".encode())
        os._exit(127)
    os.close(plan["report"])
    # Signals go to the whole group; the command decides what becomes of it.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(_code(os.waitpid(first, 0)[1]))


if __name__ == "__main__":
    main()
