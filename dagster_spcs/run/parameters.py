"""The parameters of a job asset's function: what ``dagster.asset`` fills, the step fills too."""

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dagster as dg

_ANY_OTHERS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
"""``*args`` and ``**kwargs`` of a wrapper: there is nothing to fill them with."""


class Parameters:
    """What a user's function takes.

    Args:
        function: the user's.
        resource_keys: of the resources that the step needs besides, its ``SpcsJobResource`` first.

    Raises:
        dagster.DagsterInvalidDefinitionError: if a parameter is neither the context, nor
            configuration, nor a resource, if its annotation cannot be found, or if the function
            is a generator.
    """

    def __init__(self, function: Callable[..., Any], resource_keys: Iterable[str]) -> None:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise dg.DagsterInvalidDefinitionError(
                f"{function.__name__} yields: a job function returns what is to be run"
            )
        self._function = function
        own = [
            _resolved(function, each)
            for each in inspect.signature(function).parameters.values()
            if each.kind not in _ANY_OTHERS
        ]
        first = next(iter(own), None)
        self._takes_context = first is not None and (
            first.name in ("context", "_", "__") or first.annotation is dg.AssetExecutionContext
        )
        self._filled = own[int(self._takes_context) :]
        self._resource_keys = tuple(resource_keys)
        self._refuse_inputs()

    def give_to(self, run: Callable[..., Any]) -> None:
        """Give the step's function these parameters, so that Dagster fills them.

        The resources that only the step needs are among them: Dagster takes either parameters or
        ``required_resource_keys``.
        """
        context = inspect.Parameter(
            "context",
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            annotation=dg.AssetExecutionContext,
        )
        known = {each.name for each in self._filled}
        others = [
            inspect.Parameter(
                key, inspect.Parameter.KEYWORD_ONLY, annotation=dg.ResourceParam[object]
            )
            for key in dict.fromkeys(self._resource_keys)
            if key not in known
        ]
        _give(run, [context, *self._filled, *others])

    def call(self, context: Any, arguments: Mapping[str, Any]) -> Any:
        """Call the user's function with those of the step's arguments that it takes."""
        own = {each.name: arguments[each.name] for each in self._filled}
        made = self._function(context, **own) if self._takes_context else self._function(**own)
        return asyncio.run(made) if inspect.iscoroutine(made) else made

    def _refuse_inputs(self) -> None:
        """Refuse what Dagster would take for the value of another asset."""
        if not self._filled:
            return  # as of most functions: a probe takes as long as half of a definition

        def probe(**_: Any) -> None: ...

        _give(probe, self._filled)
        inputs = ", ".join(dg.op(probe).ins)
        if inputs:
            raise dg.DagsterInvalidDefinitionError(
                f"{self._function.__name__}: the parameter {inputs} is neither context, config"
                " nor a resource. A job reads other assets' tables by itself: name them in"
                f" deps=[{inputs!r}] instead. A resource needs its class as annotation."
            )


def _give(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
    """Let a function seem to have these parameters; Dagster reads both."""
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {each.name: each.annotation for each in parameters}


def _resolved(function: Callable[..., Any], parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter whose annotation is no text, as ``from __future__`` makes it."""
    if not isinstance(parameter.annotation, str):
        return parameter
    original: Any = inspect.unwrap(function)
    try:
        nonlocals = dict(inspect.getclosurevars(original).nonlocals)
        annotation = eval(parameter.annotation, dict(original.__globals__), nonlocals)  # noqa: S307
    except Exception as error:
        if parameter.name == "context":
            return parameter.replace(annotation=dg.AssetExecutionContext)
        raise dg.DagsterInvalidDefinitionError(
            f"{original.__name__}: the annotation {parameter.annotation} of {parameter.name}"
            f" cannot be found ({error}). Import it at the top of the module, and not for type"
            " checkers only."
        ) from error
    return parameter.replace(annotation=annotation)
