"""Submission by ``snowflake.ml.jobs``: SYSTEM$GET_ML_JOB_RUNTIME and SYSTEM$EXECUTE_ML_JOB.

Neither is documented. What goes in and out was captured from snowflake-ml-python 2.6; the
specification that is made is the one its client made itself until January 2026, because the client
still reads it from DESCRIBE SERVICE.
"""

import importlib.util
import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dagster_spcs.emulator.containers import filesystem
from dagster_spcs.emulator.sql.answers import (
    Result,
    compilation_error,
    does_not_exist,
    not_emulated,
)
from dagster_spcs.emulator.sql.quoting import quoted
from dagster_spcs.emulator.sql.stage_files import StageLocation
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.execute import Clauses, submit
from dagster_spcs.emulator.statements.registry import SYSTEM_FUNCTIONS, Context

RUNTIME = "/snowflake/images/snowflake_images/ml_runtime:emulator"
"""The image that the emulator brings along for ML jobs."""
RUNTIME_FOLDER = Path(filesystem.__file__).parent / "ml_runtime"
_CLIENT = "snowflake.ml.jobs"
_RESULTS = "/mnt/job_result"
_STAGE = "/mnt/job_stage"
_METRICS = ("system", "status")
_RAY_PORTS = {
    "HEAD_CLIENT_SERVER_PORT": "10001",
    "HEAD_GCS_PORT": "12001",
    "HEAD_DASHBOARD_GRPC_PORT": "12002",
    "HEAD_DASHBOARD_PORT": "12003",
    "OBJECT_MANAGER_PORT": "12011",
    "NODE_MANAGER_PORT": "12012",
    "RUNTIME_ENV_AGENT_PORT": "12013",
    "DASHBOARD_AGENT_GRPC_PORT": "12014",
    "DASHBOARD_AGENT_LISTEN_PORT": "12015",
    "MIN_WORKER_PORT": "12031",
    "MAX_WORKER_PORT": "13000",
}
"""What the start script of several instances reads (``snowflake/ml/jobs/_utils/constants.py``)."""


def get_runtime(words: Words, context: Context) -> Result:
    """``SYSTEM$GET_ML_JOB_RUNTIME('<pool>', '<selector>')``: the image to run.

    The selector is JSON, or a tag or reference itself. A reference is that of an image the emulator
    was given; a tag chooses among the account's own runtimes, of which there is one here.

    Raises:
        SqlError: 2003 for an unknown pool or image; 2 where ML jobs cannot run.
    """
    pool = words.string()
    wanted = words.string() if words.take(",") else ""
    words.expect(")")
    words.end()
    context.account.pool(Words(pool).identifier())
    if wanted.startswith("{"):
        wanted = str(_object(wanted).get("runtimeEnvironment") or "")
    if "/" in wanted:
        if context.account.images.find(wanted) is None:
            raise does_not_exist("Image", wanted)
        return Result.value("SYSTEM$GET_ML_JOB_RUNTIME", wanted)
    _refuse_where_it_cannot_run()
    return Result.value("SYSTEM$GET_ML_JOB_RUNTIME", RUNTIME)


def _refuse_where_it_cannot_run() -> None:
    reason = filesystem.why_not_granted()
    if reason is not None:
        # The start script is bash: it sees the mounted stage in a mount namespace only.
        raise not_emulated(f"ML jobs on this machine: {reason}")
    try:
        is_there = importlib.util.find_spec(_CLIENT) is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        raise not_emulated(
            "ML jobs without snowflake-ml-python in the emulator's Python:"
            " pip install 'dagster-spcs[ml-jobs]'"
        )


async def execute(words: Words, context: Context) -> Result:
    """``SYSTEM$EXECUTE_ML_JOB('<id>', '<pool>', '<what>', '<options>')``: the job's full name.

    Raises:
        SqlError: as EXECUTE JOB SERVICE does.
    """
    arguments = [words.string()]
    while words.take(","):
        arguments.append(words.string())
    words.expect(")")
    words.end()
    if len(arguments) != 4:
        raise compilation_error("SYSTEM$EXECUTE_ML_JOB takes four arguments", number=938)
    job_id, pool = arguments[:2]
    what, options = map(_object, arguments[2:])
    integrations = options.get("EXTERNAL_ACCESS_INTEGRATIONS") or []
    name = context.session.resolve(_name(job_id, options), "EXECUTE JOB SERVICE")
    clauses = Clauses(
        pool=Words(pool).identifier(),
        name=name,
        asynchronous=options.get("ASYNC") is not False,
        replicas=int(options.get("TARGET_INSTANCES") or 1),
        query_warehouse=_identifier(options.get("QUERY_WAREHOUSE")),
        comment=options.get("COMMENT"),
        integrations=[Words(str(each)).identifier() for each in integrations],
        spec=json.dumps(_specification(name[2], what, options, context)),
    )
    await submit(clauses, context)
    return Result.value("SYSTEM$EXECUTE_ML_JOB", ".".join(name))


def _name(job_id: str, options: dict[str, Any]) -> tuple[str, ...]:
    """Return the name of the job; one that ends in ``_`` asks for the rest of it."""
    *place, short = job_id.split(".")
    suffix = secrets.token_hex(6) if options.get("GENERATE_SUFFIX") else ""
    return (*(Words(part).identifier() for part in place), f"{short}{suffix}".upper())


def _identifier(text: Any) -> str | None:
    return None if text is None else Words(str(text)).identifier()


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise compilation_error(f"not a JSON object: {text[:100]}")
    return found


def _specification(
    name: str, what: dict[str, Any], options: dict[str, Any], context: Context
) -> dict[str, Any]:
    instances = int(options.get("TARGET_INSTANCES") or 1)
    env = {str(key): str(value) for key, value in (what.get("ENV_VARS") or {}).items()}
    env |= {
        "MLRS_STAGE_RESULT_PATH": _RESULTS,
        "MLRS_RESULT_PATH": "mljob_result",
        "MLRS_MIN_INSTANCES": str(options.get("MIN_INSTANCES") or instances),
    }
    if instances > 1:
        env |= {**_RAY_PORTS, "ENABLE_HEALTH_CHECKS": "false"}
    stage = _full_location(str(what.get("STAGE_PATH") or ""), context)
    spec: dict[str, Any] = {
        "containers": [
            {
                "name": "main",
                "image": what.get("RUNTIME"),
                "command": ["/usr/local/bin/_entrypoint.sh"],
                "args": [str(each) for each in what.get("ARGS") or []],
                "env": env,
                "volumeMounts": [
                    {"name": "stage-volume", "mountPath": _STAGE},
                    {"name": "result-volume", "mountPath": _RESULTS},
                ],
            }
        ],
        "volumes": [
            {"name": "stage-volume", "source": stage},
            {"name": "result-volume", "source": f"{stage}/{name}"},
        ],
    }
    if what.get("ENABLE_METRICS"):
        spec["platformMonitor"] = {"metricConfig": {"groups": list(_METRICS)}}
    merged: dict[str, Any] = _merged({"spec": spec}, what.get("SPEC_OVERRIDES") or {})
    return merged


def _full_location(text: str, context: Context) -> str:
    """Return a stage location that means the same in every session."""
    if not text.startswith("@"):
        raise compilation_error(f"invalid stage '{text}'")
    location = StageLocation.parse(text[1:])
    name = context.session.resolve(location.name)
    plain = all(part.isidentifier() and part == part.upper() for part in name)
    full = ".".join(name) if plain else quoted(*name)
    return f"@{full}/{location.path}".rstrip("/")


def _merged(base: Any, patch: Any) -> Any:
    """Lay a patch over a document: null removes, entries with names are matched by them."""
    if isinstance(base, dict) and isinstance(patch, dict):
        found = {key: value for key, value in base.items() if patch.get(key, value) is not None}
        for key, value in patch.items():
            if value is not None:
                found[key] = _merged(base.get(key), value)
        return found
    if isinstance(base, list) and isinstance(patch, list) and _have_names([*base, *patch]):
        by_name = {entry["name"]: entry for entry in base}
        for entry in patch:
            by_name[entry["name"]] = _merged(by_name.get(entry["name"], {}), entry)
        return list(by_name.values())
    return patch


def _have_names(entries: Iterable[Any]) -> bool:
    return all(isinstance(entry, dict) and "name" in entry for entry in entries)


SYSTEM_FUNCTIONS["SYSTEM$GET_ML_JOB_RUNTIME"] = get_runtime
SYSTEM_FUNCTIONS["SYSTEM$EXECUTE_ML_JOB"] = execute
