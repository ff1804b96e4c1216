#!/bin/sh
# All instances of a job share the folder that holds their homes; it goes with the job.
RAY_TMPDIR="$(dirname "$HOME")/ray"
export RAY_TMPDIR
exec "$@"
