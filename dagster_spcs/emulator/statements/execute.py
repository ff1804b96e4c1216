"""EXECUTE JOB SERVICE."""

import asyncio
import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from dagster_spcs.emulator.account.jobs import Job, new_instances
from dagster_spcs.emulator.containers.images import Image
from dagster_spcs.emulator.containers.specification import (
    ContainerSpec,
    Specification,
    parse,
    render,
)
from dagster_spcs.emulator.sql.answers import (
    Result,
    already_exists,
    compilation_error,
    does_not_exist,
    invalid_spec,
    job_failed,
    not_emulated,
)
from dagster_spcs.emulator.sql.object_name import ObjectName
from dagster_spcs.emulator.sql.words import Kind, Words
from dagster_spcs.emulator.statements.registry import Context, handles
from dagster_spcs.spcs.status import JobStatus

_DNS_LABEL = re.compile(r"[A-Z](?:[A-Z0-9_]{0,61}[A-Z0-9])?")


@dataclass
class Clauses:
    """What a submission says."""

    pool: str | None = None
    name: tuple[str, ...] | None = None
    asynchronous: bool = False
    replicas: int = 1
    query_warehouse: str | None = None
    comment: str | None = None
    integrations: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    spec: str | None = None
    file: tuple[str, str] | None = None
    """Where on a stage the specification is, without the ``@``, and its name there."""
    is_template: bool = False
    values: dict[str, Any] | None = None


@handles("EXECUTE JOB SERVICE")
async def execute_job_service(words: Words, context: Context) -> Result:
    """Starts a job; any order of clauses is taken, because sources disagree on it."""
    return await submit(_read_clauses(words), context)


async def submit(clauses: Clauses, context: Context) -> Result:
    """Start a job, and wait for its end if it is synchronous.

    Raises:
        SqlError: what the account refuses.
    """
    if clauses.pool is None:
        raise compilation_error("missing clause IN COMPUTE POOL")
    account = context.account
    pool = account.pool(clauses.pool)
    name = _job_name(clauses, context)
    if not context.tables.schema_exists(name[0], name[1]):
        raise does_not_exist("Schema", f"{name[0]}.{name[1]}")
    spec = parse(await _specification_text(clauses, context))
    mounted = [await _with_folders(each, context) for each in spec.containers]
    spec = replace(spec, containers=tuple(_with_secrets(each, context) for each in mounted))
    # From here to the start nothing waits: a name that is free stays free.
    if name in account.jobs:
        raise already_exists(name[2])
    if clauses.query_warehouse is not None and clauses.query_warehouse not in account.warehouses:
        raise does_not_exist("Warehouse", clauses.query_warehouse)
    images = [_image(context, container.image) for container in spec.containers]
    if not pool.fits(spec.cpu, spec.memory_gib):
        raise invalid_spec(
            f"resources requested by the containers exceed a node of family {pool.family}"
        )
    if pool.suspended and not pool.auto_resume:
        raise compilation_error(f"Compute pool '{pool.name}' is suspended and AUTO_RESUME is FALSE")
    job = _new_job(clauses, context, name, spec, images)
    account.write_now(job)
    account.jobs[name] = job
    account.changed(job)
    context.runner.start(job, spec, pool, images)
    if clauses.asynchronous:
        return Result.status(f"Started Snowpark Container Services Job '{name[2]}'.")
    return await _until_ended(job, context)


async def _with_folders(container: ContainerSpec, context: Context) -> ContainerSpec:
    """Return the container with the folder of each stage it mounts."""
    found = []
    for mount, location in container.stages:
        async with context.session.lock:
            stage, path = context.tables.stage(location[1:], context.session)
        found.append((mount, str(stage.inside(path))))
    return replace(container, stages=tuple(found))


def _with_secrets(container: ContainerSpec, context: Context) -> ContainerSpec:
    """Return the container with the values of its secrets; 2003 for one that is not there."""
    found = []
    for use in container.secrets:
        name = context.session.resolve(Words(use.name).object_name(), "EXECUTE JOB SERVICE")
        secret = context.account.secret(name)
        values = {key.lower(): value for key, value in secret.values.items()}
        if use.variable is not None and use.key not in values:
            raise invalid_spec(f"secret '{use.name}' has no '{use.key}'")
        found.append(replace(use, values=values))
    return replace(container, secrets=tuple(found))


async def _until_ended(job: Job, context: Context) -> Result:
    try:
        while not job.status.is_final and not job.deleted:
            await context.account.wait_for_change(job, None)
    except asyncio.CancelledError:
        # The statement was cancelled or its session closed: a synchronous job ends with it.
        await context.runner.cancel(job)
        raise
    if job.status is JobStatus.DONE:
        return Result.status(f"Job {job.short_name} completed successfully with status: DONE.")
    raise job_failed(job.short_name, job.status.value, job.message)


def _read_clauses(words: Words) -> Clauses:
    clauses = Clauses()
    while words.here.kind is not Kind.END:
        if words.take("IN", "COMPUTE", "POOL"):
            clauses.pool = words.identifier()
        elif words.take("NAME", "="):
            is_text = words.here.kind is Kind.STRING
            clauses.name = Words(words.string()).object_name() if is_text else words.object_name()
        elif words.take("ASYNC", "="):
            clauses.asynchronous = words.boolean()
        elif words.take("REPLICAS", "="):
            clauses.replicas = words.number()
            if clauses.replicas < 1:
                raise compilation_error(f"invalid value [{clauses.replicas}] for 'REPLICAS'")
        elif words.take("QUERY_WAREHOUSE", "="):
            clauses.query_warehouse = words.identifier()
        elif words.take("COMMENT", "="):
            clauses.comment = words.string()
        elif words.take("EXTERNAL_ACCESS_INTEGRATIONS", "="):
            clauses.integrations = words.listed(words.identifier)
        elif words.at("TAG") or words.at("WITH", "TAG"):
            words.take("WITH")
            words.expect("TAG")
            clauses.tags.update(words.listed(lambda: _tag(words)))
        elif words.take("FROM"):
            _read_source(words, clauses)
        elif words.take("USING"):
            clauses.values = dict(words.listed(lambda: _template_value(words)))
        else:
            raise words.unexpected()
    return clauses


def _read_source(words: Words, clauses: Clauses) -> None:
    if words.take("SPECIFICATION"):
        clauses.spec = words.string()
    elif words.take("SPECIFICATION_TEMPLATE"):
        clauses.spec = words.string()
        clauses.is_template = True
    elif words.at("SPECIFICATION_FILE") or words.at("SPECIFICATION_TEMPLATE_FILE"):
        raise not_emulated("a specification file without a stage, as native apps use it")
    else:
        location = words.stage()
        clauses.is_template = words.take("SPECIFICATION_TEMPLATE_FILE")
        if not clauses.is_template and not words.take("SPECIFICATION_FILE"):
            words.expect("SPEC")
        words.expect("=")
        clauses.file = location, words.string()


def _tag(words: Words) -> tuple[str, str]:
    name = ".".join(words.object_name())
    words.expect("=")
    return name, words.string()


def _template_value(words: Words) -> tuple[str, Any]:
    # Keys are case-sensitive, so a bare one is not folded to upper case.
    token = words.step()
    if token.kind not in (Kind.WORD, Kind.QUOTED):
        raise words.unexpected("expected the name of a variable")
    words.expect("=>")
    if words.at("TRUE") or words.at("FALSE"):
        return token.value, words.boolean()
    if words.here.kind is Kind.NUMBER:
        return token.value, json.loads(words.step().value)
    text = words.string()
    try:
        return token.value, json.loads(text)
    except json.JSONDecodeError:
        if not re.fullmatch(r"\w*", text):
            raise compilation_error(
                f"value of '{token.value}' is neither alphanumeric nor JSON: {text}"
            ) from None
        return token.value, text


async def _specification_text(clauses: Clauses, context: Context) -> str:
    text = clauses.spec
    if clauses.file is not None:
        location, file = clauses.file
        async with context.session.lock:
            stage, folder = context.tables.stage(location, context.session)
        text = stage.read(f"{folder.rstrip('/')}/{file}".lstrip("/"))
    if text is None:
        raise compilation_error("missing specification")
    if clauses.is_template:
        if clauses.values is None:
            raise compilation_error("a specification template needs USING")
        return render(text, clauses.values)
    if clauses.values is not None:
        raise compilation_error("USING goes with a specification template")
    return text


def _job_name(clauses: Clauses, context: Context) -> ObjectName:
    generated = f"JOB_{context.query_id.replace('-', '_').upper()}"
    name = context.session.resolve(clauses.name or (generated,), "EXECUTE JOB SERVICE")
    if not _DNS_LABEL.fullmatch(name[2]):
        raise compilation_error(
            f"Invalid service name '{name[2]}'. It must be an unquoted identifier that turns into"
            " a DNS label of at most 63 characters."
        )
    return name


def _image(context: Context, reference: str) -> Image:
    image = context.account.images.find(reference)
    if image is None:
        # The digest is fixed at submission, so a missing image is refused there; the number is
        # that of any missing object (chosen).
        raise does_not_exist("Image", reference)
    return image


def _new_job(
    clauses: Clauses,
    context: Context,
    name: ObjectName,
    spec: Specification,
    images: list[Image],
) -> Job:
    settings = context.account.settings
    created = context.account.now()
    pairs = [
        (f"{settings.registry}/{_without_host(container.image)}", image.digest)
        for container, image in zip(spec.containers, images, strict=True)
    ]
    document = json.loads(json.dumps(spec.document, default=str))
    listed = document["spec"].pop("container", None)
    if listed is not None:
        document["spec"]["containers"] = listed
    for entry, (reference, digest) in zip(document["spec"]["containers"], pairs, strict=True):
        entry["image"] = reference
        entry["sha256"] = f"@{digest}"
    text = "---\n" + yaml.safe_dump(document, sort_keys=False, default_style='"')
    label = name[2].lower().replace("_", "-")
    place = hashlib.sha256(f"{name[0]}.{name[1]}".encode()).hexdigest()[:4]
    return Job(
        id=context.account.next_id(),
        name=name,
        query_id=context.query_id,
        spec_yaml=text,
        spec_digest=hashlib.sha256(text.encode()).hexdigest(),
        dns_name=f"{label}.{place}.svc.spcs.internal",
        compute_pool=clauses.pool or "",
        is_async=clauses.asynchronous,
        replicas=clauses.replicas,
        owner=context.session.role,
        created=created,
        updated=created,
        instances=new_instances(spec, pairs, clauses.replicas, created),
        query_warehouse=clauses.query_warehouse,
        comment=clauses.comment,
        external_access_integrations=clauses.integrations,
        tags=clauses.tags,
        log_level=spec.log_level,
    )


def _without_host(image: str) -> str:
    head, slash, rest = image.partition("/")
    return rest if head and slash and ("." in head or ":" in head) else image.lstrip("/")
