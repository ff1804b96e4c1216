"""YAML components, for ``defs.yaml`` files: a job asset, and the polling sensor."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import dagster as dg

from dagster_spcs.assets import spcs_job_asset
from dagster_spcs.polling_sensor import build_spcs_polling_sensor
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
    if "timeout_seconds" in fields:
        fields["timeout"] = timedelta(seconds=float(fields.pop("timeout_seconds")))
    return JobRequest.model_validate(fields)


def _specification(
    form: str, fields: dict[str, Any], folder: Path
) -> ServiceSpec | StageFile | SpecTemplate:
    value = fields.pop(form)
    values = fields.pop("template_values", {})
    if form == "spec":
        return ServiceSpec.from_document(value if "spec" in value else {"spec": value})
    if form == "spec_file":
        return ServiceSpec.from_yaml(folder.joinpath(value).read_text())
    if form == "stage_file":
        return StageFile.model_validate(value)
    if form == "template_stage_file":
        return SpecTemplate(template=StageFile.model_validate(value), values=values)
    return SpecTemplate(template=value, values=values)


class SpcsJobComponent(dg.Component, dg.Model, dg.Resolvable):
    """An asset made by a job on Snowpark Container Services."""

    asset: dg.ResolvedAssetSpec
    job: Annotated[
        dict[str, Any],
        dg.Resolver.default(
            description=(
                "The job: `spec` (a service specification), `spec_file` (a file beside this one),"
                " `stage_file`, `template` or `template_stage_file` with `template_values`; and"
                " the other fields of JobRequest, `timeout_seconds` instead of `timeout`."
            ),
            examples=[{"spec": {"containers": [{"name": "main", "image": _IMAGE}]}}],
        ),
    ]
    compute_pool: str | None = None
    mode: Literal["auto", "deferred", "blocking"] = "auto"
    overlap: Literal["skip", "allow", "cancel_previous"] = "skip"
    result_table: str | None = None
    pipes: bool = False
    batch: bool = False
    single_run_backfill: bool = False
    max_retries: int = 0
    retry_delay_seconds: float = 60.0
    check_specs: Sequence[dg.ResolvedAssetCheckSpec] = ()
    resource_key: str = "spcs"

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the asset."""
        request = _request(self.job, context.path)

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
            check_specs=self.check_specs,
            resource_key=self.resource_key,
        )
        return dg.Definitions(assets=[decorate(job)])


class SpcsPollingSensorComponent(dg.Component, dg.Model, dg.Resolvable):
    """The sensor that records the end of every job of the code location."""

    name: str = "spcs_polling_sensor"
    minimum_interval_seconds: int = 30
    metadata: Literal["warehouse", "no-warehouse"] | None = None
    max_completions: int = 200
    max_seconds: float = 40.0
    failure_runs: bool = False
    observe: dict[str, str] | None = None
    running: bool = True
    resource_key: str = "spcs"

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the sensor."""
        status = dg.DefaultSensorStatus
        options = self.model_dump(exclude={"running"})
        sensor = build_spcs_polling_sensor(
            **options, default_status=status.RUNNING if self.running else status.STOPPED
        )
        return dg.Definitions(sensors=[sensor])


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


class SpcsPollingSensorScaffolder(dg.Scaffolder[Any]):
    """Writes a ``defs.yaml`` with the interval."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write the file."""
        dg.scaffold_component(request, {"minimum_interval_seconds": 30})


dg.scaffold_with(SpcsJobScaffolder)(SpcsJobComponent)
dg.scaffold_with(SpcsPollingSensorScaffolder)(SpcsPollingSensorComponent)
