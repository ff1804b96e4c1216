"""The parts of a specification: what each takes, and what it refuses."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dagster_spcs.spec import (
    Container,
    CorsSettings,
    Endpoint,
    MetricConfig,
    Probe,
    ResourceAmounts,
    Resources,
    Secret,
    SecretObject,
    ServiceRole,
    SessionTokenConfig,
    StageConfig,
    Volume,
    VolumeMount,
)
from dagster_spcs.spec.base import SpecModel

IMAGE = "/lab/jobs/repo/image:1"
DIGEST = f"sha256:{'0a' * 32}"
GPU = "nvidia.com/gpu"


def volume(**fields: Any) -> dict[str, Any]:
    """A volume's fields."""
    return {"name": "v", **fields}


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        pytest.param(Container, {"name": "a", "image": IMAGE}, id="container"),
        pytest.param(Container, {"name": "a" * 63, "image": IMAGE}, id="longest-name"),
        pytest.param(Container, {"name": "a-1", "image": IMAGE}, id="dash-in-a-name"),
        pytest.param(Container, {"name": "a", "image": "repo/img:1"}, id="relative-image"),
        pytest.param(Container, {"name": "a", "image": "/d/s/r/i"}, id="image-without-tag"),
        pytest.param(
            Container,
            {"name": "a", "image": "o-a.registry.snowflakecomputing.com/d/s/r/i:V1.2-x"},
            id="image-with-its-host",
        ),
        pytest.param(
            Container, {"name": "a", "image": f"localhost:5000/d/s/r/i@{DIGEST}"}, id="digest"
        ),
        pytest.param(
            Container, {"name": "a", "image": f"/d/s/r/i:1@{DIGEST}"}, id="tag-and-digest"
        ),
        pytest.param(
            Container,
            {"name": "a", "image": "/snowflake/images/snowflake_images/x:1.0"},
            id="snowflakes-own-image",
        ),
        pytest.param(Probe, {"port": 65535, "path": "/healthz"}, id="probe"),
        pytest.param(VolumeMount, {"name": "v", "mountPath": "/"}, id="mount-at-the-root"),
        pytest.param(SecretObject, {"objectName": "d.s.n"}, id="secret-by-name"),
        pytest.param(SecretObject, {"objectReference": "r"}, id="secret-by-reference"),
        pytest.param(Secret, {"snowflakeSecret": "s", "directoryPath": "/s"}, id="secret-files"),
        pytest.param(
            Secret,
            {
                "snowflakeSecret": {"objectName": "s"},
                "envVarName": "PASSWORD",
                "secretKeyRef": "password",
            },
            id="secret-variable",
        ),
        pytest.param(
            SessionTokenConfig, {"path": "/t", "permission": "0644"}, id="token-permission"
        ),
        pytest.param(SessionTokenConfig, {"mountConnectionConfig": True}, id="connection-config"),
        pytest.param(Endpoint, {"name": "e", "port": 1}, id="lowest-port"),
        pytest.param(
            Endpoint, {"name": "e", "portRange": "8000-8010", "protocol": "TCP"}, id="port-range"
        ),
        pytest.param(
            Endpoint, {"name": "e", "portRange": "80-80", "protocol": "TCP"}, id="range-of-one"
        ),
        pytest.param(
            CorsSettings, {"Access-Control-Allow-Origin": ["https://x.example"]}, id="cors"
        ),
        pytest.param(MetricConfig, {"groups": ["network", "storage"]}, id="metric-groups"),
        pytest.param(ServiceRole, {"name": "R_1", "endpoints": ["e"]}, id="service-role"),
        pytest.param(ResourceAmounts, {"memory": "1Gi", "cpu": "500m", GPU: 1}, id="amounts"),
        pytest.param(
            Resources,
            {"requests": {"memory": "1Gi", "cpu": "1"}, "limits": {"memory": "1Gi", "cpu": "1"}},
            id="request-at-its-limit",
        ),
        pytest.param(
            Resources, {"requests": {"memory": "1G"}, "limits": {"memory": "1Gi"}}, id="units"
        ),
        pytest.param(Resources, {"requests": {"cpu": "900m"}, "limits": {"cpu": "1"}}, id="cpu"),
        pytest.param(Resources, {"requests": {GPU: 2}, "limits": {GPU: 2}}, id="gpus"),
        pytest.param(Resources, {"limits": {"memory": "1Gi"}}, id="limit-only"),
        pytest.param(Volume, volume(source="local"), id="local-volume"),
        pytest.param(Volume, volume(source="memory", size="512Mi"), id="memory-volume"),
        pytest.param(
            Volume,
            volume(
                source="block",
                size="65536Gi",
                blockConfig={"iops": 3000, "throughput": 125, "encryption": "SNOWFLAKE_FULL"},
            ),
            id="block-volume",
        ),
        pytest.param(
            Volume,
            volume(
                source="block",
                size="1Gi",
                blockConfig={"initialContents": {"fromSnapshot": "s"}},
            ),
            id="block-from-a-snapshot",
        ),
        pytest.param(
            Volume,
            volume(source="stage", uid=0, gid=0, stageConfig={"name": "@d.s.st/dir"}),
            id="stage-volume",
        ),
        pytest.param(Volume, volume(source="@st/dir"), id="stage-volume-of-old"),
    ],
)
def test_takes(model: type[SpecModel], fields: dict[str, Any]) -> None:
    """What the reference allows is taken, and sent as it was written."""
    assert model.model_validate(fields).to_document() == fields


@pytest.mark.parametrize(
    ("model", "fields", "complaint"),
    [
        pytest.param(Container, {"name": "a"}, "Field required", id="no-image"),
        pytest.param(Container, {"image": IMAGE}, "Field required", id="no-name"),
        pytest.param(Container, {"name": "", "image": IMAGE}, "invalid name", id="empty-name"),
        pytest.param(Container, {"name": "Main", "image": IMAGE}, "invalid name", id="upper-case"),
        pytest.param(Container, {"name": "a_b", "image": IMAGE}, "invalid name", id="underscore"),
        pytest.param(Container, {"name": "1a", "image": IMAGE}, "invalid name", id="digit-first"),
        pytest.param(Container, {"name": "a-", "image": IMAGE}, "invalid name", id="dash-last"),
        pytest.param(Container, {"name": "a\n", "image": IMAGE}, "invalid name", id="newline"),
        pytest.param(
            Container, {"name": "a" * 64, "image": IMAGE}, "at most 63", id="name-too-long"
        ),
        pytest.param(Container, {"name": "a", "image": ""}, "lower-case path", id="empty-image"),
        pytest.param(
            Container, {"name": "a", "image": "/D/s/r/i:1"}, "lower-case path", id="image-capitals"
        ),
        pytest.param(
            Container, {"name": "a", "image": "/d/s/r/i:"}, "lower-case path", id="empty-tag"
        ),
        pytest.param(
            Container, {"name": "a", "image": "/d/s/r/i 1"}, "lower-case path", id="image-blank"
        ),
        pytest.param(
            Container,
            {"name": "a", "image": "/d/s/r/i@sha256:12"},
            "lower-case path",
            id="short-digest",
        ),
        *(
            pytest.param(Container, {"name": "a", "image": IMAGE, **field}, complaint, id=identity)
            for identity, field, complaint in [
                ("args-as-text", {"args": "x"}, "a list of texts is expected"),
                ("command-as-text", {"command": "x"}, "a list of texts is expected"),
                ("args-of-number", {"args": ["a", 1]}, "item 1 is a int, not text; quote it"),
                ("args-of-null", {"args": [None]}, "item 0 is missing"),
                ("env-of-null", {"env": {"A": None}}, "value of A is missing"),
                ("env-of-list", {"env": {"A": [1]}}, "value of A is a list, not text"),
                ("env-of-fraction", {"env": {"A": 1.10}}, "value of A is a float.*quote it"),
                ("env-of-boolean", {"env": {"A": True}}, "value of A is a bool.*quote it"),
                ("env-of-date", {"env": {"A": date(2026, 1, 1)}}, "A is a date.*quote it"),
                ("env-as-list", {"env": [{"name": "A", "value": "b"}]}, "a mapping from name"),
            ]
        ),
        pytest.param(
            Container,
            {"name": "a", "image": IMAGE, "volumeMounts": []},
            "Value is empty",
            id="empty-mounts",
        ),
        pytest.param(
            Container,
            {"name": "a", "image": IMAGE, "secrets": []},
            "Value is empty",
            id="empty-secrets",
        ),
        pytest.param(
            Container, {"name": "a", "image": IMAGE, "ports": []}, "Extra inputs", id="unknown-key"
        ),
        pytest.param(Probe, {"port": 0, "path": "/"}, "greater than or equal", id="port-zero"),
        pytest.param(Probe, {"port": 65536, "path": "/"}, "less than or equal", id="port-too-high"),
        pytest.param(Probe, {"port": 80}, "Field required", id="probe-without-a-path"),
        pytest.param(
            Probe, {"port": 80, "path": "/", "periodSeconds": 0}, "greater than", id="no-period"
        ),
        pytest.param(
            VolumeMount, {"name": "v", "mountPath": "tmp"}, "not an absolute path", id="relative"
        ),
        pytest.param(SecretObject, {}, "takes one of", id="secret-of-nothing"),
        pytest.param(
            SecretObject, {"objectName": "a", "objectReference": "b"}, "takes one of", id="both"
        ),
        pytest.param(Secret, {"snowflakeSecret": "s"}, "takes one of", id="secret-to-nowhere"),
        pytest.param(
            Secret,
            {"snowflakeSecret": "s", "directoryPath": "/s", "envVarName": "S"},
            "takes one of",
            id="secret-to-both",
        ),
        pytest.param(
            Secret,
            {"snowflakeSecret": "s", "envVarName": "S"},
            "go together",
            id="variable-without-a-key",
        ),
        pytest.param(
            Secret,
            {"snowflakeSecret": "s", "directoryPath": "/s", "secretKeyRef": "password"},
            "go together",
            id="key-for-files",
        ),
        pytest.param(
            Secret,
            {"snowflakeSecret": "s", "envVarName": "S", "secretKeyRef": "pin"},
            "should match pattern",
            id="unknown-key-of-a-secret",
        ),
        pytest.param(
            SessionTokenConfig, {"permission": "0644"}, "needs path", id="permission-without-path"
        ),
        pytest.param(
            SessionTokenConfig, {"path": "/t", "permission": "644"}, "four-digit", id="three-digits"
        ),
        pytest.param(
            SessionTokenConfig, {"path": "/t", "permission": "0888"}, "four-digit", id="not-octal"
        ),
        pytest.param(Endpoint, {"name": "e"}, "one of port and portRange", id="no-port"),
        pytest.param(
            Endpoint,
            {"name": "e", "port": 80, "portRange": "80-81", "protocol": "TCP"},
            "one of port and portRange",
            id="port-and-range",
        ),
        pytest.param(
            Endpoint,
            {"name": "e", "portRange": "81-80", "protocol": "TCP"},
            "not of the form",
            id="range-backwards",
        ),
        pytest.param(
            Endpoint,
            {"name": "e", "portRange": "1-65536", "protocol": "TCP"},
            "not of the form",
            id="range-too-high",
        ),
        pytest.param(
            Endpoint,
            {"name": "e", "portRange": "\u0668-\u0669", "protocol": "TCP"},
            "not of the form",
            id="range-in-another-script",
        ),
        pytest.param(Endpoint, {"name": "e", "portRange": "80-81"}, "for TCP", id="range-of-http"),
        pytest.param(
            Endpoint,
            {"name": "e", "portRange": "80-81", "protocol": "TCP", "public": True},
            "not public",
            id="public-range",
        ),
        pytest.param(Endpoint, {"name": "e", "port": 80, "protocol": "UDP"}, "'TCP'", id="udp"),
        pytest.param(CorsSettings, {}, "Field required", id="cors-without-origin"),
        pytest.param(
            CorsSettings, {"Access-Control-Allow-Origin": []}, "Value is empty", id="no-origins"
        ),
        pytest.param(MetricConfig, {"groups": ["weather"]}, "system", id="unknown-metrics"),
        pytest.param(
            ServiceRole, {"name": "1r", "endpoints": []}, "should match", id="role-digit-first"
        ),
        pytest.param(
            ServiceRole, {"name": "r_", "endpoints": []}, "should match", id="role-underscore-last"
        ),
        pytest.param(
            ServiceRole, {"name": "r\n", "endpoints": []}, "should match", id="role-newline"
        ),
        pytest.param(ResourceAmounts, {"memory": "1"}, "amount of memory", id="memory-unit"),
        pytest.param(ResourceAmounts, {"cpu": "fast"}, "amount of CPU", id="cpu-in-words"),
        pytest.param(ResourceAmounts, {"cpu": -1}, "amount of CPU", id="cpu-below-zero"),
        pytest.param(ResourceAmounts, {"cpu": True}, "amount of CPU", id="cpu-as-a-boolean"),
        pytest.param(ResourceAmounts, {GPU: 0}, "greater than or equal", id="no-gpu"),
        pytest.param(ResourceAmounts, {"disk": "1Gi"}, "Extra inputs", id="unknown-resource"),
        pytest.param(
            Resources,
            {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}},
            "memory request 2Gi is above its limit 1Gi",
            id="memory-above-its-limit",
        ),
        pytest.param(
            Resources,
            {"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}},
            "cpu request 2 is above its limit 1500m",
            id="cpu-above-its-limit",
        ),
        pytest.param(
            Resources, {"requests": {GPU: 1}, "limits": {GPU: 2}}, "equal values", id="gpus-differ"
        ),
        pytest.param(Resources, {"limits": {GPU: 1}}, "equal values", id="gpu-limit-only"),
        pytest.param(Resources, {"requests": {GPU: 1}}, "equal values", id="gpu-request-only"),
        pytest.param(Volume, volume(source="nfs"), "unknown source 'nfs'", id="unknown-source"),
        pytest.param(Volume, volume(source=""), "unknown source ''", id="empty-source"),
        pytest.param(Volume, volume(source="memory"), "needs a size", id="memory-without-size"),
        pytest.param(Volume, volume(source="block"), "needs a size", id="block-without-size"),
        pytest.param(Volume, volume(source="local", size="1Gi"), "takes no size", id="local-size"),
        pytest.param(
            Volume, volume(source="memory", size="much"), "amount of memory", id="memory-size"
        ),
        pytest.param(
            Volume, volume(source="block", size="0Gi"), "whole number of Gi", id="block-of-nothing"
        ),
        pytest.param(
            Volume, volume(source="block", size="1.5Gi"), "whole number of Gi", id="block-fraction"
        ),
        pytest.param(
            Volume, volume(source="block", size="512Mi"), "whole number of Gi", id="block-unit"
        ),
        pytest.param(
            Volume, volume(source="block", size="65537Gi"), "whole number of Gi", id="block-too-big"
        ),
        pytest.param(
            Volume, volume(source="block", size="\u0661Gi"), "whole number of Gi", id="block-script"
        ),
        pytest.param(
            Volume,
            volume(source="block", size="1Gi", blockConfig={"iops": 2999}),
            "greater than or equal",
            id="too-few-iops",
        ),
        pytest.param(
            Volume, volume(source="local", blockConfig={}), "for block volumes", id="block-config"
        ),
        pytest.param(Volume, volume(source="stage"), "go together", id="stage-without-config"),
        pytest.param(
            Volume,
            volume(source="local", stageConfig={"name": "@st"}),
            "go together",
            id="stage-config-elsewhere",
        ),
        pytest.param(StageConfig, {"name": "st/dir"}, "should match", id="stage-without-at"),
        pytest.param(StageConfig, {"name": "@"}, "should match", id="stage-without-name"),
        pytest.param(Volume, volume(source="local", uid=-1), "greater than", id="negative-uid"),
    ],
)
def test_refuses(model: type[SpecModel], fields: dict[str, Any], complaint: str) -> None:
    """What the reference forbids is refused when the part is built."""
    with pytest.raises(ValidationError, match=complaint):
        model.model_validate(fields)


@pytest.mark.parametrize(
    ("written", "cpu"),
    [pytest.param(0.5, "0.5", id="fraction"), pytest.param(2, "2", id="whole")],
)
def test_cpu_as_yaml_reads_it(written: float, cpu: str) -> None:
    """CPU may be a number, as YAML reads it, and is sent as text."""
    assert ResourceAmounts(cpu=written).cpu == cpu  # type: ignore[arg-type]


def test_python_spelling() -> None:
    """Fields are written in Python's spelling in Python and sent in Snowflake's."""
    probe = Probe(port=80, path="/", period_seconds=5)
    assert probe.to_document() == {"port": 80, "path": "/", "periodSeconds": 5}
    amounts = ResourceAmounts(gpu=1)
    assert amounts.to_document() == {GPU: 1}


NAME_TEXT = st.text("ab1-_A\n é", max_size=8) | st.from_regex(r"[a-z][a-z0-9-]{0,70}")


@given(NAME_TEXT)
def test_names_are_dns_labels(text: str) -> None:
    """A name is taken exactly when it is a DNS label that begins with a letter."""
    letters = set("abcdefghijklmnopqrstuvwxyz")
    is_label = (
        0 < len(text) <= 63
        and set(text) <= letters | set("0123456789-")
        and text[0] in letters
        and text[-1] != "-"
    )
    try:
        Container(name=text, image=IMAGE)
    except ValidationError:
        assert not is_label
    else:
        assert is_label
