"""Snowflake's job services: what they are called, what is sent to the account, what it answers.

Here: names, statuses, SQL text, statements, the rows that come back, the session and the client.
Not here: Dagster, or what a job is for; a job of ours begins in ``jobs``.

Read ``client`` first: each method is one statement of ``statements`` and one kind of row of
``records``.
"""
