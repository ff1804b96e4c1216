"""The component of a job asset, for ``defs.yaml`` files."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import dagster as dg
from pydantic import BaseModel, ConfigDict

from dagster_spcs.assets import spcs_job_asset
from dagster_spcs.components.connection import resolve_connection, resource_of, sensor_of
from dagster_spcs.components.refusals import accepted, told_later
from dagster_spcs.components.schema import describe_fields
from dagster_spcs.components.values import render
from dagster_spcs.spcs.request import JobRequest, SpecTemplate, StageFile
from dagster_spcs.spec import ServiceSpec

_FORMS = ("spec", "spec_file", "stage_file", "template", "template_stage_file")
_IMAGE = "/my_db/my_schema/my_repository/my_image:1"


def _request(job: Mapping[str, Any], folder: Path) -> JobRequest:
    """Read the section ``job`` of the ``defs.yaml`` in a folder."""
    fields = dict(job)
    forms = [form for form in _FORMS if form in fields]
    if len(forms) != 1:
        raise ValueError(f"job: give one of {', '.join(_FORMS)}, not {', '.join(forms) or 'none'}")
    fields["spec"] = _specification(forms[0], fields, folder)
    for name in ("timeout", "start_timeout"):
        if f"{name}_seconds" in fields:
            fields[name] = _span(f"job.{name}_seconds", fields.pop(f"{name}_seconds"))
    return JobRequest.model_validate(fields)


def _span(place: str, value: Any) -> timedelta:
    """Return a span of time; a number may be written in quotes."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return timedelta(seconds=float(value))
    except (TypeError, ValueError, OverflowError):
        raise dg.DagsterInvalidDefinitionError(
            f"{place}: write a number of seconds above 0"
        ) from None


def _read(folder: Path, name: Any) -> str:
    """Return the text of a file beside the ``defs.yaml``."""
    if not isinstance(name, str) or not name:
        raise dg.DagsterInvalidDefinitionError("job.spec_file: write the name of a file")
    try:
        return folder.joinpath(name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise dg.DagsterInvalidDefinitionError(
            f"job.spec_file: {name} is not text in UTF-8"
        ) from None
    except OSError as error:
        raise dg.DagsterInvalidDefinitionError(
            f"job.spec_file: {name} cannot be read ({error.strerror})"
        ) from None


def _specification(
    form: str, fields: dict[str, Any], folder: Path
) -> ServiceSpec | StageFile | SpecTemplate:
    value = fields.pop(form)
    values = fields.pop("template_values", {})
    if form == "spec":
        if not isinstance(value, Mapping):
            raise dg.DagsterInvalidDefinitionError(
                "job.spec: write a specification, like {containers: [{name: main, image: …}]}"
            )
        return ServiceSpec.from_document(value if "spec" in value else {"spec": value})
    if form == "spec_file":
        return ServiceSpec.from_yaml(_read(folder, value))
    if form == "stage_file":
        return StageFile.model_validate(value)
    if form == "template_stage_file":
        return SpecTemplate(template=StageFile.model_validate(value), values=values)
    return SpecTemplate(template=value, values=values)


@told_later
def _resolve_job(context: dg.ResolutionContext, job: Any) -> Any:
    """Return the section ``job`` with its expressions rendered; ``template`` is Snowflake's."""
    if not isinstance(job, Mapping):
        return render(job, context.scope, "job")
    _refuse_unquoted(job.get("spec"))
    return {
        key: value if key == "template" else render(value, context.scope, f"job.{key}")
        for key, value in job.items()
    }


def _refuse_unquoted(spec: Any) -> None:
    """Refuse numbers as variables: YAML that Dagster has read does not tell 0123 from 83."""
    inner = spec.get("spec", spec) if isinstance(spec, Mapping) else {}
    containers = [
        each
        for name in ("containers", "container")
        for each in (inner.get(name) or () if isinstance(inner, Mapping) else ())
        if isinstance(each, Mapping) and isinstance(each.get("env"), Mapping)
    ]
    for container in containers:
        for name, value in container["env"].items():
            if isinstance(value, int):
                raise dg.DagsterInvalidDefinitionError(
                    f"job.spec: the value of {name} in env is not text; quote it"
                )


class RetryPolicyOptions(dg.Model, dg.Resolvable):
    """The options of ``dagster.RetryPolicy``."""

    max_retries: int = 1
    delay: float | None = None
    backoff: Literal["LINEAR", "EXPONENTIAL"] | None = None
    jitter: Literal["FULL", "PLUS_MINUS"] | None = None

    def to_policy(self) -> dg.RetryPolicy:
        """Return the policy."""
        return dg.RetryPolicy(
            max_retries=self.max_retries,
            delay=self.delay,
            backoff=None if self.backoff is None else dg.Backoff[self.backoff],
            jitter=None if self.jitter is None else dg.Jitter[self.jitter],
        )


def _as_written(name: str) -> dg.Resolver:
    """Return the resolver of texts that stay texts; Dagster would read the result as Python."""
    return dg.Resolver(
        lambda context, value: render(value, context.scope, name), inject_before_resolve=False
    )


class SpcsJobComponent(dg.Component, dg.Model, dg.Resolvable):
    """An asset made by a job on Snowpark Container Services."""

    model_config = ConfigDict(hide_input_in_errors=True)

    asset: dg.ResolvedAssetSpec
    job: Annotated[
        dict[str, Any],
        dg.Resolver(
            _resolve_job,
            inject_before_resolve=False,
            description=(
                "The job: `spec` (a service specification), `spec_file` (a file beside this one),"
                " `stage_file`, `template` or `template_stage_file` with `template_values`; and"
                " the other fields of JobRequest, with `timeout_seconds` and"
                " `start_timeout_seconds` instead of spans of time."
            ),
            examples=[{"spec": {"containers": [{"name": "main", "image": _IMAGE}]}}],
        ),
    ]
    snowflake: Annotated[
        Any,
        dg.Resolver(
            resolve_connection,
            model_field_type=dict[str, Any],
            inject_before_resolve=False,
            description=(
                "The connection, where no Python file binds a SpcsJobResource: the attributes of a"
                " SnowflakeResource. `{{ env.NAME }}` is read when it connects."
            ),
        ),
    ] = None
    polling_sensor: bool = False
    compute_pool: Annotated[str | None, _as_written("compute_pool")] = None
    mode: Literal["auto", "deferred", "blocking"] = "auto"
    overlap: Literal["skip", "allow", "cancel_previous"] = "skip"
    result_table: Annotated[str | None, _as_written("result_table")] = None
    pipes: bool = False
    batch: bool = False
    single_run_backfill: bool = False
    max_retries: int = 0
    retry_delay_seconds: float = 60.0
    max_in_flight: int | None = None
    check_specs: Sequence[dg.ResolvedAssetCheckSpec] = ()
    retry_policy: RetryPolicyOptions | None = None
    pool: Annotated[str | None, _as_written("pool")] = None
    op_tags: Annotated[dict[str, str] | None, _as_written("op_tags")] = None
    required_resource_keys: Sequence[str] = ()
    resource_key: str = "spcs"

    @classmethod
    def model(cls) -> type[BaseModel]:
        """Return the model of the attributes: its errors repeat no value, its schema knows them."""
        made: type[BaseModel] = super().model()
        made.model_config["hide_input_in_errors"] = True
        made.model_config["json_schema_extra"] = describe_fields
        made.model_rebuild(force=True)
        return made

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the asset."""
        request = _request(accepted(self.job), context.path)

        def job(context: dg.AssetExecutionContext) -> JobRequest:
            return request

        spec = self.asset
        decorate = spcs_job_asset(
            key=spec.key,
            deps=spec.deps,
            description=spec.description,
            group_name=spec.group_name,
            partitions_def=spec.partitions_def,
            automation_condition=spec.automation_condition,
            freshness_policy=spec.freshness_policy,
            code_version=spec.code_version,
            metadata=spec.metadata,
            tags={key: value for key, value in spec.tags.items() if "/kind/" not in key},
            owners=spec.owners,
            kinds=spec.kinds or None,
            compute_pool=self.compute_pool,
            mode=self.mode,
            overlap=self.overlap,
            result_table=self.result_table,
            pipes=self.pipes,
            batch=self.batch,
            backfill_policy=dg.BackfillPolicy.single_run() if self.single_run_backfill else None,
            max_retries=self.max_retries,
            retry_delay_seconds=self.retry_delay_seconds,
            max_in_flight=self.max_in_flight,
            check_specs=self.check_specs,
            retry_policy=None if self.retry_policy is None else self.retry_policy.to_policy(),
            pool=self.pool,
            op_tags=self.op_tags,
            required_resource_keys=self.required_resource_keys,
            resource_key=self.resource_key,
        )
        key = self.resource_key
        return dg.Definitions(
            assets=[decorate(job)],
            resources={} if self.snowflake is None else {key: resource_of(self.snowflake)},
            sensors=[sensor_of(key)] if self.polling_sensor else [],
        )


class SpcsJobScaffolder(dg.Scaffolder[Any]):
    """Writes a ``defs.yaml`` that needs an image and a compute pool, and the specification."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write both files."""
        dg.scaffold_component(
            request,
            {
                "asset": {"key": request.target_path.name, "description": "Made by a container."},
                "job": {"spec_file": "spec.yaml"},
                "compute_pool": "MY_POOL",
            },
        )
        document = {"spec": {"containers": [{"name": "main", "image": _IMAGE}]}}
        spec = ServiceSpec.from_document(document)
        request.target_path.joinpath("spec.yaml").write_text(spec.to_yaml())


dg.scaffold_with(SpcsJobScaffolder)(SpcsJobComponent)
