"""The whole specification: which are taken, which refused and why, in and out of YAML."""

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from dagster_spcs.errors import InvalidSpecification
from dagster_spcs.spec import (
    Container,
    Endpoint,
    Probe,
    ResourceAmounts,
    Resources,
    ServiceSpec,
    Volume,
    VolumeMount,
)

from ..samples import AWKWARD_TEXT

IMAGE = "/lab/jobs/repo/image:1"
MAIN = {"name": "main", "image": IMAGE}


def document(**spec: Any) -> dict[str, Any]:
    """A specification of one container and what else is said."""
    return {"spec": {"containers": [MAIN], **spec}}


def many(kind: str, count: int, **fields: Any) -> list[dict[str, Any]]:
    """So many parts of one kind with different names."""
    return [{"name": f"{kind}{number}", **fields} for number in range(count)]


VALID = [
    pytest.param(document(), id="one-container"),
    pytest.param({"spec": {"containers": many("c", 20, image=IMAGE)}}, id="twenty-containers"),
    pytest.param({"spec": {"container": [MAIN]}}, id="singular-container"),
    pytest.param(document(endpoint=[{"name": "web", "port": 80}]), id="singular-endpoint"),
    pytest.param(document(endpoints=many("e", 100, port=80)), id="hundred-endpoints"),
    pytest.param(document(volumes=many("v", 20, source="local")), id="twenty-volumes"),
    pytest.param(document(volumes=many("v", 3, source="block", size="1Gi")), id="three-blocks"),
    pytest.param(
        {
            "spec": {
                "containers": [
                    {**MAIN, "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]},
                    {
                        "name": "side",
                        "image": IMAGE,
                        "volumeMounts": [{"name": "tmp", "mountPath": "/shared"}],
                    },
                ],
                "volumes": [{"name": "tmp", "source": "local"}],
            }
        },
        id="containers-that-share-a-volume",
    ),
    pytest.param(
        document(logExporters={"eventTableConfig": {"logLevel": "ERROR"}}), id="log-level"
    ),
    pytest.param(
        document(platformMonitor={"metricConfig": {"groups": ["system", "status"]}}), id="metrics"
    ),
    pytest.param(
        {**document(), "capabilities": {"securityContext": {"executeAsCaller": True}}},
        id="capabilities",
    ),
    pytest.param(
        {
            **document(endpoints=[{"name": "web", "port": 80}]),
            "serviceRoles": [{"name": "web_users", "endpoints": ["web"]}],
        },
        id="service-roles",
    ),
]

INVALID = [
    pytest.param(None, "top level needs a mapping 'spec'", id="nothing"),
    pytest.param([], "top level needs a mapping 'spec'", id="list"),
    pytest.param({"containers": [MAIN]}, "top level needs a mapping 'spec'", id="no-spec"),
    pytest.param({"spec": None}, "top level needs a mapping 'spec'", id="spec-of-nothing"),
    pytest.param({"spec": {}}, "containers", id="no-containers"),
    pytest.param({"spec": {"containers": []}}, "Value is empty", id="empty-containers"),
    pytest.param({"spec": {"containers": {}}}, "containers", id="containers-as-a-map"),
    pytest.param({**document(), "extra": 1}, "unknown key 'extra'", id="key-beside-spec"),
    pytest.param({**document(), 1: 2, "x": 3}, "unknown key", id="keys-of-several-types"),
    pytest.param(
        document(sidecars=[]), r"unknown field \(at spec.sidecars\)", id="key-inside-spec"
    ),
    pytest.param(document(**{"": 1}), "unknown field", id="empty-key"),
    pytest.param({"spec": {"containers": [MAIN], 1: 2}}, "Invalid spec", id="number-for-a-key"),
    pytest.param(document(resourceManagement={}), "unknown field", id="autoscaling"),
    pytest.param(
        document(capabilities={"securityContext": {}}), "unknown", id="capabilities-inside-spec"
    ),
    pytest.param(
        document(serviceRoles=[{"name": "r", "endpoints": []}]), "unknown", id="roles-inside-spec"
    ),
    pytest.param(
        {"spec": {"container": [{"name": "a", "image": IMAGE}], "containers": [MAIN]}},
        "container",
        id="singular-and-plural",
    ),
    pytest.param(
        {"spec": {"containers": many("c", 21, image=IMAGE)}}, "at most 20", id="21-containers"
    ),
    pytest.param(document(endpoints=many("e", 101, port=80)), "at most 100", id="101-endpoints"),
    pytest.param(document(endpoints=[]), "Value is empty", id="empty-endpoints"),
    pytest.param(document(volumes=many("v", 21, source="local")), "at most 20", id="21-volumes"),
    pytest.param(document(volumes=[]), "Value is empty", id="empty-volumes"),
    pytest.param(
        document(volumes=many("v", 4, source="block", size="1Gi")), "4 block", id="4-blocks"
    ),
    pytest.param(
        {"spec": {"containers": [MAIN, MAIN]}},
        "duplicate container name 'main'",
        id="container-twice",
    ),
    pytest.param(
        document(endpoints=[{"name": "e", "port": 1}] * 2),
        "duplicate endpoint name 'e'",
        id="endpoint-twice",
    ),
    pytest.param(
        document(volumes=[{"name": "v", "source": "local"}] * 2),
        "duplicate volume name 'v'",
        id="volume-twice",
    ),
    pytest.param(
        {"spec": {"containers": [{**MAIN, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}},
        "container 'main' mounts unknown volume 'v'",
        id="mount-of-nothing",
    ),
    pytest.param(
        {**document(), "serviceRoles": [{"name": "r", "endpoints": ["web"]}]},
        "service role 'r' names unknown endpoint 'web'",
        id="role-of-nothing",
    ),
    pytest.param({**document(), "serviceRoles": []}, "Value is empty", id="empty-roles"),
    pytest.param(
        {
            "spec": {
                "containers": [
                    {
                        **MAIN,
                        "secrets": [
                            {"snowflakeSecret": "s", "directoryPath": f"/s{number}"}
                            for number in range(51)
                        ],
                    }
                ]
            }
        },
        "51 secrets; a job takes at most 50",
        id="51-secrets",
    ),
    pytest.param(
        document(logExporters={"eventTableConfig": {"logLevel": "DEBUG"}}),
        "INFO",
        id="unknown-log-level",
    ),
]


@pytest.mark.parametrize("valid", VALID)
def test_takes(valid: dict[str, Any]) -> None:
    """What Snowflake takes is taken, and comes back equal from YAML and from plain data."""
    spec = ServiceSpec.from_document(valid)
    assert ServiceSpec.from_yaml(spec.to_yaml()) == spec
    assert ServiceSpec.from_document(spec.to_document()) == spec


@pytest.mark.parametrize("valid", VALID)
def test_sends_nothing_of_its_own(valid: dict[str, Any]) -> None:
    """What is sent is what was said, in Snowflake's spelling and in the plural."""
    inner = valid["spec"]
    plural = {"container": "containers", "endpoint": "endpoints"}
    said = {**valid, "spec": {plural.get(key, key): value for key, value in inner.items()}}
    assert ServiceSpec.from_document(valid).to_document() == said


@pytest.mark.parametrize(("invalid", "complaint"), INVALID)
def test_refuses(invalid: Any, complaint: str) -> None:
    """What Snowflake would refuse is refused in its words, naming the place."""
    with pytest.raises(InvalidSpecification, match=complaint) as caught:
        ServiceSpec.from_document(invalid)
    assert str(caught.value).startswith("Invalid spec: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("spec: [", id="bracket-not-closed"),
        pytest.param("spec: *nothing", id="unknown-alias"),
        pytest.param("spec: {env: 2024-99-99}", id="date-that-is-none"),
        pytest.param("!!python/object:os.system {}", id="python-object"),
        pytest.param("spec: {containers: [{name: '\x00'}]}", id="control-character"),
        pytest.param("a: 1\n---\nb: 2", id="two-documents"),
        pytest.param("spec: !!int x", id="number-that-is-none"),
    ],
)
def test_from_yaml_refuses(text: str) -> None:
    """Whatever is wrong with a text, it is an ``InvalidSpecification``."""
    with pytest.raises(InvalidSpecification, match="Invalid spec"):
        ServiceSpec.from_yaml(text)


@given(st.text(max_size=60) | st.text("spec: {}[]containers-&*!?|>'\"%@`\n 0123", max_size=60))
def test_from_yaml_fails_in_one_way(text: str) -> None:
    """Any text is a specification or an ``InvalidSpecification``."""
    try:
        ServiceSpec.from_yaml(text)
    except InvalidSpecification:
        return


def test_refused_when_built() -> None:
    """Building a wrong specification in Python is refused like reading one."""
    with pytest.raises(ValidationError, match="mounts unknown volume"):
        ServiceSpec(
            containers=[
                Container(
                    name="main",
                    image=IMAGE,
                    volume_mounts=[VolumeMount(name="v", mount_path="/v")],
                )
            ]
        )


@pytest.mark.parametrize(
    "field",
    [
        "endpoints",
        "volumes",
        "log_exporters",
        "platform_monitor",
        "capabilities",
        "service_roles",
    ],
)
def test_none_is_left_out(field: str) -> None:
    """None for a part is the same as leaving it out."""
    containers = [Container(name="main", image=IMAGE)]
    spec = ServiceSpec(containers=containers, **{field: None})
    assert spec == ServiceSpec(containers=containers)


def test_spec_is_immutable() -> None:
    """A specification that was checked stays what it was."""
    spec = ServiceSpec.from_document(document())
    with pytest.raises(ValidationError, match="frozen"):
        spec.containers = []


def test_json_is_read_as_well() -> None:
    """A specification may be JSON."""
    text = '{"spec": {"containers": [{"name": "main", "image": "/lab/jobs/repo/image:1"}]}}'
    assert ServiceSpec.from_yaml(text) == ServiceSpec.from_document(document())


def test_yaml_is_plain() -> None:
    """YAML is written without tags or anchors, in the order of the page."""
    spec = ServiceSpec.from_document(
        document(endpoints=[{"name": "web", "port": 80}], volumes=many("v", 2, source="local"))
    )
    text = spec.to_yaml()
    assert list(yaml.safe_load(text)["spec"]) == ["containers", "endpoints", "volumes"]
    assert "!" not in text
    assert "&" not in text


NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
AMOUNTS = st.builds(
    ResourceAmounts,
    memory=st.none() | st.sampled_from(["512Mi", "1Gi", "2G", "1.5Gi"]),
    cpu=st.none() | st.sampled_from(["0.5", "500m", "2"]),
)
PROBES = st.builds(Probe, port=st.integers(1, 65535), path=AWKWARD_TEXT)


@st.composite
def specs(draw: st.DrawFn) -> ServiceSpec:
    """Valid specifications with awkward values."""
    volumes = draw(st.lists(NAMES, max_size=3, unique=True))
    endpoints = draw(st.lists(NAMES, max_size=3, unique=True))
    mounts = [VolumeMount(name=each, mount_path="/" + draw(AWKWARD_TEXT)) for each in volumes]
    containers = [
        Container(
            name=each,
            image=IMAGE,
            command=draw(st.none() | st.lists(AWKWARD_TEXT, max_size=3)),
            args=draw(st.none() | st.lists(AWKWARD_TEXT, max_size=3)),
            env=draw(st.none() | st.dictionaries(AWKWARD_TEXT, AWKWARD_TEXT, max_size=3)),
            readiness_probe=draw(st.none() | PROBES),
            volume_mounts=mounts or None,
            resources=draw(st.none() | st.builds(Resources, requests=AMOUNTS)),
            mount_session_token=draw(st.none() | st.booleans()),
        )
        for each in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    ]
    return ServiceSpec(
        containers=containers,
        volumes=[Volume(name=each, source="local") for each in volumes] or None,
        endpoints=[Endpoint(name=each, port=80) for each in endpoints] or None,
    )


@given(specs())
@example(ServiceSpec(containers=[Container(name="a", image=IMAGE, env={"A": "\x85\ufeff\u2028"})]))
@example(ServiceSpec(containers=[Container(name="a", image=IMAGE, args=["\x85", "\u2028"])]))
@example(ServiceSpec(containers=[Container(name="a", image=IMAGE, args=["yes", "0x1", "=", "~"])]))
@example(ServiceSpec(containers=[Container(name="a", image=IMAGE, args=["2026-01-01", "1_0"])]))
def test_yaml_reads_back(spec: ServiceSpec) -> None:
    """Any specification comes back equal from its YAML and from plain data."""
    assert ServiceSpec.from_yaml(spec.to_yaml()) == spec
    assert ServiceSpec.from_document(spec.to_document()) == spec


@pytest.mark.parametrize(
    ("written", "value"),
    [
        pytest.param("true", "true", id="boolean"),
        pytest.param("80", "80", id="number"),
        pytest.param("0.5", "0.5", id="fraction"),
        pytest.param("'007'", "007", id="quoted-number"),
        pytest.param("''", "", id="empty"),
        pytest.param("0123", "0123", id="octal"),
        pytest.param("12:30", "12:30", id="sexagesimal"),
        pytest.param("1.10", "1.10", id="version"),
        pytest.param("1_000", "1_000", id="underscore"),
        pytest.param("1e5", "1e5", id="exponent"),
        pytest.param("0x1F", "0x1F", id="hexadecimal"),
        pytest.param("NO", "NO", id="country"),
        pytest.param("True", "True", id="capital"),
        pytest.param("2026-01-01", "2026-01-01", id="date"),
        pytest.param("2026-99-99", "2026-99-99", id="no-date"),
        pytest.param(".inf", ".inf", id="infinite"),
        pytest.param("=", "=", id="sign"),
        pytest.param("!!int 0123", "0123", id="tagged"),
    ],
)
def test_environment_is_text(written: str, value: str) -> None:
    """A value that YAML takes for something else reaches the process as text."""
    text = f"spec: {{containers: [{{name: main, image: {IMAGE}, env: {{V: {written}}}}}]}}"
    [container] = ServiceSpec.from_yaml(text).containers
    assert container.env == {"V": value}


def test_arguments_are_text() -> None:
    """Items of lists are what is written, too."""
    text = f"spec: {{containers: [{{name: main, image: {IMAGE}, args: [-n, 010, NO, 'a b']}}]}}"
    [container] = ServiceSpec.from_yaml(text.replace("args", "command")).containers
    assert container.command == ["-n", "010", "NO", "a b"]
    [container] = ServiceSpec.from_yaml(text).containers
    assert container.args == ["-n", "010", "NO", "a b"]


def test_merged_and_aliased_environment() -> None:
    """What is written once and used at several places is text where it is a variable."""
    text = f"""
    spec:
      container:
      - name: main
        image: {IMAGE}
        env: &common {{PORT: &port 080, <<: [{{V: 1.10}}, {{W: NO}}]}}
      - name: side
        image: {IMAGE}
        env: {{<<: *common, X: *port, 1: 2}}
        readinessProbe: {{port: &p 8080, path: /}}
        args: [*p]
    """
    main, side = ServiceSpec.from_yaml(text).containers
    assert main.env == {"PORT": "080", "V": "1.10", "W": "NO"}
    assert side.env == {"PORT": "080", "V": "1.10", "W": "NO", "X": "080", "1": "2"}
    assert side.readiness_probe is not None
    assert (side.readiness_probe.port, side.args) == (8080, ["8080"])


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        pytest.param("", 'the value of V is missing; write ""', id="nothing"),
        pytest.param("~", "is missing", id="tilde"),
        pytest.param("null", "is missing", id="null"),
        pytest.param("[a]", "is a list, not text", id="list"),
        pytest.param("{a: b}", "is a dict, not text", id="mapping"),
        pytest.param("!secret a", "unknown tag or alias .line 1, column", id="tag"),
    ],
)
def test_environment_that_is_no_text(written: str, complaint: str) -> None:
    """The error names the variable, and what to write."""
    text = f"spec: {{containers: [{{name: main, image: {IMAGE}, env: {{V: {written}}}}}]}}"
    with pytest.raises(InvalidSpecification, match=complaint):
        ServiceSpec.from_yaml(text)


HEAD = "spec:\n  containers:\n  - name: main\n    image: /a/b/c/d:1\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{HEAD}    env: {{A: first, A: second}}\n", r"the key 'A' stands twice \(line 5\)"),
        (
            f"{HEAD}    env: {{A: x}}\n    args: [a]\n    env: {{B: y}}\n",
            "the key 'env' stands twice",
        ),
        (f"{HEAD}  containers:\n  - name: b\n", "the key 'containers' stands twice"),
        (f"{HEAD}---\n{HEAD}", "several YAML documents"),
    ],
)
def test_what_would_be_lost(text: str, told: str) -> None:
    """What a reader of YAML drops in silence is refused."""
    with pytest.raises(InvalidSpecification, match=told):
        ServiceSpec.from_yaml(text)


@pytest.mark.parametrize(
    "text",
    [
        HEAD.replace("name: main", "<<: {env: {A: 0123, B: 12:30}}\n    name: main"),
        HEAD.replace(
            "name: main", "<<: [{env: {A: 0123, B: 12:30}}, {args: [1.10]}]\n    name: main"
        ),
        "spec:\n  <<: {containers: [{name: main, image: /a/b/c/d:1, env: {A: 0123, B: 12:30}}]}\n",
    ],
)
def test_texts_that_are_merged(text: str) -> None:
    """They are the texts that are written, wherever they are merged in."""
    [container] = ServiceSpec.from_yaml(text).containers
    assert container.env == {"A": "0123", "B": "12:30"}
