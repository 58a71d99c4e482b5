"""A release as SSSOM mapping sets, for the tools of others.

What may live here: rendering the terms, grades and conventions of a loaded release. What may not: reading
or writing files, deciding anything. The FHIR form is in `mappings.export.fhir`.

Format: SSSOM/TSV, https://mapping-commons.github.io/sssom/. Columns that SSSOM does not define are
declared as extension slots. Cells are quoted where SSSOM wants them quoted; the files of a release never
are, which is why an export is not a copy of them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mappings.checks import PREDICATES, RESTRICTS
from mappings.export.labels import Row, concept_labels, grade_label, interval_label
from mappings.header import SSSOM_SLOTS, SSSOM_VERSION
from mappings.release import Release
from mappings.sheets import CONCEPT_PREFIX, GRADE_PREFIX

Cells = dict[str, Any]

PREFIXES: Mapping[str, str] = {
    "ICANS": "urn:icans-regrade:icans:",
    "MEDDRA": "http://purl.bioontology.org/ontology/MEDDRA/",
    "regrade": "urn:icans-regrade:",
    "regrade.concept": "urn:icans-regrade:concept:",
    "regrade.convention": "urn:icans-regrade:convention:",
    "regrade.grade": "urn:icans-regrade:grade:",
    "regrade.term": "urn:icans-regrade:term:",
    "semapv": "https://w3id.org/semapv/vocab/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "sssom": "https://w3id.org/sssom/",
}
NO_TERM = "sssom:NoTermFound"
"""SSSOM's own object of a mapping that found none: a term kept without a decision."""

APPLIES = "regrade:appliesTo"
_MANUAL = "semapv:ManualMappingCuration"
_INTEGERS = frozenset({"grade", "low", "point", "high", "convention_grade"})


def render_sssom(release: Release) -> dict[str, str]:
    """Mapping sets by file name: terms to concepts, graded concepts to intervals, conventions if any.

    The same release gives the same bytes. A blank cell is null; the comment of each set says whether the
    release is reviewed.
    """
    labels = concept_labels(release)
    tables = release.tables
    sets = (
        ("terms", "Adverse-event terms to concepts", _term),
        ("grades", "Graded concepts to ICANS intervals", _grade),
        ("conventions", "Study conventions to the concepts they touch", _convention),
    )
    return {
        f"{name}.sssom.tsv": _render(
            release, name, title, [cells(row, labels) for row in tables[f"map_{name}"].iter_rows(named=True)]
        )
        for name, title, cells in sets
        if tables[f"map_{name}"].height
    }


def _provenance(row: Row) -> Cells:
    return {
        "author_label": row["author"],
        "reviewer_label": row["reviewed_by"],
        "mapping_date": row["decided_on"],
        "review_date": row["reviewed_on"],
    }


def _term(row: Row, labels: Mapping[str, str]) -> Cells:
    concept = row["concept_id"]
    slug = "_".join("".join(c if c.isascii() and c.isalnum() else " " for c in row["term_key"]).split())
    return {
        "subject_id": f"MEDDRA:{row['code']}" if row["code"] else f"regrade.term:{slug}",
        "subject_label": row["term"],
        "predicate_id": PREDICATES[row["relation"]],
        "object_id": NO_TERM if concept is None else CONCEPT_PREFIX + concept,
        "object_label": None if concept is None else labels[concept],
        "mapping_justification": row["justification"],
        **_provenance(row),
        **{name: row[name] for name in ("term_key", "scale_version", "code", "relation", "source")},
        "comment": row["note"],
    }


def _grade(row: Row, labels: Mapping[str, str]) -> Cells:
    return {
        "subject_id": GRADE_PREFIX + row["rule_id"],
        "subject_label": grade_label(row, labels),
        "predicate_id": RESTRICTS,
        "object_id": f"ICANS:{row['low']}-{row['high']}",
        "object_label": interval_label(row),
        "mapping_justification": _MANUAL,
        **_provenance(row),
        **{name: row[name] for name in ("scale", "scale_version", "concept_id", "grade", "population")},
        **{name: row[name] for name in ("domains", "low", "point", "high", "disposition")},
        **{name: row[name] for name in ("review_reason", "requires", "source_text", "decision", "source")},
        "comment": row["rationale"],
    }


def _convention(row: Row, labels: Mapping[str, str]) -> Cells:
    return {
        "subject_id": f"regrade.convention:{row['convention_id']}",
        "subject_label": row["convention_id"].replace("_", " "),
        "predicate_id": APPLIES,
        "object_id": CONCEPT_PREFIX + row["concept_id"],
        "object_label": labels[row["concept_id"]],
        "mapping_justification": _MANUAL,
        **_provenance(row),
        **{name: row[name] for name in ("convention_grade", "grades_covered", "point", "source")},
        "comment": row["rationale"],
    }


def _render(release: Release, name: str, title: str, rows: Sequence[Cells]) -> str:
    columns = list(rows[0])
    text = io.StringIO()
    for line in _header(release, name, title, columns):
        text.write(f"#{line}\n")
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[column] for column in columns] for row in rows)
    return text.getvalue()


def _header(release: Release, name: str, title: str, columns: Sequence[str]) -> Iterator[str]:
    about = release.tables["map_releases"].row(0, named=True)
    yield f'sssom_version: "{SSSOM_VERSION}"'
    yield f'mapping_set_id: "urn:icans-regrade:releases:{release.release_id}:{name}"'
    yield f'mapping_set_version: "{release.release_id}"'
    yield f'mapping_set_title: "{title}"'
    yield f'license: "https://spdx.org/licenses/{about["licence"]}"'
    yield f'comment: "Mapping release {release.release_id}, {release.review_status}."'
    yield "curie_map:"
    for prefix, address in PREFIXES.items():
        yield f'  {prefix}: "{address}"'
    yield "extension_definitions:"
    for column in columns:
        if column not in SSSOM_SLOTS:
            kind = "integer" if column in _INTEGERS else "string"
            yield f"  - slot_name: {column}"
            yield f'    property: "regrade:{column}"'
            yield f'    type_hint: "xsd:{kind}"'
