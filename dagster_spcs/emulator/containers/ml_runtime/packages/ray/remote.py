"""Tasks and actors, run in the process that calls them; named actors are kept in files."""

import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cloudpickle

from ray.cluster import Cluster


class ObjectRef:
    """What a task gave, or the error it raised."""

    def __init__(self, value: Any = None, error: Exception | None = None) -> None:
        self.value = value
        self.error = error


def get(refs: Any, timeout: float | None = None) -> Any:
    """Return the values of references, or raise the first error."""
    del timeout  # all is done already
    if isinstance(refs, list | tuple):
        return [get(each) for each in refs]
    if refs.error is not None:
        raise refs.error
    return refs.value


def put(value: Any) -> ObjectRef:
    """Return a reference to a value."""
    return ObjectRef(value)


def wait(
    refs: Sequence[ObjectRef], num_returns: int = 1, **_: Any
) -> tuple[list[ObjectRef], list[ObjectRef]]:
    """Return what is done and what is not; all is done already."""
    return list(refs[:num_returns]), list(refs[num_returns:])


def remote(*args: Any, **_: Any) -> Any:
    """Decorate a function or a class, with options or without."""

    def wrap(thing: Any) -> Any:
        return _ActorClass(thing) if isinstance(thing, type) else _Task(thing)

    return wrap(args[0]) if args and callable(args[0]) else wrap


def get_actor(name: str, namespace: str | None = None) -> "ActorHandle":
    """Return a named actor; ValueError if there is none."""
    path = _path(f"{namespace}-{name}")
    if not path.exists():
        raise ValueError(f"Failed to look up actor with name '{name}'.")
    return ActorHandle(path)


def kill(actor: "ActorHandle", **_: Any) -> None:
    """End an actor."""
    actor._path.unlink(missing_ok=True)


def _path(name: str) -> Path:
    folder: Path = Cluster.of_job().folder
    return folder / f"actor-{name}.pickle"


def _called(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> ObjectRef:
    try:
        given = [get(each) if isinstance(each, ObjectRef) else each for each in args]
        return ObjectRef(function(*given, **kwargs))
    except Exception as error:  # raised where the result is asked for, as in Ray
        return ObjectRef(error=error)


class _Task:
    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        functools.update_wrapper(self, function)  # type: ignore[arg-type]

    def options(self, **_: Any) -> "_Task":
        return self

    def remote(self, *args: Any, **kwargs: Any) -> ObjectRef:
        return _called(self._function, args, kwargs)


class _ActorClass:
    def __init__(self, cls: type, name: str | None = None) -> None:
        self._cls = cls
        self._name = name

    def options(
        self, name: str | None = None, namespace: str | None = None, **_: Any
    ) -> "_ActorClass":
        return _ActorClass(self._cls, f"{namespace}-{name}" if name else None)

    def remote(self, *args: Any, **kwargs: Any) -> "ActorHandle":
        path = _path(self._name or uuid.uuid4().hex)
        with Cluster.of_job().locked():
            path.write_bytes(cloudpickle.dumps(self._cls(*args, **kwargs)))
        return ActorHandle(path)


class ActorHandle:
    """An actor; each call reads its state and writes it back."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getattr__(self, name: str) -> "_Method":
        if name.startswith("_"):
            raise AttributeError(name)
        return _Method(self._path, name)


class _Method:
    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name

    def remote(self, *args: Any, **kwargs: Any) -> ObjectRef:
        def call() -> Any:
            with Cluster.of_job().locked():
                actor = cloudpickle.loads(self._path.read_bytes())
                result = getattr(actor, self._name)(*args, **kwargs)
                self._path.write_bytes(cloudpickle.dumps(actor))
            return result

        return _called(call, (), {})
