"""Dagster assets that SnowflakePandasIOManager stores and loads."""

from typing import Any

import pandas as pd
import pytest
from conftest import settings
from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    DagsterInstance,
    DailyPartitionsDefinition,
    MaterializeResult,
    MultiPartitionKey,
    MultiPartitionsDefinition,
    StaticPartitionsDefinition,
    asset,
    materialize,
)
from dagster_snowflake import SnowflakeResource
from dagster_snowflake_pandas import SnowflakePandasIOManager
from snowflake.connector import SnowflakeConnection


def rows(connection: SnowflakeConnection, statement: str) -> list[Any]:
    """All rows of a query."""
    return connection.cursor().execute(statement).fetchall()


@pytest.fixture
def resources(database: str, schema: str) -> dict[str, Any]:
    """The I/O manager, whose default is the test's schema."""
    return {"io_manager": manager(database, schema=schema)}


def manager(database: str, **more: Any) -> SnowflakePandasIOManager:
    """An I/O manager on the account under test."""
    given = settings()
    wire = {name: given.pop(name) for name in ("host", "port", "protocol")}
    return SnowflakePandasIOManager(
        database=database, additional_snowflake_connection_args=wire, **given, **more
    )


def test_one_asset(resources: dict[str, Any], connection: SnowflakeConnection) -> None:
    @asset
    def iris() -> pd.DataFrame:
        return pd.DataFrame({"species": ["a", "b"], "petals": [3, 4]})

    assert materialize([iris], resources=resources).success
    assert rows(connection, "SELECT SPECIES, PETALS FROM IRIS ORDER BY 1") == [("a", 3), ("b", 4)]


def test_again_replaces_all(resources: dict[str, Any], connection: SnowflakeConnection) -> None:
    @asset
    def iris() -> pd.DataFrame:
        return pd.DataFrame({"species": ["a", "b"]})

    for _ in range(2):
        assert materialize([iris], resources=resources).success
    assert rows(connection, "SELECT COUNT(*) FROM IRIS") == [(2,)]


def test_downstream(resources: dict[str, Any], connection: SnowflakeConnection) -> None:
    @asset
    def iris() -> pd.DataFrame:
        return pd.DataFrame({"species": ["a", "b"], "petals": [3, 4]})

    @asset
    def total(iris: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"petals": [iris["petals"].sum()]})

    result = materialize([iris, total], resources=resources)
    assert result.success
    assert list(result.output_for_node("total")["petals"]) == [7]
    assert rows(connection, "SELECT PETALS FROM TOTAL") == [(7,)]


def test_some_columns(resources: dict[str, Any]) -> None:
    @asset
    def iris() -> pd.DataFrame:
        return pd.DataFrame({"species": ["a", "b"], "petals": [3, 4], "sepals": [1, 1]})

    @asset(ins={"iris": AssetIn(metadata={"columns": ["species", "petals"]})})
    def columns_seen(iris: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"name": list(iris.columns)})

    result = materialize([iris, columns_seen], resources=resources)
    assert list(result.output_for_node("columns_seen")["name"]) == ["species", "petals"]


def test_key_prefix_is_the_schema(
    database: str, schema: str, connection: SnowflakeConnection
) -> None:
    @asset(key_prefix=[f"{schema.lower()}_flowers"])
    def iris() -> pd.DataFrame:
        return pd.DataFrame({"species": ["a"]})

    assert materialize([iris], resources={"io_manager": manager(database)}).success
    assert rows(connection, f"SELECT * FROM {database}.{schema}_FLOWERS.IRIS") == [("a",)]


def test_metadata_is_the_schema(
    database: str, schema: str, connection: SnowflakeConnection
) -> None:
    @asset(metadata={"schema": f"{schema}_M"})
    def iris() -> pd.DataFrame:
        return pd.DataFrame({"species": ["a"]})

    assert materialize([iris], resources={"io_manager": manager(database)}).success
    assert rows(connection, f"SELECT * FROM {database}.{schema}_M.IRIS") == [("a",)]


def test_default_schema_is_public(database: str, connection: SnowflakeConnection) -> None:
    @asset
    def only_in_public() -> pd.DataFrame:
        return pd.DataFrame({"species": ["a"]})

    assert materialize([only_in_public], resources={"io_manager": manager(database)}).success
    assert rows(connection, f"SELECT * FROM {database}.PUBLIC.ONLY_IN_PUBLIC") == [("a",)]


def test_static_partitions(resources: dict[str, Any], connection: SnowflakeConnection) -> None:
    instance = DagsterInstance.ephemeral()
    found: dict[str, int] = {"a": 1, "b": 2}

    @asset(
        partitions_def=StaticPartitionsDefinition(["a", "b"]),
        metadata={"partition_expr": "SPECIES"},
    )
    def iris(context: AssetExecutionContext) -> pd.DataFrame:
        key = context.partition_key
        return pd.DataFrame({"species": [key] * found[key]})

    for key in ("a", "b"):
        assert materialize(
            [iris], resources=resources, partition_key=key, instance=instance
        ).success
    found["b"] = 5
    assert materialize([iris], resources=resources, partition_key="b", instance=instance).success
    counted = rows(connection, "SELECT SPECIES, COUNT(*) FROM IRIS GROUP BY 1 ORDER BY 1")
    assert counted == [("a", 1), ("b", 5)]


def test_daily_partitions(resources: dict[str, Any], connection: SnowflakeConnection) -> None:
    instance = DagsterInstance.ephemeral()
    value = {"now": 1}

    @asset(
        partitions_def=DailyPartitionsDefinition(start_date="2024-01-01"),
        metadata={"partition_expr": "DAY"},
    )
    def visits(context: AssetExecutionContext) -> pd.DataFrame:
        return pd.DataFrame(
            {"day": pd.to_datetime([context.partition_key] * 2), "n": [value["now"]] * 2}
        )

    for key in ("2024-01-01", "2024-01-02"):
        assert materialize(
            [visits], resources=resources, partition_key=key, instance=instance
        ).success
    value["now"] = 10
    assert materialize(
        [visits], resources=resources, partition_key="2024-01-02", instance=instance
    ).success
    counted = rows(
        connection, "SELECT DAY::DATE::VARCHAR, SUM(N) FROM VISITS GROUP BY 1 ORDER BY 1"
    )
    assert [(day, int(n)) for day, n in counted] == [("2024-01-01", 2), ("2024-01-02", 20)]


def test_daily_partitions_downstream(resources: dict[str, Any]) -> None:
    instance = DagsterInstance.ephemeral()
    daily = DailyPartitionsDefinition(start_date="2024-01-01")

    @asset(partitions_def=daily, metadata={"partition_expr": "DAY"})
    def visits(context: AssetExecutionContext) -> pd.DataFrame:
        return pd.DataFrame({"day": pd.to_datetime([context.partition_key]), "n": [1]})

    @asset(partitions_def=daily, metadata={"partition_expr": "DAY"})
    def doubled(visits: pd.DataFrame) -> pd.DataFrame:
        return visits.assign(n=visits["n"] * 2)

    for key in ("2024-01-01", "2024-01-02"):
        result = materialize(
            [visits, doubled], resources=resources, partition_key=key, instance=instance
        )
        frame = result.output_for_node("doubled")
        assert (len(frame), frame["n"].tolist()) == (1, [2])
        assert frame["day"].tolist() == [pd.Timestamp(key)]


def test_multi_partitions(resources: dict[str, Any], connection: SnowflakeConnection) -> None:
    instance = DagsterInstance.ephemeral()
    value = {"now": 1}

    @asset(
        partitions_def=MultiPartitionsDefinition(
            {
                "day": DailyPartitionsDefinition(start_date="2024-01-01"),
                "site": StaticPartitionsDefinition(["x", "y"]),
            }
        ),
        metadata={"partition_expr": {"day": "TO_TIMESTAMP(DAY)", "site": "SITE"}},
    )
    def visits(context: AssetExecutionContext) -> pd.DataFrame:
        keys = context.partition_key.keys_by_dimension
        return pd.DataFrame({"day": [keys["day"]], "site": [keys["site"]], "n": [value["now"]]})

    keys = [
        MultiPartitionKey({"day": day, "site": site})
        for day in ("2024-01-01", "2024-01-02")
        for site in "xy"
    ]
    for key in keys:
        assert materialize(
            [visits], resources=resources, partition_key=key, instance=instance
        ).success
    value["now"] = 9
    assert materialize(
        [visits], resources=resources, partition_key=keys[-1], instance=instance
    ).success
    assert rows(connection, "SELECT DAY, SITE, N FROM VISITS ORDER BY 1, 2") == [
        ("2024-01-01", "x", 1),
        ("2024-01-01", "y", 1),
        ("2024-01-02", "x", 1),
        ("2024-01-02", "y", 9),
    ]


def test_metadata_of_the_columns(resources: dict[str, Any]) -> None:
    @asset
    def iris() -> pd.DataFrame:
        return pd.DataFrame({"species": ["a", "b"], "petals": [3, 4]})

    result = materialize([iris], resources=resources)
    [materialization] = result.asset_materializations_for_node("iris")
    metadata = materialization.metadata
    assert [column.name for column in metadata["dataframe_columns"].value.columns] == [
        "species",
        "petals",
    ]
    assert metadata["dagster/row_count"].value == 2
    assert metadata["dagster/storage_kind"].value == "snowflake"


def test_timestamps_come_back(resources: dict[str, Any]) -> None:
    moments = [pd.Timestamp("2024-01-02 03:04:05"), pd.NaT]

    @asset
    def moments_of_it() -> pd.DataFrame:
        return pd.DataFrame({"moment": moments, "n": [1.5, None]})

    @asset
    def seen(moments_of_it: pd.DataFrame) -> pd.DataFrame:
        first = moments_of_it.sort_values("n", na_position="last")
        return pd.DataFrame({"text": [str(first["moment"].iloc[0]), str(first["moment"].iloc[1])]})

    result = materialize([moments_of_it, seen], resources=resources)
    assert list(result.output_for_node("seen")["text"]) == ["2024-01-02 03:04:05", "NaT"]


def test_timestamps_as_text(database: str, schema: str, connection: SnowflakeConnection) -> None:
    @asset
    def moments_of_it() -> pd.DataFrame:
        return pd.DataFrame({"moment": [pd.Timestamp("2024-01-02 03:04:05")]})

    textual = manager(database, schema=schema, store_timestamps_as_strings=True)
    assert materialize([moments_of_it], resources={"io_manager": textual}).success
    [(text,)] = rows(connection, "SELECT MOMENT FROM MOMENTS_OF_IT")
    assert isinstance(text, str) and text.startswith("2024-01-02 03:04:05")


def test_empty_frame_writes_nothing(
    resources: dict[str, Any], connection: SnowflakeConnection
) -> None:
    @asset
    def nothing() -> pd.DataFrame:
        return pd.DataFrame({"species": []})

    assert materialize([nothing], resources=resources).success
    assert rows(connection, "SHOW TABLES LIKE 'NOTHING'") == []


def test_asset_with_the_resource(
    database: str, schema: str, connection: SnowflakeConnection
) -> None:
    given = settings()
    wire = {name: given.pop(name) for name in ("host", "port", "protocol")}
    snowflake = SnowflakeResource(
        database=database, schema=schema, additional_snowflake_connection_args=wire, **given
    )

    @asset
    def counted(snowflake: SnowflakeResource) -> MaterializeResult:
        with snowflake.get_connection() as opened:
            opened.cursor().execute("CREATE TABLE C AS SELECT 5 AS N")
            [(n,)] = opened.cursor().execute("SELECT N FROM C").fetchall()
        return MaterializeResult(metadata={"n": n})

    result = materialize([counted], resources={"snowflake": snowflake})
    [materialization] = result.asset_materializations_for_node("counted")
    assert materialization.asset_key == AssetKey("counted")
    assert materialization.metadata["n"].value == 5
