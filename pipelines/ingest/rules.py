"""The checks on typed rows: each rule names the rows it applies to and the rows that break it.

Only such pairs of expressions, with their words, may live here. A rule never changes or removes a row.
A null never counts as a pass: a row on which a rule cannot be judged is outside its denominator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

import polars as pl

from pipelines.ingest.findings import Rule, Severity, finding, first_places
from pipelines.ingest.parse_words import NON_FATAL_OUTCOMES
from schemas.manifest import StudyManifest

_QUERY: Final = "ask the site or the sponsor"
_YES: Final = pl.lit(value=True)


@dataclass(frozen=True)
class RowRule:
    """A rule on the rows of a table: `applies` is its denominator, `fails` the rows that break it.

    Both look at one row at a time. A rule that is `optional` applies to no row where every row breaks it: the
    study does not record what it asks for.
    """

    rule: Rule
    applies: pl.Expr
    fails: pl.Expr
    optional: bool = False


@dataclass(frozen=True)
class Tally:
    """What a rule found in some rows of a table: failures, rows it applies to, the first failing places."""

    count: int
    total: int
    places: pl.DataFrame


def row_rule(
    rule_id: str,
    column: str,
    severity: Severity,
    description: str,
    applies: pl.Expr,
    fails: pl.Expr,
    next_action: str = _QUERY,
    *,
    optional: bool = False,
) -> RowRule:
    """A rule in one call."""
    return RowRule(Rule(rule_id, column, severity, description, next_action), applies, fails, optional)


def known(*columns: str) -> pl.Expr:
    """Whether all of the columns have a value."""
    return pl.all_horizontal(pl.col(name).is_not_null() for name in columns)


_TERMS: Final = ("verbatim_term", "lowest_level_term", "preferred_term", "llt_code", "pt_code")
_CODED: Final = _TERMS[1:]
_GRADED: Final = pl.col("scale") != "none"
_FATAL: Final = pl.col("is_fatal").fill_null(value=False)

EVENT_RULES: Final[tuple[RowRule, ...]] = (
    row_rule(
        "CHK-START-AFTER-END",
        "start_earliest",
        "error",
        "An event starts no later than it ends",
        known("start_earliest", "end_latest"),
        pl.col("start_earliest") > pl.col("end_latest"),
    ),
    row_rule(
        "CHK-ONSET-AFTER-DEATH",
        "start_earliest",
        "error",
        "An event starts no later than the subject dies",
        known("start_earliest", "death_latest"),
        pl.col("start_earliest") > pl.col("death_latest"),
    ),
    row_rule(
        "CHK-END-AFTER-DEATH",
        "end_earliest",
        "warning",
        "An event ends no later than the subject dies",
        known("end_earliest", "death_latest"),
        pl.col("end_earliest") > pl.col("death_latest"),
    ),
    row_rule(
        "CHK-EVENT-BEFORE-BIRTH",
        "start_latest",
        "error",
        "An event starts no earlier than the subject is born",
        known("start_latest", "birth_earliest"),
        pl.col("start_latest") < pl.col("birth_earliest"),
    ),
    row_rule(
        "CHK-ONSET-AFTER-CUTOFF",
        "start_earliest",
        "warning",
        "An event starts no later than the data cut-off of the manifest",
        known("start_earliest", "cutoff"),
        pl.col("start_earliest") > pl.col("cutoff"),
    ),
    row_rule(
        "CHK-ONSET-MISSING",
        "start_earliest",
        "warning",
        "An event has an onset date that can be read",
        _YES,
        pl.col("start_earliest").is_null(),
    ),
    row_rule(
        "CHK-ONSET-PARTIAL",
        "start_precision",
        "info",
        "The onset date is whole",
        known("start_earliest"),
        ~pl.col("start_precision").is_in(["day", "time"]),
    ),
    row_rule(
        "CHK-ONGOING-WITH-END",
        "is_ongoing",
        "warning",
        "An event that is ongoing has no end date",
        pl.col("is_ongoing").fill_null(value=False),
        pl.col("end_earliest").is_not_null(),
    ),
    row_rule(
        "CHK-GRADE-MISSING",
        "grade",
        "warning",
        "An event of a graded study has a grade",
        _GRADED,
        pl.col("grade_status") == "missing",
    ),
    row_rule(
        "CHK-GRADE-ZERO",
        "grade",
        "info",
        "A reported event has a grade above 0",
        known("grade"),
        pl.col("grade") == 0,
        "grade 0 says that no event took place: ask why the row is there",
    ),
    row_rule(
        "CHK-VERSION-MISSING",
        "scale_version",
        "info",
        "The CTCAE version of a graded row is known",
        pl.col("scale") == "ctcae",
        pl.col("scale_version").is_null(),
        "set grading.version in study.yaml; until then every version stays possible",
    ),
    row_rule(
        "CHK-FATAL-BELOW-GRADE-5",
        "grade",
        "error",
        "A CTCAE event with a fatal outcome has grade 5",
        _FATAL & known("grade") & (pl.col("scale") == "ctcae"),
        pl.col("grade") < 5,
    ),
    row_rule(
        "CHK-GRADE-5-NOT-FATAL",
        "is_fatal",
        "error",
        "An event of grade 5 has a fatal outcome",
        (pl.col("grade") == 5) & known("is_fatal"),
        ~pl.col("is_fatal"),
    ),
    row_rule(
        "CHK-GRADE-5-ALIVE",
        "grade",
        "error",
        "A subject with an event of grade 5 is not known to be alive",
        (pl.col("grade") == 5) & pl.col("vital_status").is_in(["dead", "alive"]),
        pl.col("vital_status") == "alive",
    ),
    row_rule(
        "CHK-FATAL-ALIVE",
        "is_fatal",
        "error",
        "A subject with a fatal event is not known to be alive",
        _FATAL & pl.col("vital_status").is_in(["dead", "alive"]),
        pl.col("vital_status") == "alive",
    ),
    row_rule(
        "CHK-FATAL-OUTCOME-DISAGREES",
        "outcome",
        "error",
        "An event flagged as leading to death has no other outcome",
        _FATAL & known("outcome"),
        pl.col("outcome").is_in(NON_FATAL_OUTCOMES),
    ),
    row_rule(
        "CHK-FATAL-NOT-SERIOUS",
        "is_serious",
        "warning",
        "A fatal event is serious",
        _FATAL & known("is_serious"),
        ~pl.col("is_serious"),
    ),
    row_rule(
        "CHK-TERM-MISSING",
        "preferred_term",
        "error",
        "An event has a term or a code",
        _YES,
        pl.all_horizontal(pl.col(name).is_null() for name in _TERMS),
    ),
    row_rule(
        "CHK-CODED-TERM-MISSING",
        "preferred_term",
        "warning",
        "An event is coded",
        _YES,
        pl.all_horizontal(pl.col(name).is_null() for name in _CODED),
        "code the terms, or set grading.verbatim_terms",
    ),
    row_rule(
        "CHK-CLASS-MISSING",
        "body_system",
        "info",
        "An event has a system organ class or category",
        _YES,
        pl.col("body_system").is_null(),
        "without a class an unmapped term counts as in scope",
    ),
    row_rule(
        "CHK-RELATIONSHIP-MISSING",
        "relationship",
        "info",
        "The relationship to the product is recorded",
        _YES,
        pl.col("relationship").is_null(),
        "none needed: a missing relationship changes no grade",
    ),
    row_rule(
        "CHK-OUTCOME-MISSING",
        "outcome",
        "info",
        "The outcome is recorded",
        _YES,
        pl.col("outcome").is_null() | (pl.col("outcome") == "unknown"),
    ),
    row_rule(
        "CHK-SPONSOR-FLAG-MISSING",
        "is_sponsor_neurotoxicity",
        "info",
        "Where the table has a flag, every event says whether the sponsor counts it as neurotoxicity",
        _YES,
        pl.col("is_sponsor_neurotoxicity").is_null(),
        "name the flag under files[].columns.sponsor_neurotoxicity, if there is one",
        optional=True,
    ),
    row_rule(
        "CHK-EVENT-SUBJECT-NOT-LISTED",
        "subject_id",
        "error",
        "The subject of an event is in the subject table",
        pl.col("has_subject_table"),
        ~pl.col("is_in_subject_table"),
        "add the subject to the subject table; the subject is not in the denominator",
    ),
    row_rule(
        "CHK-EVENT-SUBJECT-NOT-INFUSED",
        "subject_id",
        "info",
        "The subject of an event has an infusion",
        pl.col("has_infusions"),
        ~pl.col("is_infused"),
    ),
)
"""Rules on `core_adverse_events` with what is known of the subject beside each event."""

SUBJECT_RULES: Final[tuple[RowRule, ...]] = (
    row_rule(
        "CHK-INFUSED-NOT-LISTED",
        "subject_id",
        "error",
        "An infused subject is in the subject table",
        pl.col("has_subject_table") & pl.col("is_infused"),
        ~pl.col("is_in_subject_table"),
    ),
    row_rule(
        "CHK-INFUSED-WITHOUT-EVENT",
        "subject_id",
        "info",
        "An infused subject has at least one row in the adverse-event table",
        pl.col("is_infused"),
        ~pl.col("has_event"),
        "make sure that the adverse-event table is complete; silence counts as no event",
    ),
    row_rule(
        "CHK-AGE-MISSING",
        "age_years",
        "warning",
        "The age of a subject is known",
        _YES,
        pl.col("age_years").is_null() & (pl.col("population") == "unknown"),
        "without an age both the ICE and the CAPD scale stay possible",
    ),
    row_rule(
        "CHK-AGE-AT-CONSENT",
        "population",
        "warning",
        "An age of 11 that was recorded at consent is no longer in doubt at the infusion",
        pl.col("recorded_age").is_not_null(),
        pl.col("is_age_open"),
        "give the birth date, or set age_recorded_at: infusion; until then ICE and CAPD both stay possible",
    ),
    row_rule(
        "CHK-AGE-BIRTH-DISAGREE",
        "age_years",
        "warning",
        "The recorded age fits the birth date at the first infusion, give or take a year",
        known("recorded_age", "age_from_birth"),
        (pl.col("recorded_age").floor() - pl.col("age_from_birth").floor()).abs() > 1,
    ),
    row_rule(
        "CHK-DEATH-BEFORE-INFUSION",
        "death_earliest",
        "error",
        "A subject dies no earlier than the first infusion",
        known("death_latest", "infusion_earliest"),
        pl.col("death_latest") < pl.col("infusion_earliest"),
    ),
    row_rule(
        "CHK-INFUSION-BEFORE-BIRTH",
        "birth_earliest",
        "error",
        "The first infusion is no earlier than birth",
        known("birth_earliest", "infusion_latest"),
        pl.col("infusion_latest") < pl.col("birth_earliest"),
    ),
)
"""Rules on `core_subjects`, with birth and first infusion beside each subject."""

INFUSION_RULES: Final[tuple[RowRule, ...]] = (
    row_rule(
        "CHK-INFUSION-UNDATED",
        "infusion_earliest",
        "error",
        "An infusion has a date that can be read",
        _YES,
        pl.col("infusion_earliest").is_null(),
        "find the date; until then the subject cannot be evaluated",
    ),
    row_rule(
        "CHK-INFUSION-PARTIAL",
        "infusion_precision",
        "warning",
        "The date of an infusion is whole",
        known("infusion_earliest"),
        ~pl.col("infusion_precision").is_in(["day", "time"]),
    ),
)
"""Rules on `core_infusions`."""

SEDATION_RULES: Final[tuple[RowRule, ...]] = (
    row_rule(
        "CHK-SEDATION-UNDATED",
        "start_earliest",
        "warning",
        "A period of sedation has a start and an end",
        _YES,
        pl.col("start_earliest").is_null() | pl.col("end_latest").is_null(),
        "days that are not certainly under sedation do not count as sedated",
    ),
    row_rule(
        "CHK-SEDATION-START-AFTER-END",
        "start_earliest",
        "error",
        "Sedation starts no later than it ends",
        known("start_earliest", "end_latest"),
        pl.col("start_earliest") > pl.col("end_latest"),
    ),
)
"""Rules on `core_sedation`."""


def run_rules(
    rules: Sequence[RowRule], frame: pl.DataFrame, study_id: str, table: str
) -> list[dict[str, object]]:
    """Run every rule over a frame with `source_file` and `source_row`."""
    return tally_findings(rules, [tally_rules(rules, frame)], study_id, table)


def tally_rules(rules: Sequence[RowRule], frame: pl.DataFrame) -> list[Tally]:
    """What every rule finds in a frame that holds a whole table or some of its rows."""
    masks = frame.select(
        "source_file",
        "source_row",
        *(
            mask.fill_null(value=False).alias(f"{kind}{number}")
            for number, rule in enumerate(rules)
            for kind, mask in (("applies", rule.applies), ("fails", rule.applies & rule.fails))
        ),
    )
    tallies = []
    nowhere = first_places(masks.clear())
    for number in range(len(rules)):
        fails, total = (int(masks.get_column(f"{kind}{number}").sum()) for kind in ("fails", "applies"))
        places = first_places(masks.filter(f"fails{number}")) if fails else nowhere
        tallies.append(Tally(fails, total, places))
    return tallies


def tally_findings(
    rules: Sequence[RowRule], parts: Sequence[Sequence[Tally]], study_id: str, table: str
) -> list[dict[str, object]]:
    """One finding per rule over all parts of a table."""
    rows = []
    for number, rule in enumerate(rules):
        mine = [part[number] for part in parts]
        count, total = sum(one.count for one in mine), sum(one.total for one in mine)
        places = pl.concat([one.places for one in mine])
        if rule.optional and count == total:
            count, total, places = 0, 0, places.clear()
        rows.append(finding(rule.rule, study_id, table, count=count, denominator=total, places=places))
    return rows


def cutoff_instant(manifest: StudyManifest) -> datetime | None:
    """Last instant the data of the study cover; null when the manifest gives no cut-off."""
    return None if manifest.data_cutoff is None else datetime.combine(manifest.data_cutoff, time.max)
