"""What fakesnow 0.12 gets wrong and would stop a whole client: one file a repair.

Each file replaces a function or value of fakesnow by one of its own when it is imported, could go
upstream as it is, and is to be deleted once it has. ``docs/emulator.md`` lists them.

Not here: what is ours, and what can be done to a statement's text (``sql.spelling``).
Read ``null_timestamps`` first.
"""

from dagster_spcs.emulator.sql.repairs import (
    binary_literals,
    mixed_arrays,
    names_of_columns,
    native_merge,
    null_timestamps,
    quoted_keywords,
    sequence_functions,
    stage_folders,
    table_notes,
    temporary_tables,
    texts_in_variants,
)

__all__ = [
    "binary_literals",
    "mixed_arrays",
    "names_of_columns",
    "native_merge",
    "null_timestamps",
    "quoted_keywords",
    "sequence_functions",
    "stage_folders",
    "table_notes",
    "temporary_tables",
    "texts_in_variants",
]
