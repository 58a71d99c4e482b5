"""The kernel: from checked rows and a mapping release to ICANS intervals.

Pure polars and plain Python, subject-local: a row's result depends only on rows of the same study and
subject, on the release and on the manifest. No files, no clock, no Dagster, no DuckDB, no sorting of
results (that is `Table.canonicalise`, where frames are stored).
"""
