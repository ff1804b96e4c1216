"""How far clocks may be apart, and how late one command knows what another one told."""

from datetime import timedelta

HOSTS_DIFFER_BY = timedelta(minutes=5)
"""At most, the hosts that Dagster's own processes run on."""
ACCOUNT_DIFFERS_BY = timedelta(hours=1)
"""At most, the account and Dagster's hosts."""
SAME_CREATION = timedelta(seconds=1)
"""Two commands may tell a job's creation with a different precision; whole seconds at worst."""
LISTED_WITHIN = timedelta(minutes=10)
"""How late a job may appear in a listing, seen from its own creation time."""
