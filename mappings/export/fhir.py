"""A release as one FHIR R5 ConceptMap, for terminology servers.

What may live here: rendering a loaded release as the resource. What may not: reading or writing files,
deciding anything. The SSSOM form is in `mappings.export.sssom`.

Source: FHIR 5.0.0 ConceptMap, https://hl7.org/fhir/R5/conceptmap.html. Three groups: MedDRA codes to
concepts, spellings to concepts, graded concepts to ICANS grades. A graded concept has one target for
each ICANS grade it allows, so that a server that knows nothing of intervals still never sees one grade
where several are possible; the property `most-defensible` marks the point, if there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mappings.checks import ANY
from mappings.export.labels import Row, concept_labels, grade_label, possible_grades
from mappings.release import Release
from schemas.base import SEPARATOR

Element = dict[str, Any]

MEDDRA = "https://www.meddra.org"
"""MedDRA as HL7 Terminology names it (THO CodeSystem mdr)."""

TERMS = "urn:icans-regrade:term"
CONCEPTS = "urn:icans-regrade:concept"
GRADES = "urn:icans-regrade:grade"
ICANS = "urn:icans-regrade:icans"
DISPOSITIONS = "urn:icans-regrade:disposition"

RELATIONSHIPS: Mapping[str, str] = {
    "own": "equivalent",
    "exact": "equivalent",
    "spelling": "equivalent",
    "narrower": "source-is-narrower-than-target",
    "broader": "source-is-broader-than-target",
}
_STATUS = {"draft": "draft", "under_review": "draft", "published": "active", "withdrawn": "retired"}
_PROPERTIES = (
    ("disposition", "code", "What the decision does", DISPOSITIONS),
    ("most-defensible", "boolean", "The target is the point of the interval", None),
    ("domain", "code", "An ICANS domain the decision restricts", "urn:icans-regrade:domain"),
    ("requires", "string", "What would close the interval", None),
    ("source", "string", "Document the decision rests on, or judgement", None),
    ("author", "string", "Who made the decision: a body or a role", None),
    ("decided-on", "dateTime", "Date the decision was made", None),
    ("reviewed-by", "string", "Role that reviewed the decision; not there: nobody did", None),
    ("reviewed-on", "dateTime", "Date of the review", None),
)
_ATTRIBUTES = (
    ("scale-version", "CTCAE version the term or code is read in"),
    ("population", "adult, or child where CAPD changes the decision; unknown age: both"),
)


def render_fhir_concept_map(release: Release) -> dict[str, Any]:
    """The resource as plain JSON values, in a fixed order: the same release gives the same bytes.

    A term without a decision is `noMap`; any other term falls to `unmapped`, and then its class decides
    whether it is in scope. Codes of MedDRA are those that NCI publishes with CTCAE.
    """
    about = release.tables["map_releases"].row(0, named=True)
    return {
        "resourceType": "ConceptMap",
        "id": f"icans-regrade-{release.release_id.replace('+', '-')}"[:64],
        "url": "urn:icans-regrade:concept-map",
        "version": release.release_id,
        "name": "IcansRegrade",
        "title": "CTCAE neurotoxicity terms and grades to ICANS grades",
        "status": _STATUS[release.status],
        "experimental": release.status != "published",
        "description": f"Mapping release {release.release_id}, {release.review_status}. A graded adverse "
        "event restricts the ICANS grade; its targets are the grades that stay possible.",
        "copyright": about["licence"],
        "property": [
            {"code": code, "uri": f"urn:icans-regrade:property:{code}", "description": text, "type": kind}
            | ({} if system is None else {"system": system})
            for code, kind, text, system in _PROPERTIES
        ],
        "additionalAttribute": [
            {"code": code, "uri": f"urn:icans-regrade:attribute:{code}", "description": text, "type": "code"}
            for code, text in _ATTRIBUTES
        ],
        "group": list(_groups(release)),
    }


def _groups(release: Release) -> Iterator[Element]:
    labels = concept_labels(release)
    for system, is_coded in ((MEDDRA, True), (TERMS, False)):
        elements: dict[str, Element] = {}
        for row in release.tables["map_terms"].iter_rows(named=True):
            if bool(row["code"]) == is_coded:
                code = row["code"] or row["term_key"]
                element = elements.setdefault(code, {"code": code, "display": row["term"]})
                if row["concept_id"] is not None:
                    element.setdefault("target", []).append(_concept_target(row, labels))
        for element in elements.values():
            if "target" not in element:
                element["noMap"] = True
        if elements:
            unmapped = {
                "mode": "fixed",
                "code": "unmapped",
                "display": "Nobody has decided the term; its class says whether it is in scope",
                "relationship": "not-related-to",
            }
            yield {
                "source": system,
                "target": CONCEPTS,
                "element": list(elements.values()),
                "unmapped": unmapped,
            }
    yield {"source": GRADES, "target": ICANS, "element": list(_graded(release, labels))}


def _concept_target(row: Row, labels: Mapping[str, str]) -> Element:
    target: Element = {
        "code": row["concept_id"],
        "display": labels[row["concept_id"]],
        "relationship": RELATIONSHIPS[row["relation"]],
    }
    if row["note"] is not None:
        target["comment"] = row["note"]
    target["property"] = list(_provenance(row))
    if row["scale_version"] != ANY:
        target["dependsOn"] = [{"attribute": "scale-version", "valueCode": row["scale_version"]}]
    return target


def _provenance(row: Row) -> Iterator[Element]:
    """Properties that say where a decision comes from; a row nobody reviewed has none on a review."""
    yield {"code": "source", "valueString": row["source"]}
    yield {"code": "author", "valueString": row["author"]}
    yield {"code": "decided-on", "valueDateTime": row["decided_on"]}
    if row["reviewed_by"] is not None:
        yield {"code": "reviewed-by", "valueString": row["reviewed_by"]}
        yield {"code": "reviewed-on", "valueDateTime": row["reviewed_on"]}


def _graded(release: Release, labels: Mapping[str, str]) -> Iterator[Element]:
    """One element per graded concept; where children have a row of their own, targets name the population."""
    rows: dict[str, dict[str, Row]] = {}
    for row in release.tables["map_grades"].iter_rows(named=True):
        rows.setdefault(row["rule_id"].removesuffix(":child"), {})[row["population"]] = row
    for code, by_population in rows.items():
        adult, child = by_population.get(ANY), by_population.get("child")
        targets: list[Element] = []
        for found, population in ((adult, "adult" if child else None), (child, "child")):
            if found is not None:
                targets += _grade_targets(found, population)
        shown = {**next(iter(by_population.values())), "population": ANY}
        yield {"code": code, "display": grade_label(shown, labels), "target": targets}


def _grade_targets(row: Row, population: str | None) -> Iterator[Element]:
    possible = possible_grades(row)
    alone = len(possible) == 1
    for grade in possible:
        properties: list[Element] = [
            {"code": "disposition", "valueCode": row["disposition"]},
            {"code": "most-defensible", "valueBoolean": grade == row["point"]},
        ]
        for domain in (row["domains"] or "").split(SEPARATOR):
            if domain:
                properties.append({"code": "domain", "valueCode": domain})
        if row["requires"] is not None:
            properties.append({"code": "requires", "valueString": row["requires"]})
        properties += _provenance(row)
        target: Element = {
            "code": str(grade),
            "display": f"ICANS {grade}",
            # One grade: every such event has it. Several: such events are spread over them.
            "relationship": "source-is-narrower-than-target" if alone else "source-is-broader-than-target",
            "comment": row["rationale"],
            "property": properties,
        }
        if population is not None:
            target["dependsOn"] = [{"attribute": "population", "valueCode": population}]
        yield target
