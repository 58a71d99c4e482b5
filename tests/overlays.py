"""Private overlays made by hand: folders in the form of a release, row by row.

Only builders live here. A row says what a test is about; the rest of it is filled in so that it obeys
the rules of a release.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mappings.checks import PREDICATES, RESTRICTS
from mappings.curation.decisions import decision_text
from mappings.sheets import CONCEPT_PREFIX, FILES, GRADE_PREFIX, OVERRIDES
from mappings.term_key import term_key
from mappings.tsv import render_tsv

Cells = dict[str, str]
CURATED = "semapv:ManualMappingCuration"
AUTHOR_ROLE = "data management"
DECIDED = {
    "author_label": AUTHOR_ROLE,
    "reviewer_label": "",
    "mapping_date": "2026-11-22",
    "review_date": "",
}


def concept(name: str, overrides: str = "", **other: str) -> Cells:
    return {
        "concept_id": name,
        "label": name.replace("_", " "),
        "concept_group": name,
        "is_broad": "true",
        "is_core": "true",
        "cause_role": "",
        OVERRIDES: overrides,
    } | other


def term(
    text: str,
    to: str,
    version: str = "any",
    code: str = "",
    overrides: str = "",
    relation: str = "exact",
    **other: str,
) -> Cells:
    slug = "_".join("".join(c if c.isascii() and c.isalnum() else " " for c in term_key(text)).split())
    return {
        "subject_id": f"MEDDRA:{code}" if code else f"regrade.term:{slug}",
        "subject_label": text,
        "predicate_id": PREDICATES[relation],
        "object_id": CONCEPT_PREFIX + to,
        "object_label": to,
        "mapping_justification": CURATED,
        **DECIDED,
        "term_key": term_key(text),
        "scale_version": version,
        "code": code,
        "relation": relation,
        "source": "sponsor",
        "comment": "",
        OVERRIDES: overrides,
    } | other


def grade(rule: str, interval: str, overrides: str = "", **other: str) -> Cells:
    """`rule` is scale:version:concept:grade, with :child; `interval` low, point (n for none) and high."""
    scale, version, name, source, *population = rule.split(":")
    low, point, high = interval
    excluded, fatal = high == "0", source == "5"
    disposition = "excluded" if excluded else "fatal" if fatal else "informs"
    has_text = scale == "ctcae" and version != "any"
    domains = other.get("domains", "" if excluded else "cognition")
    said = {"disposition": disposition, "domains": domains or None, "low": int(low), "high": int(high)}
    return {
        "subject_id": GRADE_PREFIX + rule,
        "predicate_id": RESTRICTS,
        "object_id": f"ICANS:{low}-{high}",
        "mapping_justification": CURATED,
        **DECIDED,
        "scale": scale,
        "scale_version": version,
        "concept_id": name,
        "grade": source,
        "population": population[0] if population else "any",
        "domains": domains,
        "low": low,
        "point": "" if point == "n" else point,
        "high": high,
        "disposition": disposition,
        "review_reason": "fatal_report" if disposition == "fatal" else "",
        "requires": "" if low == high else "ICE",
        "source_text": "as the sponsor words it" if has_text else "",
        "decision": decision_text(said | {"point": None if point == "n" else int(point)}),
        "rationale": "made by hand",
        "source": "judgement",
        OVERRIDES: overrides,
    } | other


def convention(
    name: str, of: str, grade_set: str, covered: str, overrides: str = "", point: str = ""
) -> Cells:
    return {
        "convention_id": name,
        "concept_id": of,
        **DECIDED,
        "convention_grade": grade_set,
        "grades_covered": covered,
        "point": point,
        "rationale": "made by hand",
        "source": "judgement",
        OVERRIDES: overrides,
    }


def write_overlay(
    root: Path,
    name: str,
    *,
    base: str = "1.0.0",
    concepts: list[Cells] | None = None,
    terms: list[Cells] | None = None,
    grades: list[Cells] | None = None,
    conventions: list[Cells] | None = None,
) -> Path:
    """An overlay folder under `root`; rows are sorted, and the last column left out where nobody uses it."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    keys = {
        "name": name,
        "base": base,
        "licence": "Proprietary",
        "change_note": "Made for a test.",
        "author_role": AUTHOR_ROLE,
    }
    lines = [f'{key}: "{value}"\n' for key, value in keys.items()]
    (folder / "overlay.yaml").write_text("".join(lines), encoding="utf-8")
    tables = {
        "concepts.tsv": concepts,
        "terms.tsv": terms,
        "grades.tsv": grades,
        "conventions.tsv": conventions,
    }
    for file, rows in tables.items():
        if rows is not None:
            (folder / file).write_text(_render(file, rows), encoding="utf-8")
    return folder


def _render(file: str, rows: list[Cells]) -> str:
    table, columns = FILES[file]
    keys = [key for key in table.info().key if key != "release_id"]
    names = [*columns, *([OVERRIDES] if any(row[OVERRIDES] for row in rows) else [])]
    ordered = sorted(rows, key=lambda row: [row[key] for key in keys])
    return render_tsv(pl.DataFrame(ordered, schema=dict.fromkeys(names, pl.String), orient="row"))
