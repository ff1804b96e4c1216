"""Run container workloads on Snowpark Container Services as Dagster assets."""
