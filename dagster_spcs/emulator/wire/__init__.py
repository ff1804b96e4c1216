"""Snowflake's wire protocol over HTTP, and the server that speaks it.

Not here: any statement. Read ``routes`` first.
"""
