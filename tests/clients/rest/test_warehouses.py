"""Warehouses: create, look at, suspend, resume, drop."""

from collections.abc import Iterator

import pytest
from conftest import unique
from snowflake.core import CreateMode, Root
from snowflake.core.exceptions import ConflictError, NotFoundError
from snowflake.core.warehouse import Warehouse


@pytest.fixture
def name(root: Root) -> Iterator[str]:
    name = unique("WH")
    yield name
    root.warehouses[name].drop(if_exists=True)


def test_create_and_fetch(root: Root, name: str) -> None:
    created = root.warehouses.create(
        Warehouse(
            name=name, warehouse_size="XSMALL", auto_suspend=60, auto_resume="true", comment="small"
        )
    )
    shown = created.fetch()
    assert (shown.name, shown.comment, shown.auto_suspend, shown.auto_resume) == (
        name,
        "small",
        60,
        "true",
    )
    assert shown.warehouse_size.replace("-", "").upper() == "XSMALL"


def test_create_twice(root: Root, name: str) -> None:
    root.warehouses.create(Warehouse(name=name))
    with pytest.raises(ConflictError):
        root.warehouses.create(Warehouse(name=name))
    root.warehouses.create(Warehouse(name=name), mode=CreateMode.if_not_exists)


def test_suspend_and_resume(root: Root, name: str) -> None:
    created = root.warehouses.create(Warehouse(name=name, initially_suspended="true"))
    assert created.fetch().state == "SUSPENDED"
    created.resume()
    assert created.fetch().state == "STARTED"
    created.suspend()
    assert created.fetch().state == "SUSPENDED"


def test_iter_and_drop(root: Root, name: str) -> None:
    created = root.warehouses.create(Warehouse(name=name))
    assert [one.name for one in root.warehouses.iter(like=name.lower())] == [name]
    created.drop()
    with pytest.raises(NotFoundError):
        created.fetch()


def test_a_missing_warehouse(root: Root) -> None:
    with pytest.raises(NotFoundError):
        root.warehouses["NO_SUCH_WAREHOUSE"].fetch()
