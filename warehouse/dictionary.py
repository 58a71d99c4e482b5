"""The data dictionary: what every table and view of the warehouse holds, written for a reader.

What may live here: reading the comments back from a DuckDB database, and writing them with the grain, key,
warning and example query of each table and view as Markdown and as one self-contained page. What may not:
descriptions; those stand in `schemas/`, `views/*.sql` and `usage`, once. The committed `DICTIONARY.md` and
`DICTIONARY.html` are this output; `python -m warehouse.dictionary` writes them again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
from jinja2 import Environment, StrictUndefined

from schemas.base import Table
from schemas.registry import PUBLISHED_TABLES
from warehouse.ddl import table_statements, view_statements, warehouse_key
from warehouse.usage import VIEWS
from warehouse.usage_tables import TABLES

DICTIONARY_PATH: Final = Path(__file__).with_name("DICTIONARY.md")
PAGE_PATH: Final = Path(__file__).with_name("DICTIONARY.html")
_TEMPLATE: Final = Path(__file__).with_name("dictionary.html.j2")
_HEAD: Final = """# Data dictionary

Written from `schemas/` and `warehouse/views/` by `python -m warehouse.dictionary`; do not edit.
The same texts are the comments in the DuckDB file. Null never means 0.
"""
_EVERY_RUN: Final = "Holds every published run: join core_runs and filter is_current."
_NULL: Final = re.compile(r"\s*\bNull: (?P<means>.*?)(?:\.(?= Origin:|$)|$)", re.DOTALL)


@dataclass(frozen=True)
class Column:
    """`null`: yes, no, or blank in a view, whose column's comment says; `null_means` may be blank."""

    name: str
    type: str
    null: str
    comment: str
    meaning: str
    null_means: str


@dataclass(frozen=True)
class Entry:
    """One table or view. `grain` is what one row is, `example` a query that it answers."""

    name: str
    is_view: bool
    comment: str
    summary: str
    grain: str
    key: tuple[str, ...]
    beware: str
    example: str
    columns: tuple[Column, ...]


def read_entries() -> tuple[Entry, ...]:
    """Views in the order of their names, then tables in warehouse order, from a database without rows."""
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
    rows: dict[str, list[Column]] = {}
    for table_name, name, kind, is_nullable, comment in columns:
        # DuckDB cannot say whether a view's column may be null; its comment does.
        null = "" if table_name in VIEWS else "yes" if is_nullable else "no"
        rows.setdefault(table_name, []).append(_column(name, kind, null, str(comment)))
    entries = [_view(name, comments[name], rows[name]) for name, _ in view_statements()]
    for declared in PUBLISHED_TABLES:
        name = declared.info().name
        entries.append(_table(declared, comments[name], rows[name]))
    return tuple(entries)


def _column(name: str, kind: str, null: str, comment: str) -> Column:
    found = _NULL.search(comment)
    meaning = _NULL.sub("", comment).strip() if found else comment
    return Column(name, kind, null, comment, meaning, found["means"].rstrip(".") if found else "")


def _view(name: str, comment: str, columns: Sequence[Column]) -> Entry:
    use = VIEWS[name]
    return Entry(name, True, comment, comment, use.grain, use.key, use.beware, use.example, tuple(columns))


def _table(declared: type[Table], comment: str, columns: Sequence[Column]) -> Entry:
    info = declared.info()
    use = TABLES[info.name]
    is_many_runs = info.run_scoped and info.name != "core_runs"
    beware = f"{_EVERY_RUN} {use.beware}" if is_many_runs else use.beware
    summary = " ".join((declared.__doc__ or "").split())
    key = warehouse_key(declared)
    return Entry(info.name, False, comment, summary, info.grain, key, beware, use.example, tuple(columns))


def render_dictionary(entries: Sequence[Entry] | None = None) -> str:
    """Markdown with one section per view and table, columns in warehouse order."""
    sections = [_HEAD]
    for entry in read_entries() if entries is None else entries:
        lines = [f"## {entry.name}\n", f"{entry.comment}\n"]
        if entry.is_view:
            lines.append(f"One row is {entry.grain}; key: {', '.join(entry.key)}.\n")
        lines += [f"Beware: {entry.beware}\n", f"```sql\n{entry.example}\n```\n"]
        lines += ["| column | type | null | meaning |", "|---|---|---|---|"]
        for column in entry.columns:
            meaning = column.comment.replace("|", "\\|")
            lines.append(f"| {column.name} | {column.type} | {column.null} | {meaning} |")
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)


def render_page(entries: Sequence[Entry] | None = None) -> str:
    """The same as one HTML page that asks nothing of a network."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    shown = read_entries() if entries is None else entries
    return template.render(
        groups=(
            ("Views", [entry for entry in shown if entry.is_view]),
            ("Tables", [entry for entry in shown if not entry.is_view]),
        )
    )


def main() -> None:
    """Write the committed dictionary, as Markdown and as a page."""
    entries = read_entries()
    DICTIONARY_PATH.write_text(render_dictionary(entries), encoding="utf-8")
    PAGE_PATH.write_text(render_page(entries), encoding="utf-8")


if __name__ == "__main__":
    main()
