"""Reports: typed content, and its renderings as text, HTML and spreadsheet.

What may live here: models of a report with their schema version, and renderers. What may not: computing
results, clinical rules, DuckDB, Dagster, printing to a terminal (`pipelines.cli`).
"""
