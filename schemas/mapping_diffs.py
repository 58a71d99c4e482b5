"""What changes between two mapping releases, row by row, and what it does to studies.

What may live here: the tables of such comparisons and the labels they use. What may not: how a change is
found (`mappings.diff`) or what it costs (`pipelines.diffs`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import polars as pl

from schemas.base import Table, column, table

CHANGE_CLASSES: Final = ("NONE", "PATCH", "MINOR", "MAJOR")
"""Classes of a release by what it changes, the least first: nothing, words, coverage, decisions."""

KINDS_OF_ROW: Final[dict[str, str]] = {
    "map_concepts": "Concept",
    "map_terms": "Term",
    "map_grades": "Grade",
    "map_conventions": "Convention",
    "map_classes": "Class",
    "map_vocabulary": "Vocabulary",
}
"""Tables that are compared, and the word a label uses for a row of each."""


class Label(NamedTuple):
    """What a change label proves about the release, and what it says to a reader."""

    change_class: str
    meaning: str


CHANGE_LABELS: Final[dict[str, Label]] = {
    **{
        f"Addition: {kind}": Label("MINOR", f"The old release has no such {kind.lower()} row.")
        for kind in KINDS_OF_ROW.values()
    },
    **{
        f"Deletion: {kind}": Label("MAJOR", f"The new release has no such {kind.lower()} row.")
        for kind in KINDS_OF_ROW.values()
    },
    "Takes over": Label("MAJOR", "The added row decides events that the old release decided by another row."),
    "Was out of scope": Label("MINOR", "The added term was 0/0/0 by the class CTCAE lists it in."),
    "Re-pointed": Label("MAJOR", "The term stands for another concept."),
    "Decided": Label("MINOR", "The term was listed without a concept and has one now."),
    "Undecided": Label("MAJOR", "The term had a concept and has none now."),
    "Population": Label("MAJOR", "The decision holds for another population."),
    "Widened": Label("MAJOR", "The new interval contains the old one and more."),
    "Narrowed": Label("MAJOR", "The old interval contains the new one and more."),
    "Up": Label("MAJOR", "Low and high are both higher."),
    "Down": Label("MAJOR", "Low and high are both lower."),
    "Low up": Label("MAJOR", "The lowest grade possible is higher."),
    "Low down": Label("MAJOR", "The lowest grade possible is lower."),
    "Point up": Label("MAJOR", "The most defensible grade is higher."),
    "Point down": Label("MAJOR", "The most defensible grade is lower."),
    "Point gained": Label("MAJOR", "There was no single defensible grade; now there is."),
    "Point lost": Label("MAJOR", "There was a single defensible grade; now there is none."),
    "High up": Label("MAJOR", "The highest grade possible is higher."),
    "High down": Label("MAJOR", "The highest grade possible is lower."),
    "Domain": Label("MAJOR", "The decision restricts other ICANS domains."),
    "Disposition": Label("MAJOR", "The row does something else (informs, adjudicate, fatal, excluded)."),
    "Review": Label("MAJOR", "The reason why a person should look is another."),
    "Comparator set": Label("MAJOR", "The concept enters or leaves a comparator set."),
    "Cause role": Label("MAJOR", "The concept counts otherwise as another cause or as a marker in time."),
    "Convention": Label("MAJOR", "The convention sets another grade or covers other grades."),
    "Scope": Label("MAJOR", "Terms that nobody mapped enter or leave scope."),
    "Relation": Label("PATCH", "The term relates otherwise to the same concept; no result changes."),
    "Clarification": Label("PATCH", "Words change too."),
    "Text only": Label("PATCH", "Only words change."),
}
"""Label of a change -> its class and meaning, in the order they are written. Labels combine, as in the
change type of NCI's own map from CTCAE 5.0 to 6.0; the class of a row is the highest of its labels."""


@table(
    "diff_mapping_rows",
    grain="one row of one release table that differs between two releases",
    key=("old_release_id", "new_release_id", "map_table", "row_key"),
    run_scoped=False,
)
class DiffMappingRows(Table):
    """What differs between two mapping releases, with labels, cells before and after, and the reason."""

    old_release_id: str = column("Release compared from")
    new_release_id: str = column("Release compared to")
    map_table: str = column("Table of the release", isin=list(KINDS_OF_ROW))
    row_key: str = column("Key of the row; of a grade row its rule id, of any other its key joined by |")
    previous_key: str = column("Key in the old release", null="the same, or the row is not in both")
    change: str = column("added, removed or changed", isin=["added", "removed", "changed"])
    labels: str = column("Change labels, joined by |")
    change_class: str = column("Highest class of the labels", isin=list(CHANGE_CLASSES[1:]))
    concept_id: str = column("Concept in the new release (of a removed row, in the old)", null="none")
    previous_concept_id: str = column("Concept in the old release", null="none, or the row is added")
    scale_version: str = column("Scale version of the row", null="the table has none")
    grade: pl.Int8 = column("Source grade", null="no grade row", ge=1, le=5)
    low_before: pl.Int8 = column("Low in the old release", null="no grade row there", ge=0, le=5)
    point_before: pl.Int8 = column("Point in the old release", null="none, or no grade row there", ge=0, le=5)
    high_before: pl.Int8 = column("High in the old release", null="no grade row there", ge=0, le=5)
    low_after: pl.Int8 = column("Low in the new release", null="no grade row there", ge=0, le=5)
    point_after: pl.Int8 = column("Point in the new release", null="none, or no grade row there", ge=0, le=5)
    high_after: pl.Int8 = column("High in the new release", null="no grade row there", ge=0, le=5)
    changed_columns: str = column("Columns whose cells differ, joined by |", null="the row is not in both")
    before: str = column(
        "Cells before, as a JSON object: those that differ, or the whole removed row", null="the row is added"
    )
    after: str = column(
        "Cells after, as a JSON object: those that differ, or the whole added row", null="the row is removed"
    )
    rationale: str = column("Reason the new release gives (of a removed row, the old)", null="none given")
