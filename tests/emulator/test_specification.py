"""The emulator's reading of specifications and templates."""

import json
from decimal import Decimal
from typing import Any

import pytest

from dagster_spcs.emulator.containers.specification import parse, render
from dagster_spcs.emulator.sql.answers import SqlError


def spec(*containers: Any, **fields: Any) -> str:
    """Return a specification as text."""
    return json.dumps({"spec": {"containers": list(containers), **fields}})


def main(**fields: Any) -> dict[str, Any]:
    """Return a container."""
    return {"name": "main", "image": "/d/s/r/i:1", **fields}


def test_defaults() -> None:
    """A container that says nothing more gets half a core, half a GiB and its token."""
    (container,) = parse(spec(main())).containers
    assert (container.command, container.args, container.env) == (None, None, {})
    assert (container.cpu, container.memory_gib) == (Decimal("0.5"), Decimal("0.5"))
    assert container.mount_token
    assert not container.connection_config


def test_yaml_with_the_singular_key() -> None:
    """Official samples write ``container:``; YAML scalars become text as a shell would see them."""
    text = """
    spec:
      container:
      - name: main
        image: /d/s/r/i:1
        args: [--n, 3, true]
        env: {A: 1, B: false, C: , D: x}
    """
    (container,) = parse(text).containers
    assert container.args == ("--n", "3", "true")
    assert container.env == {"A": "1", "B": "false", "C": "", "D": "x"}


@pytest.mark.parametrize(
    ("resources", "cpu", "memory"),
    [
        pytest.param({"requests": {"cpu": "250m", "memory": "512Mi"}}, "0.25", "0.5", id="small"),
        pytest.param({"requests": {"cpu": 2, "memory": "3Gi"}}, "2", "3", id="whole"),
        pytest.param({"limits": {"cpu": 0.25, "memory": "256Mi"}}, "0.25", "0.25", id="low-limit"),
        pytest.param({"limits": {"cpu": 4, "memory": "8Gi"}}, "0.5", "0.5", id="high-limit"),
    ],
)
def test_resources(resources: dict[str, Any], cpu: str, memory: str) -> None:
    """A missing request is the smaller of the default and the limit."""
    specification = parse(spec(main(resources=resources)))
    assert (specification.cpu, specification.memory_gib) == (Decimal(cpu), Decimal(memory))


def test_an_instance_asks_for_all_its_containers() -> None:
    """All containers of an instance share a node."""
    assert parse(spec(main(), {**main(), "name": "side"})).cpu == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("spec: [", "not a YAML document", id="no-yaml"),
        pytest.param("- 1", "not a mapping", id="no-mapping"),
        pytest.param("spec: 1", "Expected a mapping", id="spec-is-a-number"),
        pytest.param("{}", "invalid 'spec'", id="no-spec"),
        pytest.param(spec(), "invalid 'containers'. Value is empty", id="no-containers"),
        pytest.param(spec(1), "Expected a mapping", id="container-is-a-number"),
        pytest.param(spec(main(), main()), "duplicate container name 'main'", id="same-name"),
        pytest.param(
            spec(*({**main(), "name": f"c{n}"} for n in range(21))), "at most 20", id="too-many"
        ),
        pytest.param(spec(main(name="Main")), "invalid container name 'Main'", id="upper-case"),
        pytest.param(spec(main(name="a" * 64)), "invalid container name", id="long-name"),
        pytest.param(spec(main(image="")), "invalid 'image'", id="no-image"),
        pytest.param(spec(main(imgae="x")), "unknown field 'containers.imgae'", id="typing-error"),
        pytest.param(spec(main(), volume_s=[]), "unknown field 'spec.volume_s'", id="unknown-part"),
        pytest.param('{"spec": {}, "x": 1}', "unknown field 'x'", id="unknown-top"),
        pytest.param(spec(main(args="x")), "invalid 'args'. Expected a list", id="args-as-text"),
        pytest.param(spec(main(env=["x"])), "invalid 'env'. Expected a mapping", id="env-as-list"),
        pytest.param(
            spec(main(volumeMounts=[])), "invalid 'volumeMounts'. Value is empty", id="no-mounts"
        ),
        pytest.param(
            spec(main(volumeMounts=[{"name": "v", "mountPath": "/v"}])),
            "unknown volume 'v'",
            id="no-such-volume",
        ),
        pytest.param(
            spec(main(resources={"requests": {"memory": "5"}})), "invalid memory '5'", id="no-unit"
        ),
        pytest.param(
            spec(main(resources={"requests": {"cpu": "x"}})), "invalid cpu 'x'", id="no-number"
        ),
        pytest.param(
            spec(main(resources={"requests": {"cpu": 2}, "limits": {"cpu": 1}})),
            "cpu request is above its limit",
            id="request-above-limit",
        ),
        pytest.param(
            spec(main(), logExporters={"eventTableConfig": {"logLevel": "DEBUG"}}),
            "invalid 'logLevel' 'DEBUG'",
            id="log-level",
        ),
    ],
)
def test_refusals(text: str, says: str) -> None:
    """What an account would refuse is refused in its form, ``Invalid spec: …``."""
    with pytest.raises(SqlError) as caught:
        parse(text)
    assert caught.value.text.startswith("Invalid spec: ")
    assert says in caught.value.text


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        pytest.param("a {{ x }} b", {"x": "1"}, "a 1 b", id="text"),
        pytest.param("{{x}}{{ x }}", {"x": 2}, "22", id="number-twice"),
        pytest.param("{{ x }}", {"x": ["a", {"b": 1}]}, '["a", {"b": 1}]', id="list-and-map"),
        pytest.param("{{ x }}", {"x": True}, "true", id="boolean"),
        pytest.param("{{ x | default('d') }}", {}, "d", id="default"),
        pytest.param('{{ x | default("d") }}', {"x": "v"}, "v", id="value-before-default"),
        pytest.param("{{ x | default('d') }}", {"x": ""}, "", id="blank-value-counts"),
        pytest.param("{{ x | default('d', true) }}", {"x": ""}, "d", id="default-for-blank"),
        pytest.param("{ x } {{x", {}, "{ x } {{x", id="no-placeholder"),
    ],
)
def test_templates(template: str, values: dict[str, Any], text: str) -> None:
    """Placeholders are filled as the page on templates says."""
    assert render(template, values) == text


def test_a_template_without_a_value() -> None:
    """A variable with neither value nor default is the recorded error."""
    with pytest.raises(SqlError, match="Unable to render service spec") as caught:
        render("{{ tag }}", {})
    assert (caught.value.number, caught.value.sqlstate) == (395069, "23001")
