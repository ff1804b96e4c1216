"""What fakesnow misses in connector 5."""

import gzip
from importlib import import_module
from pathlib import Path

import pytest
import snowflake.connector

from dagster_spcs.emulator.sql.fakesnow_bridge import (
    SnowflakeConverter,
    SnowflakeFileUtil,
    add_missing_modules,
)

IS_CONNECTOR_4 = snowflake.connector.__version__.startswith("4.")
BRIDGED = [("converter", SnowflakeConverter), ("file_util", SnowflakeFileUtil)]


@pytest.mark.parametrize(("module", "stand_in"), BRIDGED)
def test_only_what_is_missing_is_added(module: str, stand_in: type) -> None:
    """Connector 4 keeps its own classes, connector 5 gets ours; doing it twice changes nothing."""
    before = import_module(f"snowflake.connector.{module}")
    add_missing_modules()
    assert import_module(f"snowflake.connector.{module}") is before
    assert getattr(snowflake.connector, module) is before
    assert (getattr(before, stand_in.__name__) is stand_in) is not IS_CONNECTOR_4


def test_compressing_a_file(tmp_path: Path) -> None:
    """A compressed copy is made, and its size told."""
    (tmp_path / "a.csv").write_bytes(b"1,2\n" * 1000)
    path, size = SnowflakeFileUtil.compress_file_with_gzip(str(tmp_path / "a.csv"), str(tmp_path))
    assert Path(path).stat().st_size == size < 4000
    assert gzip.decompress(Path(path).read_bytes()) == b"1,2\n" * 1000


@pytest.mark.skipif(IS_CONNECTOR_4, reason="connector 4 has a converter")
@pytest.mark.parametrize(("value", "text"), [("it's", r"'it\'s'"), (None, "NULL"), (7, "7")])
def test_writing_a_bind(value: object, text: str) -> None:
    """A bind becomes a literal, as fakesnow asks for it."""
    converter = SnowflakeConverter()
    assert str(converter.quote(converter.escape(converter.to_snowflake(value)))) == text
