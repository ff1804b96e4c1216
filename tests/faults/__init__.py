"""Exactly one event for each job, whatever is killed, lost, late or unreachable."""
