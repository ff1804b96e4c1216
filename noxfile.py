"""``make clients``: real clients against the emulator, each in an environment of its own."""

import shutil
from pathlib import Path

import nox

from tests.clients.account import account

nox.options.default_venv_backend = "uv|virtualenv"
FOLDER = Path("tests/clients")
RESULTS = Path("test-artifacts/clients").absolute()
EMULATOR = Path(".venv/bin/python").absolute()
"""The Python of the project, which ``make`` installs."""
QUICK = ("connector", "frames", "node", "rest", "snowpark", "sqlalchemy")
"""Those that CI has the time for."""
PYTHON_CLIENTS = sorted(path.parent.name for path in FOLDER.glob("*/requirements.txt"))


def _param(client: str) -> "nox.param":
    return nox.param(client, id=client, tags=["quick"] if client in QUICK else [])


@nox.session
@nox.parametrize("client", [_param(client) for client in PYTHON_CLIENTS])
def python(session: nox.Session, client: str) -> None:
    """Run the checks of a client that is a Python package."""
    folder = FOLDER / client
    session.install("-r", str(folder / "requirements.txt"))
    emulator = EMULATOR
    if client == "ml_jobs":  # the containers import it, so the emulator's Python has it too
        session.install("-c", "constraints.txt", ".[ml-jobs]")
        emulator = Path(session.bin, "python")
    RESULTS.mkdir(parents=True, exist_ok=True)
    with account(emulator, folder / "images", Path(session.bin)) as env:
        session.run(
            "python",
            "-m",
            "pytest",
            "-q",
            "-c",
            str(FOLDER / "pytest.ini"),
            f"--junitxml={RESULTS / f'{client}.xml'}",
            str(folder),
            *session.posargs,
            env=env,
        )


@nox.session(venv_backend="none", tags=["quick"])
def node(session: nox.Session) -> None:
    """Run the checks of the Node.js driver."""
    folder = FOLDER / "node"
    if shutil.which("npm") is None:
        session.error("npm is needed for the Node.js driver")
    session.run("npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder))
    RESULTS.mkdir(parents=True, exist_ok=True)
    with account(EMULATOR, folder / "images", Path()) as env:
        for file in sorted(folder.glob("*.test.js")):
            capability = file.name.removesuffix(".test.js")
            session.run(
                "node",
                "--test",
                "--test-reporter=spec",
                "--test-reporter-destination=stdout",
                "--test-reporter=junit",
                f"--test-reporter-destination={RESULTS / f'node.{capability}.xml'}",
                str(file),
                env=env,
            )
