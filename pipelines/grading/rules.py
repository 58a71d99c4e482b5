"""Rules the kernel itself applies, by id, with the sentence a clinician reads and the source.

Decisions about terms are rows of the mapping release, not rules here. A rule id is printed with every
result it touched; ids never change meaning.
"""

from __future__ import annotations

from typing import Final

UNMAPPED: Final = "K-UNMAPPED"
OUT_OF_SCOPE: Final = "K-OUT-OF-SCOPE"
NO_EVENT: Final = "K-NO-EVENT"
HULL_VERSION: Final = "K-HULL-VERSION"
HULL_CONCEPT: Final = "K-HULL-CONCEPT"
HULL_MISSING: Final = "K-HULL-MISSING"
HULL_POPULATION: Final = "K-HULL-POPULATION"
SEVERITY: Final = "K-SEVERITY"
CONVENTION: Final = "K-CONVENTION"
UNDEFINED_INSIDE: Final = "K-UNDEFINED-INSIDE"
UNDEFINED_ABOVE: Final = "K-UNDEFINED-ABOVE"
FATAL_UNDEFINED: Final = "K-FATAL-UNDEFINED"
DEATH_CONTRADICTION: Final = "K-DEATH-CONTRADICTION"
FATAL_OUTCOME: Final = "K-FATAL-OUTCOME"
NOT_RELATED: Final = "K-NOT-RELATED"
NOT_RELATED_EXCLUDED: Final = "K-NOT-RELATED-EXCLUDED"
UNLIKELY: Final = "K-UNLIKELY"
OTHER_CAUSE: Final = "K-OTHER-CAUSE"
HAEMORRHAGE_OEDEMA: Final = "K-HAEMORRHAGE-OEDEMA"
SEDATION: Final = "K-SEDATION"
BEFORE_INFUSION: Final = "K-BEFORE-INFUSION"
PARTLY_IN_WINDOW: Final = "K-PARTLY-IN-WINDOW"
REJECTED_ROW: Final = "K-REJECTED-ROW"
TABLE_INCOMPLETE: Final = "K-TABLE-INCOMPLETE"
PRES: Final = "K-PRES"
NAMED_CAUSE: Final = "K-NAMED-CAUSE"
MEDICAL_HISTORY: Final = "K-MEDICAL-HISTORY"
BASELINE_DEFICIT: Final = "K-BASELINE-DEFICIT"
ICE: Final = "K-ICE"
CARTOX: Final = "K-CARTOX"
CAPD: Final = "K-CAPD"
UNAROUSABLE: Final = "K-UNAROUSABLE"
AROUSAL: Final = "K-AROUSAL"
SEIZURE: Final = "K-SEIZURE"
MOTOR: Final = "K-MOTOR"
ICP: Final = "K-ICP"
BEDSIDE: Final = "K-BEDSIDE"
BEDSIDE_CRES: Final = "K-BEDSIDE-CRES"
ASSESS_IMPOSSIBLE: Final = "K-ASSESS-IMPOSSIBLE"
SCALE_OF_AGE: Final = "K-SCALE-OF-AGE"
AGE_UNKNOWN: Final = "K-AGE-UNKNOWN"
SEDATED_MOMENT: Final = "K-SEDATED-MOMENT"
MEASURED_REPLACES: Final = "K-MEASURED-REPLACES"
ICE_CAP: Final = "K-ICE-CAP"
MEASURED_DENIES: Final = "K-MEASURED-DENIES"
MEASURED_NARROWS: Final = "K-MEASURED-NARROWS"
MEASURED_DISAGREES: Final = "K-MEASURED-DISAGREES"
MEASURED_RAISES: Final = "K-MEASURED-RAISES"

RULES: Final[dict[str, tuple[str, str]]] = {
    UNMAPPED: (
        "Nobody has mapped the term and its class is in scope or not given: any grade stays possible.",
        "GRADING.md 3.3; judgement: a missing decision can only raise high",
    ),
    OUT_OF_SCOPE: (
        "The term's class cannot hold an ICANS sign: 0.",
        "GRADING.md 3.3; the five domains of ASTCT 2019, table 2",
    ),
    NO_EVENT: (
        "Grade 0 says that there was no event: no contribution.",
        "GRADING.md 5; CTCAE has no grade 0 event",
    ),
    HULL_VERSION: (
        "The CTCAE version is not recorded: lowest low and highest high over all versions.",
        "GRADING.md 3.1; judgement: nothing is assumed",
    ),
    HULL_CONCEPT: (
        "The version has no such term: lowest low and highest high over the versions that have it.",
        "GRADING.md 3.3; judgement",
    ),
    HULL_MISSING: (
        "No readable grade: lowest low and highest high over every grade the version defines.",
        "GRADING.md 3.1; judgement: unknown is never 0",
    ),
    HULL_POPULATION: (
        "Age not known: the ICE reading and the CAPD reading both stay possible.",
        "GRADING.md 2; ASTCT 2019 uses CAPD under 12 years",
    ),
    SEVERITY: (
        "A severity word: lowest low and highest high over the CTCAE grades it can mean (severe = 3 or 4).",
        "GRADING.md 3.1; judgement",
    ),
    CONVENTION: (
        "Graded by study convention: lowest low and highest high over the grades the convention covers.",
        "GRADING.md 3.2; the convention row of the release",
    ),
    UNDEFINED_INSIDE: (
        "The version does not define this grade: hull of the neighbouring grades it does define.",
        "GRADING.md 3.1; empty grade cell of the CTCAE version",
    ),
    UNDEFINED_ABOVE: (
        "Above the highest grade the version defines: that grade's low and point, high = top of the domain.",
        "GRADING.md 3.1; empty grade cell of the CTCAE version",
    ),
    FATAL_UNDEFINED: (
        "A death report under a term without a fatal row: high 5, low of the highest non-fatal row, point 5 "
        "if that row's point is 3 or 4.",
        "GRADING.md 3.5; ASTCT 2019 grade 5 is death due to ICANS",
    ),
    DEATH_CONTRADICTION: (
        "Grade 5 for a subject known to be alive: a contradiction, any grade up to 4 stays possible.",
        "GRADING.md 3.5; judgement",
    ),
    FATAL_OUTCOME: (
        "The outcome is fatal although the grade is below 5: high 5.",
        "GRADING.md 3.5; judgement: a death can only raise high",
    ),
    NOT_RELATED: (
        "The investigator says not related: low 0, point 0, high kept.",
        "GRADING.md 3.5; ASTCT 2019 grades events not attributable to another cause",
    ),
    NOT_RELATED_EXCLUDED: (
        "The investigator says not related and the manifest excludes such rows: 0.",
        "GRADING.md 3.5; study manifest attribution: exclude",
    ),
    UNLIKELY: ("The investigator says unlikely related: low 0, point kept.", "GRADING.md 3.5; judgement"),
    OTHER_CAUSE: (
        "Another cause (haemorrhage, stroke, CNS infection or progression) within one day: low 0.",
        "GRADING.md 3.5; ASTCT 2019: not attributable to any other cause",
    ),
    HAEMORRHAGE_OEDEMA: (
        "A pressure sign over an intracranial haemorrhage: low 0, point 0.",
        "GRADING.md 3.5; ASTCT 2019 footnote: haemorrhage with or without oedema is excluded",
    ),
    SEDATION: (
        "Sedation recorded on every day of the row: low 0, point null.",
        "GRADING.md 3.5; ASTCT 2019 footnote: no other cause such as sedating medication",
    ),
    BEFORE_INFUSION: ("Onset certainly before the first infusion: 0.", "GRADING.md 3.5; judgement"),
    PARTLY_IN_WINDOW: (
        "The recorded date does not settle whether onset is in the window: low 0, point kept.",
        "GRADING.md 3.5; judgement: nothing is imputed",
    ),
    REJECTED_ROW: (
        "An adverse-event row of the subject could not be used: any grade stays possible.",
        "GRADING.md 5; rejected is not absent",
    ),
    TABLE_INCOMPLETE: (
        "The manifest says the adverse-event table is incomplete: silence is not absence.",
        "GRADING.md 1, law 5",
    ),
    PRES: (
        "PRES within one day, which the manifest counts as another cause: low 0.",
        "GRADING.md 4.5; judgement of the study, ASTCT 2019 does not leave PRES out",
    ),
    NAMED_CAUSE: (
        "A term that the manifest names as another cause, within one day: low 0.",
        "GRADING.md 4.5; study manifest; ASTCT 2019: not attributable to any other cause",
    ),
    MEDICAL_HISTORY: (
        "The medical history holds the same concept: low 0.",
        "GRADING.md 4.5; judgement: it may be the old condition",
    ),
    BASELINE_DEFICIT: (
        "A deficit of the domain was measured before the first infusion: low 0.",
        "GRADING.md 4.3 and 4.5; judgement: it may be the old deficit",
    ),
    ICE: (
        "ICE total: 10 = 0, 7-9 = 1, 3-6 = 2, 0-2 = 3, 0 because unarousable = 4.",
        "GRADING.md 4.2; ASTCT 2019, tables 2 and 3",
    ),
    CARTOX: (
        "CARTOX-10 read as ICE: without the leader item, with the command item.",
        "GRADING.md 4.2; Neelapu 2018; ASTCT 2019 on how ICE was made from CARTOX-10",
    ),
    CAPD: (
        "CAPD total: 0 = 0, 1-8 = 1 or 2 by what wakes the patient, 9 or more = 3.",
        "GRADING.md 4.2; ASTCT 2019, table of children",
    ),
    UNAROUSABLE: (
        "The score could not be taken because the patient could not be woken: 4.",
        "GRADING.md 4.2; ASTCT 2019, table 2",
    ),
    AROUSAL: (
        "Arousal: alert 0, spontaneous 1, voice 2, touch 3, unarousable 4.",
        "GRADING.md 4.2; ASTCT 2019, table 2",
    ),
    SEIZURE: (
        "A seizure of 5 min or less that resolves is 3, longer or repetitive without return to baseline 4.",
        "GRADING.md 4.2; ASTCT 2019, table 2",
    ),
    MOTOR: (
        "Deep focal weakness, or power 0 to 2, is 4.",
        "GRADING.md 4.2; ASTCT 2019, table 2; power: Crit Care Med 2018;46:1402, table 2",
    ),
    ICP: (
        "Focal oedema is 3; diffuse oedema, posturing, VI palsy, papilloedema and Cushing triad are 4.",
        "GRADING.md 4.2; ASTCT 2019, table 2",
    ),
    BEDSIDE: ("An ICANS grade stated at the bedside stands for the whole patient.", "GRADING.md 4.2 and 2"),
    BEDSIDE_CRES: (
        "A CRES grade without its components: 1 is 0/1/2, 2 is 1/2/3, 3 is 2/3/4, 4 is 0/4/4.",
        "GRADING.md 3.1 and 4.2; Neelapu 2018, table 4; judgement",
    ),
    ASSESS_IMPOSSIBLE: (
        "A value that the item cannot have, or that cannot be read: any grade of the domain stays possible.",
        "GRADING.md 4.1; law 5",
    ),
    SCALE_OF_AGE: (
        "A score of the scale that does not apply at the subject's age: no evidence.",
        "GRADING.md 4.2; ASTCT 2019: CAPD under 12 years",
    ),
    AGE_UNKNOWN: (
        "Age not known, so the score may be of the wrong scale: low 0, and no day is covered.",
        "GRADING.md 4.2; judgement",
    ),
    SEDATED_MOMENT: (
        "Sedated at the assessment: not assessable; low 0, point null.",
        "GRADING.md 4.3; ASTCT 2019 footnote on sedating medication",
    ),
    MEASURED_REPLACES: (
        "Assessments on every day of the row: their maximum stands in its place.",
        "GRADING.md 4.4; judgement: a measurement outweighs a report of the same days",
    ),
    ICE_CAP: (
        "A scored ICE, arousal not recorded: the patient was awake enough, consciousness at most 2.",
        "GRADING.md 4.4; judgement",
    ),
    MEASURED_DENIES: (
        "Negative findings on every day of a seizure, weakness or pressure sign: low 0, high kept.",
        "GRADING.md 4.4; a moment's negative finding cannot undo the report of an event",
    ),
    MEASURED_NARROWS: (
        "The finding agrees with the seizure, weakness or pressure sign reported: what both allow.",
        "GRADING.md 4.4",
    ),
    MEASURED_DISAGREES: (
        "The finding and the sign reported cannot both hold: lowest low and highest high, no point.",
        "GRADING.md 4.4; contradictory evidence is never averaged",
    ),
    MEASURED_RAISES: (
        "Some days of the row are assessed: the maximum of row and assessments.",
        "GRADING.md 4.4",
    ),
}
"""Rule id to (sentence, source). GRADING.md lies beside this module."""
