"""A Root over a connection, a second one, and what it knows."""

import json
import urllib.error
import urllib.request
import warnings

import pytest
import snowflake.connector
from conftest import SETTINGS
from snowflake.connector import SnowflakeConnection
from snowflake.core import Root


def test_root_asks_for_the_client_version_without_a_warning(
    connection: SnowflakeConnection,
) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", UserWarning)
        Root(connection)
    assert [str(one.message) for one in seen if one.category is UserWarning] == []


def test_root_keeps_its_connection(connection: SnowflakeConnection, root: Root) -> None:
    assert root.connection is connection


def test_a_second_session_sees_the_same_account(root: Root) -> None:
    with snowflake.connector.connect(**SETTINGS) as second:
        names = {pool.name for pool in Root(second).compute_pools.iter()}
    assert names == {pool.name for pool in root.compute_pools.iter()}
    assert "CPU_S" in names


@pytest.mark.parametrize("headers", [{}, {"Authorization": 'Snowflake Token="made up"'}])
def test_a_request_without_a_session_is_refused(headers: dict[str, str]) -> None:
    address = f"http://{SETTINGS['host']}:{SETTINGS['port']}/api/v2/databases"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=10)
    assert caught.value.code == 401
    assert json.load(caught.value)["message"]


def test_rest_calls_leave_the_sessions_database_alone(
    connection: SnowflakeConnection, root: Root
) -> None:
    before = connection.cursor().execute("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()").fetchone()
    list(root.databases.iter())
    after = connection.cursor().execute("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()").fetchone()
    assert before == after
