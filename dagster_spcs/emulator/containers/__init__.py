"""A container as a local process: its image, its specification, its output.

Not here: jobs and pools, which are the account's. Read ``processes`` first.
"""
