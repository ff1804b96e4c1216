"""The life of a job: from PENDING over RUNNING to its final status."""

import asyncio
import json
import logging
import os
import sys
from pathlib import Path, PurePosixPath

from dagster_spcs.emulator.account.account import Account
from dagster_spcs.emulator.account.jobs import ContainerState, Instance, Job
from dagster_spcs.emulator.account.metrics import Meter, metrics_path
from dagster_spcs.emulator.account.pools import ComputePool, Place
from dagster_spcs.emulator.account.states import may_move
from dagster_spcs.emulator.containers.filesystem import (
    SESSION_FOLDER,
    SHIM,
    FileSystem,
    remove_scratch,
    why_not_granted,
)
from dagster_spcs.emulator.containers.images import Image
from dagster_spcs.emulator.containers.logs import ContainerLog
from dagster_spcs.emulator.containers.processes import (
    CannotStart,
    ContainerProcess,
    command_line,
    inside,
)
from dagster_spcs.emulator.containers.specification import ContainerSpec, Specification
from dagster_spcs.spcs.status import JobStatus

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What images of Linux begin with."""
_LOGGER = logging.getLogger("dagster_spcs.emulator")


class Runner:
    """Runs the jobs of one account as local processes."""

    def __init__(self, account: Account, scratch: Path) -> None:
        self._account = account
        self._scratch = scratch
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._processes: dict[int, list[ContainerProcess]] = {}
        self._waiting: dict[int, list[asyncio.Task[Place]]] = {}
        self._winding_down: set[asyncio.Task[None]] = set()
        self._ending: set[int] = set()
        """Jobs that were cancelled and still have instances."""
        self._gives_view = why_not_granted() is None
        self.host = "127.0.0.1"
        self.port = 0

    def start(self, job: Job, spec: Specification, pool: ComputePool, images: list[Image]) -> None:
        """Let a job begin; returns at once."""
        self._processes[job.id] = []
        self._waiting[job.id] = []
        task = asyncio.create_task(self._run(job, spec, pool, images), name=f"job {job.id}")
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._forget(job))

    async def cancel(self, job: Job) -> bool:
        """Cancel a job and return once it is CANCELLING; False if it had ended before.

        Instances that work on after another one failed are ended; the job stays FAILED (chosen).
        """
        is_failed = job.status is JobStatus.FAILED and job.id in self._tasks
        if not is_failed and not may_move(job.status, JobStatus.CANCELLING):
            return False
        if not is_failed:
            self._account.change(job, JobStatus.CANCELLING, "Job is being canceled")
        self._ending.add(job.id)
        winding_down = asyncio.create_task(self._wind_down(job))
        self._winding_down.add(winding_down)
        winding_down.add_done_callback(self._winding_down.discard)
        return True

    async def _wind_down(self, job: Job) -> None:
        grace = self._account.settings.grace_seconds
        for waiting in self._waiting.get(job.id, []):
            waiting.cancel()
        await asyncio.gather(*(each.stop(grace) for each in self._processes.get(job.id, [])))

    async def stop(self, job: Job) -> None:
        """End a job's processes at once, as a drop does."""
        for process in self._processes.get(job.id, []):
            process.kill()
        task = self._tasks.get(job.id)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        """End all processes; jobs keep their status, as after a crash."""
        for processes in self._processes.values():
            for process in processes:
                process.kill()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, job: Job) -> None:
        self._tasks.pop(job.id, None)
        self._processes.pop(job.id, None)
        self._waiting.pop(job.id, None)
        self._ending.discard(job.id)
        remove_scratch(self._scratch / f"job-{job.id}")

    def _is_ending(self, job: Job) -> bool:
        return job.id in self._ending

    async def _run(
        self, job: Job, spec: Specification, pool: ComputePool, images: list[Image]
    ) -> None:
        try:
            await asyncio.sleep(self._account.settings.start_delay_seconds)
            pool.suspended = False
            await asyncio.gather(
                *(
                    self._run_instance(job, spec, pool, images, instance)
                    for instance in job.instances
                )
            )
        except asyncio.CancelledError:
            if job.status is not JobStatus.CANCELLING:
                return  # dropped, or the emulator stops: nobody cancelled the job
        except Exception:
            _LOGGER.exception("internal error in job %s", job.id)
            for process in self._processes[job.id]:
                process.kill()
            if may_move(job.status, JobStatus.INTERNAL_ERROR):
                self._account.finish(job, JobStatus.INTERNAL_ERROR, "Job has encountered an error")
        if self._is_ending(job):
            for instance in job.instances:
                if instance.status not in ("SUCCEEDED", "FAILED"):  # it was never started
                    instance.status = "FAILED"
                    for container in instance.containers:
                        container.status = "FAILED"
            self._account.changed(job)
        if job.status is JobStatus.CANCELLING:
            self._account.finish(job, JobStatus.CANCELLED, "Job has been canceled")
        elif not job.status.is_final:
            self._account.finish(job, JobStatus.DONE, "Job completed successfully.")

    async def _run_instance(
        self,
        job: Job,
        spec: Specification,
        pool: ComputePool,
        images: list[Image],
        instance: Instance,
    ) -> None:
        if self._is_ending(job):
            return
        waiting = asyncio.create_task(pool.place(spec.cpu, spec.memory_gib))
        self._waiting[job.id].append(waiting)
        try:
            await asyncio.sleep(0)  # a place that is free is taken now
            if not waiting.done():
                for container in instance.containers:
                    container.message = "Unschedulable due to insufficient resources"
                self._account.changed(job)
            place = await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                pool.leave(waiting.result())
            if self._is_ending(job):
                return
            raise
        try:
            if self._is_ending(job):
                return
            instance.ip_address = "127.0.0.1"
            codes = await asyncio.gather(
                *(
                    self._run_container(job, instance, container, image, state, spec.metric_groups)
                    for container, image, state in zip(
                        spec.containers, images, instance.containers, strict=True
                    )
                )
            )
        finally:
            pool.leave(place)
        instance.status = "SUCCEEDED" if not any(codes) else "FAILED"
        if instance.status == "FAILED" and may_move(job.status, JobStatus.FAILED):
            # The page derives FAILED before RUNNING: one failed instance fails the job at once.
            # The other instances go on to their own end (chosen).
            self._account.finish(job, JobStatus.FAILED, "Job has failed")
        else:
            self._account.changed(job)

    async def _run_container(
        self,
        job: Job,
        instance: Instance,
        spec: ContainerSpec,
        image: Image,
        state: ContainerState,
        metric_groups: frozenset[str],
    ) -> int:
        if self._is_ending(job):
            return 1
        account = self._account
        folder = self._scratch / f"job-{job.id}" / f"{instance.id}.{spec.name}"
        folder.mkdir(parents=True)
        log_path = job.log_path(account.log_folder, instance.id, spec.name)
        log = ContainerLog(log_path, account.now)
        process = ContainerProcess(log)
        metrics = ContainerLog(metrics_path(log_path), account.now)
        meter = asyncio.create_task(Meter(metric_groups, spec, process, metrics).measure())
        self._processes[job.id].append(process)
        token = account.issue_token(job.name)
        started = account.now()
        state.start_time = instance.start_time = f"{started:%Y-%m-%dT%H:%M:%SZ}"
        state.status, state.message = "READY", "Running"
        if all(each.status == "READY" for each in instance.containers):
            instance.status = "READY"
        if job.status is JobStatus.PENDING:
            account.change(job, JobStatus.RUNNING, "Job is running")
        else:
            account.changed(job)
        try:
            argv = command_line(image, spec.command, spec.args, has_view=self._gives_view)
            beside = folder.with_name(f"{folder.name}-view")
            mounts = self._mounts(instance, spec, beside, token)
            env = self._environment(job, instance, spec, image, folder)
            if self._gives_view:
                view = FileSystem(image, beside, mounts)
                code = await process.run(argv, folder, env, view)
            else:
                env |= _led_to(mounts)
                code = await process.run(argv, image.inside(image.workdir), env)
        except CannotStart as error:
            log.append("stderr", f"cannot start container: {error}".encode())
            log.close()
            code = 127
            state.message = "Encountered fatal error while starting container"
        else:
            state.message = exit_message(code)
        finally:
            meter.cancel()
            account.revoke_token(token)
            account.keep_writing(log)
        state.status = "DONE" if code == 0 else "FAILED"
        state.last_exit_code = code
        account.changed(job)
        return code

    def _mounts(
        self, instance: Instance, spec: ContainerSpec, beside: Path, token: str
    ) -> dict[str, Path]:
        """Return the folders of this machine by where the container is to find them."""
        mounts = {mount: Path(place) for mount, place in spec.stages}
        # Of one instance, for all of its containers.
        mounts |= {
            mount: beside.parent / f"{instance.id}-volumes" / name for mount, name in spec.volumes
        }
        for place in mounts.values():
            place.mkdir(parents=True, exist_ok=True)
        if spec.mount_token:
            token_place = PurePosixPath(spec.token_path)
            session = beside / "session"
            session.mkdir(mode=0o700, parents=True)
            path = session / token_place.name
            path.touch(mode=0o600)
            path.write_text(token)
            path.chmod(spec.token_mode)
            mounts[str(token_place.parent)] = session
        for number, use in enumerate(spec.secrets):
            if use.folder is not None:
                folder = beside / f"secret-{number}"
                folder.mkdir(mode=0o700, parents=True)
                for key, value in use.values.items():
                    (folder / key).touch(mode=0o600)
                    (folder / key).write_text(value)
                mounts[use.folder] = folder
        return mounts

    def _environment(
        self,
        job: Job,
        instance: Instance,
        spec: ContainerSpec,
        image: Image,
        folder: Path,
    ) -> dict[str, str]:
        """What the platform sets (page "SQL execution"), and what a local process needs besides."""
        database, schema, name = job.name
        settings = self._account.settings
        given = {**image.env, **spec.env}
        env = {
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            **given,
            **{
                use.variable: use.values[use.key or ""]
                for use in spec.secrets
                if use.variable is not None
            },
            # What the image adds is searched too, but cannot hide what a local process needs.
            "PATH": self._joined(image, given.get("PATH"), Path(sys.executable).parent, _PATH),
            "PYTHONPATH": self._joined(image, given.get("PYTHONPATH"), SHIM),
            "SNOWFLAKE_ACCOUNT": settings.account,
            "SNOWFLAKE_HOST": self.host,
            "SNOWFLAKE_DATABASE": database,
            "SNOWFLAKE_SCHEMA": schema,
            "SNOWFLAKE_SERVICE_NAME": name,
            "SNOWFLAKE_JOBS_COUNT": str(job.replicas),
            "SNOWFLAKE_JOB_INDEX": str(instance.id),
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://{self.host}:{self.port}/otlp/metrics",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://{self.host}:{self.port}/otlp/traces",
            "SPCS_EMULATOR_PORT": str(self.port),
        }
        if spec.mount_token and spec.connection_config:
            config = folder / "connections.toml"
            config.touch(mode=0o600)
            config.write_text(
                f'[default]\nhost = "{self.host}"\nport = {self.port}\nprotocol = "http"\n'
                f'account = "{settings.account}"\nauthenticator = "oauth"\n'
                f'token_file_path = "{folder}-view/session/{PurePosixPath(spec.token_path).name}"\n'
            )
            env["SNOWFLAKE_HOME"] = str(folder)
        return env

    def _joined(self, image: Image, given: str | None, *ours: str | Path) -> str:
        theirs = [folder for folder in (given or "").split(os.pathsep) if folder]
        if not self._gives_view:
            theirs = [inside(image, folder) for folder in theirs]
        return os.pathsep.join([*map(str, ours), *theirs])


def _led_to(mounts: dict[str, Path]) -> dict[str, str]:
    """Return the variables by which Python without a view of its own is led to what is mounted."""
    led = {mount: str(place) for mount, place in mounts.items()}
    variables = {"SPCS_EMULATOR_MOUNTS": json.dumps(led)} if led else {}
    if SESSION_FOLDER in mounts:
        variables["SPCS_EMULATOR_SESSION_TOKEN"] = str(mounts[SESSION_FOLDER] / "token")
    return variables


def exit_message(code: int) -> str:
    """Return what the account says of a container that ended."""
    if code == 0:
        return "Completed successfully"
    if code > 128:
        return "Encountered fatal error while running, check container logs"
    return "User application error, check container logs"
