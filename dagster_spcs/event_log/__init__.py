"""What this library writes to Dagster's storage, and how it reads that back.

Here: the metadata keys, one file for each kind of event with its writing and its reading, and the
``Ledger``, the only reader of Dagster's event log. Not here: SQL, or decisions.

Read ``ledger`` first, then ``start`` and ``end``.
"""
