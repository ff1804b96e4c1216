"""What importing ``dagster_spcs`` costs against ``import dagster``."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.table import Bar, Table, say

_RATIO = 1.15
_BASE = "import dagster"
_PACKAGE = "import dagster_spcs"
_STATEMENTS = [
    _BASE,
    _PACKAGE,
    "from dagster_spcs import SpcsClient",
    # What a code location needs, and everything there is. Both load Dagster.
    "from dagster_spcs import SpcsJobResource, build_spcs_polling_sensor, spcs_job_asset",
    "from dagster_spcs import *",
]
_SLOW = "import dagster_snowflake"
_ROOT = Path(__file__).parent.parent
_PROGRAM = """
import gc, sys, time
full_collections = 0
def count(phase, info):
    global full_collections
    full_collections += phase == "stop" and info["generation"] == 2
gc.callbacks.append(count)
if not {collecting}:
    gc.disable()
begun, worked = time.perf_counter(), time.process_time()
{statement}
print(time.process_time() - worked, time.perf_counter() - begun)
print(getattr(sys.modules.get("dagster_spcs"), "__file__", ""))
print(len(sys.modules), full_collections)
"""


def run(*, quick: bool) -> list[Table]:
    """Import each in fresh interpreters, in turn."""
    table = Table(
        "imports: seconds of processor time in a fresh interpreter",
        [
            "statement",
            "median",
            "least",
            "ratio",
            "of the least",
            "collections",
            "ratio without",
            "wall clock",
            "modules loaded",
        ],
    )
    say(table.title)
    statements = [*_STATEMENTS, *([] if quick else [_SLOW])]
    rounds = 5 if quick else 15
    with TemporaryDirectory("-installed") as folder:
        _install(folder)
        for statement in statements:
            _import(statement, folder)  # writes the bytecode, and fills the disk's cache
        measured: dict[str, tuple[list[_Import], list[_Import]]] = {
            statement: ([], []) for statement in statements
        }
        for _ in range(rounds):
            for statement, (usual, uncollected) in measured.items():
                usual.append(_import(statement, folder))
                uncollected.append(_import(statement, folder, collecting=False))
    usual_base, uncollected_base = measured[_BASE]
    for statement, (usual, uncollected) in measured.items():
        ratio = _median(usual) / _median(usual_base)
        ratio_of_least = _least(usual) / _least(usual_base)
        # The worse of both: a busy machine swells the median of either by chance.
        bar = Bar(f"at most {_RATIO} x dagster", max(ratio, ratio_of_least) <= _RATIO)
        table.add(
            statement,
            _median(usual),
            _least(usual),
            ratio,
            ratio_of_least,
            usual[0].full_collections,
            _median(uncollected) / _median(uncollected_base),
            median(each.wall for each in usual),
            usual[0].modules,
            bars=[bar] if statement == _PACKAGE else [],
        )
    table.notes += [
        f"{rounds} interpreters each, in turn, with bytecode; the start of the interpreter is not"
        " counted. Processor time, because other programs' work is part of the wall clock's.",
        "dagster_spcs is a copy installed with pip, for an editable install looks differently for"
        " each module. By itself it loads nothing, and each name what it needs.",
        "collections: full ones of the garbage collector, each of which goes over all that Dagster"
        " made. After `import dagster` the next one is 5,500 objects away, so what a code location"
        " imports brings it about; ratio without: the collector is switched off.",
    ]
    return [table]


class _Import(NamedTuple):
    """What one import took, and what there was after it."""

    processor: float
    wall: float
    modules: int
    full_collections: int


def _median(imports: Iterable[_Import]) -> float:
    return median(each.processor for each in imports)


def _least(imports: Iterable[_Import]) -> float:
    return min(each.processor for each in imports)


def _install(folder: str) -> None:
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--target", folder, str(_ROOT),
        ],
        check=True,
    )  # fmt: skip


def _import(statement: str, folder: str, *, collecting: bool = True) -> _Import:
    hidden = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONPROFILEIMPORTTIME")
    env = {key: value for key, value in os.environ.items() if key not in hidden}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(statement=statement, collecting=collecting)],
        cwd=folder,
        env={**env, "PYTHONPATH": folder},
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, file, counts = done.stdout.splitlines()
    if "dagster_spcs" in statement and not file.startswith(os.path.realpath(folder)):
        raise AssertionError(f"imported from {file}, not from the installed copy")
    processor, wall = map(float, seconds.split())
    modules, full_collections = map(int, counts.split())
    return _Import(processor, wall, modules, full_collections)
