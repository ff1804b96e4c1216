"""One SQL session: a statement in, rows out, and the one reader of vendor errors.

``SnowflakeSession`` is the real thing behind the client's seam, ``client.Session``. This module
is imported only where a connection is really opened, because the connector is costly to import.
"""

import ipaddress
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from snowflake.connector import SnowflakeConnection
from snowflake.connector import errors as vendor

from dagster_spcs import errors
from dagster_spcs.spcs.statements import Statement

Connect = Callable[[], AbstractContextManager[SnowflakeConnection]]

# Error numbers of the account, by what they mean to a caller.
_BY_NUMBER: dict[int, type[errors.StatementError]] = {
    2002: errors.ObjectExists,
    2003: errors.ObjectNotFound,
    2043: errors.ObjectNotFound,  # "object does not exist, or operation cannot be performed"
    2143: errors.FunctionUnavailable,
    3001: errors.NotPrivileged,
    90105: errors.NoCurrentSchema,  # no current database
    90106: errors.NoCurrentSchema,
}
_SESSION_ENDED = frozenset(
    {
        390104,  # session no longer known
        390111,  # session gone
        390112,  # session token expired
        390114,  # master token expired
        390115,  # master token invalid
        390195,  # id token invalid
        390318,  # OAuth access token expired
    }
)
_CREDENTIALS = frozenset(
    {
        390100,  # incorrect username or password
        390101,
        390102,
        390144,  # JWT refused
        390303,  # OAuth access token invalid
        390422,  # network policy forbids this address
    }
)
_ROLE_NOT_GRANTED = 390189
_CONNECTION_IS_CLOSED = 250002
# The connector's own numbers (no answer came from the account) are 25xxxx.
_CONNECTOR_NUMBERS = range(250_000, 260_000)
# Connector 5 raises no such class, and warns whoever asks its module for it.
_FORBIDDEN: type[vendor.Error] | tuple[()] = vars(vendor).get("ForbiddenError", ())


def translate(error: BaseException, statement: str = "") -> errors.SpcsError:
    """Return this library's error for one of the connector's, by number and class."""
    if isinstance(error, _FORBIDDEN):
        return errors.AuthenticationFailed(_with_next_step(error, "Check account and role."))
    if not isinstance(error, vendor.Error):
        return errors.ConnectionFailed(f"the connection broke: {type(error).__name__}: {error}")
    number = error.errno
    if number in _CREDENTIALS:
        return errors.AuthenticationFailed(
            _with_next_step(error, "Check user, password or key of the Snowflake resource.")
        )
    if number == _ROLE_NOT_GRANTED:
        return errors.AuthenticationFailed(
            _with_next_step(
                error, "Check `role` of the Snowflake resource, or grant it to the user."
            )
        )
    if number in _SESSION_ENDED or number == _CONNECTION_IS_CLOSED:
        return errors.SessionExpired(_with_next_step(error, "Connect again."))
    if number in _CONNECTOR_NUMBERS or not _is_an_answer(error):
        return errors.ConnectionFailed(
            _with_next_step(error, "Check the account's name, the host and your network.")
        )
    kind = _BY_NUMBER.get(number or 0, errors.StatementError)
    return kind(
        error.raw_msg or str(error),
        errno=number,
        sqlstate=error.sqlstate,
        query_id=error.sfqid,
        statement=statement,
    )


def _is_an_answer(error: vendor.Error) -> bool:
    """Whether the account said this, and not the connector, a proxy or nobody.

    For a page of HTTP instead of an answer, connector 4 has classes beside ``DatabaseError``, and
    connector 5 raises ``InternalError``.
    """
    return isinstance(error, vendor.DatabaseError) and not isinstance(
        error, vendor.OperationalError | vendor.InternalError
    )


def _with_next_step(error: vendor.Error, next_step: str) -> str:
    return f"{error.raw_msg or error} (error {error.errno}). {next_step}"


class SnowflakeSession:
    """A session over connections that ``connect`` opens; opened at first use, and again when lost.

    Safe to use from several threads: each statement has a cursor of its own.

    Args:
        connect: opens a connection.
        target: host and port that it leads to, where they are known, for errors.
    """

    def __init__(self, connect: Connect, target: str | None = None) -> None:
        self._connect = connect
        self._target = target
        self._lock = threading.Lock()
        self._stack: ExitStack | None = None
        self._connection: SnowflakeConnection | None = None

    def run(self, statement: Statement) -> list[dict[str, Any]]:
        """Run one statement and return its rows, column names in lower case.

        Raises:
            SpcsError: see ``errors``; after a ``Retryable`` one the next call connects anew.
        """
        connection = self._open()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement.text)
                names = [column.name.lower() for column in cursor.description]
                # A listing has ten thousand rows: what is not read is not kept.
                kept = [
                    (place, name)
                    for place, name in enumerate(names)
                    if not statement.columns or name in statement.columns
                ]
                return [{name: row[place] for place, name in kept} for row in cursor]
        except (vendor.Error, OSError) as error:
            translated = self._translate(error, statement.shown or statement.text)
            if isinstance(translated, errors.Retryable):
                self._forget(connection)
            raise translated from None  # it has the text; the connector's own trace is long

    def close(self) -> None:
        """Close the connection if there is one; the session may be used again."""
        with self._lock:
            stack, self._stack, self._connection = self._stack, None, None
        if stack is not None:
            try:
                stack.close()
            except (vendor.Error, OSError) as error:
                raise translate(error) from error

    def _open(self) -> SnowflakeConnection:
        with self._lock:
            if self._connection is None:
                stack = ExitStack()
                try:
                    self._connection = stack.enter_context(self._connect())
                except (vendor.Error, OSError) as error:
                    raise self._translate(error) from None
                self._stack = stack
            return self._connection

    def _translate(self, error: BaseException, statement: str = "") -> errors.SpcsError:
        translated = translate(error, statement)
        if self._target is None or not isinstance(translated, errors.ConnectionFailed):
            return translated
        text = f"{translated} Tried {self._target}."
        if _is_loopback(self._target):
            text += " If that is the emulator, is it started? (dagster-spcs emulator)"
        return errors.ConnectionFailed(text)

    def _forget(self, connection: SnowflakeConnection) -> None:
        with self._lock:
            if self._connection is not connection:
                return  # another thread has replaced it
            stack, self._stack, self._connection = self._stack, None, None
        if stack is not None:
            try:
                stack.close()
            except (vendor.Error, OSError):
                # It is closed because it is broken; that it says so once more is no news.
                return


def _is_loopback(target: str) -> bool:
    host = target.rpartition(":")[0] or target
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False  # a name
