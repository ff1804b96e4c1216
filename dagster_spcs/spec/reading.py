"""A specification's YAML, with the texts that a container gets as they are written.

YAML 1.1 reads `0123` as 83, `12:30` as 750, `1.10` as 1.1 and `NO` as false. A process gets text,
so values of ``env`` and items of ``args`` and ``command`` are not interpreted.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from dagster_spcs.errors import InvalidSpecification

_STANDARD = "tag:yaml.org,2002:"
_TEXT = f"{_STANDARD}str"
_MERGE = f"{_STANDARD}merge"
_GUESSED = {f"{_STANDARD}{kind}" for kind in ("int", "float", "bool", "timestamp", "value")}
"""What YAML takes a plain scalar for. Nothing, as in `V:`, is no text."""


def read_yaml(text: str) -> Any:
    """Return the plain data of a specification.

    Raises:
        InvalidSpecification: if it is not YAML; the error tells the place, and no value.
    """
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_node() if loader.check_node() else None
            if loader.check_node():
                raise InvalidSpecification("Invalid spec: it holds several YAML documents")
            _refuse_repeated_keys(node, set())
            for container in _containers(node):
                _keep_texts(container)
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except InvalidSpecification:
        raise
    except yaml.MarkedYAMLError as error:
        raise InvalidSpecification(f"Invalid spec: not YAML{_reason(error)}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        kind = type(error).__name__
        raise InvalidSpecification(f"Invalid spec: not YAML ({kind})") from None


def _reason(error: yaml.MarkedYAMLError) -> str:
    """Return what is wrong where. The error itself quotes the line, which may hold a secret."""
    # Only these two speak of characters and tokens; the others quote tags and aliases.
    is_of_syntax = isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError)
    what = f": {error.problem}" if is_of_syntax else ": an unknown tag or alias"
    mark = error.problem_mark
    return what if mark is None else f"{what} (line {mark.line + 1}, column {mark.column + 1})"


def _containers(node: yaml.Node | None) -> Iterator[yaml.Node]:
    for spec in _values(node, "spec"):
        for several in (*_values(spec, "containers"), *_values(spec, "container")):
            if isinstance(several, yaml.SequenceNode):
                yield from several.value


def _values(node: yaml.Node | None, name: str) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):  # of mappings that are merged
        for each in node.value:
            yield from _values(each, name)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag == _MERGE:
                yield from _values(value, name)
            elif key.value == name:
                yield value


def _refuse_repeated_keys(node: yaml.Node | None, seen: set[int]) -> None:
    """Refuse a key that stands twice in a mapping: YAML readers differ on which one counts."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        found: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in found:
                    raise InvalidSpecification(
                        f"Invalid spec: the key {key.value!r} stands twice"
                        f" (line {key.start_mark.line + 1})"
                    )
                found.add(key.value)
            _refuse_repeated_keys(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _refuse_repeated_keys(each, seen)


def _keep_texts(container: yaml.Node) -> None:
    for env in _values(container, "env"):
        _keep_values(env)
    for items in (*_values(container, "command"), *_values(container, "args")):
        if isinstance(items, yaml.SequenceNode):
            items.value = [_as_text(item) for item in items.value]


def _keep_values(env: yaml.Node) -> None:
    if isinstance(env, yaml.SequenceNode):  # of mappings that are merged
        for each in env.value:
            _keep_values(each)
    elif isinstance(env, yaml.MappingNode):
        for key, value in env.value:
            if key.tag == _MERGE:
                _keep_values(value)
        env.value = [
            (_as_text(key) if key.tag != _MERGE else key, _as_text(value))
            for key, value in env.value
        ]


def _as_text(node: yaml.Node) -> yaml.Node:
    """Return a scalar as the text that is written."""
    if not isinstance(node, yaml.ScalarNode) or node.tag not in _GUESSED:
        return node
    # A new one, because an alias may use the same elsewhere as what it looks like.
    return yaml.ScalarNode(_TEXT, node.value, node.start_mark, node.end_mark, node.style)
