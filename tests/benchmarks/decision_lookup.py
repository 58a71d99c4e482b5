"""What the release says of a concept and a grade, by the reference in `tests.oracle`, not by the kernel.

Only the look-ups that both second implementations merge with their rows may live here. Scope of both: one
CTCAE version for the whole table, adverse events alone (no assessments, sedation, history or named causes).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from mappings.release import Release
from schemas.manifest import StudyManifest
from tests.oracle.decisions import decide_row, excluded_at_every_grade
from tests.oracle.release_index import ReleaseIndex
from tests.oracle.terms import Resolution

EVENT_KEY: Final = ("study_id", "subject_id", "event_id")
EVENT_COLUMNS: Final = (
    *EVENT_KEY,
    *("concept_id", "disposition", "source_rules", "low", "point", "high", "window_status"),
    "review_reasons",
)
SUBJECT_KEY: Final = ("study_id", "subject_id", "infusion_number", "window_days")
SUBJECT_COLUMNS: Final = (*SUBJECT_KEY, "low", "point", "high", "outcome")
EVENT_FIELDS: Final = (
    *("study_id", "subject_id", "event_id", "llt_code", "pt_code", "preferred_term", "lowest_level_term"),
    *(
        "body_system",
        "scale_version",
        "grade",
        "grade_status",
        "start_earliest",
        "start_latest",
        "end_latest",
    ),
    *("relationship", "is_fatal"),
)
CAUSES: Final = ("haemorrhage", "stroke", "cns_infection", "cns_progression")
SILENT: Final = ("excluded", "out_of_scope", "no_event")


class Combination(NamedTuple):
    """What a decision depends on; `concept_id` None: nobody has mapped the term."""

    concept_id: str | None
    is_in_scope: bool
    grade: int | None
    is_unreadable: bool
    can_be_fatal: bool
    population: str


class Answer(NamedTuple):
    """The interval of the release; lists are sorted and joined by `|`, null where empty."""

    low: int
    point: int | None
    high: int
    disposition: str
    domains: str | None
    source_rules: str | None
    reasons: str | None


def index_release(release: Release) -> ReleaseIndex:
    """The release as the reference reads it."""
    return ReleaseIndex({name: frame.to_dicts() for name, frame in release.tables.items()})


def decide(combinations: Iterable[Combination], index: ReleaseIndex, version: str) -> list[Answer]:
    """One answer per combination, in their order."""
    return [_answer(combination, index, version) for combination in combinations]


def _answer(asked: Combination, index: ReleaseIndex, version: str) -> Answer:
    row = {
        "grade": asked.grade,
        "grade_status": "unreadable" if asked.is_unreadable else "read",
        "is_fatal": None if asked.can_be_fatal else False,
        "scale": "ctcae",
        "scale_version": version,
    }
    resolution = Resolution(asked.concept_id, "none", None, asked.is_in_scope)
    subject = {"vital_status": "unknown", "population": asked.population}
    found = decide_row(row, resolution, subject, (), index)
    return Answer(
        found.interval.low,
        found.interval.point,
        found.interval.high,
        found.disposition,
        _joined(found.domains),
        _joined(found.rules),
        _joined(found.reasons),
    )


def is_harmless(concept_id: str, population: str, index: ReleaseIndex) -> bool:
    """No grade of the concept can be an ICANS sign in such a subject."""
    readings = {"adult": (False,), "child": (True,), "unknown": (False, True)}[population]
    return all(excluded_at_every_grade(concept_id, child, index) for child in readings)


def require_scope(manifest: StudyManifest) -> str:
    """The CTCAE version of the study. Raises `ValueError` for a study they do not cover."""
    grading, context = manifest.grading, manifest.context
    is_plain = not (grading.conventions or grading.verbatim_terms or context.named_causes or context.pres)
    if grading.scale != "ctcae" or grading.version is None or not is_plain or not manifest.ae_table_complete:
        raise ValueError("the second implementations cover complete CTCAE tables of one version only")
    if manifest.attribution != "widen" or not all(getattr(context, cause) for cause in CAUSES):
        raise ValueError("the second implementations cover the default rules only")
    return grading.version


def _joined(parts: Iterable[str]) -> str | None:
    return "|".join(sorted(parts)) or None
