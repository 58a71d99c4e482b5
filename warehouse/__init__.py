"""Where results are kept: immutable run folders, and the DuckDB file that is built from them.

What may live here: the run store, DDL from the schemas, the publisher, analyst views, the generated
data dictionary. What may not: clinical rules, readers, Dagster. Runs are the record; the DuckDB file
is a build product that can be deleted and published again.
"""
