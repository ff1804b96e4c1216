"""Errors about several jobs that the client raises; the root of the tree is in ``errors``."""

from collections.abc import Mapping, Sequence

from dagster_spcs.errors import SpcsError
from dagster_spcs.spcs.names import JobName
from dagster_spcs.spcs.submission import Submitted


class JobTimedOut(SpcsError):
    """A job had not ended when the time it was given was up.

    Attributes:
        names: the jobs that are still at work.
        seconds: how long they were waited for.
    """

    def __init__(self, names: Sequence[JobName], seconds: float) -> None:
        self.names = list(names)
        self.seconds = seconds
        listed = ", ".join(str(name) for name in names)
        super().__init__(
            f"Not ended after {seconds:g} s: {listed}. The jobs go on; wait again or cancel them."
        )


class SubmissionFailed(SpcsError):
    """Some of several submissions failed.

    Attributes:
        started: the jobs that are now in flight; they were not undone.
        failed: the error of each job that was not started.
        submitted: what the client knows of the jobs in ``started``.
    """

    def __init__(
        self,
        started: Sequence[JobName],
        failed: Mapping[JobName, SpcsError],
        *,
        submitted: Sequence[Submitted] = (),
    ) -> None:
        self.started = list(started)
        self.failed = dict(failed)
        self.submitted = submitted
        lines = [
            f"  {name}: {(str(error) or type(error).__name__).splitlines()[0]}"
            for name, error in failed.items()
        ]
        begun = ", ".join(str(name) for name in started) or "none"
        super().__init__(
            f"{len(failed)} of {len(failed) + len(started)} jobs were not started:\n"
            + "\n".join(lines)
            + f"\nStarted and in flight: {begun}"
        )
