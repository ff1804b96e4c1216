"""Vendor errors, by number and class, whichever connector raised them."""

import pytest
from snowflake.connector import errors as vendor

from dagster_spcs import errors
from dagster_spcs.spcs.session import translate


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(
            vendor.ProgrammingError("gone", errno=2003, sqlstate="02000"),
            errors.ObjectNotFound,
            id="refused",
        ),
        pytest.param(
            vendor.ProgrammingError("odd", errno=603), errors.StatementError, id="other-refusal"
        ),
        pytest.param(
            vendor.DatabaseError("wrong", errno=390100), errors.AuthenticationFailed, id="password"
        ),
        pytest.param(
            vendor.ProgrammingError("late", errno=390114), errors.SessionExpired, id="master-token"
        ),
        pytest.param(
            vendor.DatabaseError("closed", errno=250002), errors.SessionExpired, id="closed"
        ),
        pytest.param(
            vendor.DatabaseError("no login", errno=250001), errors.ConnectionFailed, id="no-login"
        ),
        pytest.param(
            vendor.OperationalError("timed out", errno=14), errors.ConnectionFailed, id="timed-out"
        ),
        pytest.param(
            vendor.InternalError("a page", errno=6), errors.ConnectionFailed, id="unreadable"
        ),
        pytest.param(vendor.InterfaceError("?"), errors.ConnectionFailed, id="interface"),
        pytest.param(vendor.Error("HTTP 502", errno=580502), errors.ConnectionFailed, id="http"),
        pytest.param(ConnectionResetError(), errors.ConnectionFailed, id="socket"),
    ],
)
def test_meaning(error: Exception, expected: type[errors.SpcsError]) -> None:
    """An answer of the account is told from no answer, and a refusal by its number."""
    assert type(translate(error)) is expected


@pytest.mark.skipif("ForbiddenError" not in vars(vendor), reason="connector 5 has no such class")
def test_forbidden_login() -> None:
    """Connector 4 says by a class of its own that the host knows no such account."""
    error = vendor.ForbiddenError(errno=250001)
    assert type(translate(error)) is errors.AuthenticationFailed


def test_what_a_refusal_carries() -> None:
    """Text, number, state, query id and statement arrive as they were."""
    refused = vendor.ProgrammingError("no such job", errno=2003, sqlstate="02000", sfqid="01bd")

    error = translate(refused, "DESCRIBE SERVICE X")

    assert isinstance(error, errors.StatementError)
    assert str(error).startswith("no such job\n")
    assert (error.errno, error.sqlstate, error.query_id) == (2003, "02000", "01bd")
    assert error.statement == "DESCRIBE SERVICE X"
