"""Refusing a part of a ``defs.yaml`` without showing the file.

To an error that comes up while it resolves a file, Dagster adds the lines around the place; they
may hold a password or a variable of a container. So a resolver of ours hands the error on instead,
and it is raised when the definitions are built.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import dagster as dg

Resolve = Callable[[dg.ResolutionContext, Any], Any]
_REFUSED = "\0refused"


def told_later(resolve: Resolve) -> Resolve:
    """Return a resolver that hands its error on."""

    @wraps(resolve)
    def resolve_or_refuse(context: dg.ResolutionContext, value: Any) -> Any:
        try:
            return resolve(context, value)
        except dg.DagsterInvalidDefinitionError as error:
            return {_REFUSED: error}

    return resolve_or_refuse


def accepted(value: Any) -> Any:
    """Return what a resolver returned, or raise the error that it has handed on."""
    if isinstance(value, Mapping) and _REFUSED in value:
        raise value[_REFUSED]
    return value
