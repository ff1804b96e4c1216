"""Text analysis of one table column, written to a result table: the program of the image.

The pieces, in the order data takes: ``options`` (arguments and environment), ``connection`` (the
documented way into Snowflake from a container), ``names`` and ``statements`` (SQL as data),
``job`` (the loop), ``engines`` (what turns a text into a result). It needs no Dagster.
"""
