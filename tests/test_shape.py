"""Guards of the package's shape: what is public, what importing costs, no private Dagster.

The layers are import-linter's to check (``make lint``, contracts in ``pyproject.toml``).
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from radon.complexity import cc_visit

import dagster_spcs

PACKAGE = Path(dagster_spcs.__file__).parent
EMULATOR = "dagster_spcs.emulator"


def imports_of(path: Path) -> Iterator[str]:
    """Full names that a file imports, wherever in it; ``from a import b`` is both a and a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{each.name}" for each in node.names)


def is_in(name: str, package: str) -> bool:
    """Whether a name is a package or something in it."""
    return name == package or name.startswith(f"{package}.")


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


def test_public_names_are_documented() -> None:
    """Everything public says in its docstring what it is."""
    undocumented = [
        name
        for name in dagster_spcs.__all__
        if not (getattr(dagster_spcs, name).__doc__ or "").strip()
    ]
    assert undocumented == []


def test_private_modules_of_dagster_are_not_imported() -> None:
    """Private modules change without notice; import-linter sees only whole packages."""
    found = {path.name: set(imports_of(path)) for path in PACKAGE.rglob("*.py")}
    assert "yaml" in found["service.py"]  # imports are seen
    private = [
        (name, each)
        for name, imported in found.items()
        for each in imported
        if is_in(each, "dagster") and "._" in each
    ]
    assert private == []


def test_no_function_is_hard_to_follow() -> None:
    """No function of the library has more than 15 paths through it, as radon counts them."""
    found = {path: cc_visit(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    hard = [
        (path.name, block.name, block.complexity)
        for path, blocks in found.items()
        for block in blocks
        if block.letter in "FM" and block.complexity > 15
    ]
    assert sum(map(len, found.values())) > 500  # functions are seen
    assert hard == []


def test_each_package_says_where_to_begin() -> None:
    """A package's docstring says what lives there, what does not, and which file to read first."""
    silent = [
        path.parent.name
        for path in PACKAGE.rglob("__init__.py")
        if path.parent != PACKAGE
        and not all(
            word in (ast.get_docstring(ast.parse(path.read_text())) or "")
            for word in ("Not here", "Read ")
        )
    ]
    assert silent == []
