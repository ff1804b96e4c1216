"""Snowflake SQL as text and answers: words, spelling, results, sessions, and fakesnow below.

Not here: job services. Read ``tables`` first: it is where ordinary SQL goes to fakesnow.
"""
