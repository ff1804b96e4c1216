"""Inside a run: from the step of a job asset to submitted jobs, and to their results if it waits.

Here: planning, overlap, submission, waiting and recording by the run itself. Not here: anything of
the sensor; the two meet in Snowflake's listing and in the event log only.

Read ``execution`` first.
"""
