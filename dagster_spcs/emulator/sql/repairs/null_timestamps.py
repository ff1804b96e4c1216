"""A NULL timestamp stays NULL; fakesnow 0.12 sends it as 1970-01-01."""

import pyarrow as pa
import pyarrow.compute as pc
from fakesnow import arrow

_without_nulls = arrow.timestamp_to_sf_struct


def _with_nulls(moments: pa.Array | pa.ChunkedArray) -> pa.Array:
    struct = _without_nulls(moments)
    missing = pc.is_null(moments)
    if isinstance(missing, pa.ChunkedArray):
        missing = missing.combine_chunks()
    children = [pc.fill_null(struct.field(at), 0) for at in range(struct.type.num_fields)]
    return pa.StructArray.from_arrays(children, fields=list(struct.type), mask=missing)


arrow.timestamp_to_sf_struct = _with_nulls  # type: ignore[assignment]
