"""The life of a job, with real processes."""

import tempfile
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest

from dagster_spcs.emulator import Emulator
from tests.support.emulators import (
    PYTHON,
    Lab,
    build_context,
    container,
    execute_job,
    new_emulator,
    new_name,
    open_lab,
    processes_with,
    spec_of,
    until,
)

LOOP = "while :; do sleep 0.01; done"


@pytest.fixture
def single(tmp_path: Path, stack: ExitStack) -> Lab:
    """A session in an emulator whose pool has one node, of three cores."""
    emulator = stack.enter_context(new_emulator(tmp_path, nodes=1))
    return Lab(stack.enter_context(open_lab(emulator)))


WHOLE_NODE = {"resources": {"requests": {"cpu": 3}}}


def test_a_job_waits_for_a_node(single: Lab, tmp_path: Path) -> None:
    """A job without room stays PENDING and runs when the node is free."""
    gate = tmp_path / "gate"
    first = single.submit(f"until [ -e {gate} ]; do sleep 0.01; done", **WHOLE_NODE)
    single.wait(first, "RUNNING")
    second = single.submit("true", **WHOLE_NODE)
    third = single.submit("true", **WHOLE_NODE)
    assert [single.describe(name)["status"] for name in (first, second, third)] == [
        "RUNNING", "PENDING", "PENDING",
    ]  # fmt: skip
    gate.touch()
    single.wait(third)
    completed = [single.history(name)[0]["COMPLETED_TIME"] for name in (first, second, third)]
    assert completed == sorted(completed)


def test_a_job_that_waits_can_be_cancelled(single: Lab) -> None:
    """Cancelling a job without a node needs no node, and gives the others their turn."""
    first = single.submit(LOOP, **WHOLE_NODE)
    single.wait(first, "RUNNING")
    second, third = (single.submit("true", **WHOLE_NODE) for _ in range(2))
    single.value(f"CALL {second}!SPCS_CANCEL_JOB()")
    single.wait(second, "CANCELLED")
    assert single.describe(first)["status"] == "RUNNING"
    single.rows(f"DROP SERVICE {first}")
    single.wait(third)


def test_cancelling_before_the_start(tmp_path: Path, stack: ExitStack) -> None:
    """A job cancelled right after its submission never runs."""
    lab = Lab(stack.enter_context(open_lab(stack.enter_context(new_emulator(tmp_path)))))
    ran = tmp_path / "ran"
    names = [lab.submit(f"touch {ran}.{number}") for number in range(3)]
    for name in names:
        lab.value(f"CALL {name}!SPCS_CANCEL_JOB()")
    for name in names:
        lab.wait(name, "CANCELLED")
    for name in names:
        (row,) = lab.containers(name)
        started = Path(f"{ran}.{names.index(name)}").exists()
        assert started or row["last_exit_code"] in (None, 143)


def test_every_replica_counts(lab: Lab) -> None:
    """One failed instance fails the job; each instance keeps its own end."""
    name = lab.submit("exit $SNOWFLAKE_JOB_INDEX", "ASYNC = TRUE REPLICAS = 2")
    lab.wait(name, "FAILED")
    until(lambda: [row["last_exit_code"] for row in lab.containers(name)] == [0, 1])
    statuses = [row["status"] for row in lab.rows(f"SHOW SERVICE INSTANCES IN SERVICE {name}")]
    assert statuses == ["SUCCEEDED", "FAILED"]


def test_replicas_that_outlive_a_failure_can_be_cancelled(single: Lab) -> None:
    """The job is FAILED and stays so; what still works, or waits for a place, is ended."""
    name = single.submit(
        "[ $SNOWFLAKE_JOB_INDEX = 0 ] && exit 3; exec sleep 600",
        "ASYNC = TRUE REPLICAS = 3",
        **WHOLE_NODE,
    )
    single.wait(name, "FAILED")
    statuses = ["FAILED", "READY", "PENDING"]
    until(lambda: [row["status"] for row in single.containers(name)] == statuses)
    single.value(f"CALL {name}!SPCS_CANCEL_JOB()")
    until(lambda: {row["status"] for row in single.containers(name)} == {"FAILED"})
    codes = [row["last_exit_code"] for row in single.containers(name)]
    assert codes == [3, 143, None]
    single.wait(name, "FAILED")


def test_every_container_counts(lab: Lab) -> None:
    """An instance succeeded when all of its containers did."""
    name = lab.submit_spec(spec_of(container("exit 0", "good"), container("exit 2", "bad")))
    lab.wait(name, "FAILED")
    rows = {row["container_name"]: row for row in lab.containers(name)}
    assert (rows["good"]["status"], rows["good"]["last_exit_code"]) == ("DONE", 0)
    assert (rows["bad"]["status"], rows["bad"]["last_exit_code"]) == ("FAILED", 2)
    assert {row["instance_status"] for row in rows.values()} == {"FAILED"}


def test_a_command_that_is_not_there(lab: Lab) -> None:
    """A container that cannot start fails, and its log says why."""
    name = lab.submit("", command=["/no/such/program"])
    lab.wait(name, "FAILED")
    (row,) = lab.containers(name)
    assert row["message"] == "Encountered fatal error while starting container"
    assert lab.log(name)[0].startswith("cannot start container: /no/such/program")


def test_a_fault_of_the_platform(
    tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job the emulator itself cannot run ends INTERNAL_ERROR; it does not hang."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lab = Lab(stack.enter_context(open_lab(stack.enter_context(new_emulator(tmp_path)))))
    (scratch,) = tmp_path.glob("*-spcs")
    for number in range(10):
        (scratch / f"job-{number}").write_text("in the way of the job's folder")
    lab.wait(lab.submit("echo x"), "INTERNAL_ERROR")


def test_cancelling_keeps_what_each_instance_did(lab: Lab) -> None:
    """A cancelled job shows how its containers ended, and what they printed last."""
    script = f"trap 'echo bye; exit $SNOWFLAKE_JOB_INDEX' TERM; echo ready; {LOOP}"
    name = lab.submit(script, "ASYNC = TRUE REPLICAS = 3")
    lab.wait(name, "RUNNING")
    until(lambda: len(lab.rows(f"SELECT * FROM TABLE({name}!SPCS_GET_LOGS())")) == 3)
    lab.value(f"CALL {name}!SPCS_CANCEL_JOB()")
    lab.wait(name, "CANCELLED")
    assert [row["last_exit_code"] for row in lab.containers(name)] == [0, 1, 2]
    assert all("bye" in lab.log(name, instance) for instance in range(3))


def test_nothing_of_the_emulators_environment(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container sees nothing of the environment the emulator runs in."""
    monkeypatch.setenv("SECRET_OF_THE_EMULATOR", "s3cret")
    assert not any("s3cret" in line for line in lab.log(lab.run("env")))


def test_an_images_search_paths(tmp_path: Path, stack: ExitStack) -> None:
    """An image may add to PATH and PYTHONPATH; the connection to Snowflake works all the same."""
    context = build_context(
        tmp_path / "tool",
        "FROM python\nWORKDIR /app\nCOPY tool.py lib/\n"
        "ENV PYTHONPATH=/app/lib PATH=/app/bin:$PATH\n"
        'ENTRYPOINT ["python", "-c"]\n',
        tool_py="NAME = 'found'",
    )
    with Emulator(images=[("/d/s/r/tool", context)], compute_pools={"CPU_S": 1}) as emulator:
        lab = Lab(stack.enter_context(open_lab(emulator)))
        program = (
            "import shutil, tool; print(tool.NAME, bool(shutil.which('ls')));"
            " print(len(open('/snowflake/session/token').read()) > 20)"
        )
        assert lab.log(lab.run(program, image="/d/s/r/tool:1")) == ["found True", "True"]


def test_stopping_the_emulator_stops_its_containers(tmp_path: Path) -> None:
    """No container outlives the emulator."""
    with new_emulator(tmp_path) as emulator, open_lab(emulator) as connection:
        lab = Lab(connection)
        mark = f"mark-{uuid.uuid4()}"
        name = lab.submit(f": {mark}; echo up; trap '' TERM; {LOOP}")
        lab.wait(name, "RUNNING")
        until(lambda: lab.log(name) == ["up"])
        assert processes_with(mark)
    until(lambda: not processes_with(mark))


def test_dropping_a_python_job(lab: Lab) -> None:
    """A job dropped at work ends DELETED and leaves no process."""
    name = new_name()
    mark = f"mark-{uuid.uuid4()}"
    program = f"import time; print('up', flush=True); time.sleep(600)  # {mark}"
    lab.rows(execute_job(spec_of(container(program, image=PYTHON)), name))
    lab.wait(name, "RUNNING")
    until(lambda: lab.log(name) == ["up"])
    assert processes_with(mark)
    lab.rows(f"DROP SERVICE {name}")
    until(lambda: not processes_with(mark))
    (row,) = lab.history(name)
    assert (row["STATUS"], row["DELETED_TIME"] is not None) == ("DELETED", True)
