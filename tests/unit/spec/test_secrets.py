"""What is refused may hold a secret: no error repeats it, nor does what the error came from."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dagster_spcs import Container, JobRequest, ServiceSpec, SpecTemplate

SECRET = "hunter2"
IMAGE = "/lab/jobs/repo/image:1"
FIELDS: dict[str, Any] = {
    "env-as-list": {"env": [{"name": "PASSWORD", "value": SECRET}]},
    "env-of-list": {"env": {"PASSWORD": [SECRET]}},
    "env-of-bytes": {"env": {"PASSWORD": SECRET.encode()}},
    "args-as-text": {"args": f"--password {SECRET}"},
    "args-of-mapping": {"args": [{"password": SECRET}]},
    "command-as-text": {"command": SECRET},
    "misspelt": {"enviroment": {"PASSWORD": SECRET}},
    "unknown": {"password": SECRET},
    "probe": {"readinessProbe": SECRET},
    "secrets": {"secrets": [{"snowflakeSecret": [SECRET]}]},
}
TEXTS = {
    "unclosed": "env: {A: hunter2",
    "closed-twice": "env: {A: hunter2}}",
    "half-quoted": "env: {A: 'hunter2}",
    "tag": "env: {A: !hunter2 x}",
    "alias": "env: {A: *hunter2}",
    "tab": "env:\n\t\tA: hunter2",
    "deep": f"env: {{A: {'[' * 3000}hunter2",
}


def texts(error: BaseException | None) -> Iterator[str]:
    """Every text of an error, and of what it came from, as Dagster stores it."""
    while error is not None:
        yield from (str(error), repr(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def refused(build: Callable[[], object]) -> None:
    """The error of a call does not hold the secret."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the class is not the point
        build()
    assert not [text for text in texts(caught.value) if SECRET in text]


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_refused_container(field: dict[str, Any]) -> None:
    """In Python, in plain data and in a request."""
    container = {"name": "main", "image": IMAGE, **field}
    document = {"containers": [container]}
    refused(lambda: Container(**container))
    refused(lambda: ServiceSpec(**document))
    refused(lambda: ServiceSpec.from_document({"spec": document}))
    refused(lambda: JobRequest(spec=document))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_refused_yaml(text: str) -> None:
    """The place is told, the line is not."""
    refused(lambda: ServiceSpec.from_yaml(f"spec:\n  containers:\n  - name: main\n    {text}"))


@pytest.mark.parametrize(
    "fields",
    [
        {"spec": SECRET},
        {"spec": {"containers": SECRET}},
        {"spec": {"containers": [SECRET]}},
        {"password": SECRET},
        {"extras": SECRET},
        {"replicas": SECRET},
    ],
    ids=str,
)
def test_refused_request(fields: dict[str, Any]) -> None:
    """Other fields as well."""
    spec = ServiceSpec(containers=[Container(name="main", image=IMAGE)])
    refused(lambda: JobRequest(**{"spec": spec, **fields}))
    refused(lambda: ServiceSpec.from_document(fields))


@pytest.mark.parametrize(
    "fields",
    [{"values": SECRET}, {"values": {"a b": SECRET}}, {"values": {"a": {SECRET}}}, {"v": SECRET}],
    ids=str,
)
def test_refused_template(fields: dict[str, Any]) -> None:
    """Values of templates as well."""
    refused(lambda: SpecTemplate(**{"template": "x", **fields}))
