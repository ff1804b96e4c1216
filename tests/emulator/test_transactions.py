"""Transactions, as the connector's documentation shows them ("Using the Python Connector")."""

from typing import Any

import pytest

from dagster_spcs.emulator import Emulator
from tests.support.emulators import Lab, new_name, open_lab


@pytest.fixture
def table(lab: Lab) -> str:
    """A table of one row, seen by every session."""
    name = new_name("KEPT")
    lab.rows(f"CREATE TABLE {name} AS SELECT 1 AS N")
    return name


def numbers(lab: Lab, table: str) -> list[int]:
    """What other sessions see."""
    return [row["N"] for row in lab.rows(f"SELECT N FROM {table} ORDER BY N")]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"autocommit": False}, id="argument"),
        pytest.param({"session_parameters": {"AUTOCOMMIT": False}}, id="session-parameter"),
        pytest.param({"session_parameters": {"autocommit": "false"}}, id="as-text"),
    ],
)
def test_without_autocommit(
    emulator: Emulator, lab: Lab, table: str, arguments: dict[str, Any]
) -> None:
    """What was changed is undone by a rollback and kept by a commit."""
    with open_lab(emulator, **arguments) as connection:
        writing = Lab(connection)
        for end, seen in ((connection.rollback, [1]), (connection.commit, [1, 2])):
            writing.rows(f"INSERT INTO {table} VALUES (2)")
            assert numbers(writing, table) == [1, 2]
            assert numbers(lab, table) == [1]
            end()
            assert numbers(lab, table) == seen


def test_turning_autocommit_off_and_on(emulator: Emulator, lab: Lab, table: str) -> None:
    """``connection.autocommit`` works within a session."""
    with open_lab(emulator) as connection:
        writing = Lab(connection)
        connection.autocommit(False)
        writing.rows(f"INSERT INTO {table} VALUES (2)")
        connection.rollback()
        connection.autocommit(True)
        writing.rows(f"INSERT INTO {table} VALUES (3)")
        assert numbers(lab, table) == [1, 3]


def test_a_statement_that_defines_commits(emulator: Emulator, lab: Lab, table: str) -> None:
    """A DDL statement commits what was changed before it ("Transactions")."""
    with open_lab(emulator, autocommit=False) as connection:
        writing = Lab(connection)
        writing.rows(f"INSERT INTO {table} VALUES (2)")
        writing.rows(f"CREATE TABLE {new_name('NEXT')} (N INT)")
        connection.rollback()
        assert numbers(lab, table) == [1, 2]


def test_closing_rolls_back(emulator: Emulator, lab: Lab, table: str) -> None:
    """A session that ends with an open transaction leaves nothing of it."""
    connection = open_lab(emulator, autocommit=False)
    Lab(connection).rows(f"INSERT INTO {table} VALUES (2)")
    connection.close()
    assert numbers(lab, table) == [1]
