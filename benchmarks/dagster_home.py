"""A Dagster instance on disk and Dagster's own processes over it."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

_ROOT = Path(__file__).parent.parent
_ENDS_WITHIN_SECONDS = 20.0


@contextmanager
def dagster_home() -> Iterator[Path]:
    """Make an empty instance folder."""
    with TemporaryDirectory("-dagster") as folder:
        home = Path(folder)
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        yield home


@contextmanager
def process(
    home: Path, arguments: Sequence[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command over an instance; it and what it started end with the block."""
    log = home / "output.txt"
    with log.open("ab") as output:
        started = subprocess.Popen(
            list(arguments),
            cwd=_ROOT,
            env={**os.environ, **environment, "DAGSTER_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield started
    except Exception as error:
        tail = log.read_text(errors="replace").splitlines()[-30:]
        raise RuntimeError("\n".join([str(error), *tail])) from error
    finally:
        with suppress(ProcessLookupError):
            started.terminate()
        with suppress(subprocess.TimeoutExpired):
            started.wait(_ENDS_WITHIN_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()
