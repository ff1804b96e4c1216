"""What a container finds where its image and specification say, whatever program looks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_spcs.emulator import Emulator
from dagster_spcs.emulator.account import runner
from dagster_spcs.emulator.containers.filesystem import why_not_granted
from tests.support.emulators import (
    PYTHON,
    Lab,
    build_context,
    container,
    execute_job,
    new_emulator,
    new_name,
    open_lab,
    spec_of,
)

TOKEN = "/snowflake/session/token"
DOCUMENTED = f"""
import os, snowflake.connector
with open("{TOKEN}") as file:
    token = file.read()
with snowflake.connector.connect(
    host=os.environ["SNOWFLAKE_HOST"], account=os.environ["SNOWFLAKE_ACCOUNT"], token=token,
    authenticator="oauth", database=os.environ["SNOWFLAKE_DATABASE"],
    schema=os.environ["SNOWFLAKE_SCHEMA"],
) as connection:
    print("user", connection.cursor().execute("SELECT CURRENT_USER()").fetchone()[0])
"""
DOCKERFILE = """FROM scratch
COPY app /app
COPY app /v
COPY tool /usr/local/bin/tool
COPY note.txt /
WORKDIR /app
ENV PATH=/app/bin:$PATH
ENTRYPOINT ["/bin/bash", "-c"]
"""
needs_view = pytest.mark.skipif(
    why_not_granted() is not None, reason=f"no mount namespace: {why_not_granted()}"
)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator with one more image, which has files of its own."""
    folder = tmp_path_factory.mktemp("account")
    context = build_context(folder / "files", DOCKERFILE, note_txt="a note\n")
    (context / "app" / "bin").mkdir(parents=True)
    (context / "app" / "data.txt").write_text("data\n")
    for path in (context / "tool", context / "app" / "bin" / "own"):
        path.write_text('#!/bin/sh\necho "ran $0 in $(pwd)"\n')
        path.chmod(0o755)
    with new_emulator(folder, more_images=[("/lab/public/images/files:1", context)]) as emulator:
        yield emulator


@pytest.fixture
def lab(account: Emulator) -> Iterator[Lab]:
    """A session of the test's own."""
    with open_lab(account) as connection:
        yield Lab(connection)


def said(lab: Lab, script: str, image: str = "files", **fields: object) -> list[str]:
    """Run a container to its end and return its lines."""
    volumes = {name: fields.pop(name) for name in ("volumes",) if name in fields}
    name = new_name()
    one = container(script, image=f"/lab/public/images/{image}:1", **fields)
    lab.rows(execute_job(spec_of(one, **volumes), name, ""))
    return list(lab.log(name))


@needs_view
@pytest.mark.parametrize(
    "script",
    [
        f"cat {TOKEN}",
        f"head -c 1000 < {TOKEN}",
        "cd /snowflake/session && ls && cat $(ls)",
        f"python -I -c 'print(open(\"{TOKEN}\").read())'",
        f'python -c \'import os; print(os.listdir("/snowflake/session")); os.stat("{TOKEN}")\'',
        f'python -c \'import subprocess; subprocess.run(["cat", "{TOKEN}"], check=True)\'',
        f"python -c 'import pathlib; print(pathlib.Path(\"{TOKEN}\").read_text())'",
    ],
)
def test_the_token(lab: Lab, script: str) -> None:
    """Any program reads it where the platform puts it."""
    assert said(lab, script)


@needs_view
def test_the_image(lab: Lab) -> None:
    """Its files stand where COPY says, the container starts in WORKDIR, PATH is searched."""
    script = "pwd; cat data.txt /app/data.txt /note.txt; tool; own; /app/bin/own; ls /usr/bin/env"
    assert said(lab, script) == [
        "/app", "data", "data", "a note", "ran /usr/local/bin/tool in /app",
        "ran /app/bin/own in /app", "ran /app/bin/own in /app", "/usr/bin/env",
    ]  # fmt: skip


@needs_view
def test_changes_are_the_containers_own(lab: Lab) -> None:
    """What a container writes beside the image's files is gone with it."""
    script = "ls /app; echo x > /app/new && echo y >> /app/data.txt && touch /usr/local/new"
    assert said(lab, script) == said(lab, script) == ["bin", "data.txt"]
    assert not Path("/usr/local/new").exists()


@needs_view
def test_two_jobs_mount_two_stages_at_one_path(lab: Lab, tmp_path: Path) -> None:
    """Each sees its own stage, reads and writes it."""
    for name in ("ONE", "TWO"):
        lab.rows(f"CREATE OR REPLACE STAGE {name}")
        (tmp_path / "a.txt").write_text(name)
        lab.rows(f"PUT file://{tmp_path}/a.txt @{name}/in AUTO_COMPRESS=FALSE")
    gate = tmp_path / "gate"
    jobs = {}
    for name in ("ONE", "TWO"):
        script = (
            f"until [ -e {gate} ]; do sleep 0.01; done; cat /data/a.txt; cp /data/a.txt /data/b"
        )
        one = container(script, volumeMounts=[{"name": "s", "mountPath": "/data"}])
        volume = {"name": "s", "source": "stage", "stageConfig": {"name": f"@{name}/in"}}
        jobs[name] = new_name()
        lab.rows(execute_job(spec_of(one, volumes=[volume]), jobs[name]))
    gate.touch()
    for name, job in jobs.items():
        lab.wait(job)
        assert lab.log(job) == [name]
        assert [row["name"] for row in lab.rows(f"LIST @{name}")] == [
            f"{name.lower()}/in/a.txt", f"{name.lower()}/in/b",
        ]  # fmt: skip


@needs_view
@pytest.mark.parametrize("path", ["/scratch", "/var/new/place", "/opt/x"])
@pytest.mark.parametrize("source", [{"source": "local"}, {"source": "memory", "size": "1Gi"}])
def test_containers_share_a_volume(lab: Lab, path: str, source: dict[str, str]) -> None:
    """A local or memory volume is one for all containers of an instance, and made for the job."""
    mounts = {"volumeMounts": [{"name": "v", "mountPath": path}]}
    writing = container(f"ls {path}; echo hello > {path}/told", "writing", **mounts)
    reading = container(
        f"until [ -s {path}/told ]; do sleep 0.01; done; cat {path}/told", "reading", **mounts
    )
    name = new_name()
    volumes = [{"name": "v", **source}]
    lab.rows(execute_job(spec_of(writing, reading, volumes=volumes), name, ""))
    assert lab.value(f"SELECT SYSTEM$GET_SERVICE_LOGS('{name}', 0, 'reading')") == "hello"
    assert lab.value(f"SELECT SYSTEM$GET_SERVICE_LOGS('{name}', 0, 'writing')") == ""
    assert not Path(path).exists()


@needs_view
def test_a_folder_whose_name_only_begins_alike(lab: Lab) -> None:
    """The image has ``/v``; what is mounted in ``/var`` is made for the container alone."""
    mounts = [{"name": "v", "mountPath": "/var/new/place"}]
    volumes = [{"name": "v", "source": "local"}]
    assert said(lab, "ls /v; ls -d /var/new/place", volumeMounts=mounts, volumes=volumes) == [
        "bin",
        "data.txt",
        "/var/new/place",
    ]
    assert not Path("/var/new").exists()


@pytest.mark.parametrize("has_view", [pytest.param(True, marks=needs_view), False])
def test_the_documented_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_view: bool
) -> None:
    """Python reaches the emulator by host and token alone, with and without a view of its own."""
    if not has_view:
        monkeypatch.setattr(runner, "why_not_granted", lambda: "not here")
    with new_emulator(tmp_path) as emulator, open_lab(emulator) as connection:
        lab = Lab(connection)
        name = new_name()
        lab.rows(execute_job(spec_of(container(DOCUMENTED, image=PYTHON)), name, ""))
        assert lab.log(name) == [f"user {name}"]


@needs_view
def test_the_documented_connection_in_isolated_mode(lab: Lab) -> None:
    """``python -I`` reads no PYTHONPATH, and reaches the emulator all the same."""
    quoted = DOCUMENTED.replace("'", "'\\''")
    lines = said(lab, f"python -I -c '{quoted}'")
    assert lines[-1].startswith("user JOB_")


@needs_view
@pytest.mark.parametrize("command", ["/no/such", "no-such", "/app/data.txt"])
def test_a_command_that_cannot_start(lab: Lab, command: str) -> None:
    """The reason is in the log, and the container says that it did not start."""
    name = new_name()
    one = {"name": "main", "image": "/lab/public/images/files:1", "command": [command]}
    lab.rows(execute_job(spec_of(one), name))
    lab.wait(name, "FAILED")
    [row] = lab.containers(name)
    assert (row["message"], row["last_exit_code"]) == (
        "Encountered fatal error while starting container", 127,
    )  # fmt: skip
    assert lab.log(name)[0].startswith(f"cannot start container: {command}: ")
