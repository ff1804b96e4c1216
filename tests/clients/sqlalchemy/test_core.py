"""Tables of the Core: made, filled, read, changed."""

import datetime
import decimal

import pytest
from snowflake.sqlalchemy import ARRAY, OBJECT, TIMESTAMP_NTZ, VARIANT, MergeInto
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Sequence,
    String,
    Table,
    Text,
    Time,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    literal_column,
    select,
    text,
    update,
)


@pytest.fixture
def people(engine):
    """A table with two rows."""
    table = Table(
        "people",
        MetaData(),
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("name", String(50), nullable=False),
        Column("age", Integer),
    )
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            insert(table),
            [{"id": 1, "name": "Ada", "age": 36}, {"id": 2, "name": "Bob", "age": None}],
        )
    return table


def test_create_and_drop_all(engine):
    metadata = MetaData()
    parent = Table("parent", metadata, Column("id", Integer, primary_key=True))
    Table(
        "child",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("parent_id", ForeignKey(parent.c.id)),
    )
    metadata.create_all(engine)
    metadata.create_all(engine)
    assert sorted(inspect(engine).get_table_names()) == ["child", "parent"]
    metadata.drop_all(engine)
    assert inspect(engine).get_table_names() == []


def test_insert_and_select(engine, people):
    with engine.connect() as connection:
        rows = connection.execute(select(people).order_by(people.c.id)).all()
    assert [tuple(row) for row in rows] == [(1, "Ada", 36), (2, "Bob", None)]


def test_filters(engine, people):
    with engine.connect() as connection:
        names = select(people.c.name)
        assert connection.scalars(names.where(people.c.age.is_(None))).all() == ["Bob"]
        assert connection.scalars(names.where(people.c.name.ilike("a%"))).all() == ["Ada"]
        assert connection.scalars(names.where(people.c.id.in_([1, 2]))).all() != []
        assert connection.scalars(names.where(people.c.id.in_([]))).all() == []
        assert connection.scalars(names.order_by(people.c.id.desc()).limit(1)).all() == ["Bob"]
        assert connection.scalars(names.order_by(people.c.id).offset(1).limit(5)).all() == ["Bob"]


def test_aggregates_and_joins(engine, people):
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(people)) == 2
        other = people.alias()
        pairs = select(people.c.name, other.c.name).join(other, people.c.id < other.c.id)
        assert [tuple(row) for row in connection.execute(pairs)] == [("Ada", "Bob")]


def test_update(engine, people):
    with engine.begin() as connection:
        done = connection.execute(update(people).where(people.c.id == 2).values(age=40))
        assert done.rowcount == 1
    with engine.connect() as connection:
        assert connection.scalar(select(people.c.age).where(people.c.id == 2)) == 40


def test_update_of_many(engine, people):
    statement = update(people).where(people.c.id == bindparam("key")).values(age=bindparam("new"))
    with engine.begin() as connection:
        connection.execute(statement, [{"key": 1, "new": 1}, {"key": 2, "new": 2}])
        assert connection.scalar(select(func.sum(people.c.age))) == 3


def test_delete(engine, people):
    with engine.begin() as connection:
        assert connection.execute(delete(people).where(people.c.id == 1)).rowcount == 1
        assert connection.scalar(select(func.count()).select_from(people)) == 1


def test_sequence_gives_the_key(engine):
    table = Table(
        "things",
        MetaData(),
        Column("id", Integer, Sequence("thing_ids", start=100, order=True), primary_key=True),
        Column("name", String),
    )
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        done = connection.execute(insert(table).values(name="x"))
        assert done.inserted_primary_key == (100,)
        connection.execute(insert(table).values(name="y"))
        assert connection.scalars(select(table.c.id).order_by(table.c.id)).all() == [100, 101]


def test_sequence_as_server_default(engine):
    numbers = Sequence("numbers", order=True)
    table = Table(
        "things",
        MetaData(),
        Column("id", Integer, numbers, server_default=numbers.next_value(), primary_key=True),
        Column("name", String),
    )
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO things (name) VALUES ('a'), ('b')"))
        assert connection.scalars(select(table.c.id).order_by(table.c.id)).all() == [1, 2]


def test_identity(engine):
    table = Table(
        "things",
        MetaData(),
        Column("id", Integer, Identity(start=10, increment=5, order=True), primary_key=True),
        Column("name", String),
    )
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(table), [{"name": "a"}, {"name": "b"}])
        assert connection.scalars(select(table.c.id).order_by(table.c.id)).all() == [10, 15]


def test_autoincrement(engine):
    table = Table(
        "things",
        MetaData(),
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("name", String),
    )
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(table), [{"name": "a"}, {"name": "b"}])
        assert connection.scalars(select(table.c.id).order_by(table.c.id)).all() == [1, 2]


def test_types(engine):
    table = Table(
        "kinds",
        MetaData(),
        Column("b", Boolean),
        Column("f", Float),
        Column("n", Numeric(10, 2)),
        Column("s", Text),
        Column("d", Date),
        Column("t", Time),
        Column("m", DateTime),
        Column("z", TIMESTAMP_NTZ),
        Column("x", LargeBinary),
    )
    table.metadata.create_all(engine)
    row = {
        "b": True,
        "f": 1.5,
        "n": decimal.Decimal("2.50"),
        "s": "é 'quoted' %",
        "d": datetime.date(2024, 1, 2),
        "t": datetime.time(3, 4, 5),
        "m": datetime.datetime(2024, 1, 2, 3, 4, 5, 678000),
        "z": datetime.datetime(2024, 1, 2, 3, 4, 5),
        "x": b"\x00\x01",
    }
    with engine.begin() as connection:
        connection.execute(insert(table), [row])
        connection.execute(insert(table), [dict.fromkeys(row)])
        rows = connection.execute(select(table).order_by(table.c.f.nulls_last())).mappings().all()
    assert dict(rows[0]) == row
    assert set(rows[1].values()) == {None}


def test_semi_structured_types(engine):
    table = Table(
        "docs",
        MetaData(),
        Column("id", Integer),
        Column("v", VARIANT),
        Column("o", OBJECT),
        Column("a", ARRAY),
    )
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        given = select(
            literal_column("1"),
            func.parse_json('{"k": [1, 2]}'),
            func.object_construct("a", 1),
            func.array_construct(1, 2),
        )
        connection.execute(table.insert().from_select(["id", "v", "o", "a"], given))
        row = connection.execute(select(table)).one()
    assert list(row[1:]) == [{"k": [1, 2]}, {"a": 1}, [1, 2]]


def test_path_into_a_variant(engine):
    table = Table("docs", MetaData(), Column("v", VARIANT))
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            table.insert().from_select(["v"], select(func.parse_json('{"k": {"n": 7}}')))
        )
        assert connection.scalar(select(table.c.v["k"]["n"])) == 7


def test_merge_into(engine, people):
    with engine.begin() as connection:
        source = Table("incoming", people.metadata, Column("id", Integer), Column("name", String))
        source.create(connection)
        connection.execute(insert(source), [{"id": 1, "name": "Eve"}, {"id": 3, "name": "Cy"}])
        merge = MergeInto(target=people, source=source, on=people.c.id == source.c.id)
        merge.when_matched_then_update().values(name=source.c.name)
        merge.when_not_matched_then_insert().values(id=source.c.id, name=source.c.name)
        connection.execute(merge)
        names = connection.scalars(select(people.c.name).order_by(people.c.id)).all()
    assert names == ["Eve", "Bob", "Cy"]


def test_many_rows_at_once(engine, people):
    with engine.begin() as connection:
        connection.execute(delete(people))
        connection.execute(
            insert(people), [{"id": n, "name": f"n{n}", "age": n} for n in range(500)]
        )
        assert connection.scalar(select(func.sum(people.c.age))) == sum(range(500))


def test_temporary_table(engine):
    table = Table("scratch", MetaData(), Column("id", Integer), prefixes=["TEMPORARY"])
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(insert(table), [{"id": 1}])
        assert connection.scalar(select(table.c.id)) == 1


def test_transaction_is_rolled_back(engine, people):
    with engine.connect() as connection:
        connection.execute(delete(people))
        connection.rollback()
        assert connection.scalar(select(func.count()).select_from(people)) == 2


def test_transaction_block(engine, people):
    with pytest.raises(ZeroDivisionError), engine.begin() as connection:
        connection.execute(delete(people))
        raise ZeroDivisionError
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(people)) == 2


def test_autocommit(engine, people):
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(delete(people))
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(people)) == 0


def test_mixed_case_names(engine):
    table = Table("MixedCase", MetaData(), Column("Id", Integer), Column("select", String))
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(table), [{"Id": 1, "select": "x"}])
        assert tuple(connection.execute(select(table)).one()) == (1, "x")
    assert inspect(engine).get_table_names() == ["MixedCase"]
    assert [c["name"] for c in inspect(engine).get_columns("MixedCase")] == ["Id", "select"]


def test_table_in_another_schema(engine):
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA other"))
        connection.execute(text("USE SCHEMA work"))
    table = Table("t", MetaData(schema="other"), Column("id", Integer))
    table.metadata.create_all(engine)
    assert inspect(engine).get_table_names(schema="other") == ["t"]
    assert inspect(engine).get_table_names() == []
