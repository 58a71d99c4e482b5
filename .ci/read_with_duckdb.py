"""Prints, for every table and view of a DuckDB file, its rows and a digest of them, in name order.

Run with two clients, the same file must give the same text: `.ci/run` compares the previous major version
of DuckDB with the one that wrote the file. Only DuckDB and the standard library are imported.
"""

from __future__ import annotations

import hashlib
import sys

import duckdb


def main(path: str) -> None:
    """Print one line per table and view, and one for the comments."""
    with duckdb.connect(path, read_only=True) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY 1"
        ).fetchall()
        for (name,) in names:
            rows = sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"').fetchall()))
            print(name, len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
        comments = connection.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
        print("comments", len(comments), hashlib.sha256(repr(comments).encode()).hexdigest())
    print(f"read by DuckDB {duckdb.__version__}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
