"""Job assets written in YAML, run over the emulator."""

import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster.components.testing import create_defs_folder_sandbox

from dagster_spcs import ServiceSpec, SpcsJobComponent, SpcsPollingSensorComponent
from dagster_spcs.emulator import Emulator
from dagster_spcs.errors import InvalidSpecification
from dagster_spcs.event_log import keys
from dagster_spcs.spcs.client import SpcsClient
from tests.integration.conftest import Location
from tests.support.emulators import POOL, SHELL, open_lab, until

Locate = Callable[..., Location]


def spec(script: str) -> dict[str, Any]:
    return {"containers": [{"name": "main", "image": SHELL, "args": [script]}]}


def attributes(text: str) -> dict[str, Any]:
    """Read the attributes of a ``defs.yaml``."""
    return yaml.safe_load(text.replace("SHELL", SHELL).replace("POOL", POOL))


def assets_of(attributes: dict[str, Any]) -> list[Any]:
    """Return what a component defines."""
    component = SpcsJobComponent.from_attributes_dict(attributes=attributes)
    return list(dg.build_defs_for_component(component).assets or [])


WHOLE = """
asset:
  key: daily_report
  deps: [source]
  description: From YAML.
  group_name: reports
  kinds: [snowflake]
  owners: ["team:data"]
  tags: {tier: prod}
  automation_condition: "{{ dg.AutomationCondition.eager() }}"
  partitions_def: {type: daily, start_date: "2026-01-01"}
job:
  spec:
    containers:
    - name: main
      image: SHELL
      args: ["echo $DAGSTER_PARTITION_KEY from $DAGSTER_PARTITION_START to $DAGSTER_PARTITION_END"]
  timeout_seconds: 600
  comment: nightly
compute_pool: POOL
overlap: allow
max_retries: 2
check_specs:
- {name: no_nulls, asset: daily_report}
retry_policy: {max_retries: 3, delay: 2.5, backoff: EXPONENTIAL, jitter: FULL}
pool: snowflake
op_tags: {team: data}
"""


def test_asset_from_yaml() -> None:
    """Everything of the asset and its checks is as written."""
    [asset] = assets_of(attributes(WHOLE))
    key = dg.AssetKey("daily_report")
    [found] = asset.specs
    assert (found.key, found.description, found.group_name) == (key, "From YAML.", "reports")
    assert isinstance(found.partitions_def, dg.DailyPartitionsDefinition)
    assert found.automation_condition is not None
    assert (found.owners, found.kinds, found.tags["tier"]) == (["team:data"], {"snowflake"}, "prod")
    assert found.metadata[keys.MAX_RETRIES] == 2
    assert {each.name for each in asset.check_specs} == {"no_nulls", keys.CHECK_NAME}
    assert (asset.op.pool, asset.op.tags["team"]) == ("snowflake", "data")
    assert asset.op.retry_policy == dg.RetryPolicy(
        max_retries=3, delay=2.5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
    )


def test_partition_reaches_the_container(locate: Locate) -> None:
    location = locate(*assets_of(attributes(WHOLE)))
    assert location.run("daily_report", partition_key="2026-03-01").success
    location.tick_until(lambda: location.materializations("daily_report"))
    [event] = location.materializations("daily_report")
    assert event.partition == "2026-03-01"
    wanted = "2026-03-01 from 2026-03-01T00:00:00+00:00 to 2026-03-02T00:00:00+00:00"
    assert wanted in event.metadata[keys.LOG].value


def test_batch_from_yaml(locate: Locate) -> None:
    """A run over several partitions is one job; each instance finds its own in the list."""
    location = locate(
        *assets_of(
            {
                "asset": {
                    "key": "parts",
                    "partitions_def": {"type": "static", "partition_keys": ["p1", "p2"]},
                },
                "job": {"spec": spec('echo "$SNOWFLAKE_JOB_INDEX of $DAGSTER_PARTITION_KEYS"')},
                "compute_pool": POOL,
                "batch": True,
                "single_run_backfill": True,
            }
        )
    )
    tags = {
        "dagster/asset_partition_range_start": "p1",
        "dagster/asset_partition_range_end": "p2",
    }
    assert location.run("parts", tags=tags).success
    location.tick_until(lambda: len(location.materializations("parts")) == 2)
    made = {each.partition: each.metadata for each in location.materializations("parts")}
    assert '1 of ["p1", "p2"]' in made["p2"][keys.LOG].value
    assert made["p1"][keys.JOB_NAME] == made["p2"][keys.JOB_NAME]


def test_template(locate: Locate) -> None:
    """A template is filled by Snowflake, with values of ours and the partition."""
    template = (
        f"spec:\n  containers:\n  - name: main\n    image: {SHELL}\n"
        "    args: ['echo {{ greeting }} {{ partition_key }}']\n"
    )
    raw = {
        "asset": {"key": "a", "partitions_def": {"type": "static", "partition_keys": ["p1", "p2"]}},
        "job": {
            "template": template,
            "template_values": {"greeting": "hello"},
        },
        "compute_pool": POOL,
    }
    location = locate(*assets_of(raw))
    assert location.run("a", partition_key="p2").success
    location.tick_until(lambda: location.materializations("a"))
    assert "hello p2" in location.materializations("a")[0].metadata[keys.LOG].value


@pytest.mark.parametrize("form", ["stage_file", "template_stage_file"])
def test_specification_on_a_stage(
    locate: Locate,
    client: SpcsClient,
    emulator: Emulator,
    schema: str,
    tmp_path: Path,
    form: str,
) -> None:
    """Snowflake reads the file itself, and fills it if it is a template."""
    place = f"LAB.{schema}.SPECS"
    with open_lab(emulator) as connection:
        connection.cursor().execute(f"CREATE STAGE {place}")
    greeting = "{{ greeting }}" if form == "template_stage_file" else "hello"
    file = tmp_path / "job.yaml"
    file.write_text(yaml.safe_dump({"spec": spec(f"echo {greeting} from a stage")}))
    client.put_file(file, f"@{place}/specs")
    job: dict[str, Any] = {form: {"stage": f"@{place}", "path": "specs/job.yaml"}}
    if form == "template_stage_file":
        job["template_values"] = {"greeting": "hello"}

    location = locate(*assets_of({"asset": {"key": "a"}, "job": job, "compute_pool": POOL}))
    assert location.run("a").success
    location.tick_until(lambda: location.materializations("a"))

    [event] = location.materializations("a")
    assert "hello from a stage" in event.metadata[keys.LOG].value


def test_sensor_from_yaml() -> None:
    component = SpcsPollingSensorComponent.from_attributes_dict(
        attributes={"name": "mine", "minimum_interval_seconds": 7, "running": False}
    )
    [sensor] = dg.build_defs_for_component(component).sensors or []
    assert (sensor.name, sensor.minimum_interval_seconds) == ("mine", 7)
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED


@pytest.mark.parametrize(
    ("job", "error", "message"),
    [
        ({}, ValueError, "not none"),
        ({"spec": spec("true"), "template": "x"}, ValueError, "not spec, template"),
        ({"spec": {"containers": []}}, InvalidSpecification, "containers"),
        ({"spec": spec("true"), "replicas": 0}, ValueError, "replicas"),
        ({"spec": spec("true"), "unknown": 1}, ValueError, "unknown"),
    ],
)
def test_job_that_cannot_be_read(job: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        assets_of({"asset": {"key": "a"}, "job": job})


def connected(emulator: Emulator, schema: str, key: str) -> dict[str, Any]:
    """Attributes of a component that needs no Python beside it."""
    return {
        "asset": {"key": key},
        "job": {"spec": spec("echo hello")},
        "compute_pool": POOL,
        "polling_sensor": True,
        "snowflake": {
            "account": emulator.settings.account,
            "user": emulator.settings.user,
            "password": "{{ env.LAB_PASSWORD }}",
            "database": "LAB",
            "schema": schema,
            "additional_snowflake_connection_args": {
                "host": emulator.host,
                "port": emulator.port,
                "protocol": "http",
            },
        },
    }


def definitions_of(raw: dict[str, Any]) -> dg.Definitions:
    """What a component defines."""
    component = SpcsJobComponent.from_attributes_dict(attributes=raw)
    return dg.build_defs_for_component(component)


def test_yaml_is_enough(
    instance: dg.DagsterInstance,
    emulator: Emulator,
    schema: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two files that bring connection and sensor, no Python file: one resource, one sensor."""
    monkeypatch.setenv("LAB_PASSWORD", emulator.password)
    definitions = dg.Definitions.merge(
        *(definitions_of(connected(emulator, schema, key)) for key in ("a", "b"))
    )
    dg.Definitions.validate_loadable(definitions)
    assert emulator.password not in repr(definitions.resources)
    job = definitions.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=instance).success
    sensor = definitions.resolve_sensor_def("spcs_polling_sensor")
    recorded: set[str] = set()

    def tick() -> bool:
        with dg.build_sensor_context(
            instance=instance,
            repository_def=definitions.get_repository_def(),
            resources={
                "spcs": definitions.resources["spcs"],
            },
        ) as context:
            for event in sensor.evaluate_tick(context).asset_events:
                if isinstance(event, dg.AssetMaterialization):
                    recorded.add(event.asset_key.to_user_string())
        return recorded == {"a", "b"}

    until(tick)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("passwort", "write password"),
        ("zzz", "there are account, user"),
        ("schema_", "write schema"),
    ],
)
def test_misspelt_connection(emulator: Emulator, schema: str, name: str, told: str) -> None:
    """The error names the attribute and what to write, not its value."""
    raw = connected(emulator, schema, "a")
    raw["snowflake"][name] = "hunter2"
    with pytest.raises(Exception, match=told) as caught:
        definitions_of(raw)
    assert "hunter2" not in str(caught.value)


QUOTED = [
    "2",
    "None",
    "[1]",
    "1.10",
    "1e5",
    "0x1F",
    "True",
    "'quoted'",
    '{"a": 1}',
    "5,6",
    "{a",
    " ",
]


@pytest.mark.parametrize("text", QUOTED)
def test_text_stays_text(text: str) -> None:
    """Whatever a text looks like, it is what the container gets."""
    container = {"name": "main", "image": SHELL, "args": [text], "env": {"V": text}}
    raw = {"asset": {"key": "a"}, "job": {"spec": {"containers": [container]}}}
    job = SpcsJobComponent.from_attributes_dict(attributes=raw).job
    [made] = ServiceSpec.from_document({"spec": job["spec"]}).containers
    assert (made.args, made.env) == ([text], {"V": text})


def test_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is the whole text gives its value, others are rendered into the text."""
    monkeypatch.setenv("TAG", "1.10")
    job = job_of(
        {
            "template": "{{ image }}",
            "template_values": {
                "tag": "{{ env.TAG }}",
                "image": "repo:{{ env.TAG }}",
                "count": "{{ 1 + 1 }}",
                "plain": "1",
                "list": ["{{ env('MISSING', 'x') }}"],
                "raw": "{% raw %}{{ x }}{% endraw %}",
            },
        }
    )
    assert job == {
        "template": "{{ image }}",
        "template_values": {
            "tag": "1.10",
            "image": "repo:1.10",
            "count": 2,
            "plain": "1",
            "list": ["x"],
            "raw": "{{ x }}",
        },
    }


def job_of(job: dict[str, Any]) -> dict[str, Any]:
    """The section as the component has read it."""
    raw = {"asset": {"key": "a"}, "job": job}
    return SpcsJobComponent.from_attributes_dict(attributes=raw).job


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{{ nope }}", "'nope' is undefined; an expression may name"),
        ("x {{ nope.a }}", "'nope' is undefined"),
        ("{{ env.NOPE }}", r"makes nothing; .*env\('NAME', 'default'\)"),
        ("x {{ env.NOPE }}", "makes nothing"),
        ("{{ 1 + }}", "no expression that can be rendered"),
        ("{{ open", "no expression that can be rendered"),
    ],
)
def test_expression_that_makes_nothing(text: str, complaint: str) -> None:
    """An undefined name is an error that names it and its place."""
    with pytest.raises(Exception, match=rf"job\.comment: .*{complaint}"):
        assets_of({"asset": {"key": "a"}, "job": {"spec_file": "x", "comment": text}})


@pytest.mark.parametrize("value", [80, 1.10, True, 0o123])
def test_unquoted_variable(value: object) -> None:
    """Dagster's YAML does not tell what was written."""
    container = {"name": "main", "image": SHELL, "env": {"V": value}}
    raw = {"asset": {"key": "a"}, "job": {"spec": {"containers": [container]}}}
    with pytest.raises(Exception, match=r"the value of V .*quote it"):
        assets_of(raw)


@pytest.mark.parametrize(
    "change",
    [
        {"enviroment": {"PASSWORD": "hunter2"}},
        {"mode": "hunter2"},
        {"job": "hunter2"},
        {"job": {"spec_file": "x", "passwort": "hunter2"}},
        {"job": {"spec": {"containers": [{"name": "main", "image": SHELL, "args": "hunter2"}]}}},
        {"job": {"spec": {"containers": "hunter2"}}},
    ],
    ids=str,
)
def test_no_refusal_repeats_a_value(change: dict[str, Any]) -> None:
    """It may be a secret."""
    raw = {"asset": {"key": "a"}, "job": {"spec_file": "x"}, **change}
    with pytest.raises(Exception) as caught:  # noqa: PT011  the class is not the point
        assets_of(raw)
    assert "hunter2" not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ("snowflake: {account: x, user: u, password: hunter2, logintimeout: 5}",
         "write login_timeout"),
        ("snowflake: {account: x, user: u, password: [hunter2]}", r"snowflake\.password: Input"),
        ("snowflake: {account: x, user: u, password: hunter2, role: '{{ nope }}'}", "undefined"),
        ("job: {spec: {containers: [{name: main, image: /a/b/c/d:1,"
         " env: {TOKEN: hunter2, X: '{{ nope }}'}}]}}", "undefined"),
        ("job: {spec_file: spec.yaml, timeout_seconds: hunter2}", "write a number of seconds"),
    ],
)  # fmt: skip
def test_no_refusal_shows_the_file(attributes: str, told: str) -> None:
    """Dagster adds the lines around the place to an error of a resolver."""
    job = "" if attributes.startswith("job") else "  job: {spec_file: spec.yaml}\n"
    text = (
        "type: dagster_spcs.SpcsJobComponent\nattributes:\n  asset: {key: a}\n"
        f"{job}  {attributes}\n"
    )
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.scaffold_component(component_cls=SpcsJobComponent, defs_path="x")
        (Path(folder) / "defs.yaml").write_text(text)
        with (
            pytest.raises(Exception) as caught,  # noqa: PT011  Dagster's own, around ours
            sandbox.load_component_and_build_defs(defs_path="x"),
        ):
            pass
    shown = "".join(traceback.format_exception(caught.value))
    assert re.search(told, shown)
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("job", "told"),
    [
        ({"spec": 5}, r"job\.spec: write a specification"),
        ({"spec": None}, r"job\.spec: write a specification"),
        ({"spec_file": 5}, r"job\.spec_file: write the name of a file"),
        ({"spec_file": ""}, r"job\.spec_file: write the name of a file"),
        ({"spec_file": "no.yaml"}, r"job\.spec_file: no\.yaml cannot be read \(No such file"),
        *(
            ({"spec_file": "x", "timeout_seconds": value}, r"job\.timeout_seconds: write a number")
            for value in ("abc", "inf", "nan", 1e30, None, [1], True)
        ),
    ],
)
def test_kind_of_value(job: dict[str, Any], told: str) -> None:
    """The error names the place and what to write."""
    if job.get("spec_file") == "x":
        job = {**job, "spec": {"containers": [{"name": "main", "image": SHELL}]}}
        del job["spec_file"]
    with pytest.raises(Exception, match=told):
        assets_of({"asset": {"key": "a"}, "job": job})


def test_texts_beside_the_job_stay_texts() -> None:
    """Tags of an op are texts, JSON too; a pool may be called by a number."""
    tags = {"ecs/cpu": "256", "dagster-k8s/config": '{"container_config": {}}'}
    [asset] = assets_of(
        {
            "asset": {"key": "a"},
            "job": {"spec": spec("true")},
            "op_tags": tags,
            "pool": "5",
            "compute_pool": "{{ 'CPU' }}_S",
        }
    )
    assert {name: asset.op.tags[name] for name in tags} == tags
    assert asset.op.pool == "5"
