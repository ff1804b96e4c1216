"""YAML components: a job asset, and the polling sensor.

Here: what a ``defs.yaml`` may say, and how its values are read. Not here: what a job asset is; both
components call what Python users call.

Read ``job`` first.
"""
