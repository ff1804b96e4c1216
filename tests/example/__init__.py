"""The example's own modules, without emulator and Dagster processes."""
