"""Mapping releases as data, and the small package that loads and verifies them.

What may live here: CTCAE vocabularies, releases, their loader, the term key. What may not: study
data, grading rules, Dagster, DuckDB. A release that is wrong is corrected by the next release.
"""
