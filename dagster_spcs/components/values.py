"""Values of a ``defs.yaml`` as they are written, and the expressions in them.

Dagster renders every text and then reads the result as Python: `"1.10"` becomes 1.1, and `"None"`
nothing. What a container gets has to stay what is written. So a text without an expression is left
alone. One that is an expression as a whole becomes its value. One with expressions in it stays
text.
"""

import re
from collections.abc import Mapping
from typing import Any

import dagster as dg
from jinja2 import Environment, StrictUndefined, TemplateError, UndefinedError

_MARKS = re.compile(r"\{\{|\{%|\{#")
_WHOLE = re.compile(r"\{\{((?:(?!\}\}).)*)\}\}", re.DOTALL)


def render(value: Any, scope: Mapping[str, Any], place: str) -> Any:
    """Return a value with its expressions rendered, in lists and mappings as well.

    Args:
        value: as it stands in the file.
        scope: what expressions may name.
        place: of the value in the file, for errors.

    Raises:
        dagster.DagsterInvalidDefinitionError: if an expression names what there is not, or makes
            nothing.
    """
    if isinstance(value, Mapping):
        return {key: render(each, scope, f"{place}.{key}") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [render(each, scope, f"{place}.{index}") for index, each in enumerate(value)]
    if not isinstance(value, str) or not _MARKS.search(value):
        return value
    try:
        return _render(value, scope)
    except UndefinedError as error:
        known = ", ".join(sorted(map(str, scope)))
        raise dg.DagsterInvalidDefinitionError(
            f"{place}: {error.message}; an expression may name {known}"
        ) from None
    except TemplateError as error:
        raise dg.DagsterInvalidDefinitionError(
            f"{place}: this is no expression that can be rendered ({error.message})"
        ) from None


def _render(text: str, scope: Mapping[str, Any]) -> Any:
    environment = Environment(  # noqa: S701  no page is made of it
        undefined=StrictUndefined, finalize=_some, keep_trailing_newline=True
    )
    whole = _WHOLE.fullmatch(text.strip())
    if whole is None:
        return environment.from_string(text).render(scope)
    value = environment.compile_expression(whole[1], undefined_to_none=False)(**scope)
    if isinstance(value, StrictUndefined):
        str(value)  # raises, and says what is undefined
    return _some(value)


def _some(value: Any) -> Any:
    if value is None:
        raise UndefinedError(
            "the expression makes nothing; give a variable of the environment that may be missing"
            " a default: env('NAME', 'default')"
        )
    return value
