"""Mistakes in the definition of a job asset are told when it is defined, with what to write."""

from typing import Any

import dagster as dg
import pytest
from dagster_snowflake import SnowflakeResource

from dagster_spcs import (
    JobRequest,
    ServiceSpec,
    SpcsJobResource,
    build_spcs_polling_sensor,
    spcs_job_asset,
    spcs_job_multi_asset,
)

SPEC = ServiceSpec(containers=[{"name": "main", "image": "/lab/public/images/a:1"}])


def job(context: dg.AssetExecutionContext) -> JobRequest:
    """A job."""
    return JobRequest(spec=SPEC)


MISTAKES = [
    ({"overlap": "cancel-previous"}, "write one of 'skip', 'allow', 'cancel_previous'"),
    ({"mode": "async"}, "write one of 'auto', 'deferred', 'blocking'"),
    ({"mode": None}, "write one of 'auto'"),
    ({"max_retries": -1}, "max_retries=-1: write how many"),
    ({"max_retries": 1.5}, "max_retries=1.5"),
    ({"max_retries": True}, "max_retries=True"),
    ({"max_retries": "3"}, "max_retries='3'"),
    ({"retry_delay_seconds": -1}, "retry_delay_seconds=-1: write a number of seconds"),
    ({"retry_delay_seconds": float("nan")}, "retry_delay_seconds=nan"),
    ({"retry_delay_seconds": float("inf")}, "retry_delay_seconds=inf"),
    ({"pipes": "yes"}, "pipes='yes': write True or False"),
    ({"compute_pool": "a b"}, "compute_pool='a b': unexpected ' ' after a"),
    ({"compute_pool": "a.b"}, "compute_pool='a.b': write one name without dots"),
    ({"compute_pool": 5}, "compute_pool=5: write a name"),
]


@pytest.mark.parametrize(("options", "told"), MISTAKES)
def test_option_that_cannot_be_meant(options: dict[str, Any], told: str) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=told):
        spcs_job_asset(**options)(job)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=told):
        spcs_job_multi_asset(specs=[dg.AssetSpec("a")], **options)(job)


def test_decorator_without_parentheses() -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"write @spcs_job_asset\(…\) with"):
        spcs_job_asset(job)


def test_upstream_asset_as_parameter() -> None:
    def report(context: dg.AssetExecutionContext, raw_reviews: Any) -> JobRequest:
        return JobRequest(spec=SPEC)

    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"deps=\['raw_reviews'\] instead"):
        spcs_job_asset()(report)


def test_annotation_that_cannot_be_found() -> None:
    def report(context: "dg.AssetExecutionContext", extra: "Absent") -> "Missing":  # type: ignore[name-defined]  # noqa: F821
        return JobRequest(spec=SPEC)

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="annotation Absent of extra"):
        spcs_job_asset()(report)


def test_function_that_takes_anything() -> None:
    """A wrapper's ``*args`` and ``**kwargs`` are nobody's input."""

    def wrapper(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> JobRequest:
        return JobRequest(spec=SPEC)

    assert spcs_job_asset(name="a")(wrapper).key == dg.AssetKey("a")


def test_options_of_the_step() -> None:
    """Pool, tags and retry policy are those of the op."""
    options = {
        "pool": "snowflake",
        "op_tags": {"team": "data"},
        "retry_policy": dg.RetryPolicy(max_retries=2),
    }
    for asset in (
        spcs_job_asset(**options)(job),
        spcs_job_multi_asset(specs=[dg.AssetSpec("a")], **options)(job),
    ):
        op = asset.op
        assert (op.pool, op.tags["team"]) == ("snowflake", "data")
        assert op.retry_policy == dg.RetryPolicy(max_retries=2)


def test_result_table_stands_under_dagster_s_own_keys() -> None:
    """So that Dagster knows which table it is."""
    [spec] = spcs_job_asset(result_table="db.schema.scores")(job).specs
    assert spec.metadata["dagster/table_name"] == "db.schema.scores"
    assert spec.metadata["dagster/storage_kind"] == "snowflake"
    assert "dagster/relation_identifier" not in spec.metadata


def test_batch_without_partitions() -> None:
    """A batch is made of partitions."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="give partitions_def as well"):
        spcs_job_asset(batch=True)(job)


@pytest.mark.parametrize(
    ("specs", "told"),
    [([], "name at least one asset"), (["a"], r"write dg\.AssetSpec\('a'\)")],
)
def test_specs_that_are_none(specs: list[Any], told: str) -> None:
    """Specs are specs, and at least one."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=told):
        spcs_job_multi_asset(specs=specs)(job)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"metadata": "wh"}, "metadata='wh': write one of 'warehouse', 'no-warehouse'"),
        ({"max_completions": 0}, "max_completions=0: write how many jobs"),
        ({"max_seconds": 0}, "max_seconds=0: write a number of seconds, above 0"),
        ({"minimum_interval_seconds": 0}, "minimum_interval_seconds=0: write seconds"),
        ({"failure_runs": "no"}, "failure_runs='no': write True or False"),
        ({"observe": ["a"]}, "write asset keys by job names"),
        ({"drop_after": 3}, r"timedelta\(days=3\)"),
    ],
)
def test_option_of_the_sensor(options: dict[str, Any], told: str) -> None:
    """Found where it is written, and not by a tick."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=told):
        build_spcs_polling_sensor(**options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"compute_pol": "x"}, r"no option 'compute_pol'; did you mean compute_pool\?"),
        ({"job_name_prefix": "a-b"}, r"job_name_prefix\n.*unexpected '-' after a"),
        ({"schema": "a.b"}, r"schema\n.*one name without dots"),
        ({"compute_pool": "a b"}, r"compute_pool\n.*unexpected ' '"),
        ({"pipes_stage": "x"}, r"pipes_stage\n.*write @database"),
        ({"job_name_prefix": dg.EnvVar("PREFIX")}, None),
    ],
)
def test_option_of_the_resource(options: dict[str, Any], told: str | None) -> None:
    """The option is named; what comes from the environment is checked in a run."""
    snowflake = SnowflakeResource(account="a", user="u", password="p")
    if told is None:
        SpcsJobResource(snowflake=snowflake, **options)
        return
    with pytest.raises(ValueError, match=told):
        SpcsJobResource(snowflake=snowflake, **options)


def test_generator() -> None:
    """A job function returns its request."""

    def yielding() -> Any:
        yield JobRequest(spec=SPEC)

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="yielding yields: a job function"):
        spcs_job_asset()(yielding)
