"""The connection and the sensor that a job component brings with it, so that YAML is enough."""

import difflib
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import dagster as dg
from pydantic import ValidationError

from dagster_spcs.components.refusals import accepted, told_later
from dagster_spcs.components.values import render
from dagster_spcs.polling_sensor import build_spcs_polling_sensor
from dagster_spcs.resource import SpcsJobResource

_VARIABLE = re.compile(r"\{\{\s*env\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_DEFAULTS = {"autocommit": True, "login_timeout": 20}
"""A tick has 60 seconds, and is to report an outage in time."""


@told_later
def resolve_connection(context: dg.ResolutionContext, value: Any) -> Any:
    """Return the attributes of a ``SnowflakeResource``, or the resource that an expression gives.

    `{{ env.NAME }}` as a whole stays a reference to the variable, so that no page shows its value.

    Raises:
        dagster.DagsterInvalidDefinitionError: if there is no such attribute.
    """
    if not isinstance(value, Mapping):
        return render(value, context.scope, "snowflake")
    known = attributes()
    for name in value:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; write {close[0]}" if close else f"; there are {', '.join(known)}"
            raise dg.DagsterInvalidDefinitionError(
                f"snowflake: a SnowflakeResource has no attribute {name!r}{hint}"
            )
    return {
        name: each if _variable_of(each) else render(each, context.scope, f"snowflake.{name}")
        for name, each in value.items()
    }


def attributes() -> list[str]:
    """Return the names that ``snowflake`` may have."""
    # Imported here because it costs several times what Dagster does.
    from dagster_snowflake import SnowflakeResource

    return [field.alias or name for name, field in SnowflakeResource.model_fields.items()]


def _variable_of(value: Any) -> str | None:
    """Return the name of the variable that a text refers to as a whole, None if it does not."""
    found = _VARIABLE.fullmatch(value.strip()) if isinstance(value, str) else None
    return None if found is None else found[1]


def resource_of(connection: Any) -> SpcsJobResource:
    """Return the resource over a connection: the same one for the same attributes.

    Several files may name the same connection; two resources under one key would be refused.

    Raises:
        dagster.DagsterInvalidDefinitionError: if an attribute cannot be meant.
    """
    connection = accepted(connection)
    if isinstance(connection, Mapping):
        return _resource_of(json.dumps(connection, sort_keys=True))
    return SpcsJobResource(snowflake=connection)


@cache
def _resource_of(document: str) -> SpcsJobResource:
    from dagster_snowflake import SnowflakeResource

    given = {**_DEFAULTS, **json.loads(document)}
    values: dict[str, Any] = {
        name: dg.EnvVar(variable) if (variable := _variable_of(value)) else value
        for name, value in given.items()
    }
    try:
        return SpcsJobResource(snowflake=SnowflakeResource(**values))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, ("snowflake", *first["loc"])))
        raise dg.DagsterInvalidDefinitionError(f"{place}: {first['msg']}") from None


@cache
def sensor_of(resource_key: str) -> dg.SensorDefinition:
    """Return the polling sensor of a resource: the same one for every file that asks for it."""
    name = "spcs_polling_sensor"
    if resource_key != "spcs":
        name = f"{name}_{resource_key}"
    return build_spcs_polling_sensor(name=name, resource_key=resource_key)
