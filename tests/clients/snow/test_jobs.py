"""``snow spcs service``."""

import json
import subprocess
import time

import pytest
from conftest import SPECIFICATION, wait_until


@pytest.fixture
def run_job(snow, tmp_path):
    """Run a job."""

    def run(name: str, *args: str, more: tuple[str, ...] = ("--async",), fails: bool = False):
        file = tmp_path / f"{name}.yaml"
        file.write_text(SPECIFICATION.format(args=", ".join(f'"{arg}"' for arg in args)))
        words = ("spcs", "service", "execute-job", name, "--compute-pool", "CPU_S")
        words += ("--spec-path", str(file), *more)
        return snow.run(*words, fails=True) if fails else snow.rows(*words)

    return run


def status_of(snow, name) -> str:
    """Return a job's status."""
    (row,) = snow.rows("spcs", "service", "describe", name)
    return row["status"]


def test_execute_job(snow, run_job):
    (row,) = run_job("j", more=())
    assert row["status"] == "Job J completed successfully with status: DONE."


def test_execute_job_asynchronously(snow, run_job):
    (row,) = run_job("j")
    assert row["status"] == "Started Snowpark Container Services Job 'J'."
    wait_until(lambda: status_of(snow, "j") == "DONE")


def test_execute_job_with_options(snow, run_job):
    snow.run("sql", "-q", "CREATE OR REPLACE WAREHOUSE WH_JOB")
    run_job(
        "j", more=("--async", "--replicas", "2", "--query-warehouse", "WH_JOB", "--comment", "c")
    )
    (row,) = snow.rows("spcs", "service", "describe", "j")
    assert (row["query_warehouse"], row["comment"], row["target_instances"]) == ("WH_JOB", "c", 2)


def test_failing_job(snow, run_job):
    run_job("j", "fail")
    wait_until(lambda: status_of(snow, "j") == "FAILED")
    (row,) = snow.rows("spcs", "service", "list-containers", "j")
    assert row["last_exit_code"] == 3


def test_name_twice(snow, run_job):
    run_job("j")
    assert "already exists" in run_job("j", fails=True)


def test_unknown_pool(snow, tmp_path):
    file = tmp_path / "j.yaml"
    file.write_text(SPECIFICATION.format(args=""))
    text = snow.run(
        "spcs", "service", "execute-job", "j", "--compute-pool", "NOWHERE", "--spec-path",
        str(file), fails=True,
    )  # fmt: skip
    assert "does not exist" in text


def test_list(snow, run_job):
    run_job("j")
    (row,) = snow.rows("spcs", "service", "list")
    assert (row["name"], row["compute_pool"]) == ("J", "CPU_S")
    assert snow.json("spcs", "service", "list", "--like", "x%") == []
    assert len(snow.json("spcs", "service", "list", "--in", "compute-pool", "CPU_S")) >= 1


def test_status(snow, run_job):
    run_job("j", more=())
    (row,) = snow.rows("spcs", "service", "status", "j")
    assert row["status"] == "DONE"


def test_instances_and_containers(snow, run_job):
    run_job("j", more=())
    (row,) = snow.rows("spcs", "service", "list-instances", "j")
    assert (row["service_name"], row["instance_id"]) == ("J", "0")
    (row,) = snow.rows("spcs", "service", "list-containers", "j")
    assert (row["container_name"], row["status"]) == ("main", "DONE")


def test_logs(snow, run_job):
    run_job("j", more=())
    words = ("spcs", "service", "logs", "j", "--container-name", "main", "--instance-id", "0")
    assert "hello from the job" in snow.run(*words)
    assert "hello" not in snow.run(*words, "--num-lines", "1")


def test_logs_with_timestamps(snow, run_job):
    run_job("j", more=())
    text = snow.run(
        "spcs", "service", "logs", "j", "--container-name", "main", "--instance-id", "0",
        "--include-timestamps", "--since", "2020-01-01T00:00:00Z",
    )  # fmt: skip
    line = next(line for line in text.splitlines() if "hello" in line)
    assert line.split()[0].startswith("20")


def test_logs_are_followed(snow, run_job):
    run_job("j", "lines", "30")
    wait_until(lambda: status_of(snow, "j") in ("RUNNING", "DONE"))
    process = subprocess.Popen(
        snow.start(
            "spcs", "service", "logs", "j", "--container-name", "main", "--instance-id", "0",
            "--follow", "--follow-interval", "1",
        ),
        env=snow.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    seen: list[str] = []
    end = time.monotonic() + 30
    try:
        for line in process.stdout:
            seen.append(line.strip())
            if "line 29" in line or time.monotonic() > end:
                break
    finally:
        process.kill()
        process.wait()
    numbered = [line for line in seen if "line " in line]
    assert [line.split("line ")[1] for line in numbered] == [str(n) for n in range(30)]


def test_events(snow, run_job):
    run_job("j", more=())
    told = snow.json(
        "spcs", "service", "events", "j", "--container-name", "main", "--instance-id", "0"
    )
    assert told
    assert "DONE" in json.dumps(told)


def test_events_since(snow, run_job):
    run_job("j", more=())
    told = snow.json(
        "spcs", "service", "events", "j", "--container-name", "main", "--instance-id", "0",
        "--since", "1 hour", "--last", "2", "--all",
    )  # fmt: skip
    assert 1 <= len(told) <= 2


def test_events_of_the_whole_job(snow, run_job):
    run_job("j", more=())
    told = snow.json("spcs", "service", "events", "j")
    assert "SERVICE.STATUS_CHANGE" in json.dumps(told)


def test_metrics(snow, run_job):
    run_job("j", "sleep", "5", more=())
    words = ("spcs", "service", "metrics", "j", "--container-name", "main", "--instance-id", "0")
    for row in snow.rows(*words):
        assert "container" in json.dumps(row)


def test_drop(snow, run_job):
    run_job("j", "sleep", "60")
    (row,) = snow.rows("spcs", "service", "drop", "j")
    assert row["status"] == "J successfully dropped."
    assert snow.json("spcs", "service", "list") == []


def test_describe_a_missing_one(snow):
    assert "does not exist" in snow.run("spcs", "service", "describe", "nowhere", fails=True)


def test_streamed_creation_is_refused_without_a_file(snow):
    snow.run(
        "spcs", "service", "execute-job", "j", "--compute-pool", "CPU_S", "--spec-path",
        "nowhere.yaml", fails=True,
    )  # fmt: skip
