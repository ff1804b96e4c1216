"""Files on stages: PUT, GET, LIST, REMOVE, COPY FILES (the pages of these names).

Stages themselves are created and shown by fakesnow, which also loads and unloads tables.
"""

import re
import shutil
from email.utils import format_datetime
from typing import Any

from starlette.concurrency import run_in_threadpool

from dagster_spcs.emulator.account.places import Place
from dagster_spcs.emulator.sql.answers import (
    Column,
    FileTransfer,
    Result,
    SqlError,
    compilation_error,
    does_not_exist,
)
from dagster_spcs.emulator.sql.stage_files import Stage, StageFile
from dagster_spcs.emulator.sql.words import Words, decode_string
from dagster_spcs.emulator.statements.objects import drop_object
from dagster_spcs.emulator.statements.registry import Context, handles

_LOCAL = re.compile(r"\s*(?:('file://(?:[^'\\]|''|\\.)*')|(file://[^\s;]*))", re.IGNORECASE)
"""A file of the client. It is read as text: two slashes begin a comment elsewhere."""
_PUT = re.compile(r"\bPUT\b(?:\s|/\*.*?\*/)+(?='?file:)", re.IGNORECASE | re.DOTALL)
_FILE_COLUMNS = (
    Column("name"),
    Column("size", "fixed"),
    Column("md5"),
    Column("last_modified"),
)


@handles(
    *(
        f"CREATE {replace}{kind}STAGE"
        for replace in ("", "OR REPLACE ")
        for kind in ("", "TEMPORARY ", "TEMP ", "SCOPED TEMPORARY ")
    )
)
def create_stage(words: Words, context: Context) -> None:
    """``CREATE STAGE``: fakesnow's, but for its comment and a name that cannot be a folder's."""
    words.take("IF", "NOT", "EXISTS")
    name = context.session.resolve(words.object_name(), "CREATE STAGE")
    context.tables.stages.stage(name)
    comment = ""
    while not words.ended:
        if words.take("COMMENT", "="):
            comment = words.string()
        else:
            words.step()
    account = context.account
    account.places.put(Place(account.now(), context.session.role, comment), *name)


@handles("PUT")
async def put(words: Words, context: Context) -> FileTransfer:
    """``PUT file://<path> <stage> [PARALLEL | AUTO_COMPRESS | SOURCE_COMPRESSION | OVERWRITE]``."""
    begins = _PUT.search(words.text)
    if begins is None:
        raise words.unexpected("expected file://")
    local, behind = _local(words.text, begins.end(), words)
    rest = Words(words.text[behind:], words.binds_left)
    stage, path = await _location(rest.stage(), context)
    options: dict[str, Any] = {
        "parallel": 4,
        "autoCompress": True,
        "sourceCompression": "auto_detect",
        "overwrite": False,
    }
    while not rest.ended:
        if rest.take("PARALLEL", "="):
            options["parallel"] = rest.number()
        elif rest.take("AUTO_COMPRESS", "="):
            options["autoCompress"] = _flag(rest, "AUTO_COMPRESS")
        elif rest.take("SOURCE_COMPRESSION", "="):
            options["sourceCompression"] = rest.text_or_word().lower()
        elif rest.take("OVERWRITE", "="):
            options["overwrite"] = _flag(rest, "OVERWRITE")
        else:
            raise rest.unexpected()
    name = re.split(r"[/\\]", local)[-1]
    return FileTransfer("UPLOAD", stage.inside(path), [local], [name], rest.binds_read > 0, options)


@handles("GET")
async def get(words: Words, context: Context) -> FileTransfer:
    """``GET <stage>[/<path>] file://<folder> [PARALLEL | PATTERN]``."""
    stage, path = await _location(words.stage(), context)
    local, behind = _local(words.text, words.behind, words)
    rest = Words(words.text[behind:], words.binds_left)
    options: dict[str, Any] = {"parallel": 10, "localLocation": local}
    pattern = None
    while not rest.ended:
        if rest.take("PARALLEL", "="):
            options["parallel"] = rest.number()
        elif rest.take("PATTERN", "="):
            pattern = rest.string()
        else:
            raise rest.unexpected()
    files = await run_in_threadpool(stage.files, path, pattern)
    names = [file.name for file in files]
    return FileTransfer("DOWNLOAD", stage.folder, names, names, rest.binds_read > 0, options)


@handles("LIST", "LS")
async def list_files(words: Words, context: Context) -> Result:
    """``LIST <stage>[/<path>] [PATTERN = '<regular expression>']``."""
    stage, files = await _selected(words, context)

    def described() -> list[tuple[Any, ...]]:
        return [
            (
                f"{stage.prefix}{file.name}",
                file.size,
                file.md5(),
                format_datetime(file.modified, usegmt=True),
            )
            for file in files
        ]

    return Result(_FILE_COLUMNS, await run_in_threadpool(described))


@handles("REMOVE", "RM")
async def remove(words: Words, context: Context) -> Result:
    """``REMOVE <stage>[/<path>] [PATTERN = '<regular expression>']``."""
    stage, files = await _selected(words, context)
    for file in files:
        file.path.unlink(missing_ok=True)
    removed = [(f"{stage.prefix}{file.name}", "removed") for file in files]
    return Result((Column("name"), Column("result")), removed)


@handles("COPY FILES INTO")
async def copy_files(words: Words, context: Context) -> Result:
    """``COPY FILES INTO <stage> FROM <stage> [FILES | PATTERN | DETAILED_OUTPUT]``."""
    target, folder = await _location(words.stage(), context)
    words.expect("FROM")
    source, path = await _location(words.stage(), context)
    names: list[str] | None = None
    pattern = None
    while not words.ended:
        if words.take("FILES", "="):
            names = words.listed(words.string)
        elif words.take("PATTERN", "="):
            pattern = words.string()
        elif words.take("DETAILED_OUTPUT", "="):
            words.boolean()
        else:
            raise words.unexpected()
    files = await run_in_threadpool(source.files, path, pattern)
    if names is not None:
        wanted = {f"{path.rstrip('/')}/{name}".lstrip("/") for name in names}
        files = [file for file in files if file.name in wanted]
    return await run_in_threadpool(_copied, files, path, target, folder)


@handles("DESCRIBE STAGE", "DESC STAGE")
def describe_stage(words: Words, context: Context) -> Result:
    """``DESCRIBE STAGE <name>``: as far as an internal stage has properties here."""
    name = context.session.resolve(words.object_name(), "DESCRIBE")
    words.end()
    if name not in [each[:3] for each in context.tables.named_stages()]:
        raise does_not_exist("Stage", ".".join(name))
    columns = ("parent_property", "property", "property_type", "property_value", "property_default")
    rows = [
        ("STAGE_FILE_FORMAT", "TYPE", "String", "CSV", "CSV"),
        ("STAGE_COPY_OPTIONS", "ON_ERROR", "String", "ABORT_STATEMENT", "ABORT_STATEMENT"),
        ("STAGE_COPY_OPTIONS", "PURGE", "Boolean", "false", "false"),
        ("STAGE_LOCATION", "URL", "String", "", ""),
        ("DIRECTORY", "ENABLE", "Boolean", "false", "false"),
    ]
    return Result(tuple(map(Column, columns)), rows)


@handles("DROP STAGE")
def drop_stage(words: Words, context: Context) -> Result:
    """``DROP STAGE [IF EXISTS] <name>``."""
    return drop_object(words, context, "Stage", context.tables.drop_stage)


def _copied(files: list[StageFile], path: str, target: Stage, folder: str) -> Result:
    begins = path.rfind("/") + 1
    rows = []
    for file in files:
        name = f"{folder.rstrip('/')}/{file.name[begins:]}".lstrip("/")
        place = target.inside(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.path, place)
        rows.append((f"{target.prefix}{name}",))
    return Result((Column("file"),), rows)


async def _selected(words: Words, context: Context) -> tuple[Stage, list[StageFile]]:
    stage, path = await _location(words.stage(), context)
    pattern = None
    if words.take("PATTERN", "="):
        pattern = words.string()
    words.end()
    return stage, await run_in_threadpool(stage.files, path, pattern)


async def _location(text: str, context: Context) -> tuple[Stage, str]:
    async with context.session.lock:
        return context.tables.stage(text, context.session)


def _local(text: str, start: int, words: Words) -> tuple[str, int]:
    """Return the client's path that stands at a place of the text, and where it ends."""
    match = _LOCAL.match(text, start)
    if match is None:
        raise words.unexpected("expected file://")
    quoted, bare = match.groups()
    path = decode_string(quoted) if quoted else bare
    return path[len("file://") :], match.end()


def _flag(words: Words, option: str) -> bool:
    try:
        return words.boolean()
    except SqlError:
        raise compilation_error(
            f"Invalid value specified for property '{option}'", number=1481, sqlstate="42601"
        ) from None
