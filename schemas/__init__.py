"""The tables of the warehouse, the study manifest and the words both use.

What may live here: Pandera models (one per table), the manifest model, closed vocabularies and the
error types every room raises. What may not: reading files, clinical rules, Dagster, DuckDB.
"""
