"""The document every report is: sections of tables and figures, each number with where it comes from.

Only the shape lives here; what a report says is made by its builder, and the renderers (`html`, `text`)
compute nothing. The JSON Schema of `Document` is committed beside this module and checked by the tests;
a document can be rendered again from its JSON alone. A change of shape is a new SCHEMA_VERSION.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION: Final = "1.0"
Cell = str | int | float | bool | None


class Part(BaseModel):
    """Strict and frozen: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Part):
    """One column of a table."""

    name: str = Field(description="Name in the query's result")
    label: str = Field(description="Heading a reader sees")
    kind: Literal["text", "count", "percent", "number", "grade", "day", "id", "flag", "codes"] = Field(
        description="How a cell is read: percent is 0..100, grade 0..5, day counts the infusion as 0, codes "
        "are joined by |"
    )
    note: str | None = Field(default=None, description="What a null means, or another remark")


class Table(Part):
    """One table; `query` gives its rows from the warehouse file, null where no single query does."""

    table_id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    lead: str | None = Field(default=None, description="One sentence on how to read it")
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    query: str | None = Field(default=None, description="SQL that gives these rows from the DuckDB file")
    notes: tuple[str, ...] = Field(default=(), description="Conventions, printed under the table")
    is_listing: bool = Field(default=False, description="One row per subject, event or moment")
    withheld: str | None = Field(default=None, description="Why rows or counts are not shown; null: all are")


class Figure(Part):
    """One figure, drawn from a table of the same section."""

    figure_id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: Literal["flow", "daily", "swimmer", "forest", "bars"]
    title: str
    description: str = Field(description="What it shows, for a reader who cannot see it")
    table_id: str


class Section(Part):
    """A part of a report."""

    section_id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    lead: str | None = None
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()


class Fact(Part):
    """A line of a heading: label and value."""

    label: str
    value: str


class Sentence(Part):
    """A sentence in the style of a product label, with the conventions it rests on."""

    text: str
    conventions: str


class Chapter(Part):
    """One study, or all of them pooled; `facts` are printed with every table and figure."""

    chapter_id: str
    title: str
    facts: tuple[Fact, ...] = Field(
        description="Scale, mapping release and its review status, data cut, run id, denominator"
    )
    sentences: tuple[Sentence, ...] = ()
    sections: tuple[Section, ...]


class Document(Part):
    """A report."""

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    kind: Literal["scale_diff", "run_diff"]
    title: str
    status: str = Field(
        description="Review status of the mapping release, in words, and what was not reviewed"
    )
    subject_ids: Literal["pseudonyms", "shown", "none"] = Field(
        description="How subjects are named in listings"
    )
    is_public: bool = Field(description="Small counts are withheld, counts rounded, no listings, no dates")
    chapters: tuple[Chapter, ...]
