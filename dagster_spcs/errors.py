"""What can go wrong, sorted by what the caller does next.

::

    SpcsError
    ├── InvalidName             a name Snowflake would not take; also a ValueError
    ├── InvalidSpecification    a specification Snowflake would not take; also a ValueError
    ├── ConnectionFailed        (Retryable) the account cannot be reached, or the connection broke
    ├── AuthenticationFailed    the account refused the credentials
    ├── SessionExpired          (Retryable) the session's token ran out; a new connection helps
    ├── StatementError          the account refused a statement; carries errno, sqlstate, query_id
    │   ├── ObjectNotFound      missing, dropped, or not visible to the role
    │   ├── ObjectExists        the name is taken
    │   ├── NotPrivileged       the role may not do this
    │   ├── NoCurrentSchema     the session has no current database or schema
    │   └── FunctionUnavailable the account does not know a table function
    ├── JobFailed               a job ended in another status than DONE
    ├── JobTimedOut             a job was still at work when its time was up
    ├── JobNameInUse            the name belongs to a job that is not ours to adopt
    ├── SubmissionFailed        some of several submissions failed; says which were started
    └── UnexpectedAnswer        the account answered in a shape this version does not know

``Retryable`` marks the classes after which the same call may be repeated. Callers catch classes
and read attributes; nothing in this library reads an error's meaning out of its text.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dagster_spcs.spcs.status import JobStatus

if TYPE_CHECKING:
    from dagster_spcs.spcs.client import Submitted
    from dagster_spcs.spcs.names import JobName
    from dagster_spcs.spcs.records import JobRecord


class SpcsError(Exception):
    """Root of every error this library raises itself."""


class Retryable:
    """Mixin: the same call may succeed when it is repeated."""


class InvalidName(SpcsError, ValueError):
    """A name that Snowflake would refuse."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"Invalid name {name!r}: {reason}")


class InvalidSpecification(SpcsError, ValueError):
    """A service specification that Snowflake would refuse."""


class ConnectionFailed(SpcsError, Retryable):
    """The account could not be reached, or the connection broke in mid-sentence."""


class AuthenticationFailed(SpcsError):
    """The account refused the credentials; trying again with the same ones does not help."""


class SessionExpired(SpcsError, Retryable):
    """The session's token is no longer accepted; a fresh connection is needed."""


class StatementError(SpcsError):
    """The account refused a statement.

    Attributes:
        errno: Snowflake's error number, for example 2003.
        sqlstate: the SQL state that came with it, where there was one.
        query_id: the id under which the account logged the statement, where there was one.
        statement: the statement, shortened.
    """

    next_step = "Look the query id up in Snowsight's query history for the full story."

    def __init__(
        self,
        message: str,
        *,
        errno: int | None = None,
        sqlstate: str | None = None,
        query_id: str | None = None,
        statement: str = "",
    ) -> None:
        self.errno = errno
        self.sqlstate = sqlstate
        self.query_id = query_id
        self.statement = textwrap.shorten(statement, 300)
        super().__init__(
            f"{message}\nStatement: {self.statement}\nQuery id: {query_id}\n{self.next_step}"
        )


class ObjectNotFound(StatementError):
    """The object does not exist, was dropped, or is not visible to the session's role."""

    next_step = (
        "Check the name's spelling, database and schema, and that the session's role has USAGE on"
        " them and on the object."
    )


class ObjectExists(StatementError):
    """An object of that name exists already; a finished job keeps its name until it is dropped."""

    next_step = "Choose another name, or remove the object with DROP SERVICE first."


class NotPrivileged(StatementError):
    """The session's role lacks a privilege."""

    next_step = "Grant the privilege to the role, or connect with another role."


class NoCurrentSchema(StatementError):
    """A name was not qualified and the session has no current database or schema."""

    next_step = "Set `database` and `schema` of the resource, or use db.schema.name."


class FunctionUnavailable(StatementError):
    """The account does not know the table function (not every account has it enabled)."""

    next_step = 'Use metadata="no-warehouse", which needs no table function.'


class UnexpectedAnswer(SpcsError):
    """The account's answer misses a column this version relies on."""


class JobFailed(SpcsError):
    """A job ended in another status than DONE."""

    def __init__(
        self,
        job: "JobRecord",
        exit_codes: Mapping[str, int],
        last_lines: str,
        *,
        ending: str | None = None,
    ) -> None:
        self.job = job
        self.exit_codes = dict(exit_codes)
        self.last_lines = last_lines
        codes = ", ".join(f"{where}: {code}" for where, code in self.exit_codes.items())
        ending = ending or f"ended {job.status.value}"
        kept = f"\nThe service is kept for a look; remove it with: DROP SERVICE {job.name.sql}"
        super().__init__(
            f"Job {job.name} {ending}; exit codes: {codes or 'none'}."
            f" Its last lines:\n{textwrap.indent(last_lines or '(no output)', '  ')}"
            f"{'' if job.status is JobStatus.DELETED else kept}"
        )


class JobTimedOut(SpcsError):
    """A job had not ended when the time it was given was up."""

    def __init__(self, names: "list[JobName]", seconds: float) -> None:
        self.names = names
        self.seconds = seconds
        listed = ", ".join(str(name) for name in names)
        super().__init__(
            f"Not ended after {seconds:g} s: {listed}. The jobs go on; wait again or cancel them."
        )


class JobNameInUse(SpcsError):
    """The job's name is taken by a service that was not submitted for the same purpose."""

    def __init__(self, name: "JobName", why: str) -> None:
        self.name = name
        super().__init__(
            f"Job name {name} is in use: {why}. Nothing was started. Choose another name, or look"
            f" at it with DESCRIBE SERVICE {name.sql} and remove it with DROP SERVICE {name.sql}."
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
        started: "list[JobName]",
        failed: "Mapping[JobName, SpcsError]",
        *,
        submitted: "Sequence[Submitted]" = (),
    ) -> None:
        self.started = started
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
