"""What an impact preview says, as a typed and versioned document.

What may live here: the model, and how it is made from an `Impact`. What may not: layout. Subject ids are
left out unless asked for: a subject is a number within the report, in an order that follows results, not
ids.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from mappings.diff import ReleaseDiff
from mappings.release import Release
from pipelines.diffs.mapping_impact import Impact, StudyImpact
from schemas.base import SEPARATOR

SCHEMA_VERSION: Final = "1.1"


class Part(BaseModel):
    """Base of every part of the document: nothing unknown, nothing changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ReleaseLine(Part):
    """A release, and whether anybody reviewed it."""

    release_id: str
    sha256: str
    review_status: str = Field(description="Sentence that stands with every result of the release")


class Totals(Part):
    """Sums over all studies that could be computed."""

    studies: int
    studies_affected: int
    studies_failed: int
    rows: int = Field(description="Valid adverse-event rows")
    rows_matched: int = Field(description="Rows for which something that a result shows differs")
    rows_changed: int = Field(description="Rows whose interval, disposition or domains differ")
    events_affected: int = Field(description="Rows whose contribution to some window differs")
    subjects: int
    subjects_affected: int = Field(description="Subjects with another result in some window or infusion")
    subjects_affected_primary: int = Field(description="Of these, with another headline result")


class MatrixCell(Part):
    """Subjects by headline point before and after; null: no single grade, or no window can be placed."""

    before: int | None
    after: int | None
    subjects: int


class Crossing(Part):
    """Subjects whose headline low, point or high lies on another side of a threshold."""

    end: Literal["low", "point", "high"]
    threshold: int = Field(description="1 is any ICANS")
    direction: Literal["up", "down", "to_unknown", "from_unknown"]
    subjects: int


class CoverageLine(Part):
    """A term that only one of the releases decides."""

    change: Literal["lost", "gained"]
    term: str = Field(description="Normalised term or code; empty where the row has none")
    rows: int
    subjects: int


class ContradictionLine(Part):
    """Adverse-event rows that recorded assessments contradict in the headline window, one kind."""

    kind: str = Field(description="As in core_contradictions")
    rows_before: int
    rows_after: int


class StudySection(Part):
    """One study; counts as in Totals."""

    study_id: str
    old_release_id: str = Field(description="With the study's own overlays and dictionary, where it has any")
    new_release_id: str
    rows: int
    rows_matched: int
    rows_changed: int
    events_affected: int
    subjects: int
    subjects_affected: int
    subjects_affected_primary: int
    matrix: tuple[MatrixCell, ...]
    crossings: tuple[Crossing, ...]
    coverage: tuple[CoverageLine, ...]
    contradictions: tuple[ContradictionLine, ...]


class FailureLine(Part):
    """A study that could not be computed."""

    study_id: str
    release_id: str
    message: str
    next_action: str


class ChangeLine(Part):
    """One difference between the releases, and how many subjects it is responsible for."""

    change_id: str = Field(description="Table and row key, as subjects name it")
    change: Literal["added", "removed", "changed"]
    change_class: str
    labels: tuple[str, ...]
    before: dict[str, Any] | None = Field(description="Cells before; null where the row is added")
    after: dict[str, Any] | None = Field(description="Cells after; null where the row is removed")
    rationale: str | None
    subjects: int = Field(description="Subjects with a result it is responsible for, alone or with others")


class SubjectLine(Part):
    """One result that differs."""

    number: int = Field(description="Number of the subject in this report")
    study_id: str
    subject_id: str | None = Field(description="Null unless ids were asked for")
    infusion_number: int = Field(description="0 is the maximum over all infusions")
    window_days: int
    is_headline: bool
    low_before: int
    point_before: int | None
    high_before: int
    outcome_before: str
    low_after: int
    point_after: int | None
    high_after: int
    outcome_after: str
    cause: Literal["change", "interaction"]
    changes: tuple[str, ...] = Field(description="`change_id` of what is responsible")


class FallingLadder(Part):
    """Two grades of a term of the new release of which the higher one has the lower value."""

    scale: str
    scale_version: str
    concept_id: str
    population: str
    end: Literal["low", "point", "high"]
    grade: int
    value: int
    next_grade: int
    next_value: int


class ImpactReport(Part):
    """What accepting the new release instead of the old one would change; nothing has been changed."""

    schema_version: Literal["1.1"] = SCHEMA_VERSION
    old: ReleaseLine
    new: ReleaseLine
    change_class: str = Field(description="NONE, PATCH, MINOR or MAJOR, proven by the changes")
    exit_code: Literal[0, 1, 2] = Field(description="0 no impact, 1 impact, 2 some study not computed")
    shows_subject_ids: bool
    totals: Totals
    studies: tuple[StudySection, ...]
    failures: tuple[FailureLine, ...]
    changes: tuple[ChangeLine, ...]
    subjects: tuple[SubjectLine, ...]
    falling_ladders: tuple[FallingLadder, ...]
    rules_in_new_release: int
    rules_never_hit: tuple[str, ...] = Field(description="Grade rows of the new release that decide no row")


def build_impact_report(impact: Impact, *, show_subject_ids: bool = False) -> ImpactReport:
    """The document of an impact preview; without `show_subject_ids` no subject id is in it."""
    return ImpactReport(
        old=_release(impact.old),
        new=_release(impact.new),
        change_class=impact.diff.change_class,
        exit_code=impact.exit_code,
        shows_subject_ids=show_subject_ids,
        totals=_totals(impact),
        studies=tuple(_section(study) for study in impact.studies),
        failures=tuple(
            FailureLine(
                study_id=failure.study_id,
                release_id=failure.release_id,
                message=failure.message,
                next_action=failure.next_action,
            )
            for failure in impact.failures
        ),
        changes=_changes(impact.diff, impact.affected),
        subjects=_subjects(impact.affected, show_subject_ids),
        falling_ladders=tuple(FallingLadder(**row) for row in impact.falling_ladders.iter_rows(named=True)),
        rules_in_new_release=impact.new.tables["map_grades"].height,
        rules_never_hit=impact.rules_never_hit,
    )


def _release(release: Release) -> ReleaseLine:
    return ReleaseLine(
        release_id=release.release_id, sha256=release.sha256, review_status=release.review_status
    )


_COUNTS = (
    *("rows", "rows_matched", "rows_changed", "events_affected"),
    *("subjects", "subjects_affected", "subjects_affected_primary"),
)


def _totals(impact: Impact) -> Totals:
    sums = {name: sum(getattr(study, name) for study in impact.studies) for name in _COUNTS}
    return Totals(
        studies=len(impact.studies),
        studies_affected=sum(study.has_impact for study in impact.studies),
        studies_failed=len(impact.failures),
        **sums,
    )


def _section(study: StudyImpact) -> StudySection:
    return StudySection(
        study_id=study.study_id,
        old_release_id=study.old_release_id,
        new_release_id=study.new_release_id,
        **{name: getattr(study, name) for name in _COUNTS},
        matrix=tuple(
            MatrixCell(before=before, after=after, subjects=count)
            for before, after, count in study.matrix.iter_rows()
        ),
        crossings=tuple(Crossing(**row) for row in study.crossings.iter_rows(named=True)),
        coverage=tuple(
            CoverageLine(change=change, term=term, rows=rows, subjects=subjects)
            for change, term, rows, subjects in study.coverage.iter_rows()
        ),
        contradictions=tuple(ContradictionLine(**row) for row in study.contradictions.iter_rows(named=True)),
    )


def _changes(diff: ReleaseDiff, affected: pl.DataFrame) -> tuple[ChangeLine, ...]:
    holders: dict[str, set[tuple[str, str]]] = {}
    for study, subject, changes in affected.select("study_id", "subject_id", "changes").iter_rows():
        for change in json.loads(changes):
            holders.setdefault(change, set()).add((study, subject))
    lines = []
    for row in diff.rows.iter_rows(named=True):
        change_id = f"{row['map_table']}:{row['row_key']}"
        lines.append(
            ChangeLine(
                change_id=change_id,
                change=row["change"],
                change_class=row["change_class"],
                labels=tuple(row["labels"].split(SEPARATOR)),
                before=json.loads(row["before"]) if row["before"] else None,
                after=json.loads(row["after"]) if row["after"] else None,
                rationale=row["rationale"],
                subjects=len(holders.get(change_id, ())),
            )
        )
    return tuple(lines)


def _subjects(affected: pl.DataFrame, show_subject_ids: bool) -> tuple[SubjectLine, ...]:
    """Headline results first; numbers follow study and result, and ids only where those are equal."""
    is_headline = pl.col("is_primary_window") & (pl.col("infusion_number") == 0)
    ends = [f"{end}_{side}" for side in ("after", "before") for end in ("high", "point", "low")]
    person = ["study_id", "subject_id"]
    frame = affected.with_columns(is_headline.alias("is_headline"))
    order = (
        frame.group_by(person)
        .agg(pl.col("is_headline").any().alias("_first"), *(pl.col(end).max() for end in ends))
        .sort("study_id", "_first", *ends, "subject_id", descending=[False, *[True] * 7, False])
        .with_row_index("number", offset=1)
    )
    joined = frame.join(order.select(*person, "number"), on=person, how="left", validate="m:1").sort(
        "number", "is_headline", "infusion_number", "window_days", descending=[False, True, False, False]
    )
    dropped = ("old_release_id", "new_release_id", "is_primary_window", "subject_id", "changes")
    return tuple(
        SubjectLine(
            **{name: value for name, value in row.items() if name not in dropped},
            subject_id=row["subject_id"] if show_subject_ids else None,
            changes=tuple(json.loads(row["changes"])),
        )
        for row in joined.iter_rows(named=True)
    )
