"""Inside a tick of the polling sensor: list, collect facts, decide, act.

Here: the cursor, the facts, the rule (``decide``, pure) and what carries it out. Not here: anything
of a run; the two meet in Snowflake's listing and in the event log only.

Read ``decide`` first, then ``tick``.
"""
