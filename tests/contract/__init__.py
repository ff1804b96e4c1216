"""Promises about Snowflake, kept by the emulator, seen through Snowflake's own connector."""
