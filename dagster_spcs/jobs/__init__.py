"""A job of ours: who it is for, how it is submitted, and what is known of it when it has ended.

Here: the identity in a job's COMMENT, the job that is followed (``TrackedJob``), submission, and
gathering a report of finished jobs. Not here: Dagster. Times are ``datetime`` in UTC.

Read ``tracked_job`` first: it is the noun that everything above works with.
"""
