"""Guards of the package's shape: what may import what, what is public, what importing costs."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import dagster_spcs

PACKAGE = Path(dagster_spcs.__file__).parent
EMULATOR = "dagster_spcs.emulator"
# These know nothing of Dagster; everything else may.
WITHOUT_DAGSTER = {
    "clocks",
    "errors",
    "names",
    "status",
    "spec",
    "sqltext",
    "request",
    "statements",
    "records",
    "identity",
    "client",
    "session",
    "testing",
    "credits",
    "logtext",
    "pipes_messages",
    "reports",
    "launch",
    "waiting",
    "cursor",
    "retries",
}


def module_name(path: Path) -> str:
    """The dotted name of a source file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
CORE = {name: path for name, path in MODULES.items() if not name.startswith(EMULATOR)}


def imports_of(path: Path) -> Iterator[str]:
    """Full names that a file imports, wherever in it; ``from a import b`` is both a and a.b."""
    package = module_name(path).split(".")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                outer = package if path.name == "__init__.py" else package[:-1]
                base = ".".join([*outer[: len(outer) - node.level + 1], *([base] if base else [])])
            yield base
            yield from (f"{base}.{each.name}" for each in node.names)


def is_in(name: str, package: str) -> bool:
    """Whether a name is a package or something in it."""
    return name == package or name.startswith(f"{package}.")


def test_imports_are_seen() -> None:
    """The guards below see every form of import, inside functions too."""
    source = PACKAGE / "spec" / "service.py"
    found = set(imports_of(source))
    assert {"typing", "typing.Any", "yaml", "dagster_spcs.spec.base.NotEmpty"} <= found
    assert {"snowflake.connector", "dagster_spcs.session"} <= {
        each for path in CORE.values() for each in imports_of(path)
    }


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport json, sys\nprint(json.dumps([*sys.modules]))"],
        capture_output=True,
        check=True,
        cwd=PACKAGE.parent,
        text=True,
        timeout=120,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules that everything public loads."""
    return loaded_by("from dagster_spcs import *")


@pytest.mark.parametrize(
    "heavy", ["fakesnow", EMULATOR, "dagster_snowflake", "snowflake.connector", "duckdb"]
)
def test_import_is_light(heavy: str, loaded: set[str]) -> None:
    """The public names load neither emulator nor connector: most processes need neither."""
    assert not [name for name in loaded if is_in(name, heavy)]


def test_import_costs_little_more_than_dagster(loaded: set[str]) -> None:
    """The public names load at most 15 % more modules than Dagster alone."""
    dagster_alone = len(loaded_by("import dagster"))
    assert len(loaded) <= 1.15 * dagster_alone


@pytest.mark.parametrize(
    "statement",
    [
        "import dagster_spcs",
        "import dagster_spcs.emulator",
        "from dagster_spcs import JobName, JobRequest, ServiceSpec, SpcsClient, Submission",
    ],
)
def test_what_does_without_dagster(statement: str) -> None:
    """The package itself, the emulator and the client alone do not pay for Dagster's import."""
    assert "dagster" not in loaded_by(statement)


def test_public_names() -> None:
    """``__all__`` names each thing once, as type checkers see it, and other names are refused."""
    source = ast.parse(Path(dagster_spcs.__file__).read_text(encoding="utf-8"))
    for_checkers = next(each for each in source.body if isinstance(each, ast.If))
    shown = {
        name.name: each.module
        for each in for_checkers.body
        if isinstance(each, ast.ImportFrom)
        for name in each.names
    }
    for name, module in shown.items():
        assert getattr(dagster_spcs, name) is getattr(import_module(str(module)), name)
    assert dagster_spcs.__all__ == sorted(shown)
    assert set(shown) <= set(dir(dagster_spcs))
    with pytest.raises(AttributeError, match="no attribute 'SpcsJob'"):
        dagster_spcs.SpcsJob  # noqa: B018


@pytest.mark.parametrize("name", sorted(set(dagster_spcs.__all__)))
def test_public_names_are_documented(name: str) -> None:
    """Everything public says in its docstring what it is."""
    assert (getattr(dagster_spcs, name).__doc__ or "").strip()


@pytest.mark.parametrize("name", CORE)
def test_core_keeps_to_its_side(name: str) -> None:
    """Outside the emulator nothing imports Dagster's private modules, fakesnow or the emulator."""
    forbidden = [
        each
        for each in imports_of(CORE[name])
        if is_in(each, "fakesnow")
        or (is_in(each, "dagster") and "._" in each)
        or (is_in(each, EMULATOR) and name != "dagster_spcs.__main__")
    ]
    assert forbidden == []


@pytest.mark.parametrize("name", sorted(set(MODULES) - set(CORE)))
def test_emulator_shares_only_names_and_statuses(name: str) -> None:
    """The emulator takes only names and statuses from the core, and nothing from Dagster.

    So a mistake of the client's is not cancelled by the same mistake in the emulator.
    """
    allowed = (EMULATOR, "dagster_spcs.names", "dagster_spcs.status")
    forbidden = [
        each
        for each in imports_of(MODULES[name])
        if is_in(each, "dagster")
        or is_in(each, "dagster_snowflake")
        or (
            is_in(each, "dagster_spcs")
            and each != "dagster_spcs"
            and not any(is_in(each, package) for package in allowed)
        )
    ]
    assert forbidden == []


@pytest.mark.parametrize(
    "name",
    [name for name in CORE if name.partition(".")[2].split(".")[0] in WITHOUT_DAGSTER],
)
def test_above_the_line_without_dagster(name: str) -> None:
    """What knows statements and records knows nothing of Dagster, directly or through ours."""
    forbidden = [
        each
        for each in imports_of(CORE[name])
        if is_in(each, "dagster") or is_in(each, "dagster_snowflake")
    ]
    below = [
        each
        for each in imports_of(CORE[name])
        if each in CORE and each != "dagster_spcs" and each.split(".")[1] not in WITHOUT_DAGSTER
    ]
    assert forbidden + below == []


def test_every_module_of_the_line_exists() -> None:
    """The list above names modules that are there."""
    assert {f"dagster_spcs.{name}" for name in WITHOUT_DAGSTER} <= set(MODULES)
