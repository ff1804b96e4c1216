"""Rows in the Arrow format that Snowflake's clients read."""

from typing import Any, cast

import pyarrow as pa
from fakesnow import arrow


def arrow_stream(table: pa.Table, rowtype: list[dict[str, Any]]) -> bytes:
    """Return a table as a stream; empty if it has no rows.

    Args:
        table: the rows, as DuckDB gave them.
        rowtype: the columns as the wire describes them.
    """
    if not table.num_rows:
        return b""
    stream = arrow.to_ipc(arrow.to_sf(table, cast(Any, rowtype)))
    return cast(bytes, stream.to_pybytes())
