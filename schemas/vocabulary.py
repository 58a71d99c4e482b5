"""Closed vocabularies: every code a result column may hold, with the sentence a person reads.

Codes are lower snake case and never change meaning; a new meaning gets a new code. Clinical rules
live in `pipelines.grading`, decisions about terms live in the mapping release; here are only names.
"""

from __future__ import annotations

from typing import Final

STUDY_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""What a study identifier may look like: it is also the name of a folder."""

DOMAINS: Final = ("cognition", "consciousness", "seizure", "motor", "icp")
"""The five ICANS domains, ASTCT 2019 (Lee et al., Biol Blood Marrow Transplant 2019;25:625), table 2."""

SCALES: Final[dict[str, str]] = {
    "ctcae": "NCI Common Toxicity Criteria 2.0 or Common Terminology Criteria for Adverse Events 3.0 to 6.0",
    "cres": "CARTOX / CRES grading (Neelapu 2018)",
    "astct": "ASTCT 2019 ICANS grade stated by the case report form",
    "severity": "Severity words (mild, moderate, severe, life-threatening, fatal) without a toxicity grade",
    "none": "No grade and no severity in the table",
}

CTCAE_VERSIONS: Final = ("2.0", "3.0", "4.03", "5.0", "6.0")
"""Versions the release decides; 4.0 is read as 4.03 (NCI corrected 4.0 to 4.03 without regrading)."""

CRES_VERSIONS: Final = ("2018",)
ASTCT_VERSIONS: Final = ("2019",)

DISPOSITIONS: Final[dict[str, str]] = {
    "informs": "The row restricts an ICANS domain.",
    "needs_adjudication": "The row restricts an ICANS domain, and a person should look.",
    "fatal": "A death report; ICANS 5 is possible and always goes to adjudication.",
    "excluded": "The term has no ICANS meaning at this grade; it contributes grade 0.",
    "unmapped": "Nobody has mapped the term and its class is in scope: any grade stays possible.",
    "out_of_scope": "The term's class cannot hold an ICANS sign; it contributes grade 0.",
    "no_event": "The row says grade 0: no event took place.",
}

GRADE_STATUSES: Final[dict[str, str]] = {
    "read": "A whole grade or a severity word was read.",
    "rounded_up": "A half grade, rounded up because the manifest says so.",
    "missing": "The cell is empty or says that there is no value.",
    "unreadable": "The cell holds text that is no grade; the text stays in core_parse_problems.",
}

DATE_PRECISIONS: Final[dict[str, str]] = {
    "time": "A date with a time of day.",
    "day": "A whole date.",
    "month": "Year and month.",
    "year": "Year only.",
    "partial": "A date with a hole, such as 2017---05.",
    "none": "No date, or one that cannot be read.",
}

RELATIONSHIPS: Final = ("not_related", "unlikely", "possible", "probable", "related")
AE_OUTCOMES: Final = (
    "fatal",
    "not_recovered",
    "recovering",
    "recovered",
    "recovered_with_sequelae",
    "unknown",
)
VITAL_STATUSES: Final = ("dead", "alive", "unknown")
POPULATIONS: Final[dict[str, str]] = {
    "adult": "At least 12.0 years and no developmental delay recorded: the ICE scale applies.",
    "child": "Under 12.0 years, or developmental delay recorded at any age: the CAPD scale applies.",
    "unknown": "Age not known: both scales stay possible.",
}
MATCH_METHODS: Final[dict[str, str]] = {
    "llt_code": "Lowest-level-term code.",
    "pt_code": "Preferred-term code.",
    "preferred_term": "Text of the coded preferred term.",
    "lowest_level_term": "Text of the coded lowest-level term.",
    "verbatim_term": "Verbatim text, because the manifest allows it.",
    "meddra": "Through the study's MedDRA dictionary: the preferred term of its code or text is decided.",
    "meddra_not_current": "As meddra, by a lowest-level term that the dictionary lists as not current.",
    "none": "No step found a decision.",
}
WINDOW_STATUSES: Final[dict[str, str]] = {
    "inside": "Onset certainly inside the window.",
    "partly": "Onset may be inside or outside; low is 0.",
    "late": "Onset certainly after the window; kept, counted in no window that ends before it.",
    "before_infusion": "Onset certainly before the first infusion; contributes 0.",
    "no_infusion_date": "The subject has no infusion date; the window cannot be judged.",
}
OUTCOMES: Final[dict[str, str]] = {
    "ICANS": "low >= 1: ICANS on any reading of the record.",
    "NOT_ICANS": "high = 0: no ICANS on any reading of the record.",
    "INDETERMINATE": "The record allows both.",
    "NOT_EVALUABLE": "No infusion date: the window cannot be placed.",
}
CHANGES: Final[dict[str, str]] = {
    "unchanged": "The ICANS grade equals the source grade.",
    "up": "The ICANS grade is higher.",
    "down": "The ICANS grade is lower but not 0.",
    "to_zero": "The source grade was at least 1 and the ICANS grade is 0.",
    "to_indeterminate": "There is no single ICANS grade.",
    "source_unknown": "The source grade itself is not known.",
}
CROSSINGS: Final[dict[str, str]] = {
    "none": "On the same side of the threshold.",
    "up": "Below the threshold by the source grade, at or above it by ICANS.",
    "down": "At or above the threshold by the source grade, below it by ICANS.",
    "unknown": "One of the two grades is not known.",
}
COMPARATOR_SETS: Final[dict[str, str]] = {
    "broad": "Any nervous or psychiatric concept the release lists, headache included.",
    "core": "Concepts that inform an ICANS domain.",
    "sponsor": "Rows the sponsor flags as neurotoxicity.",
}
ESTIMATES: Final = ("low", "point", "high")
IMPUTATION_FLAGS: Final[dict[str, str]] = {
    "D": "The day was imputed.",
    "M": "Month and day were imputed.",
    "Y": "Year, month and day were imputed.",
}
"""Values of ADaM date imputation flags (ADaMIG 1.3, *DTF)."""
TIME_TO_EVENT_PARAMETERS: Final[dict[str, str]] = {
    "ICANS_ANY": "First day with an ICANS grade of at least 1.",
    "ICANS_GRADE_3": "First day with an ICANS grade of at least 3.",
    "ICANS_RESOLUTION": "From the first ICANS day to the first day after the last one.",
}
CENSORING_REASONS: Final[dict[str, str]] = {
    "death": "The subject died.",
    "data_cutoff": "The data end there.",
    "next_infusion": "The next infusion was given: later onsets count from that one.",
    "window_end": "The longest window ends there.",
    "no_onset": "There was nothing to resolve: day 0.",
}
CONTRADICTION_KINDS: Final[dict[str, str]] = {
    "measured_above_reported": "A measurement is above everything the adverse-event row allows.",
    "measured_below_reported": "Measurements on every day of the row are below what it allows.",
    "measured_denies_report": "A negative finding on every day of a seizure, motor or pressure row.",
    "bedside_against_measured": "The grade stated at the bedside is not the grade of the items beside it.",
    "two_values": "The same item has two values at the same moment.",
    "total_against_items": "A total is not what its items add up to.",
    "scale_against_age": "A score of a scale that does not apply at the subject's age.",
    "impossible_value": "A value that the item cannot have.",
    "grade_against_outcome": "The toxicity grade and the outcome of the event disagree about death.",
    "death_against_grade": "Grade 5 for a subject known to be alive.",
    "severity_against_grade": "The severity word and the toxicity grade of one row disagree.",
}
CLOSING_IMPACTS: Final[dict[str, str]] = {
    "fatal": "A death may be ICANS 5.",
    "crosses_3": "Grade 3 or more is open.",
    "crosses_1": "Any ICANS is open.",
    "other": "Only another threshold is open.",
}
"""Most urgent first."""
CONTEXT_RULES: Final[dict[str, str]] = {
    "sedation": "Sedation on every day of a cognition or consciousness row.",
    "haemorrhage": "An intracranial haemorrhage at the same time.",
    "stroke": "A stroke at the same time.",
    "pres": "Posterior reversible encephalopathy syndrome at the same time.",
    "cns_infection": "An infection of the central nervous system at the same time.",
    "cns_progression": "Progression of disease in the central nervous system at the same time.",
    "named_causes": "A term the manifest names as another cause (context.named_causes) at the same time.",
    "medical_history": "The same concept in the medical history.",
    "baseline_deficit": "A deficit of the same domain measured before the first infusion.",
}
"""Rules about another cause that a manifest switches on or off: they lower `low` and never remove a row."""
DUPLICATE_ROW_RULE: Final = "CHK-DUPLICATE-ROW"
"""Rejects a row that repeats another one cell by cell; the other row stays, so nothing is lost."""
FINDING_STATUSES: Final = ("pass", "fail", "not_applicable", "error")
FINDING_SEVERITIES: Final = ("error", "warning", "info")
ATTRIBUTION_POLICIES: Final = ("widen", "ignore", "exclude")
CAUSE_ROLES: Final[dict[str, str]] = {
    "haemorrhage": "Intracranial haemorrhage: another cause; ASTCT leaves it out with its oedema.",
    "stroke": "Ischaemic stroke or venous sinus thrombosis: another cause.",
    "cns_infection": "Infection of the central nervous system: another cause.",
    "cns_progression": "Progression of disease in the central nervous system: another cause.",
    "crs": "Cytokine release syndrome: not another cause; places episodes in time.",
}

REVIEW_REASONS: Final[dict[str, str]] = {
    "needs_adjudication": "The grade row itself asks for a person (see its rationale and requires).",
    "fatal_report": "A fatal row: was ICANS the principal cause of death?",
    "fatal_outcome": "The outcome is fatal although the grade is below 5.",
    "death_contradiction": "Grade 5 for a subject known to be alive.",
    "grade_missing": "No grade recorded: every grade the version defines stays possible.",
    "grade_unreadable": "The grade cell cannot be read: every grade the version defines stays possible.",
    "undefined_grade": "The CTCAE version does not define this grade for this term.",
    "version_unknown": "The scale version is not recorded: every version stays possible.",
    "concept_not_in_version": "The version has no such term: hull over the versions that have it.",
    "severity_scale": "A severity word stands for the CTCAE grades it can mean.",
    "convention": "The study graded by convention; the grade carries no severity.",
    "unmapped_term": "No mapping decision exists for this term.",
    "child_scale": "CAPD applies: items outside ICE can score.",
    "age_unknown": "Age not known: ICE and CAPD both stay possible.",
    "attribution_not_related": "The investigator says not related.",
    "attribution_unlikely": "The investigator says unlikely related.",
    "other_cause_overlap": "Another cause (bleed, stroke, CNS infection or progression) on the same days.",
    "haemorrhage_overlap": "Pressure sign over a haemorrhage, which ASTCT leaves out with its oedema.",
    "sedation_overlap": "Sedation recorded on every day of the row.",
    "pres_overlap": "PRES on the same days, which the manifest counts as another cause.",
    "named_cause_overlap": "A cause the manifest names, on the same days.",
    "medical_history": "The medical history holds the same concept.",
    "baseline_deficit": "A deficit of the same domain was measured before the infusion.",
    "measured_replaces": "Assessments on every day of the row decided instead of it.",
    "measured_above": "An assessment is above everything the row allows.",
    "measured_below": "Assessments on every day of the row are below what it allows.",
    "measured_denies": "Every day has a negative finding, which does not undo the report of a seizure, a "
    "weakness or a pressure sign.",
    "scores_disagree": "Two sources of the same score disagree.",
    "wrong_scale": "A score of the scale that does not apply at the subject's age: no evidence.",
    "impossible_score": "A score that the scale cannot give: no evidence of a grade.",
    "partial_score": "Items of the score are missing.",
    "arousal_unknown": "What wakes the patient is not recorded.",
    "sedated_assessment": "Sedated at the assessment: not assessable.",
    "bedside_disagrees": "The grade stated at the bedside is not that of the items beside it.",
    "papilloedema_cause": "Papilloedema or cranial nerve VI palsy: raised pressure or another cause?",
    "power_3_or_4": "Focal power of 3 or 4: whether that is deep weakness is a judgement.",
    "onset_partly_in_window": "The recorded date does not settle whether onset is in the window.",
    "no_infusion_date": "No infusion date recorded.",
    "late_onset": "Onset after the primary window.",
    "rejected_row": "An adverse-event row of this subject could not be used.",
    "rejected_assessment": "An assessment row of this subject could not be used.",
    "table_incomplete": "The manifest says the adverse-event table is incomplete.",
}
