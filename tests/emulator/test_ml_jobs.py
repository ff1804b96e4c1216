"""What ``snowflake.ml.jobs`` submits; the client itself is in ``tests/clients/ml_jobs``."""

import importlib.util
import json
from typing import Any

import pytest
import yaml
from snowflake.connector import ProgrammingError

from dagster_spcs.emulator.containers import filesystem
from dagster_spcs.emulator.sql.quoting import literal
from dagster_spcs.emulator.statements.ml_jobs import RUNTIME
from tests.support.emulators import POOL, Lab, new_name


@pytest.fixture
def stage(lab: Lab) -> str:
    """An empty stage."""
    name = new_name("PAYLOAD")
    lab.rows(f"CREATE STAGE {name}")
    return name


def submit(lab: Lab, name: str, what: dict[str, Any], **options: Any) -> str:
    """Send the call as the client writes it and return the job's id."""
    asked = {"TARGET_INSTANCES": 1, "GENERATE_SUFFIX": True, "ASYNC": True, **options}
    arguments = ", ".join(map(literal, (name, POOL, json.dumps(what), json.dumps(asked))))
    return str(lab.value(f"CALL SYSTEM$EXECUTE_ML_JOB({arguments})"))


def payload(stage: str, script: str, **more: Any) -> dict[str, Any]:
    """Return what runs a shell script on a payload's stage."""
    return {
        "STAGE_PATH": f"@{stage}/payload",
        "ARGS": ["bash", "-c", script, 1],
        "ENV_VARS": {"GIVEN": "by the client"},
        "RUNTIME": RUNTIME,
        **more,
    }


def test_a_job(lab: Lab, stage: str) -> None:
    """It mounts the payload and a folder for its result, and is named as the id asks."""
    script = (
        'echo "$GIVEN $MLRS_RESULT_PATH $MLRS_MIN_INSTANCES $SNOWFLAKE_PROTOCOL $0";'
        " touch $MLRS_STAGE_RESULT_PATH/result /mnt/job_stage/beside"
    )
    job = submit(lab, "LAB.PUBLIC.train_", payload(stage, script), COMMENT="nightly")
    assert job.startswith("LAB.PUBLIC.TRAIN_")
    lab.wait(job)
    short = job.rpartition(".")[2]
    assert lab.log(job) == ["by the client mljob_result 1 http 1"]
    listed = [row["name"].partition("/")[2] for row in lab.rows(f"LIST @{stage}")]
    assert sorted(listed) == [f"payload/{short}/result", "payload/beside"]
    assert lab.describe(job)["comment"] == "nightly"


def test_its_specification(lab: Lab, stage: str) -> None:
    """The client finds result and payload through it, from any session; overrides are merged."""
    overrides = {"spec": {"containers": [{"name": "main", "env": {"MORE": "1", "GIVEN": None}}]}}
    what = payload(stage, "true", SPEC_OVERRIDES=overrides, ENABLE_METRICS=True)
    job = submit(lab, "with_overrides", what, GENERATE_SUFFIX=False)
    assert job == "LAB.PUBLIC.WITH_OVERRIDES"
    spec = yaml.safe_load(lab.describe(job)["spec"])["spec"]
    (container,) = spec["containers"]
    assert container["env"]["MORE"] == "1"
    assert "GIVEN" not in container["env"]
    volumes = {volume["name"]: volume["source"] for volume in spec["volumes"]}
    assert volumes == {
        "stage-volume": f"@LAB.PUBLIC.{stage}/payload",
        "result-volume": f"@LAB.PUBLIC.{stage}/payload/WITH_OVERRIDES",
    }
    assert spec["platformMonitor"]["metricConfig"]["groups"] == ["system", "status"]
    lab.wait(job)


def test_two_instances_that_wait_for_the_end(lab: Lab, stage: str) -> None:
    """Each gets its index; without ASYNC the call returns when all have ended."""
    what = payload(stage, "echo $SNOWFLAKE_JOB_INDEX of $SNOWFLAKE_JOBS_COUNT $HEAD_GCS_PORT")
    job = submit(lab, "two_", what, TARGET_INSTANCES=2, MIN_INSTANCES=2, ASYNC=False)
    assert lab.describe(job)["status"] == "DONE"
    assert [lab.log(job, instance) for instance in (0, 1)] == [["0 of 2 12001"], ["1 of 2 12001"]]


def test_a_job_that_fails(lab: Lab, stage: str) -> None:
    """As a synchronous job service fails."""
    with pytest.raises(ProgrammingError, match="FAILED"):
        submit(lab, "failing_", payload(stage, "exit 3"), ASYNC=False)


@pytest.mark.parametrize(
    ("name", "change", "number"),
    [
        ("NOWHERE.PUBLIC.x_", {}, 2003),
        ("x_", {"RUNTIME": "/no/such/image:1"}, 2003),
        ("x_", {"STAGE_PATH": "@NO_STAGE/x"}, 2003),
        ("x_", {"STAGE_PATH": "nowhere"}, 1003),
    ],
)
def test_what_is_not_there(
    lab: Lab, stage: str, name: str, change: dict[str, Any], number: int
) -> None:
    """It is refused as EXECUTE JOB SERVICE refuses it."""
    with pytest.raises(ProgrammingError) as caught:
        submit(lab, name, {**payload(stage, "true"), **change})
    assert caught.value.errno == number


def test_not_json(lab: Lab) -> None:
    """A mistake of the client's is told as one."""
    with pytest.raises(ProgrammingError, match="not a JSON object: nonsense"):
        lab.value(f"CALL SYSTEM$EXECUTE_ML_JOB('x', '{POOL}', 'nonsense', '{{}}')")


def runtime(lab: Lab, selector: str, pool: str = POOL) -> Any:
    """Ask for the image to run."""
    return lab.value(f"CALL SYSTEM$GET_ML_JOB_RUNTIME('{pool}', {literal(selector)})")


def test_an_image_of_ones_own(lab: Lab) -> None:
    """A reference chooses an image that the emulator was given."""
    given = "/lab/public/images/shell:1"
    assert runtime(lab, json.dumps({"runtimeEnvironment": given})) == given
    with pytest.raises(ProgrammingError, match="no/such/image"):
        runtime(lab, json.dumps({"runtimeEnvironment": "/no/such/image:1"}))
    with pytest.raises(ProgrammingError, match="NO_POOL"):
        runtime(lab, "", "NO_POOL")


def test_without_the_client_or_a_namespace(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in runtime says what it needs."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ProgrammingError, match=r"pip install 'dagster-spcs\[ml-jobs\]'"):
        runtime(lab, json.dumps({"pythonVersion": "3.11"}))
    monkeypatch.setattr(filesystem, "why_not_granted", lambda: "no such thing here")
    with pytest.raises(ProgrammingError, match="no such thing here"):
        runtime(lab, "1.8.0")
