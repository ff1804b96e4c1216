"""What can go wrong, sorted by what the caller does next.

::

    SpcsError
    ├── InvalidName             a name Snowflake would not take; also a ValueError
    ├── InvalidSpecification    a specification Snowflake would not take; also a ValueError
    ├── ConnectionFailed        (Retryable) the account cannot be reached, or the connection broke
    ├── AuthenticationFailed    the account refused the credentials
    ├── SessionExpired          (Retryable) the session's token ran out; a new connection helps
    ├── NotAnswered             the account did not give what it was asked for
    │   ├── StatementError      it refused a statement; carries errno, sqlstate, query_id
    │   │   ├── ObjectNotFound      (Lasting) missing, dropped, or not visible to the role
    │   │   ├── ObjectExists        (Lasting) the name is taken
    │   │   ├── NotPrivileged       (Lasting) the role may not do this
    │   │   ├── NoCurrentSchema     (Lasting) the session has no current database or schema
    │   │   └── FunctionUnavailable (Lasting) the account does not know a table function
    │   └── UnexpectedAnswer    it answered in a shape this version does not know
    ├── JobTimedOut             (``spcs.job_errors``) a job was at work when its time was up
    ├── SubmissionFailed        (``spcs.job_errors``) some of several submissions failed
    ├── JobFailed               (``jobs.job_errors``) a job ended in another status than DONE
    └── JobNameInUse            (``jobs.job_errors``) the name is a job's that is not ours to adopt

``Retryable`` marks the classes after which the same call may be repeated at once, ``Lasting`` those
after which it is in vain. What is neither may pass: the account has refused a statement that it may
answer a while later. Callers catch classes and read attributes; nothing in this library reads an
error's meaning out of its text.
"""

import textwrap


class SpcsError(Exception):
    """Root of every error this library raises itself."""


class Retryable:
    """Mixin: the same call may succeed when it is repeated."""


class Lasting:
    """Mixin: the same call is refused until somebody changes something at the account."""


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


class NotAnswered(SpcsError):
    """The account did not give what it was asked for; what else it is asked for is unaffected."""


class StatementError(NotAnswered):
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
        lines = (
            message,
            f"Statement: {self.statement}" if statement else "",
            f"Query id: {query_id}" if query_id else "",
            self.next_step,
        )
        super().__init__("\n".join(filter(None, lines)))


class ObjectNotFound(StatementError, Lasting):
    """The object does not exist, was dropped, or is not visible to the session's role."""

    next_step = (
        "Check the name's spelling, database and schema, and that the session's role has USAGE on"
        " them and on the object."
    )


class ObjectExists(StatementError, Lasting):
    """An object of that name exists already; a finished job keeps its name until it is dropped."""

    next_step = "Choose another name, or remove the object with DROP SERVICE first."


class NotPrivileged(StatementError, Lasting):
    """The session's role lacks a privilege."""

    next_step = "Grant the privilege to the role, or connect with another role."


class NoCurrentSchema(StatementError, Lasting):
    """A name was not qualified and the session has no current database or schema."""

    next_step = "Set `database` and `schema` of the resource, or use db.schema.name."


class FunctionUnavailable(StatementError, Lasting):
    """The account does not know the table function (not every account has it enabled)."""

    next_step = 'Use metadata="no-warehouse", which needs no table function.'


class UnexpectedAnswer(NotAnswered):
    """The account's answer has a shape that this version does not know."""
