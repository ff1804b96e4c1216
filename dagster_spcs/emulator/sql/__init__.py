"""Snowflake SQL as text and answers: words, spelling, results, sessions, and fakesnow below.

Not here: job services. Read ``tables`` first: it is where ordinary SQL goes to fakesnow.
"""

from dagster_spcs.emulator.sql.fakesnow_bridge import add_missing_modules

# Here, because Python runs this file before any of the package's modules imports fakesnow.
add_missing_modules()
