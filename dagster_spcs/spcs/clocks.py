"""The time, how far clocks may be apart, and how late the account tells what it knows."""

from datetime import datetime, timedelta, timezone

HOSTS_DIFFER_BY = timedelta(minutes=5)
"""At most, the hosts that Dagster's own processes run on."""
ACCOUNT_DIFFERS_BY = timedelta(hours=1)
"""At most, the account and Dagster's hosts."""
SAME_CREATION = timedelta(seconds=1)
"""Two commands may tell a job's creation with a different precision; whole seconds at worst."""
LISTED_WITHIN = timedelta(minutes=10)
"""How late a job may appear in a listing, seen from its own creation time."""
LOG_ARRIVES_WITHIN = timedelta(minutes=10)
"""How late a line may reach the event table: "a few minutes" (page "Monitoring Services");
ml-python's tests wait 300 seconds."""
ROW_ARRIVES_WITHIN = timedelta(minutes=2)
"""How late a job's row may appear in the history. ml-python's tests expect it at once."""
RETENTION = timedelta(days=30)
"""How long the account keeps a finished job (page "EXECUTE JOB SERVICE")."""
USABLE_YEARS = range(1980, 2200)
"""A time outside of these years is a mistake, and could not be calculated with."""


def utc_now() -> datetime:
    """Return the time by the clock of this host, one of Dagster's."""
    return datetime.now(timezone.utc)
