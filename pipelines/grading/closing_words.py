"""Which fact would settle a row that the record leaves open: the words, and which words imply others.

What may live here: the tables from review reasons, window statuses and measurement rules to facts, and the
choice of facts for one kind of row. What may not: subjects, days, thresholds of a study (`closing`).
Source: `requires` of the mapping release and of the rules of assessments; GRADING.md 3.5 and 4.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pipelines.grading import rules

ON_THE_DAYS: Final = " on the days of the event"
INFUSION_DATE: Final = "the date of the infusion"
ONSET_DATE: Final = "the exact onset date"
DAY_ORDER: Final = "the time of day of the onset and of the infusion"
ASSESSMENT_DATE: Final = "the date of the assessment"
ASSESSMENT_TIME: Final = "the time of day of the assessment and of the infusion"
END_DATE: Final = "the end date of the event"
CAUSE_OF_DEATH: Final = "cause of death adjudication"
CAUSE: Final = "cause of the event"
OTHER_CAUSE: Final = "whether the signs are those of the other cause or of ICANS"
WHICH_HOLDS: Final = "which of report and assessment holds"
REVIEW: Final = "clinical review of the record"
ICE: Final = "ICE score"
CAPD: Final = "CAPD total"
AROUSAL: Final = "arousal to voice or touch, and any sedation"
COMPONENTS: Final = "the components: ICE score, arousal, seizure, motor and pressure findings"

CONTEXT_FACTS: Final[dict[str, str]] = {
    "attribution_not_related": CAUSE,
    "attribution_unlikely": CAUSE,
    "other_cause_overlap": OTHER_CAUSE,
    "haemorrhage_overlap": OTHER_CAUSE,
    "pres_overlap": OTHER_CAUSE,
    "named_cause_overlap": OTHER_CAUSE,
    "medical_history": "whether it is the condition of the medical history",
    "baseline_deficit": "whether it is the deficit from before the infusion",
    "sedation_overlap": "arousal without sedation",
    "sedated_assessment": "arousal without sedation",
    "death_contradiction": "whether the subject died",
    "age_unknown": "age at the infusion",
}
"""Reasons that lower `low` whatever the row itself says: their fact is needed at every threshold."""

ROW_FACTS: Final[dict[str, str]] = {
    "grade_missing": "the grade of the event",
    "grade_unreadable": "the grade of the event",
    "undefined_grade": "the grade of the event",
    "severity_scale": "the toxicity grade of the event",
    "convention": "the grade behind the study convention",
    "version_unknown": "the version of the grading scale",
    "unmapped_term": "a mapping decision for the term",
    "fatal_report": CAUSE_OF_DEATH,
    "fatal_outcome": CAUSE_OF_DEATH,
    "partial_score": "the missing items of the score",
    "arousal_unknown": AROUSAL,
    "impossible_score": "the score as written at the bedside",
    "scores_disagree": "which of the two values holds",
    "power_3_or_4": "whether the focal weakness is deep",
    "papilloedema_cause": "cause of the disc swelling: raised pressure or another",
    "rejected_row": "the rejected row",
    "rejected_assessment": "the rejected assessment",
    "table_incomplete": "a complete adverse-event table",
}
"""Reasons of rows without a `requires` of their own."""

NO_FACT: Final = frozenset(
    {
        "needs_adjudication",
        "concept_not_in_version",
        "child_scale",
        "measured_replaces",
        "measured_above",
        "measured_below",
        "measured_denies",
        "wrong_scale",
        "bedside_disagrees",
        "onset_partly_in_window",
        "no_infusion_date",
        "late_onset",
    }
)
"""Reasons that name no fact: the measurement rule or the window status of the row does, or none can."""

EVIDENCE_FACTS: Final[dict[str, str]] = {
    rules.MEASURED_DENIES: WHICH_HOLDS,
    rules.MEASURED_DISAGREES: WHICH_HOLDS,
}

MEASURED_BY: Final[dict[str, str]] = {ICE: "cognition", CAPD: "cognition", AROUSAL: "consciousness"}
"""Facts that an assessment of the domain has already given for its day."""

WITHOUT_DAYS: Final = (
    INFUSION_DATE,
    CAUSE_OF_DEATH,
    ROW_FACTS["rejected_row"],
    ROW_FACTS["rejected_assessment"],
    ROW_FACTS["table_incomplete"],
    ROW_FACTS["version_unknown"],
    CONTEXT_FACTS["age_unknown"],
    CONTEXT_FACTS["death_contradiction"],
)

SEIZURE: Final = "seizure duration and return to baseline"
POWER: Final = "MRC power of the weak limb, focal or general"
IMPLIED_BY: Final[tuple[tuple[str, str], ...]] = (
    (ICE, COMPONENTS),
    (AROUSAL, COMPONENTS),
    (SEIZURE, COMPONENTS),
    (POWER, COMPONENTS),
    ("MMSE sheet, or ICE score", COMPONENTS),
    ("MMSE sheet, or ICE score", ICE),
    ("arousal to voice or touch", COMPONENTS),
    ("arousal to voice or touch", AROUSAL),
    ("duration and return to baseline", COMPONENTS),
    ("duration and return to baseline", SEIZURE),
    ("MRC power of the weak limb", COMPONENTS),
    ("MRC power of the weak limb", POWER),
    ("imaging: focal or diffuse oedema", "imaging: focal or diffuse oedema, haemorrhage or mass"),
)
"""The second fact answers the first where it is asked for the same days; the first pair that holds counts."""


class Kind(NamedTuple):
    """What decides the facts of a row, and nothing else: rows of one kind get the same facts."""

    requires: str | None
    reasons: str
    evidence_rule: str | None
    is_own_open: bool
    is_fatal_threshold: bool
    is_partly: bool
    is_infusion_exact: bool
    is_onset_whole: bool
    is_end_whole: bool
    is_moment: bool


def name_facts(kind: Kind) -> tuple[str, ...]:
    """The facts that together settle a threshold for a row of this kind; none where other rows ask for them.

    `is_own_open`: the threshold is open by the row itself, before context; then what the row requires is
    needed. Context, window and disagreement with assessments add theirs at every threshold. Assessments
    settle a row only where its first and last day are known (GRADING.md 4.4), so its open dates are asked
    for with them. A row that assessments replaced asks nothing of its own: what is open is in the moments.
    """
    reasons = kind.reasons.split("|") if kind.reasons else []
    facts = {CONTEXT_FACTS[reason] for reason in reasons if reason in CONTEXT_FACTS}
    if kind.is_partly:
        facts |= _place(kind)
    if kind.evidence_rule in EVIDENCE_FACTS:
        facts.add(EVIDENCE_FACTS[kind.evidence_rule])
    if kind.evidence_rule == rules.ICE_CAP:
        facts |= {AROUSAL} if kind.is_own_open else set()
    elif kind.is_own_open and kind.evidence_rule != rules.MEASURED_REPLACES:
        own = _own_facts(kind, reasons)
        facts |= own or ({REVIEW} if not facts else set())
        if not kind.is_moment and own & {*MEASURED_BY, COMPONENTS}:
            facts |= set() if kind.is_onset_whole else {ONSET_DATE}
            facts |= set() if kind.is_end_whole else {END_DATE}
    elif not facts and kind.evidence_rule is None:
        facts = {REVIEW}
    return tuple(sorted(facts))


def _own_facts(kind: Kind, reasons: list[str]) -> set[str]:
    """What the row requires by itself; at grade 5 only what bears on the cause of death, else its reasons."""
    required = {part.removesuffix(ON_THE_DAYS) for part in (kind.requires or "").split("|") if part}
    if kind.is_fatal_threshold:
        required = {part for part in required if part == CAUSE_OF_DEATH}
    return required or {ROW_FACTS[reason] for reason in reasons if reason in ROW_FACTS}


def _place(kind: Kind) -> set[str]:
    """What would say whether the row is in the window."""
    day, time = (ASSESSMENT_DATE, ASSESSMENT_TIME) if kind.is_moment else (ONSET_DATE, DAY_ORDER)
    missing = set() if kind.is_infusion_exact else {INFUSION_DATE}
    if not kind.is_onset_whole:
        missing.add(day)
    return missing or {time}
