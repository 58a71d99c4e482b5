"""Reading a report in tests: its tables by name, its rows by column."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.report.document import Chapter, Document, Table


def tables_of(chapter: Chapter) -> dict[str, Table]:
    return {table.table_id: table for section in chapter.sections for table in section.tables}


def every_table(document: Document) -> Iterator[tuple[Chapter, Table]]:
    for chapter in document.chapters:
        for table in tables_of(chapter).values():
            yield chapter, table


def records(table: Table) -> list[dict[str, object]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def record(table: Table, **where: object) -> dict[str, object]:
    (found,) = (row for row in records(table) if where.items() <= row.items())
    return found
