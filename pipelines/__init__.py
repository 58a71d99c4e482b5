"""The way of the data: ingest, grading, diffs, and the Dagster assets and commands that run them."""
