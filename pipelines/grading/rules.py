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
}
"""Rule id to (sentence, source). GRADING.md lies beside this module."""
