"""What the inspector tells."""

import pytest
from snowflake.sqlalchemy import VARIANT
from sqlalchemy import MetaData, Table, inspect, text
from sqlalchemy.exc import NoSuchTableError


@pytest.fixture
def tables(engine):
    """Two tables and a view."""
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE parent (id INT NOT NULL PRIMARY KEY, code VARCHAR(8) UNIQUE)"
            " COMMENT = 'parents'",
            "CREATE TABLE child (a INT NOT NULL, b INT NOT NULL, parent_id INT,"
            " price NUMBER(10,2) DEFAULT 1.5, made TIMESTAMP_NTZ, doc VARIANT, ok BOOLEAN,"
            " name VARCHAR(20) COMMENT 'called', CONSTRAINT child_pk PRIMARY KEY (a, b),"
            " CONSTRAINT child_fk FOREIGN KEY (parent_id) REFERENCES parent (id))",
            "CREATE VIEW names AS SELECT name FROM child",
        ):
            connection.execute(text(statement))
    return inspect(engine)


def test_table_names(tables):
    assert sorted(tables.get_table_names()) == ["child", "parent"]


def test_view_names(tables):
    assert tables.get_view_names() == ["names"]


def test_view_definition(tables):
    told = tables.get_view_definition("names").lower().replace('"', "")
    assert "select name from child" in told


def test_schema_names(tables):
    assert {"work", "public", "information_schema"} <= set(tables.get_schema_names())


def test_has_table(tables):
    assert tables.has_table("child")
    assert not tables.has_table("nowhere")


def test_columns(tables):
    columns = {c["name"]: c for c in tables.get_columns("child")}
    assert list(columns) == ["a", "b", "parent_id", "price", "made", "doc", "ok", "name"]
    assert not columns["a"]["nullable"]
    assert (columns["price"]["type"].precision, columns["price"]["type"].scale) == (10, 2)
    assert columns["name"]["type"].length == 20
    assert isinstance(columns["doc"]["type"], VARIANT)
    assert columns["ok"]["type"].python_type is bool


def test_column_comment_and_default(tables):
    columns = {c["name"]: c for c in tables.get_columns("child")}
    assert columns["name"]["comment"] == "called"
    assert columns["price"]["default"].startswith("1.5")


def test_primary_key(tables):
    assert tables.get_pk_constraint("parent")["constrained_columns"] == ["id"]
    key = tables.get_pk_constraint("child")
    assert (key["constrained_columns"], key["name"]) == (["a", "b"], "child_pk")


def test_foreign_keys(tables):
    (key,) = tables.get_foreign_keys("child")
    assert key["constrained_columns"] == ["parent_id"]
    assert (key["referred_table"], key["referred_columns"]) == ("parent", ["id"])


def test_unique_constraints(tables):
    (constraint,) = tables.get_unique_constraints("parent")
    assert constraint["column_names"] == ["code"]


def test_indexes(tables):
    assert tables.get_indexes("child") == []


def test_table_comment(tables):
    assert tables.get_table_comment("parent")["text"] == "parents"


def test_temporary_tables(tables):
    assert tables.get_temp_table_names() == []


def test_sequence_names(tables, engine):
    with engine.begin() as connection:
        connection.execute(text("CREATE SEQUENCE ids"))
    assert inspect(engine).get_sequence_names() == ["ids"]


def test_reflect_all(tables, engine):
    metadata = MetaData()
    metadata.reflect(engine)
    assert sorted(metadata.tables) == ["child", "parent"]
    assert [column.name for column in metadata.tables["child"].primary_key] == ["a", "b"]


def test_autoload(tables, engine):
    child = Table("child", MetaData(), autoload_with=engine)
    assert "parent_id" in child.c
    (key,) = child.c.parent_id.foreign_keys
    assert key.column.table.name == "parent"


def test_reflect_views_too(tables, engine):
    metadata = MetaData()
    metadata.reflect(engine, views=True)
    assert "names" in metadata.tables


def test_missing_table(tables, engine):
    with pytest.raises(NoSuchTableError):
        Table("nowhere", MetaData(), autoload_with=engine)


def test_reflect_of_another_schema(tables, engine, place):
    columns = inspect(engine).get_columns("child", schema=f"{place[0]}.work")
    assert len(columns) == 8
