"""Engines and plain statements."""

import os

import pytest
from conftest import HTTP, url
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError


def test_select(engine):
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_url_as_text(place):
    env = os.environ
    engine = create_engine(
        f"snowflake://{env['SPCS_USER']}:{env['SPCS_PASSWORD']}@{env['SPCS_HOST']}:"
        f"{env['SPCS_PORT']}/{place[0]}/WORK?account={env['SPCS_ACCOUNT']}",
        connect_args=HTTP,
    )
    with engine.connect() as connection:
        row = connection.execute(text("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()")).one()
    engine.dispose()
    assert tuple(row) == (place[0], "WORK")


def test_connect_args(place):
    engine = create_engine(
        url(database=place[0], schema="WORK"),
        connect_args={**HTTP, "session_parameters": {"QUERY_TAG": "alchemy"}},
    )
    with engine.connect() as connection:
        rows = connection.execute(text("SHOW PARAMETERS LIKE 'QUERY_TAG'")).all()
    engine.dispose()
    assert rows[0][:2] == ("QUERY_TAG", "alchemy")


def test_named_binds(engine):
    with engine.connect() as connection:
        row = connection.execute(text("SELECT :a + 1 AS n, :b AS s"), {"a": 1, "b": "x"}).one()
    assert (row.n, row.s) == (2, "x")


def test_rows_are_mappings(engine):
    with engine.connect() as connection:
        row = connection.execute(text("SELECT 1 AS ID, 'x' AS NAME")).mappings().one()
    assert dict(row) == {"id": 1, "name": "x"}


def test_missing_table(engine):
    with engine.connect() as connection, pytest.raises(ProgrammingError) as caught:
        connection.execute(text("SELECT * FROM nowhere"))
    assert caught.value.orig.errno == 2003


def test_wrong_password():
    engine = create_engine(
        url().replace(os.environ["SPCS_PASSWORD"], "wrong"),
        connect_args={**HTTP, "login_timeout": 10},
    )
    with pytest.raises(DBAPIError):
        engine.connect()


def test_dialect_knows_where_it_is(engine, place):
    with engine.connect() as connection:
        assert engine.dialect.default_schema_name.lower() == "work"
        assert connection.dialect.name == "snowflake"


def test_pool_hands_out_a_usable_connection(place):
    engine = create_engine(
        url(database=place[0], schema="WORK"), connect_args=HTTP, pool_pre_ping=True
    )
    for _ in range(3):
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()
