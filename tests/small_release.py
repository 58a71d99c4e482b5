"""A release of a few concepts, made so that every rule of the kernel has something to decide.

Only data lives here. Intervals follow the shipped release where they can, so that a reader
recognises them; the point is the shape: ladders with holes, child rows, terms that two versions use
differently, concepts that some versions lack.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from mappings.release import Release
from mappings.term_key import term_key
from schemas.registry import RELEASE_TABLES

Row = dict[str, Any]
ID = "0.0.1"
DECIDED: Row = {
    "author": "made by hand",
    "decided_on": "2026-11-22",
    "reviewed_by": None,
    "reviewed_on": None,
}
REVIEW = {"needs_adjudication": "needs_adjudication", "fatal": "fatal_report"}

# concept: broad, core, cause role
CONCEPTS: dict[str, tuple[bool, bool, str | None]] = {
    "encephalopathy": (True, True, None),
    "dysphasia": (True, True, None),
    "delirium": (True, True, None),
    "agitation": (True, False, None),
    "seizure": (True, True, None),
    "coma": (True, True, None),
    "hemiparesis": (True, True, None),
    "papilledema": (False, True, None),
    "cerebral_edema": (True, True, None),
    "neurotoxicity": (True, True, None),
    "headache": (True, False, None),
    "intracranial_hemorrhage": (True, False, "haemorrhage"),
    "stroke": (True, False, "stroke"),
    "meningitis": (True, False, "cns_infection"),
    "cytokine_release_syndrome": (False, False, "crs"),
}

# version, concept, domains: one "low point high" per grade; '-' leaves a hole, 'x' is excluded
LADDERS = """
3.0   encephalopathy  cognition|consciousness  001 012 023 134 055
4.03  encephalopathy  cognition|consciousness  012 023 134! 244! 055
5.0   encephalopathy  cognition|consciousness  012 023 134! 244! 055
6.0   encephalopathy  cognition|consciousness  012 023 134! 244! 055
4.03  dysphasia       cognition                012 123 233 - 055
6.0   dysphasia       cognition                012 123 233 333 055
4.03  delirium        cognition|consciousness  002 0n3 0n4! 144! 0n5
5.0   delirium        cognition|consciousness  001 0n3 0n4! 144! -
4.03  agitation       -                        x x x x x
5.0   agitation       -                        x x x x -
3.0   seizure         seizure                  - 333 334 344 355
4.03  seizure         seizure                  333 333 334 344 355
5.0   seizure         seizure                  333 333 334 344 355
any   coma            consciousness            0n4 0n4 234 444 455
4.03  hemiparesis     motor                    004 004 444! - -
5.0   hemiparesis     motor                    004 004 444! 444 455
4.03  papilledema     icp                      444! 444! 444! 444! -
4.03  cerebral_edema  icp                      - - - 344! -
5.0   cerebral_edema  icp                      - - - 344! 355
any   neurotoxicity   -                        0n4! 0n4! 0n4! 0n4! 0n5
2.0   headache        -                        x x x x -
4.03  headache        -                        x x x - -
5.0   headache        -                        x x x - -
4.03  intracranial_hemorrhage -                x x x x x
5.0   intracranial_hemorrhage -                x x x x x
4.03  stroke          -                        x x x x x
any   meningitis      -                        x x x x x
4.03  cytokine_release_syndrome -              x x x x x
5.0   cytokine_release_syndrome -              x x x x x
"""
CHILD = """
4.03  encephalopathy  cognition|consciousness  013 - - - -
4.03  delirium        cognition|consciousness  003 - - - -
4.03  agitation       cognition                0n3 0n3 0n3 0n3 -
"""
OTHER_SCALES = """
cres  2018 *              cognition|consciousness|seizure|motor|icp  012 123 234 044 -
cres  2018 encephalopathy cognition|consciousness                    111 222 334 344 055
astct 2019 *              cognition|consciousness|seizure|motor|icp  111 222 333 444 555
"""

# term, code, version, relation, concept
TERMS: list[tuple[str, str, str, str, str | None]] = [
    *(
        (concept.replace("_", " ").capitalize(), "", version, "own", concept)
        for version, concept in (line.split()[:2] for line in LADDERS.strip().splitlines())
    ),
    ("Encephalopathy", "10014625", "4.03", "own", "encephalopathy"),
    ("Encephalopathy", "10014625", "5.0", "own", "encephalopathy"),
    ("Seizure", "10039906", "5.0", "own", "seizure"),
    ("Convulsion", "", "any", "exact", "seizure"),
    ("Fits", "77", "3.0", "exact", "seizure"),
    ("Headaches", "77", "4.03", "spelling", "headache"),
    ("Absence", "", "3.0", "narrower", "seizure"),
    ("Absence", "", "4.03", "narrower", "headache"),
    ("Aphasia", "", "any", "exact", "dysphasia"),
    ("CNS disorder", "", "any", "broader", "encephalopathy"),
    ("Odd feeling", "", "any", "own", None),
    ("Cerebral haemorrhage", "", "any", "narrower", "intracranial_hemorrhage"),
    ("CRS", "", "any", "spelling", "cytokine_release_syndrome"),
]
CLASSES = {
    "Nervous system disorders": True,
    "Psychiatric disorders": True,
    "Eye disorders": True,
    "Musculoskeletal and connective tissue disorders": True,
    "Neurology": True,
    "Gastrointestinal disorders": False,
    "Cardiac disorders": False,
}
VOCABULARY = [
    ("4.03", "Nausea", "10028813", "Gastrointestinal disorders"),
    ("5.0", "Nausea", "10028813", "Gastrointestinal disorders"),
    ("4.03", "Glaucoma", "10018304", "Eye disorders"),
    ("3.0", "Sinus trouble", "", "Neurology"),
    ("4.03", "Sinus trouble", "", "Cardiac disorders"),
]


def small_release() -> Release:
    rows: dict[str, list[Row]] = {
        "map_releases": [
            {
                "release_id": ID,
                "status": "draft",
                "parent_release_id": None,
                "release_sha256": "0" * 64,
                "clinical_sign_offs": 0,
                "data_sign_offs": 0,
                "licence": "CC0-1.0",
                "sources": "made by hand",
                "change_note": "for tests",
            }
        ],
        "map_concepts": [
            {
                "concept_id": concept,
                "label": concept.replace("_", " "),
                "concept_group": concept,
                "is_broad": broad,
                "is_core": core,
                "cause_role": role,
            }
            for concept, (broad, core, role) in CONCEPTS.items()
        ],
        "map_terms": [
            {
                "term": term,
                "term_key": term_key(term),
                "code": code,
                "scale_version": version,
                "relation": relation,
                "concept_id": concept,
                "justification": "semapv:ManualMappingCuration",
                "source": "made by hand",
                "note": None,
                **DECIDED,
            }
            for term, code, version, relation, concept in TERMS
        ],
        "map_grades": [
            *(row for line in LADDERS.strip().splitlines() for row in _ladder(f"ctcae {line}", "any")),
            *(row for line in CHILD.strip().splitlines() for row in _ladder(f"ctcae {line}", "child")),
            *(row for line in OTHER_SCALES.strip().splitlines() for row in _ladder(line, "any")),
        ],
        "map_conventions": [
            _convention("any_seizure_grade_3", "seizure", 3, "1|2|3|4", 3),
            _convention("any_weakness_grade_4", "hemiparesis", 4, "1|2|3", None),
        ],
        "map_classes": [
            {
                "class_name": name,
                "class_key": term_key(name),
                "is_in_scope": in_scope,
                "source": "made by hand",
            }
            for name, in_scope in CLASSES.items()
        ],
        "map_vocabulary": [
            {
                "scale_version": version,
                "term": term,
                "term_key": term_key(term),
                "code": code,
                "class_name": class_name,
            }
            for version, term, code, class_name in VOCABULARY
        ],
    }
    frames = {
        table.info().name: table.require(
            pl.DataFrame(
                [{"release_id": ID, "layer": ID} | row for row in rows[table.info().name]],
                schema=table.polars_schema() | {"layer": pl.String()},
                orient="row",
            )
        )
        for table in RELEASE_TABLES
    }
    return Release(ID, "0" * 64, "draft", "draft, not clinically reviewed", frames)


def _ladder(line: str, population: str) -> list[Row]:
    scale, version, concept, domains, *cells = line.split()
    rows = []
    for grade, cell in enumerate(cells, start=1):
        if cell == "-":
            continue
        low, point, high = (0, 0, 0) if cell == "x" else (int(cell[0]), _point(cell[1]), int(cell[2]))
        disposition = "excluded" if cell == "x" else "fatal" if grade == 5 else "informs"
        if cell.endswith("!"):
            disposition = "needs_adjudication"
        suffix = ":child" if population == "child" else ""
        rows.append(
            {
                "rule_id": f"{scale}:{version}:{concept}:{grade}{suffix}",
                "scale": scale,
                "scale_version": version,
                "concept_id": concept,
                "grade": grade,
                "population": population,
                "domains": None if domains == "-" else domains,
                "low": low,
                "point": point,
                "high": high,
                "disposition": disposition,
                "requires": None if low == high else "ICE and arousal",
                "source_text": None,
                "decision": "made by hand",
                "rationale": "made by hand",
                "source": "judgement",
                "review_reason": REVIEW.get(disposition),
                **DECIDED,
            }
        )
    return rows


def _point(text: str) -> int | None:
    return None if text == "n" else int(text)


def _convention(name: str, concept: str, grade: int, covered: str, point: int | None) -> Row:
    return {
        "convention_id": name,
        "concept_id": concept,
        "convention_grade": grade,
        "grades_covered": covered,
        "point": point,
        "rationale": "made by hand",
        "source": "judgement",
        **DECIDED,
    }
