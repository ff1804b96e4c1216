"""The JSON schema of ``job`` in a ``defs.yaml``: what ``dg check yaml`` and editors know of it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from dagster_spcs.components.connection import attributes
from dagster_spcs.spcs.request import JobRequest, StageFile
from dagster_spcs.spec import ServiceSpec

Schema = dict[str, Any]
_EXPRESSION: Schema = {"type": "string", "pattern": r"\{\{|\{%"}
_TEXT: Schema = {"type": "string"}
_CPU: Schema = {"type": ["string", "number"]}
_LEFT_OUT = ("title", "default", "description", "properties", "items", "$defs")
_FROM_TEXT = {"integer": ["integer", "string"], "number": ["number", "string"]}
"""Numbers may be written in quotes."""


@cache
def job_schema() -> Schema:
    """Return the schema; where something else than text is wanted, an expression may stand."""
    request = JobRequest.model_json_schema(by_alias=True)
    fields = {
        name: _plain(schema, request["$defs"])
        for name, schema in request["properties"].items()
        if name not in ("spec", "timeout", "start_timeout")
    }
    stage_file = StageFile.model_json_schema()
    stage = _plain(stage_file, stage_file.get("$defs", {}))
    seconds = _or_expression({"type": "number", "exclusiveMinimum": 0})
    return {
        "type": "object",
        "properties": {
            "spec": _specification(),
            "spec_file": _TEXT,
            "stage_file": stage,
            "template": _TEXT,
            "template_stage_file": stage,
            "template_values": _or_expression({"type": "object"}),
            "timeout_seconds": seconds,
            "start_timeout_seconds": seconds,
            **fields,
        },
        "additionalProperties": False,
    }


def describe_fields(component: Schema) -> None:
    """Tell the schema of a component what it may hold where the model takes any mapping or text."""
    known = {
        "job": job_schema(),
        "snowflake": {
            "type": "object",
            "properties": {name: {} for name in attributes()},
            "additionalProperties": False,
        },
    }
    for name, schema in known.items():
        field = component["properties"][name]
        field.pop("anyOf", None)
        field.update(_or_expression(schema))


def _specification() -> Schema:
    """Return the schema of a specification, with ``spec`` on top or without."""
    whole = ServiceSpec.model_json_schema(by_alias=True)
    inner = _plain(whole, whole["$defs"])["else"]
    properties = inner["properties"]
    # Official samples write these two in the singular.
    for singular in ("container", "endpoint"):
        properties[singular] = properties[f"{singular}s"]
    top = {name: properties[name] for name in ("capabilities", "serviceRoles")}
    inner.pop("required", None)
    inside = {
        **inner,
        "properties": {name: each for name, each in properties.items() if name not in top},
    }
    wrapped = {
        "type": "object",
        "properties": {"spec": _or_expression(inside), **top},
        "required": ["spec"],
        "additionalProperties": False,
    }
    is_wrapped = {"type": "object", "required": ["spec"]}
    return _or_expression({"if": is_wrapped, "then": wrapped, "else": inside})


def _or_expression(schema: Schema) -> Schema:
    """Return a schema that takes an expression, too; its own complaints are told otherwise."""
    return {"if": _EXPRESSION, "then": True, "else": schema}


def _plain(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Return a schema without references, null and titles, that takes expressions."""
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    choices = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(choices) == 1:
        return _plain(choices[0], definitions)
    if choices:
        return _or_expression({"anyOf": [_plain(each, definitions) for each in choices]})
    kept = {key: value for key, value in schema.items() if key not in _LEFT_OUT}
    if schema.get("type") in _FROM_TEXT:
        kept["type"] = _FROM_TEXT[schema["type"]]
    kept |= _parts(schema, definitions)
    return kept if kept == _TEXT else _or_expression(kept)


def _parts(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Return what a schema says of the parts of its values."""
    parts: Schema = {
        inner: _plain(schema[inner], definitions)
        for inner in ("items", "additionalProperties")
        if isinstance(schema.get(inner), dict)
    }
    if "properties" in schema:
        parts["properties"] = {
            name: _CPU if name == "cpu" else _plain(each, definitions)
            for name, each in schema["properties"].items()
        }
    return parts
