"""What changes between two mapping releases, row by row, and what it does to studies.

What may live here: the tables of such comparisons and the labels they use. What may not: how a change is
found (`mappings.diff`) or what it costs (`pipelines.diffs`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import polars as pl

from schemas.base import Table, column, table
from schemas.results import NO_POINT
from schemas.vocabulary import OUTCOMES, STUDY_ID_PATTERN

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


@table(
    "diff_mapping_impact",
    grain="one subject, infusion (0 = all) and window whose result differs between two releases",
    key=("old_release_id", "new_release_id", "study_id", "subject_id", "infusion_number", "window_days"),
    run_scoped=False,
)
class DiffMappingImpact(Table):
    """Subjects whose interval or outcome differs between two releases, and the changes that made it."""

    old_release_id: str = column("Release compared from")
    new_release_id: str = column("Release compared to")
    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    infusion_number: pl.Int32 = column("Infusion, or 0 for the maximum over all of them", ge=0)
    window_days: pl.Int32 = column("Last day of the window", ge=0)
    is_primary_window: bool = column("The window of the headline result")
    low_before: pl.Int8 = column("Low under the old release", ge=0, le=5)
    point_before: pl.Int8 = column("Point under the old release", null=NO_POINT, ge=0, le=5)
    high_before: pl.Int8 = column("High under the old release", ge=0, le=5)
    outcome_before: str = column("Outcome under the old release", isin=list(OUTCOMES))
    low_after: pl.Int8 = column("Low under the new release", ge=0, le=5)
    point_after: pl.Int8 = column("Point under the new release", null=NO_POINT, ge=0, le=5)
    high_after: pl.Int8 = column("High under the new release", ge=0, le=5)
    outcome_after: str = column("Outcome under the new release", isin=list(OUTCOMES))
    cause: str = column(
        "change: leaving out the one change named gives the old result; interaction: no one change does, "
        "and those named make it together",
        isin=["change", "interaction"],
    )
    changes: str = column("Changes responsible: table and row key of diff_mapping_rows, as a JSON list")


@table(
    "diff_mapping_studies",
    grain="one study compared under two releases",
    key=("old_release_id", "new_release_id", "study_id"),
    run_scoped=False,
)
class DiffMappingStudies(Table):
    """Studies whose results were compared under two releases, and how much differs: 0 means nothing does."""

    old_release_id: str = column("Release compared from")
    new_release_id: str = column("Release compared to")
    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    run_id: str = column("Run whose checked rows were graded under both")
    rows_valid: pl.Int64 = column("Valid adverse-event rows", ge=0)
    rows_matched: pl.Int64 = column("Rows for which something a result shows differs", ge=0)
    rows_changed: pl.Int64 = column("Rows whose interval, disposition or domains differ", ge=0)
    events_affected: pl.Int64 = column("Rows whose contribution to some window differs", ge=0)
    subjects: pl.Int64 = column("Subjects", ge=0)
    subjects_affected: pl.Int64 = column("Subjects with another result in some window", ge=0)
    subjects_affected_primary: pl.Int64 = column("Subjects with another result in the headline", ge=0)
