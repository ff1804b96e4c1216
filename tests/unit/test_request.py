"""Job requests: what is taken, and what is refused when the request is built."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from dagster_spcs.spcs.request import SpecTemplate, StageFile

from .samples import request


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="nothing-but-the-specification"),
        pytest.param({"spec": StageFile(stage="@d.s.st/dir", path="a.yaml")}, id="stage-file"),
        pytest.param({"compute_pool": '"my pool"'}, id="quoted-pool"),
        pytest.param({"query_warehouse": "wh_1"}, id="warehouse"),
        pytest.param({"replicas": 20}, id="replicas"),
        pytest.param({"external_access_integrations": [f"e{n}" for n in range(10)]}, id="ten-eais"),
        pytest.param({"tags": {"db.sc.team": "x" * 256}}, id="longest-tag"),
        pytest.param({"timeout": 90}, id="timeout-in-seconds"),
        pytest.param({"comment": "it's $$ \\"}, id="any-comment"),
        pytest.param({"name": "nightly_Report_2"}, id="stem"),
        pytest.param({"name": "2nd"}, id="stem-with-a-digit-first"),
    ],
)
def test_request_takes(fields: dict[str, Any]) -> None:
    """What Snowflake takes can be asked for."""
    request(**fields)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        pytest.param({"compute_pool": "my pool"}, "unexpected ' '", id="pool-with-a-blank"),
        pytest.param({"compute_pool": "db.pool"}, "without dots", id="pool-in-a-schema"),
        pytest.param({"query_warehouse": ""}, "expected identifiers", id="empty-warehouse"),
        pytest.param({"query_warehouse": "w; DROP"}, "unexpected ';'", id="sql-for-a-warehouse"),
        pytest.param({"replicas": 0}, "greater than or equal to 1", id="no-replica"),
        pytest.param(
            {"external_access_integrations": [f"e{n}" for n in range(11)]},
            "at most 10",
            id="eleven-eais",
        ),
        pytest.param({"external_access_integrations": ["a)b"]}, "unexpected", id="eai-name"),
        pytest.param({"tags": {"a.b.c.d": "x"}}, "at most three parts", id="tag-name"),
        pytest.param({"tags": {"team": "x" * 257}}, "longer than 256", id="long-tag"),
        pytest.param({"timeout": timedelta(0)}, "longer than nothing", id="no-time"),
        pytest.param({"timeout": timedelta(seconds=-1)}, "longer than nothing", id="time-past"),
        pytest.param({"name": ""}, "readable stem", id="empty-stem"),
        pytest.param({"name": "__"}, "readable stem", id="nothing-readable"),
        pytest.param({"name": "jobs.nightly"}, "readable stem", id="stem-in-a-schema"),
        pytest.param({"name": "night-ly"}, "readable stem", id="stem-with-a-dash"),
        pytest.param({"name": "nightly\n"}, "readable stem", id="stem-with-a-newline"),
        pytest.param({"name": "n\u00e4chtlich"}, "readable stem", id="stem-that-is-no-ascii"),
        pytest.param({"pool": "x"}, "Extra inputs", id="unknown-field"),
    ],
)
def test_request_refuses(fields: dict[str, Any], complaint: str) -> None:
    """What Snowflake would refuse is refused before anything is sent."""
    with pytest.raises(ValidationError, match=complaint):
        request(**fields)


@pytest.mark.parametrize(
    "stage",
    [
        pytest.param("@st", id="name"),
        pytest.param("@d.s.st", id="qualified"),
        pytest.param("@d.s.st/dir/dir", id="directory"),
        pytest.param('@d."My Schema".st/d\'ir', id="quoted"),
    ],
)
def test_stage_file_takes(stage: str) -> None:
    """A stage is a name behind @, with directories behind it."""
    assert StageFile(stage=stage, path="job.yaml").stage == stage


@pytest.mark.parametrize(
    ("stage", "complaint"),
    [
        pytest.param("d.s.st", "begins with @", id="no-at"),
        pytest.param("@", "expected identifiers", id="no-name"),
        pytest.param("@a b/c", "unexpected ' '", id="blank"),
        pytest.param("@a.b.c.d/e", "at most three parts", id="four-parts"),
    ],
)
def test_stage_file_refuses(stage: str, complaint: str) -> None:
    """What is no stage is refused."""
    with pytest.raises(ValidationError, match=complaint):
        StageFile(stage=stage, path="job.yaml")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        pytest.param({}, "at least 1 item", id="no-values"),
        pytest.param({"my-tag": "x"}, "'my-tag' is not an identifier", id="dash-in-a-name"),
        pytest.param({"": "x"}, "not an identifier", id="empty-name"),
        pytest.param({'a"': "x"}, "not an identifier", id="quote-in-a-name"),
    ],
)
def test_template_refuses(values: dict[str, Any], complaint: str) -> None:
    """USING needs values, under identifiers, that JSON can carry."""
    with pytest.raises(ValidationError, match=complaint):
        SpecTemplate(template="spec: {}", values=values)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(float("nan"), id="not-a-number"),
        pytest.param([float("inf")], id="infinity-inside"),
        pytest.param(object(), id="no-plain-data"),
    ],
)
def test_template_refuses_what_json_cannot_carry(value: object) -> None:
    """A value that cannot be sent is refused when the template is built, not when it is sent."""
    with pytest.raises(ValidationError):
        SpecTemplate(template="spec: {}", values={"v": value})


def test_request_is_immutable() -> None:
    """A request that was checked stays what it was."""
    with pytest.raises(ValidationError, match="frozen"):
        request().replicas = 2
