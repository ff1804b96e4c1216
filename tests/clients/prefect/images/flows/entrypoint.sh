#!/bin/bash
# As in Prefect's own image: run what the container was told to run.
exec "$@"
