"""The data dictionary: what every table and view of the warehouse holds, written for a reader.

What may live here: reading the comments back from a DuckDB database and writing them as Markdown.
What may not: descriptions; those stand in `schemas/` and `views/*.sql`, once. The committed
`warehouse/DICTIONARY.md` is this output; `python -m warehouse.dictionary` writes it again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb

from schemas.registry import PUBLISHED_TABLES
from warehouse.ddl import table_statements, view_statements

DICTIONARY_PATH: Final = Path(__file__).with_name("DICTIONARY.md")
_HEAD: Final = """# Data dictionary

Written from `schemas/` and `warehouse/views/` by `python -m warehouse.dictionary`; do not edit.
The same texts are the comments in the DuckDB file. Null never means 0.
"""


def render_dictionary() -> str:
    """Markdown with one section per view and table, columns in warehouse order."""
    with duckdb.connect() as connection:
        for declared in PUBLISHED_TABLES:
            for statement in table_statements(declared):
                connection.execute(statement)
        for _, script in view_statements():
            connection.execute(script)
        comments = dict(
            connection.execute(
                "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal "
                "UNION ALL SELECT table_name, comment FROM duckdb_tables()"
            ).fetchall()
        )
        columns = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() "
            "WHERE NOT internal ORDER BY table_name, column_index"
        ).fetchall()
    names = [name for name, _ in view_statements()]
    names += [declared.info().name for declared in PUBLISHED_TABLES]
    sections = [_HEAD]
    for name in names:
        lines = [
            f"## {name}\n",
            f"{comments[name]}\n",
            "| column | type | null | meaning |",
            "|---|---|---|---|",
        ]
        for table_name, column, kind, is_nullable, comment in columns:
            if table_name == name:
                # DuckDB cannot say whether a view's column may be null; its comment does.
                null = "" if name.startswith("out_") else "yes" if is_nullable else "no"
                meaning = str(comment).replace("|", "\\|")
                lines.append(f"| {column} | {kind} | {null} | {meaning} |")
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)


def main() -> None:
    """Write the committed dictionary."""
    DICTIONARY_PATH.write_text(render_dictionary(), encoding="utf-8")


if __name__ == "__main__":
    main()
