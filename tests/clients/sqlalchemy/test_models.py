"""The ORM."""

import pytest
from sqlalchemy import ForeignKey, Identity, Sequence, String, func, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    """Models of these tests."""


class Author(Base):
    """Has books."""

    __tablename__ = "author"
    id: Mapped[int] = mapped_column(Sequence("author_ids"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    books: Mapped[list["Book"]] = relationship(
        back_populates="author", cascade="all, delete-orphan"
    )


class Book(Base):
    """Has an author."""

    __tablename__ = "book"
    id: Mapped[int] = mapped_column(Sequence("book_ids"), primary_key=True)
    title: Mapped[str] = mapped_column(String(80))
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


class Note(Base):
    """Has a key of the account's own."""

    __tablename__ = "note"
    id: Mapped[int] = mapped_column(Identity(start=1), primary_key=True)
    words: Mapped[str | None]


@pytest.fixture
def session(engine):
    """A session with the models' tables."""
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def test_add_and_get(session):
    author = Author(name="Le Guin")
    session.add(author)
    session.commit()
    assert author.id == 1
    session.expunge_all()
    assert session.get(Author, 1).name == "Le Guin"


def test_related_objects(session):
    session.add(Author(name="Le Guin", books=[Book(title="A"), Book(title="B")]))
    session.commit()
    session.expunge_all()
    author = session.scalars(select(Author)).one()
    assert sorted(book.title for book in author.books) == ["A", "B"]


def test_join(session):
    session.add(Author(name="Le Guin", books=[Book(title="A")]))
    session.commit()
    found = session.execute(select(Author.name, Book.title).join(Author.books)).all()
    assert [tuple(row) for row in found] == [("Le Guin", "A")]


def test_change(session):
    session.add(Author(name="x"))
    session.commit()
    session.scalars(select(Author)).one().name = "y"
    session.commit()
    session.expunge_all()
    assert session.scalars(select(Author.name)).all() == ["y"]


def test_delete_with_its_children(session):
    session.add(Author(name="x", books=[Book(title="A")]))
    session.commit()
    session.delete(session.scalars(select(Author)).one())
    session.commit()
    assert session.scalar(select(func.count()).select_from(Book)) == 0


def test_rollback(session):
    session.add(Author(name="x"))
    session.flush()
    session.rollback()
    assert session.scalars(select(Author)).all() == []


def test_bulk(session):
    session.bulk_save_objects([Author(id=n, name=f"n{n}") for n in range(1, 101)])
    session.commit()
    assert session.scalar(select(func.count()).select_from(Author)) == 100


def test_add_all(session):
    session.add_all([Author(name=f"n{n}") for n in range(10)])
    session.commit()
    assert sorted(session.scalars(select(Author.id))) == list(range(1, 11))


def test_identity_key(session):
    session.execute(insert(Note), [{"words": "x"}])
    session.commit()
    assert session.scalars(select(Note.words)).all() == ["x"]
    assert session.scalars(select(Note.id)).all() == [1]


def test_error_and_recovery(session):
    session.add(Author(name="x"))
    session.commit()
    with pytest.raises(Exception):
        session.execute(select(func.no_such_function()))
    session.rollback()
    assert session.scalars(select(Author.name)).all() == ["x"]
