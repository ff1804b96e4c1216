"""The name of an object of the account."""

ObjectName = tuple[str, str, str]
"""Database, schema, name, in stored form."""
