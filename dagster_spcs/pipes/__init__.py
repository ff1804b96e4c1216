"""Dagster Pipes: what containers are told, and what they say.

Here: the two environment variables (and the stage for a long context), and the messages among the
lines of a log. Not here: Dagster's own objects; ``event_log.container_reports`` makes those.

Read ``messages`` first.
"""
