"""What fakesnow 0.12 imports of connector 4 and connector 5 does not have.

- ``snowflake.connector.converter.SnowflakeConverter`` writes client-side binds into a statement.
- ``snowflake.connector.file_util.SnowflakeFileUtil`` compresses a file for PUT.

fakesnow's server makes the first for each cursor and calls neither: binds and files come over the
wire. Its in-process ``connect`` calls both. Not bridged, because only that needs it: connector 5
describes result columns by another type, so ``description`` of a fakesnow cursor fails.

With connector 4 nothing happens. Delete this file once fakesnow imports neither module.
"""

import gzip
import importlib
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import snowflake.connector


class SnowflakeConverter:
    """Has the methods of connector 5's own converter: ``to_snowflake``, ``escape``, ``quote``."""

    def __getattr__(self, name: str) -> Any:
        # Read at first use: the module is private, and the server needs none of it.
        from snowflake.connector._internal.binding_converters import ClientSideBindingConverter

        return getattr(ClientSideBindingConverter, name)


class SnowflakeFileUtil:
    """Has the one function that fakesnow calls."""

    @staticmethod
    def compress_file_with_gzip(file_name: str, tmp_dir: str) -> tuple[str, int]:
        """Write a compressed copy into a folder; return its path and its size in bytes."""
        target = Path(tmp_dir, f"{Path(file_name).name}_c.gz")
        with Path(file_name).open("rb") as plain, gzip.open(target, "wb") as compressed:
            shutil.copyfileobj(plain, compressed)
        return str(target), target.stat().st_size


def add_missing_modules() -> None:
    """Make fakesnow importable; its imports come after this."""
    for name, content in (("converter", SnowflakeConverter), ("file_util", SnowflakeFileUtil)):
        full_name = f"{snowflake.connector.__name__}.{name}"
        try:
            importlib.import_module(full_name)
        except ModuleNotFoundError:
            module = ModuleType(full_name, "Added by dagster_spcs.emulator for fakesnow.")
            setattr(module, content.__name__, content)
            sys.modules[full_name] = module
            setattr(snowflake.connector, name, module)
